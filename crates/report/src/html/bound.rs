//! What the evidence is bound to.

use maud::{Markup, html};
use model::Scorecard;

use super::text;

pub(super) fn bound(card: &Scorecard) -> Markup {
    let evidence = &card.evidence;
    let dirty = if evidence.dirty { " (with changes)" } else { "" };
    let commit = if evidence.commit.is_empty() { "not in git" } else { &evidence.commit };
    let all = [
        ("run", evidence.run.clone()),
        ("date", evidence.date.clone()),
        ("valid until", evidence.expires.clone()),
        ("commit", format!("{commit}{dirty}")),
        ("manifest (SHA-256)", evidence.manifest.clone()),
        ("program (SHA-256)", evidence.artifact.clone()),
        ("seed", evidence.seed.to_string()),
        ("isolation", evidence.isolation.clone()),
        ("lab", evidence.lab.join(", ")),
        ("seaworthy", evidence.seaworthy.clone()),
    ];
    html! {
        footer {
            h2 { "What this is evidence of" }
            dl {
                @for (name, value) in &all {
                    @if !value.is_empty() { dt { (name) } dd { (text::line(value)) } }
                }
            }
        }
    }
}
