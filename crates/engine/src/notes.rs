//! What is worth knowing beside the verdicts: who tried to get out of the lab, and what kept
//! everything from being tried. Pure.

use isolation::Attempt;
use lab::LabError;
use model::Note;

/// How many of a step's last lines are shown.
const LINES: usize = 20;

/// Programs that are known to call home, by a word of their command line or of the host, and how
/// they are told not to.
const KNOWN: &[(&str, &str)] = &[
    ("registry.npmjs.org", "npm's update check; npm_config_update_notifier=false turns it off"),
    ("registry.yarnpkg.com", "yarn's update check; start the program itself instead of yarn"),
    ("proxy.golang.org", "go fetches modules; build first and start the binary"),
    ("sum.golang.org", "go checks modules; build first and start the binary"),
    ("pypi.org", "pip's version check; PIP_DISABLE_PIP_VERSION_CHECK=1 turns it off"),
    ("telemetry.nextjs.org", "Next.js telemetry; NEXT_TELEMETRY_DISABLED=1 turns it off"),
    ("telemetry.astro.build", "Astro's telemetry; ASTRO_TELEMETRY_DISABLED=1 turns it off"),
    ("telemetry.nuxt.com", "Nuxt's telemetry; NUXT_TELEMETRY_DISABLED=1 turns it off"),
    ("sentry.io", "reports to Sentry; leave SENTRY_DSN unset in the lab"),
    ("checkpoint.prisma.io", "Prisma's version check; CHECKPOINT_DISABLE=1 turns it off"),
    ("crates.io", "cargo fetches crates; build first and start the binary"),
    ("repo.maven.apache.org", "Maven fetches artifacts; build first and start the jar"),
    ("rubygems.org", "a check for newer gems; start the program itself"),
    ("169.254.169.254", "asks for cloud metadata; AWS_EC2_METADATA_DISABLED=true for AWS's SDK"),
    ("metadata.google.internal", "asks for cloud metadata, as Google's libraries do at start"),
];

/// One note for each process and each host that it tried to reach.
pub(crate) fn of_attempts(attempts: &[Attempt]) -> Vec<Note> {
    let mut notes: Vec<Note> = attempts.iter().map(of_attempt).collect();
    notes.dedup();
    notes
}

fn of_attempt(attempt: &Attempt) -> Note {
    let Attempt { target, process, command, .. } = attempt;
    let short: String = command.chars().take(80).collect();
    let who = match (process.as_str(), short.as_str()) {
        ("", _) => "a process that was gone at once".to_owned(),
        (process, "") => process.to_owned(),
        (process, command) => format!("{process} (`{command}`)"),
    };
    let text = format!("{who} tried to reach {target} and was stopped; the run went on");
    let known = KNOWN.iter().find(|(host, _)| {
        target.strip_suffix(host).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            || target.starts_with(&format!("{host}:"))
    });
    let advice = known.map_or_else(String::new, |(_, advice)| (*advice).to_owned());
    Note { text, advice, log: Vec::new() }
}

/// What kept something from being tried, where the user can mend it. It is said once, whoever met it.
pub(crate) fn of_error(error: &LabError) -> Option<Note> {
    let log = |output: &str| {
        let lines: Vec<_> = output.lines().filter(|line| !line.trim().is_empty()).collect();
        let first = lines.len().saturating_sub(LINES);
        lines[first..].iter().map(|line| (*line).to_owned()).collect()
    };
    Some(match error {
        LabError::StepFailed { step, command, outcome, output } => Note {
            text: format!("the {step} step `{command}` failed: {outcome}"),
            advice: format!(
                "what needs it was not tried; the step runs in a copy of the repository with the \
                 variables of [environment] and none of your shell's: mend service.{} first",
                step.replace("set-up", "setup")
            ),
            log: log(output),
        },
        LabError::CannotProvide { what, why, install } => Note {
            text: format!("the lab cannot start {what}: {why}"),
            advice: format!("install it with `{install}`"),
            log: Vec::new(),
        },
        LabError::Dependency { what, why } => {
            let lines = log(why);
            let (first, more) = lines.split_first()?;
            Note {
                text: format!("{what} did not work: {first}"),
                log: more.to_vec(),
                ..Note::default()
            }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(target: &str) -> Attempt {
        Attempt {
            target: target.into(),
            process: "npm start".into(),
            command: "npm start".into(),
            mark: String::new(),
        }
    }

    #[test]
    fn a_step_that_failed_is_told_with_its_last_lines() {
        let error = LabError::StepFailed {
            step: "set-up",
            command: "flask init-db".into(),
            outcome: "exit code 1".into(),
            output: "Traceback\n\nno such table: user".into(),
        };
        let note = of_error(&error).expect("the user can mend it");
        assert_eq!(note.text, "the set-up step `flask init-db` failed: exit code 1");
        assert!(note.advice.ends_with("mend service.setup first"), "{}", note.advice);
        assert_eq!(note.log, ["Traceback", "no such table: user"]);
        assert_eq!(of_error(&LabError::PortTaken(80)), None);
    }

    #[test]
    fn a_known_caller_is_named_with_the_way_to_silence_it() {
        let notes = of_attempts(&[attempt("registry.npmjs.org"), attempt("db.internal")]);
        assert!(
            notes[0].text.contains("npm start (`npm start`) tried to reach registry.npmjs.org")
        );
        assert!(notes[0].advice.contains("npm_config_update_notifier=false"));
        assert_eq!(notes[1].advice, "");
        assert_eq!(of_attempts(&[attempt("notcrates.io")])[0].advice, "");
        assert!(of_attempts(&[attempt("169.254.169.254:80")])[0].advice.contains("metadata"));
    }
}
