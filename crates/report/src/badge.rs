//! A badge for a README: a picture that stands alone, or the endpoint that shields.io reads.

use model::{Scorecard, Verdict};

use crate::words::count;

const LABEL: &str = "seaworthy";

/// The wide characters of the font that such badges are drawn in, in tenths of a pixel, roughly.
const CHARACTER: usize = 66;

/// What it says, and in which colour.
fn message(card: &Scorecard) -> (String, &'static str) {
    let failed = card.controls.iter().filter(|row| row.verdict == Verdict::Fail).count();
    let coverage = card.coverage;
    let decided = format!("{} of {} decided", coverage.decided, coverage.applicable);
    match card.score {
        None if card.partial => ("interrupted".to_owned(), "#6b7280"),
        None => ("a part was tried".to_owned(), "#6b7280"),
        Some(_) if failed > 0 => {
            let failed = count(failed, "control").replace("control", "failed control");
            (format!("{failed}, {decided}"), "#b3261e")
        }
        Some(_) if coverage.decided < coverage.applicable => (decided, "#8a5a00"),
        Some(_) => (format!("{} hold", count(coverage.decided, "control")), "#17754a"),
    }
}

/// The picture, as SVG.
pub fn svg(card: &Scorecard) -> String {
    let (message, colour) = message(card);
    let width = |text: &str| text.chars().count() * CHARACTER / 10 + 12;
    let (left, right) = (width(LABEL), width(&message));
    let whole = left + right;
    let text = |text: &str, x: usize, width: usize| {
        let length = width - 12;
        format!(
            "<text x=\"{x}\" y=\"14\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\">{text}</text>"
        )
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"20\" role=\"img\" \
         aria-label=\"{LABEL}: {message}\"><title>{LABEL}: {message}</title>\
         <clipPath id=\"r\"><rect width=\"{whole}\" height=\"20\" rx=\"3\"/></clipPath>\
         <g clip-path=\"url(#r)\"><rect width=\"{left}\" height=\"20\" fill=\"#3b4654\"/>\
         <rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"{colour}\"/></g>\
         <g fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">{}{}</g></svg>\n",
        text(LABEL, 6, left),
        text(&message, left + 6, right),
    )
}

/// What <https://shields.io/badges/endpoint-badge> reads.
pub fn endpoint(card: &Scorecard) -> String {
    let (message, colour) = message(card);
    let all = serde_json::json!({
        "schemaVersion": 1, "label": LABEL, "message": message, "color": colour,
    });
    format!("{all}\n")
}

#[cfg(test)]
mod tests {
    use model::{Judgement, Row};

    use super::*;

    fn card(verdicts: &[Verdict]) -> Scorecard {
        let row = |verdict: &Verdict| Row {
            verdict: *verdict,
            ..Row::new("startup", Judgement::inconclusive(""), 0.0)
        };
        Scorecard::of(verdicts.iter().map(row).collect())
    }

    #[test]
    fn it_never_says_more_than_was_found() {
        use Verdict::{Fail, Inconclusive, Pass};
        for (verdicts, expected) in [
            (vec![Pass, Pass], "2 controls hold"),
            (vec![Pass, Inconclusive], "1 of 2 decided"),
            (vec![Pass, Fail, Inconclusive], "1 failed control, 2 of 3 decided"),
        ] {
            assert_eq!(message(&card(&verdicts)).0, expected);
            assert!(
                svg(&card(&verdicts)).contains(&format!("<title>seaworthy: {expected}</title>"))
            );
            assert!(endpoint(&card(&verdicts)).contains(expected));
        }
        let part = Scorecard { score: None, ..card(&[Pass]) };
        assert_eq!(message(&part).0, "a part was tried");
    }
}
