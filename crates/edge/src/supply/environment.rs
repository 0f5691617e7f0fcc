//! Variables are checked before every start: see [`crate::run`].

use settings::Manifest;

use super::Supply;

pub(super) static SUPPLY: Supply = Supply {
    id: "environment",
    how: "checks every declared variable before the service starts (always on)",
    its_own: &["refused"],
    unmendable: only_the_service_knows,
    ..Supply::NOTHING
};

/// A value that the manifest calls wrong without a type that says why.
fn only_the_service_knows(manifest: &Manifest, _: &str, subject: &str) -> Option<String> {
    let variable = manifest.environment.get(subject)?;
    let mut wrong = variable.malformed_values.iter();
    wrong.find(|value| variable.mistake_in(value).is_none())?;
    Some(
        "only the service knows which values are wrong; a type in the manifest would tell the edge"
            .to_owned(),
    )
}
