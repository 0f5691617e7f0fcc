use super::*;
use crate::trials::build::*;
use crate::trials::by_trial;
use model::{Observation, Seen, Verdict};

const MANIFEST: &str = r#"
[service]
name = "a"
start = "a"
port = { env = "PORT" }
[environment.KEY]
type = "secret"
[environment.LEVEL]
type = "enum"
values = ["low"]
value = "low"
required = false
[environment.REGION]
value = "eu"
absent = "warns"
empty = "any"
[environment.PORT]
type = "port"
value = "{port}"
required = false
[environment.DATABASE_URL]
type = "postgres-url"
value = "{db.url}"
[dependencies.db]
kind = "postgres"
"#;

fn run(cases: Vec<(&str, &str, Vec<Seen>)>) -> model::Judgement {
    let manifest = settings::parse(MANIFEST).expect("it is good").manifest;
    let mut all = trial("baseline", "baseline", "baseline", vec![started(), line("up"), ready(50)]);
    let mut rounds: BTreeMap<String, u32> = BTreeMap::new();
    for (variable, method, seen) in cases {
        let round = rounds.entry(format!("{variable}/{method}")).or_default();
        *round += 1;
        let name = format!("{variable}/{method}/{round}");
        let seen = std::iter::once(started()).chain(seen).collect();
        all.extend::<Vec<Observation>>(trial(&name, variable, method, seen));
    }
    concluded(judge(&manifest, &by_trial(&all)))
}

fn refusal() -> Vec<Seen> {
    vec![line("KEY is required"), exited(1)]
}

fn cause(judgement: &model::Judgement) -> &str {
    assert_eq!(judgement.verdict(), Verdict::Fail, "{judgement:?}");
    &judgement.findings[0].cause
}

#[test]
fn a_refusal_that_names_the_variable_holds() {
    let judgement = run(vec![("KEY", "absent", refusal()), ("LEVEL", "absent", vec![ready(40)])]);
    assert_eq!(judgement.verdict(), Verdict::Pass);
    assert!(judgement.summary.starts_with("2 starts with a variable missing or wrong"));
}

#[test]
fn every_way_of_not_refusing_has_its_cause() {
    for (seen, expected) in [
        (vec![ready(40)], "started"),
        (vec![line("KEY is required"), exited(0)], "exited-zero"),
        (vec![line("something is missing"), exited(1)], "unnamed"),
        (vec![Seen::PortOpened { port: 1 }, line("KEY"), exited(1)], "listened-first"),
        (vec![line("MONKEY KEYS key_x"), exited(1)], "unnamed"),
    ] {
        assert_eq!(cause(&run(vec![("KEY", "absent", seen)])), expected);
    }
}

#[test]
fn frameworks_may_name_it_in_lower_case() {
    let seen = vec![line("ValidationError: key: field required"), exited(1)];
    assert_eq!(run(vec![("KEY", "absent", seen)]).verdict(), Verdict::Pass);
}

#[test]
fn never_exiting_needs_two_of_three() {
    let wait = || ("KEY", "absent", vec![never()]);
    let judgement = run(vec![wait(), ("KEY", "absent", refusal()), ("KEY", "absent", refusal())]);
    assert_eq!(judgement.verdict(), Verdict::Inconclusive);
    let judgement = run(vec![wait(), wait(), ("KEY", "absent", refusal())]);
    assert_eq!(cause(&judgement), "never-listens");
    assert_eq!(judgement.findings[0].seen, Some((2, 3)));
}

#[test]
fn a_usage_text_names_nothing() {
    let usage = || vec![line("  KEY  the key"), line("  LEVEL  the level"), exited(1)];
    let judgement = run(vec![("KEY", "absent", usage()), ("LEVEL", "malformed: x", usage())]);
    assert_eq!(cause(&judgement), "unnamed");
    assert_eq!(judgement.findings.len(), 2);
}

#[test]
fn a_line_about_two_variables_names_both() {
    let both = || vec![line("KEY and LEVEL are required"), exited(1)];
    let judgement = run(vec![("KEY", "absent", both()), ("LEVEL", "malformed: x", both())]);
    assert_eq!(judgement.verdict(), Verdict::Pass);
}

#[test]
fn a_variable_that_came_back_decides_nothing() {
    let again = Seen::Resupplied { variable: "KEY".into(), by: "sh (9)".into() };
    let judgement = run(vec![("KEY", "absent", vec![ready(40), again])]);
    assert_eq!(judgement.verdict(), Verdict::Inconclusive);
    assert!(judgement.summary.contains("sh (9)"), "{}", judgement.summary);
    let opened = Seen::ShadowBypassed { file: "/a/.env".into() };
    let judgement = run(vec![("KEY", "empty", vec![ready(40), opened])]);
    assert_eq!(judgement.verdict(), Verdict::Inconclusive);
}

#[test]
fn an_optional_variable_must_be_optional() {
    let judgement = run(vec![("LEVEL", "absent", vec![line("LEVEL?"), exited(1)])]);
    assert_eq!(cause(&judgement), "refused");
}

#[test]
fn a_promised_warning_must_be_there() {
    assert_eq!(cause(&run(vec![("REGION", "absent", vec![ready(40)])])), "silent");
    let warned = vec![line("warning: REGION is not set"), ready(40)];
    assert_eq!(run(vec![("REGION", "absent", warned)]).verdict(), Verdict::Pass);
}

#[test]
fn without_its_port_it_may_listen_elsewhere() {
    let elsewhere = Seen::ListensElsewhere { addresses: vec!["0.0.0.0:3000".into()] };
    let seen = vec![never(), elsewhere];
    assert_eq!(run(vec![("PORT", "absent", seen.clone())]).verdict(), Verdict::Pass);
    let taken = vec![line("Error: listen EADDRINUSE: address already in use :::3000"), exited(1)];
    assert_eq!(run(vec![("PORT", "absent", taken.clone())]).verdict(), Verdict::Pass);
    assert_eq!(cause(&run(vec![("LEVEL", "absent", taken)])), "refused");
    assert_eq!(cause(&run(vec![("LEVEL", "absent", seen)])), "refused");
}

#[test]
fn a_printed_secret_fails_whatever_else_holds() {
    let seen = vec![line("KEY is too short: ‹KEY›"), exited(1)];
    let judgement = run(vec![("KEY", "malformed: short", seen)]);
    assert_eq!(cause(&judgement), "value-printed");
    let seen = vec![line("DATABASE_URL postgres://app:‹db.password›@h"), exited(1)];
    assert_eq!(cause(&run(vec![("DATABASE_URL", "malformed: x", seen)])), "value-printed");
}

#[test]
fn without_a_good_start_nothing_is_concluded() {
    let manifest = settings::parse(MANIFEST).expect("it is good").manifest;
    let all = trial("baseline", "baseline", "baseline", vec![started(), line("boom"), exited(1)]);
    let judgement = concluded(judge(&manifest, &by_trial(&all)));
    assert_eq!(judgement.verdict(), Verdict::Inconclusive);
    assert_eq!(judgement.findings[0].log, ["boom"]);
}
