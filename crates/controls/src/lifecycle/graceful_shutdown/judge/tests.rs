use super::*;
use crate::trials::build::*;
use crate::trials::by_trial;
use model::{Observation, Verdict};

/// Moments of a round, in microseconds.
const SIGNAL: u64 = 1_000_000;

fn manifest(more: &str) -> Manifest {
    let text = format!(
        "[service]\nname = \"a\"\nstart = \"a --port {{port}}\"\n[controls.graceful-shutdown]\n{more}\n"
    );
    settings::parse(&text).expect("it is good").manifest
}

fn exchanged(client: &str, outcome: Outcome, took: u64, reused: u32) -> Seen {
    let (client, request) = (client.into(), "POST /orders".into());
    Seen::Exchanged { client, request, outcome, took_us: took, reused }
}

fn answered(status: u16) -> Outcome {
    Outcome::Answered { status }
}

/// A round in which the slow request ended so and the process exited so.
struct Round {
    slow: Option<Outcome>,
    code: Option<i32>,
    more: Vec<(u64, Seen)>,
    method: &'static str,
}

fn good() -> Round {
    Round { slow: Some(answered(201)), code: Some(0), more: vec![], method: "busy" }
}

fn observations(number: usize, round: Round) -> Vec<Observation> {
    let name = format!("table-lock/{}/{number}", round.method);
    let mut timed = vec![
        (0, Seen::Trial { subject: "table-lock".into(), method: round.method.into(), round: 1 }),
        (1, started()),
        (2, ready(50)),
        (100_000, exchanged("control", answered(201), 900, 0)),
        (SIGNAL, Seen::Signalled { signal: "SIGTERM".into(), pid: 7 }),
    ];
    timed.extend(
        round.slow.map(|outcome| (SIGNAL + 600_000, exchanged("slow", outcome, 800_000, 0))),
    );
    timed.extend(round.more);
    timed.extend(round.code.map(|code| (SIGNAL + 700_000, exited(code))));
    timed.sort_by_key(|(at, _)| *at);
    timed.into_iter().map(|(at, seen)| Observation { at, trial: name.clone(), seen }).collect()
}

fn run_with(settings: &str, rounds: Vec<Round>) -> model::Judgement {
    let all: Vec<_> =
        rounds.into_iter().enumerate().flat_map(|(at, round)| observations(at, round)).collect();
    concluded(judge(&manifest(settings), &by_trial(&all)))
}

fn run(rounds: Vec<Round>) -> model::Judgement {
    run_with("", rounds)
}

fn cause(judgement: &model::Judgement) -> &str {
    assert_eq!(judgement.verdict(), Verdict::Fail, "{judgement:?}");
    &judgement.findings[0].cause
}

#[test]
fn three_good_rounds_pass_and_two_prove_too_little() {
    let judgement = run(vec![good(), good(), good()]);
    assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
    assert!(
        judgement.summary.contains("3 of 3 requests in flight were answered, held up to 600 ms"),
        "{}",
        judgement.summary
    );
    assert_eq!(run(vec![good(), good()]).verdict(), Verdict::Inconclusive);
}

#[test]
fn one_dropped_request_fails_whatever_the_exit_code() {
    for (outcome, expected) in [
        (Some(Outcome::Closed { received: 0 }), "dropped-in-flight"),
        (Some(Outcome::Reset { received: 0 }), "dropped-in-flight"),
        (Some(Outcome::Reset { received: 20 }), "truncated"),
        (Some(answered(503)), "failed-in-flight"),
        (None, "dropped-in-flight"),
    ] {
        let judgement = run(vec![good(), Round { slow: outcome, ..good() }, good()]);
        assert_eq!(cause(&judgement), expected);
        assert_eq!(judgement.findings[0].seen, Some((1, 3)));
    }
}

#[test]
fn a_request_that_was_not_in_flight_proves_nothing() {
    let mut late = observations(1, good());
    for observation in &mut late {
        // The answer came before the signal.
        if matches!(&observation.seen, Seen::Exchanged { client, .. } if client == "slow") {
            observation.at = SIGNAL - 1;
        }
    }
    let mut all: Vec<_> = (2..4).flat_map(|n| observations(n, good())).collect();
    all.extend(late);
    let judgement = concluded(judge(&manifest(""), &by_trial(&all)));
    assert_eq!(judgement.verdict(), Verdict::Inconclusive);
    assert!(judgement.summary.contains("only 2 of 3 rounds"), "{}", judgement.summary);
}

#[test]
fn a_failing_control_proves_nothing() {
    let mut all: Vec<_> = (0..3).flat_map(|n| observations(n, good())).collect();
    for observation in &mut all {
        if let Seen::Exchanged { client, outcome, .. } = &mut observation.seen
            && client == "control"
        {
            *outcome = answered(500);
        }
    }
    assert_eq!(concluded(judge(&manifest(""), &by_trial(&all))).verdict(), Verdict::Inconclusive);
}

