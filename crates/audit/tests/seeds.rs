//! The five documents that this product was drawn from: their claims were mapped by hand.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use audit::Settled;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/seeds"))
}

/// The controls that the claims of a document were mapped to.
fn by_hand(seed: &str) -> Vec<String> {
    let text = fs::read_to_string(folder().join("claims.tsv")).expect("it is there");
    let lines = text.lines().filter(|line| line.starts_with(seed));
    lines.filter_map(|line| line.split('\t').nth(2)).map(str::to_owned).collect()
}

/// Line, control and text of each claim.
fn found(name: &str) -> Vec<(usize, String, String)> {
    let text = fs::read_to_string(folder().join(name)).expect("it is there");
    let claims = audit::read(&text).claims.into_iter();
    claims
        .map(|claim| {
            let control = match claim.settled_by {
                Settled::By(id) => id.to_owned(),
                Settled::Outside(_) => "outside".to_owned(),
                Settled::Unknown => "unknown".to_owned(),
            };
            (claim.line, control, claim.text)
        })
        .collect()
}

#[test]
fn nine_of_ten_claims_that_were_mapped_by_hand_are_found() {
    let (mut all, mut hit, mut missed) = (0, 0, Vec::new());
    for seed in ["S0", "S1", "S2", "S3", "S4"] {
        let ids: BTreeSet<String> =
            found(&format!("{seed}.md")).into_iter().map(|(_, id, _)| id).collect();
        for id in by_hand(seed) {
            all += 1;
            if ids.contains(&id) {
                hit += 1;
            } else {
                missed.push(format!("{seed} {id}"));
            }
        }
    }
    assert!(hit * 10 >= all * 9, "{hit} of {all}; missed: {missed:?}");
}

/// Pairs of line and control that were judged right by hand. A pair that nobody judged counts as
/// wrong: judge it and add it.
#[test]
fn nine_of_ten_claims_are_mapped_to_what_settles_them() {
    let text = fs::read_to_string(folder().join("right.tsv")).expect("it is there");
    let right: BTreeSet<&str> = text.lines().collect();
    let (mut all, mut wrong) = (0, Vec::new());
    for seed in ["S0", "S1", "S2", "S3", "S4"] {
        for (line, control, text) in found(&format!("{seed}.md")) {
            if ["outside", "unknown"].contains(&control.as_str()) {
                continue;
            }
            all += 1;
            if !right.contains(format!("{seed}\t{line}\t{control}").as_str()) {
                wrong.push(format!("{seed} line {line}: {control} for {text:?}"));
            }
        }
    }
    assert!(wrong.len() * 10 <= all, "{} of {all} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
