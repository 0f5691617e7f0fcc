//! The declared origins are allowed, and nobody else.

use layers::Cors;

use super::Supply;

pub(super) static SUPPLY: Supply = Supply {
    id: "cors",
    how: "allows the declared origins and nobody else",
    declare: |supplied, asked, _| {
        let declared = &asked.manifest.controls.cors;
        let origins = || Cors::origins(declared.allow.iter().cloned());
        supplied.cors = Some(if declared.public { Cors::public() } else { origins() });
    },
    ..Supply::NOTHING
};