#[test]
fn exit_codes_are_told_apart() {
    let all = |code: Option<i32>| vec![Round { code, ..good() }, Round { code, ..good() }, good()];
    let judgement = run(all(Some(143)));
    assert_eq!(judgement.verdict(), Verdict::Pass);
    assert_eq!(judgement.findings[0].cause, "exit-143");
    assert_eq!(cause(&run_with("exit_zero = true", all(Some(143)))), "exit-code");
    assert_eq!(cause(&run(all(Some(137)))), "killed");
    assert_eq!(run(all(Some(1))).findings[0].severity, Severity::Warn);
    assert_eq!(cause(&run(all(None))), "never-exits");
}

#[test]
fn one_late_end_decides_nothing() {
    let judgement = run(vec![Round { code: None, ..good() }, good(), good()]);
    assert_eq!(judgement.verdict(), Verdict::Inconclusive);
    assert!(judgement.summary.contains("once in 3 rounds"), "{}", judgement.summary);
}

#[test]
fn new_clients_may_be_refused_or_reset_unless_a_drain_is_promised() {
    let with = |outcome: Outcome| {
        let new = (SIGNAL + 100_000, exchanged("new", outcome, 1_000, 0));
        vec![Round { more: vec![new], ..good() }, good(), good()]
    };
    assert_eq!(run(with(Outcome::Refused)).findings, []);
    let judgement = run(with(Outcome::Reset { received: 0 }));
    assert_eq!(judgement.verdict(), Verdict::Pass);
    assert_eq!(judgement.findings[0].severity, Severity::Note);
    let drain = "drain = \"600ms\"";
    assert_eq!(cause(&run_with(drain, with(Outcome::Refused))), "refused-while-draining");
    assert_eq!(run_with(drain, with(answered(200))).verdict(), Verdict::Pass);
    let judgement = run_with("drain = \"30s\"", with(answered(200)));
    assert_eq!(cause(&judgement), "refused-while-draining", "it ended before the drain was over");
    assert!(judgement.findings[0].witness.contains("ended 700 ms after"), "{judgement:?}");
    let brief = "drain = \"50ms\"";
    assert_eq!(run_with(brief, with(Outcome::Refused)).verdict(), Verdict::Pass);
    assert_eq!(cause(&run(with(Outcome::Reset { received: 7 }))), "truncated");
}

#[test]
fn a_busy_connection_may_end_between_answers_but_not_within_one() {
    let with = |outcome: Outcome, reused| {
        let busy = (SIGNAL + 100, exchanged("busy", outcome, 200, reused));
        vec![Round { more: vec![busy], ..good() }, good(), good()]
    };
    let judgement = run(with(Outcome::Closed { received: 0 }, 7));
    assert_eq!(judgement.verdict(), Verdict::Pass);
    assert_eq!(judgement.findings[0].cause, "keep-alive-race");
    assert_eq!(cause(&run(with(Outcome::Closed { received: 10 }, 7))), "truncated");
}

#[test]
fn ignoring_the_signal_as_process_1_is_a_warning_unless_it_is_run_so() {
    let rounds = || {
        let as_init = Round { method: "pid-1", code: None, ..good() };
        vec![good(), good(), good(), as_init]
    };
    let judgement = run(rounds());
    assert_eq!(judgement.verdict(), Verdict::Pass);
    assert_eq!(judgement.findings[0].cause, "ignored-as-pid-1");
    assert_eq!(cause(&run_with("pid_1 = true", rounds())), "ignored-as-pid-1");
}

fn facts(held: i64, in_flight: i64, busy: i64) -> Vec<(u64, Seen)> {
    let fact = |name: &str, value| Seen::Fact { name: name.into(), about: String::new(), value };
    vec![
        (3, fact(FACT_HELD, held)),
        (4, fact(FACT_IN_FLIGHT, in_flight)),
        (5, fact(FACT_BUSY, busy)),
    ]
}

#[test]
fn a_pass_says_up_to_what_it_was_tried() {
    let second = || (SIGNAL + 650_000, exchanged("slow", answered(201), 900_000, 0));
    let mut several = facts(6000, 2, 24);
    several.push(second());
    let judgement = run(vec![good(), Round { more: several, ..good() }, good()]);
    assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
    let summary = &judgement.summary;
    assert!(summary.contains("4 of 4 requests") && summary.contains("6.0 s"), "{summary}");
    assert!(summary.contains("24 busy clients"), "{summary}");
}

#[test]
fn one_of_several_that_never_came_back_is_dropped() {
    let judgement = run(vec![good(), Round { more: facts(600, 2, 24), ..good() }, good()]);
    assert_eq!(cause(&judgement), "dropped-in-flight");
}
