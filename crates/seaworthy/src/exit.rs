//! The documented exit codes, in one place.

use std::process::ExitCode;

use model::{Scorecard, Verdict};

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit(u8);

/// Ready, or nothing is wrong.
pub(crate) const OK: Exit = Exit(0);
/// A control failed; something is missing or unreachable.
pub(crate) const FAILED: Exit = Exit(1);
/// The command line or the manifest is wrong.
pub(crate) const USAGE: Exit = Exit(2);
/// Fewer controls were decided than asked for, or none at all.
pub(crate) const COVERAGE: Exit = Exit(3);
/// Seaworthy itself failed.
pub(crate) const INTERNAL: Exit = Exit(4);
/// Ctrl-C.
pub(crate) const INTERRUPTED: Exit = Exit(130);

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

/// The code with which a supervised service ended.
pub(crate) fn of_service(code: u8) -> Exit {
    Exit(code)
}

/// The code for a scorecard. Precedence: interrupted, failed, internal, coverage, ok.
pub(crate) fn of(card: &Scorecard, min_coverage: Option<u8>) -> Exit {
    if card.partial {
        return INTERRUPTED;
    }
    let excused = |row: &model::Row| row.waived.as_ref().is_some_and(|waiver| !waiver.expired);
    let any = |verdict| card.controls.iter().any(|r| r.verdict == verdict && !excused(r));
    if any(Verdict::Fail) {
        return FAILED;
    }
    if any(Verdict::Error) {
        return INTERNAL;
    }
    let coverage = card.coverage;
    let decided = match coverage.applicable {
        0 => 100.0,
        applicable => 100.0 * coverage.decided as f64 / applicable as f64,
    };
    // Where nothing at all was decided, nothing is ready.
    let least = min_coverage.map_or(f64::MIN_POSITIVE, f64::from);
    if decided < least { COVERAGE } else { OK }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::scorecard::AppliedWaiver;
    use model::{Judgement, Row};

    fn card(verdicts: &[Verdict]) -> Scorecard {
        let rows: Vec<_> = verdicts
            .iter()
            .map(|verdict| Row {
                verdict: *verdict,
                ..Row::new("startup", Judgement::inconclusive(""), 0.0)
            })
            .collect();
        Scorecard::of(rows)
    }

    #[test]
    fn the_worst_wins_in_the_documented_order() {
        use Verdict::*;
        assert_eq!(of(&card(&[Pass, NotApplicable]), Some(100)), OK);
        assert_eq!(of(&card(&[Pass, Inconclusive]), None), OK);
        assert_eq!(of(&card(&[Pass, Inconclusive]), Some(80)), COVERAGE);
        assert_eq!(of(&card(&[Error, Inconclusive]), Some(80)), INTERNAL);
        assert_eq!(of(&card(&[Error, Fail]), None), FAILED);
    }

    #[test]
    fn nothing_decided_is_not_ready() {
        assert_eq!(of(&card(&[Verdict::Inconclusive]), None), COVERAGE);
        assert_eq!(of(&card(&[Verdict::Inconclusive]), Some(0)), OK);
        assert_eq!(of(&card(&[Verdict::NotApplicable]), None), OK);
    }

    #[test]
    fn a_waiver_excuses_until_it_expires() {
        let mut card = card(&[Verdict::Fail]);
        let text = String::new;
        let waiver =
            AppliedWaiver { reason: text(), owner: text(), expires: text(), expired: false };
        card.controls[0].waived = Some(waiver.clone());
        assert_eq!(of(&card, None), OK);
        card.controls[0].waived = Some(AppliedWaiver { expired: true, ..waiver });
        assert_eq!(of(&card, None), FAILED);
    }
}
