//! The machine-readable scorecard and its schema: a public interface.

use model::Scorecard;

/// The scorecard as indented JSON with a newline.
pub fn scorecard(card: &Scorecard) -> String {
    serde_json::to_string_pretty(card).unwrap_or_default() + "\n"
}

/// The JSON schema of [`scorecard`] (draft 2020-12).
pub fn schema() -> serde_json::Value {
    schemars::generate::SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Scorecard>()
        .to_value()
}

/// What `list --format json` prints; `is_built` says which controls this version tries.
pub fn list(is_built: impl Fn(&str) -> bool) -> serde_json::Value {
    let entries = model::catalogue::ENTRIES.iter().map(|entry| {
        serde_json::json!({
            "id": entry.id,
            "family": entry.family.word(),
            "risk": entry.risk.word(),
            "promise": entry.promise,
            "built": is_built(entry.id),
        })
    });
    serde_json::json!({ "controls": entries.collect::<Vec<_>>() })
}
