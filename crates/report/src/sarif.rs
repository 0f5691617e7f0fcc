//! SARIF 2.1.0 (OASIS), as code scanning reads it: a result for each failure and warning.

use model::{Finding, Risk, Row, Scorecard, Severity, catalogue};
use serde_json::{Value, json};

use crate::place::Place;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The whole log. `place` is where results without a better place belong.
pub fn sarif(card: &Scorecard, place: &Place) -> Value {
    let rules: Vec<Value> = card.controls.iter().map(rule).collect();
    let results: Vec<Value> = card
        .controls
        .iter()
        .enumerate()
        .flat_map(|(at, row)| {
            let told = row.findings.iter().filter(|finding| finding.severity != Severity::Note);
            told.map(move |finding| result(row, at, finding, place))
        })
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "seaworthy",
                "semanticVersion": card.evidence.seaworthy,
                "rules": rules,
            }},
            "automationDetails": { "id": format!("seaworthy/{}", card.service) },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(row: &Row) -> Value {
    let promise = catalogue::find(&row.id).map_or(row.promise.as_str(), |entry| entry.promise);
    // What code scanning sorts by.
    let severity = match row.risk {
        Risk::Critical => "9.5",
        Risk::High => "8.0",
        Risk::Medium => "5.5",
        Risk::Low => "3.0",
    };
    json!({
        "id": row.id,
        "shortDescription": { "text": promise },
        "help": { "text": format!("seaworthy explain {}", row.id) },
        "properties": { "security-severity": severity, "tags": [row.family.word()] },
    })
}

fn result(row: &Row, at: usize, finding: &Finding, place: &Place) -> Value {
    let waived = row.waived.as_ref().filter(|waiver| !waiver.expired);
    let about = match finding.subject.as_str() {
        "" => String::new(),
        subject => format!("{subject}: "),
    };
    let fix = match finding.fix.as_str() {
        "" => String::new(),
        fix => format!("\nFix: {fix}"),
    };
    let text = format!("{about}{}\n{}{fix}\nRerun: {}", finding.cause, finding.witness, row.rerun);
    let mut result = json!({
        "ruleId": row.id,
        "ruleIndex": at,
        "level": if finding.severity == Severity::Fail { "error" } else { "warning" },
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": place.file, "uriBaseId": "%SRCROOT%" },
            "region": { "startLine": place.line(row, &finding.subject) },
        }}],
        // The same fault is the same alert, however it is worded.
        "partialFingerprints": {
            "seaworthyFinding/v1": format!("{}/{}/{}", row.id, finding.cause, finding.subject),
        },
    });
    if let Some(waiver) = waived {
        result["suppressions"] = json!([{
            "kind": "external",
            "status": "accepted",
            "justification": format!("{} ({}, until {})", waiver.reason, waiver.owner, waiver.expires),
        }]);
    }
    result
}
