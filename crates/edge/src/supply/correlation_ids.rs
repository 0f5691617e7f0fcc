//! Every request gets an id.

use layers::Correlation;

use super::Supply;

pub(super) static SUPPLY: Supply = Supply {
    id: "correlation-ids",
    how: "gives every request an id, and logs it",
    declare: |supplied, asked, problems| {
        let declared = &asked.manifest.controls.correlation_ids;
        let mut correlation = Correlation { accept: declared.accept, ..Correlation::default() };
        if let Some(name) = &declared.header {
            match name.parse() {
                Ok(header) => correlation.header = header,
                Err(_) => problems
                    .push(format!("controls.correlation-ids.header: {name:?} is no header's name")),
            }
        }
        supplied.correlation = Some(correlation);
    },
    ..Supply::NOTHING
};
