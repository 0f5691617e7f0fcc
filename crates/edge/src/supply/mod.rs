//! What the edge can supply. Each control declares itself in a file of its own: what the edge does
//! for it, what only the service can mend, what the edge would not know, and how it is set up.
//! The order of the layers stands in [`crate::stack`].

mod body_limits;
mod compression;
mod correlation_ids;
mod cors;
mod dependency_outage;
mod environment;
mod error_envelope;
mod feature_flags;
mod graceful_shutdown;
mod health_report;
mod https_only;
mod kill_switches;
mod liveness;
mod metrics;
mod private_logs;
mod readiness;
mod security_headers;
mod whereabouts;

use http::HeaderName;
use settings::Manifest;

use crate::config::{Problem, Supplied};

pub(crate) use whereabouts::path_of;

/// A control that the edge can supply.
pub struct Supply {
    pub id: &'static str,
    /// What the edge does for it.
    pub how: &'static str,
    /// Causes that only the service itself can mend.
    pub its_own: &'static [&'static str],
    /// Why the edge cannot mend a finding of this cause about this subject, beside `its_own`.
    unmendable: fn(&Manifest, &str, &str) -> Option<String>,
    /// What the edge would not know, of what it needs.
    missing_facts: fn(&Manifest) -> Vec<String>,
    /// Puts its part into what is supplied; says what is wrong.
    declare: fn(&mut Supplied, &Asked<'_>, &mut Vec<Problem>),
}

/// What a control is declared from.
pub(crate) struct Asked<'a> {
    pub(crate) manifest: &'a Manifest,
    /// The ids of everything that is supplied.
    pub(crate) ids: &'a [String],
    /// The header that tells how the client came.
    pub(crate) proto: &'a HeaderName,
}

impl Asked<'_> {
    pub(crate) fn has(&self, id: &str) -> bool {
        self.ids.iter().any(|one| one == id)
    }
}

impl Supply {
    const NOTHING: Self = Self {
        id: "",
        how: "",
        its_own: &[],
        unmendable: |_, _, _| None,
        missing_facts: |_| Vec::new(),
        declare: |_, _, _| {},
    };

    /// Why the edge cannot mend a finding of this control, if so.
    pub fn unmendable(&self, manifest: &Manifest, cause: &str, subject: &str) -> Option<String> {
        if self.its_own.contains(&cause) {
            return Some("only the service itself can mend it".to_owned());
        }
        (self.unmendable)(manifest, cause, subject)
    }

    /// What the edge would not know, of what it needs to supply this control.
    pub fn missing_facts(&self, manifest: &Manifest) -> Vec<String> {
        (self.missing_facts)(manifest)
    }
}

impl std::fmt::Debug for Supply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supply").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Everything that the edge can supply.
pub static ALL: [&Supply; 17] = [
    &graceful_shutdown::SUPPLY,
    &liveness::SUPPLY,
    &readiness::SUPPLY,
    &health_report::SUPPLY,
    &environment::SUPPLY,
    &feature_flags::SUPPLY,
    &kill_switches::SUPPLY,
    &dependency_outage::SUPPLY,
    &https_only::SUPPLY,
    &security_headers::SUPPLY,
    &cors::SUPPLY,
    &body_limits::SUPPLY,
    &compression::SUPPLY,
    // After correlation-ids, whose header it repeats.
    &correlation_ids::SUPPLY,
    &error_envelope::SUPPLY,
    &private_logs::SUPPLY,
    &metrics::SUPPLY,
];

/// The control of this id, if the edge can supply it.
pub fn find(id: &str) -> Option<&'static Supply> {
    ALL.iter().find(|supply| supply.id == id).copied()
}

/// Everything that is supplied, each with what the manifest promises of it.
pub(crate) fn declare(asked: &Asked<'_>, problems: &mut Vec<Problem>) -> Supplied {
    let mut supplied = Supplied::nothing(asked.manifest);
    for supply in ALL.iter().filter(|supply| asked.has(supply.id)) {
        (supply.declare)(&mut supplied, asked, problems);
    }
    supplied
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> Manifest {
        let own = "[service]\nname = \"a\"\nstart = \"a {port}\"\n";
        settings::parse(&format!("{own}{text}")).expect("it is good").manifest
    }

    #[test]
    fn what_the_edge_cannot_know_is_told() {
        let cache = "[dependencies.cache]\nkind = \"redis\"\n[environment.CACHE]\nvalue = ";
        let missing = |manifest: &Manifest, id: &str| {
            find(id).map_or(0, |supply| supply.missing_facts(manifest).len())
        };
        for (value, count) in
            [("\"a\"", 1), ("\"{cache.host}\"", 1), ("\"{cache.host}:{cache.port}\"", 0)]
        {
            let manifest = manifest(&format!("{cache}{value}\n"));
            assert_eq!(missing(&manifest, "readiness"), count, "{value}");
            assert_eq!(missing(&manifest, "liveness"), 0);
        }
    }

    #[test]
    fn what_only_the_service_can_mend_is_told() {
        let text = "[environment.IPS]\nvalue = \"1\"\nmalformed_values = [\"x\"]\n\
                    [environment.N]\ntype = \"int\"\nvalue = \"1\"\n";
        let manifest = manifest(text);
        let cannot = |id, cause, subject| {
            find(id).is_some_and(|supply| supply.unmendable(&manifest, cause, subject).is_some())
        };
        assert!(cannot("environment", "unnamed", "IPS") && !cannot("environment", "unnamed", "N"));
        assert!(cannot("body-limits", "fails", "POST /") && !cannot("body-limits", "no-limit", ""));
    }
}
