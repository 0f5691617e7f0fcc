//! What the edge supplies, and how `seaworthy run` works.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;
use crate::{Manifest, template};

/// The controls that `seaworthy run` can supply, and what it does for each.
pub const SUPPLIED: &[(&str, &str)] = &[
    ("graceful-shutdown", "drains before the service is asked to stop; always"),
    ("liveness", "answers the probe itself, and no only while the service answers nothing"),
    ("readiness", "answers the probe from what it sees of the declared dependencies"),
    ("health-report", "answers the report from what it sees of the declared dependencies"),
    ("environment", "checks every declared variable before the service starts; always"),
    ("feature-flags", "refuses the routes of a flag that is off; flags change while it runs"),
    ("kill-switches", "refuses the routes of a switch that is off; switches change while it runs"),
    ("dependency-outage", "answers 503 in time while a critical dependency is away"),
    ("https-only", "redirects plain HTTP and sets HSTS, by the word of a trusted proxy"),
    ("security-headers", "adds what is missing, on errors too"),
    ("cors", "allows the declared origins and nobody else"),
    ("body-limits", "refuses large, slow and inflating bodies"),
    ("compression", "compresses text for those who ask"),
    ("error-envelope", "gives every error the declared shape, and keeps the inside in"),
    ("correlation-ids", "gives every request an id, and logs it"),
    ("private-logs", "masks secrets and personal data in the service's output"),
    ("metrics", "measures every request by its route"),
];

/// Causes that only the service itself can mend, of controls that can be supplied otherwise.
const ITS_OWN: &[(&str, &[&str])] = &[
    ("environment", &["refused"]),
    ("dependency-outage", &["no-recovery"]),
    (
        "https-only",
        &["old-tls", "certificate-expires", "certificate-expired", "certificate-not-valid"],
    ),
    ("security-headers", &["no-content-type"]),
    ("body-limits", &["accepts-broken", "fails"]),
    ("compression", &["broken-encoding", "not-cacheable"]),
];

/// What the edge supplies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Supply {
    /// The ids of the supplied controls; the rest the service must hold by itself.
    pub controls: Vec<String>,
    /// The public address: `8080` stands for that port on loopback, `0.0.0.0:8080` for every
    /// interface. `--listen` wins.
    pub listen: Option<String>,
    /// Public addresses of further ports, by their names in `service.ports`.
    pub ports: BTreeMap<String, String>,
    /// Who may say where a request comes from (`X-Forwarded-For` and the like): addresses and ranges.
    pub trusted_proxies: Vec<String>,
    /// How many requests are served at once; those beyond are refused with 503.
    #[schemars(range(min = 1))]
    pub concurrency: usize,
    /// The longest time to the head of an answer; then 504.
    pub timeout: Span,
    /// The longest time to the end of a request's head, and of idleness between two requests.
    pub header_timeout: Span,
    /// The longest time in which a client neither sends a piece of a body nor takes one of an
    /// answer, where it is its turn.
    pub client_timeout: Span,
    /// A line of JSON on stdout for each request; by default when correlation-ids are supplied.
    pub access_log: Option<bool>,
    /// What happens when the service ends by itself after it was ready.
    pub restart: Restart,
    /// A JSON file of flags and switches that is followed while it runs: `{"NAME": true}`.
    pub flags: Option<String>,
    /// Folders of secrets: one file for each variable, as Docker and Kubernetes mount them.
    pub secrets: Vec<String>,
    /// What stands in the place of a secret or personal datum in the service's output, where
    /// private-logs is supplied.
    pub masks: Masks,
}

impl Default for Supply {
    fn default() -> Self {
        Self {
            controls: Vec::new(),
            listen: None,
            ports: BTreeMap::new(),
            trusted_proxies: vec!["127.0.0.0/8".to_owned(), "::1".to_owned()],
            concurrency: 1024,
            timeout: Span::seconds(60),
            header_timeout: Span::seconds(30),
            client_timeout: Span::seconds(60),
            access_log: None,
            restart: Restart::OnFailure,
            flags: None,
            secrets: vec!["/run/secrets".to_owned()],
            masks: Masks::Kind,
        }
    }
}

