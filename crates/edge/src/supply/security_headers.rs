//! Headers that are missing are added.

use http::{HeaderName, HeaderValue};
use layers::SecurityHeaders;
use settings::Manifest;

use super::Supply;
use crate::config::Problem;

pub(super) static SUPPLY: Supply = Supply {
    id: "security-headers",
    how: "adds what is missing, on errors too",
    its_own: &["no-content-type"],
    declare: |supplied, asked, problems| {
        supplied.security_headers = Some(headers(asked.manifest, problems));
    },
    ..Supply::NOTHING
};

fn headers(manifest: &Manifest, problems: &mut Vec<Problem>) -> SecurityHeaders {
    let declared = &manifest.controls.security_headers;
    let mut headers = SecurityHeaders::default();
    for name in &declared.except {
        headers = headers.without(name);
    }
    for text in &declared.require {
        let Some((name, value)) = text.split_once(':') else {
            // The default list may hold it already, with a value.
            let known =
                headers.all.iter().any(|(own, _)| own.as_str().eq_ignore_ascii_case(text.trim()));
            if !known {
                problems.push(format!(
                    "controls.security-headers.require: {text:?} has no value to supply; write \"Name: value\""
                ));
            }
            continue;
        };
        match (name.trim().parse::<HeaderName>(), HeaderValue::from_str(value.trim())) {
            (Ok(name), Ok(value)) => headers = headers.with(name, value),
            _ => problems.push(format!("controls.security-headers.require: {text:?} is no header")),
        }
    }
    headers
}
