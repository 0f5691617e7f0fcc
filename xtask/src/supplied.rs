//! The third case: a defect behind the edge, which supplies what it takes away.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::defects::{self, Defect};
use crate::prover::{fixtures, name, prove_with};
use crate::root;

/// The controls that a fixture's manifest has supplied.
pub(crate) fn controls_of(fixture: &Path) -> Result<BTreeSet<String>, String> {
    let path = fixture.join("seaworthy.toml");
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let parsed = settings::parse(&text).map_err(|_| format!("{} is wrong", path.display()))?;
    Ok(parsed.manifest.supply.controls.into_iter().collect())
}

/// What became of one defect.
pub(crate) struct Tried {
    alone: String,
    edge: String,
    /// What should have been otherwise.
    pub(crate) wrong: Option<String>,
}

/// Proves one defect alone and through the edge.
pub(crate) fn try_one(fixture: &Path, defect: &Defect) -> Result<Tried, String> {
    let only = Some(defect.control());
    let card = prove_with(fixture, Some(defect), only, &["--supplied"])?;
    let row = &card["controls"][0];
    let word = |value: &serde_json::Value| value.as_str().unwrap_or("nothing").to_owned();
    let (alone, edge) = (word(&row["without_edge"]), word(&row["verdict"]));
    let expected = defect.unsupplied.is_none();
    let mended = edge == "pass";
    let wrong = (alone != "fail" || mended != expected).then(|| {
        format!(
            "{} {}: alone {alone}, through the edge {edge} ({}); expected {}",
            name(fixture),
            defect.name,
            row["summary"],
            if expected { "pass" } else { "that it stays, as its entry says" }
        )
    });
    Ok(Tried { alone, edge, wrong })
}

/// Every defect of every supplied control; the result is written down.
pub(crate) fn everything() -> Result<String, String> {
    let mut page =
        "# The third case\n\nWritten by `cargo xtask matrix --supplied`: each defect of a \
                    control that `seaworthy run` supplies, alone and through the edge.\n"
            .to_owned();
    let mut wrong = Vec::new();
    let (mut mended, mut all) = (0, 0);
    for fixture in fixtures(None)? {
        let supplied = controls_of(&fixture)?;
        page.push_str(&format!("\n## {}\n", name(&fixture)));
        page.push_str("| defect | alone | through the edge | why it stays |\n|---|---|---|---|\n");
        for defect in defects::read(&fixture)?.iter().filter(|d| supplied.contains(d.control())) {
            let tried = try_one(&fixture, defect)?;
            let why = defect.unsupplied.as_deref().unwrap_or_default();
            let line =
                format!("| `{}` | {} | {} | {why} |\n", defect.name, tried.alone, tried.edge);
            print!("{line}");
            page.push_str(&line);
            all += 1;
            mended += usize::from(tried.edge == "pass");
            wrong.extend(tried.wrong);
        }
    }
    if !wrong.is_empty() {
        return Err(format!("{}\n{} wrong", wrong.join("\n"), wrong.len()));
    }
    page.push_str(&format!("\n{mended} of {all} are mended.\n"));
    let path = root().join("docs/reference/matrix-supplied.md");
    fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(format!(
        "{mended} of {all} are mended, and the others stay for the reasons in their entries"
    ))
}