/// What stands in the place of something private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Masks {
    /// Its kind: `‹email›`.
    Kind,
    /// Its kind and a keyed hash, so that equal values can be told to be equal. The key is
    /// `SEAWORTHY_LOG_KEY`; without it, each run has its own.
    Hash,
}

/// What happens when the service ends by itself after it was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It is started again, after a pause that doubles from 100 ms to 30 s.
    Always,
    /// The same, unless it ended with 0.
    OnFailure,
    /// Seaworthy ends with it.
    Never,
}

/// What the edge does for a control, if it can supply it.
pub fn how(id: &str) -> Option<&'static str> {
    SUPPLIED.iter().find(|(known, _)| *known == id).map(|(_, how)| *how)
}

/// Why the edge cannot mend this finding of a control that it can supply otherwise, if so.
pub fn unmendable(manifest: &Manifest, id: &str, cause: &str, subject: &str) -> Option<String> {
    if ITS_OWN.iter().any(|(known, causes)| *known == id && causes.contains(&cause)) {
        return Some("only the service itself can mend it".to_owned());
    }
    if id == "environment" {
        let variable = manifest.environment.get(subject)?;
        let mut wrong = variable.malformed_values.iter();
        wrong.find(|value| variable.mistake_in(value).is_none())?;
        return Some(
            "only the service knows which values are wrong; a type in the manifest would tell the edge"
                .to_owned(),
        );
    }
    None
}

/// What the edge would not know, of what it needs to supply this control.
pub fn missing_facts(manifest: &Manifest, id: &str) -> Vec<String> {
    let mut all = Vec::new();
    if matches!(id, "readiness" | "health-report" | "dependency-outage") {
        for (name, _) in manifest.dependencies.iter().filter(|(_, one)| one.url.is_none()) {
            let values = manifest.environment.values().filter_map(|one| one.value.as_deref());
            let names: Vec<&str> = values.flat_map(template::names).collect();
            let told = |part: &str| names.contains(&format!("{name}.{part}").as_str());
            let known = told("url") || (told("host") && told("port"));
            if !known {
                all.push(format!(
                    "no variable says where {name} is; declare one with value = \"{{{name}.url}}\" \
                     or \"{{{name}.host}}:{{{name}.port}}\", or the edge does not look after it"
                ));
            }
        }
    }
    if id == "private-logs"
        && let Some(file) = &manifest.service.log_file
    {
        all.push(format!("{file} is the service's own file; the edge masks its stdout and stderr"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> Manifest {
        let own = "[service]\nname = \"a\"\nstart = \"a {port}\"\n";
        crate::parse(&format!("{own}{text}")).expect("it is good").manifest
    }

    #[test]
    fn what_the_edge_cannot_know_is_told() {
        let cache = "[dependencies.cache]\nkind = \"redis\"\n[environment.CACHE]\nvalue = ";
        for (value, count) in
            [("\"a\"", 1), ("\"{cache.host}\"", 1), ("\"{cache.host}:{cache.port}\"", 0)]
        {
            let manifest = manifest(&format!("{cache}{value}\n"));
            assert_eq!(missing_facts(&manifest, "readiness").len(), count, "{value}");
            assert_eq!(missing_facts(&manifest, "liveness").len(), 0);
        }
    }

    #[test]
    fn what_only_the_service_can_mend_is_told() {
        let text = "[environment.IPS]\nvalue = \"1\"\nmalformed_values = [\"x\"]\n[environment.N]\ntype = \"int\"\nvalue = \"1\"\n";
        let manifest = manifest(text);
        let cannot = |id, cause, subject| unmendable(&manifest, id, cause, subject).is_some();
        assert!(cannot("environment", "unnamed", "IPS") && !cannot("environment", "unnamed", "N"));
        assert!(cannot("body-limits", "fails", "POST /") && !cannot("body-limits", "no-limit", ""));
    }
}
