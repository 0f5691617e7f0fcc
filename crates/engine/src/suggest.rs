//! The lines of a manifest that would decide what stayed undecided. Pure.

use model::declaration::{Declaration, Suggestion};
use model::{Row, Verdict};

/// For these rows: what decides many controls first, then what decides one of a high risk.
pub(crate) fn suggestions(rows: &[Row]) -> Vec<Suggestion> {
    let decided_by = |id: &str| {
        controls::find(id).and_then(|control| control.card().decided_by.first()).copied()
    };
    of(rows, decided_by)
}

fn of(rows: &[Row], decided_by: impl Fn(&str) -> Option<Declaration>) -> Vec<Suggestion> {
    let mut undecided: Vec<&Row> =
        rows.iter().filter(|row| row.verdict == Verdict::Inconclusive).collect();
    undecided.sort_by_key(|row| row.risk);
    let mut all: Vec<Suggestion> = Vec::new();
    for row in undecided {
        let Some(declaration) = decided_by(&row.id) else { continue };
        match all.iter_mut().find(|known| known.lines == declaration.lines) {
            Some(known) => known.controls.push(row.id.clone()),
            None => all.push(Suggestion {
                lines: declaration.lines.iter().map(|&line| line.to_owned()).collect(),
                what: declaration.what.to_owned(),
                controls: vec![row.id.clone()],
            }),
        }
    }
    // Stable: of equals, the higher risk stays first.
    all.sort_by_key(|one| std::cmp::Reverse(one.controls.len()));
    all
}

#[cfg(test)]
mod tests {
    use model::Judgement;
    use model::declaration::A_JOURNEY;

    use super::*;

    const OTHER: Declaration = Declaration { lines: &["[controls.metrics]"], what: "where" };

    #[test]
    fn what_decides_most_comes_first() {
        let row = |id: &str| Row::new(id, Judgement::inconclusive(""), 0.0);
        let rows = ["metrics", "pagination", "body-limits", "startup"].map(row);
        let decided_by = |id: &str| match id {
            "metrics" => Some(OTHER),
            "startup" => None,
            _ => Some(A_JOURNEY),
        };
        let found = of(&rows, decided_by);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].controls, ["pagination", "body-limits"]);
        assert_eq!(found[1].lines, ["[controls.metrics]"]);
    }
}
