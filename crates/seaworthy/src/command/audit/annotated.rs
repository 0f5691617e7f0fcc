//! The document with what is known written beside each claim. Pure.

use super::claim::{Judged, Status};

/// A copy in which each line with a claim ends with what is known of it.
pub(super) fn annotated(original: &str, claims: &[Judged]) -> String {
    let mut out = String::with_capacity(original.len() * 2);
    for (at, whole) in original.split_inclusive('\n').enumerate() {
        let line = whole.trim_end_matches(['\n', '\r']);
        let end = &whole[line.len()..];
        let notes: Vec<String> =
            claims.iter().filter(|claim| claim.line == at + 1).map(note).collect();
        if notes.is_empty() {
            out.push_str(whole);
            continue;
        }
        let note = format!(" *[seaworthy: {}]*", notes.join("; "));
        match line.trim_end().strip_suffix('|') {
            // Within the last cell of a row.
            Some(row) if line.trim_start().starts_with('|') => {
                out.push_str(&format!("{}{note} |", row.trim_end()));
            }
            _ => out.push_str(&format!("{}{note}", line.trim_end())),
        }
        out.push_str(end);
    }
    out
}

fn note(claim: &Judged) -> String {
    let word = match claim.status {
        Status::Disproved => "disproved",
        Status::Proven => "proven",
        Status::Undecided => "tried, undecided",
        Status::NotApplicable => "does not apply",
        Status::Untried => "nobody tried it yet",
        Status::NotBuilt => "cannot be tried yet",
        Status::Outside => "outside what can be tried",
        Status::Unknown => "no control is known for it",
    };
    let control = claim.control.map(|id| format!("{id} ")).unwrap_or_default();
    let date = claim.date.as_ref().map(|date| format!(", {date}")).unwrap_or_default();
    format!("{control}{word}{date}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_line_stays_as_it_was() {
        let claim = |line: usize, control: Option<&'static str>, status: Status| Judged {
            line,
            text: String::new(),
            control,
            claimed: true,
            status,
            because: String::new(),
            run: None,
            date: None,
            thresholds: Vec::new(),
        };
        let claims = [claim(2, Some("cors"), Status::Untried), claim(3, None, Status::Outside)];
        let text = annotated("# A\r\n- [x] CORS\r\n| a | b |\nend", &claims);
        assert_eq!(
            text,
            "# A\r\n- [x] CORS *[seaworthy: cors nobody tried it yet]*\r\n\
             | a | b *[seaworthy: outside what can be tried]* |\nend"
        );
    }
}
