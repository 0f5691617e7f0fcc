//! Values for secrets that the manifest leaves open.

use std::collections::BTreeMap;

use settings::{Expectation, Manifest};

/// A random value for each secret that has none; the same for the same seed. One that may be absent
/// stays so, unless nothing is promised of its absence: a service that only uses it later would
/// start without it and fail at the first log-in.
pub(crate) fn made_up(manifest: &Manifest, seed: u64) -> BTreeMap<String, String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let secrets = manifest.environment.iter().filter(|(_, v)| v.is_secret() && v.value.is_none());
    secrets
        .filter(|(_, one)| one.required || one.when_absent() == Expectation::Any)
        .map(|(name, variable)| {
            let length = variable.min_length.unwrap_or(0).max(40);
            let value = std::iter::repeat_with(|| random.alphanumeric()).take(length).collect();
            (name.clone(), value)
        })
        .collect()
}
