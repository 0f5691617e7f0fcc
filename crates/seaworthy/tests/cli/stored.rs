//! What a run leaves on disk: enough to judge again, and no secret.

use std::path::Path;

use crate::bench::Bench;
use serde_json::Value;

const SECRET: &str = "c0rrect-h0rse-battery-stap1e";

fn proven() -> Bench {
    let bench = Bench::odd("needs-key");
    let text = std::fs::read_to_string(bench.path().join("seaworthy.toml")).expect("read");
    let more = format!("[environment.KEY]\ntype = \"secret\"\nvalue = \"{SECRET}\"\n");
    bench.manifest(&(text + &more));
    bench
}

#[test]
fn a_stored_run_is_judged_again_to_the_same_verdicts() {
    let bench = proven();
    let ran = bench.run(&["prove", "--format", "json"]);
    let first: Value = serde_json::from_str(&ran.stdout).expect("a scorecard");
    assert_eq!(ran.code, 1, "it has no headers and no ids: {}", ran.stderr);
    let again = bench.run(&["judge", "last", "--format", "json"]);
    let second: Value = serde_json::from_str(&again.stdout).expect("a scorecard");
    assert_eq!(first, second);
    for row in first["controls"].as_array().expect("rows") {
        let expected = match row["id"].as_str() {
            Some("startup" | "environment") => "pass",
            Some("security-headers" | "correlation-ids") => "fail",
            Some("liveness" | "metrics") => "inconclusive",
            Some("uploads") => "not-applicable",
            _ => continue,
        };
        assert_eq!(row["verdict"], expected, "{row}");
    }
    assert_eq!(first["controls"].as_array().map(Vec::len), Some(24));
}

#[test]
fn no_secret_reaches_the_disk_or_the_screen() {
    let bench = proven();
    for format in ["json", "terminal"] {
        let ran = bench.run(&["prove", "--format", format]);
        assert!(!ran.stdout.contains(SECRET) && !ran.stderr.contains(SECRET));
    }
    let mut files = 0;
    look_through(&bench.path().join(".seaworthy"), &mut |path, text| {
        files += 1;
        assert!(!text.contains(SECRET), "{}", path.display());
    });
    assert!(files >= 8, "{files}");
}

/// A login by cookie and a token, with a password that only the journey knows.
#[test]
fn nothing_that_a_journey_carries_reaches_the_disk_or_the_screen() {
    let bench = Bench::new();
    bench.file("login.py", include_str!("login.py").as_bytes());
    bench.file("login.hurl", include_str!("login.hurl").as_bytes());
    bench.manifest(
        r#"
[service]
name = "login"
start = "python3 login.py {port}"
ready = "/ready"
[journeys.login]
file = "login.hurl"
"#,
    );
    let only = "cors,security-headers,error-envelope,input-validation,correlation-ids,body-limits";
    let ran = bench.run(&["prove", "--only", only]);
    assert!(ran.stdout.contains("curl"), "a finding shows a request: {}", ran.stdout);
    assert!(ran.stdout.contains("‹"), "and what it carried by name: {}", ran.stdout);
    let secret = |text: &str| {
        let words = ["hunter2-Horse", "tok3n-for-", "s3ssion-of-"];
        words.into_iter().find(|word| text.contains(word))
    };
    assert_eq!(secret(&ran.stdout).or(secret(&ran.stderr)), None);
    let mut files = 0;
    look_through(&bench.path().join(".seaworthy"), &mut |path, text| {
        files += 1;
        assert_eq!(secret(text), None, "{}", path.display());
    });
    assert!(files >= 8, "{files}");
}

#[test]
fn events_can_be_followed_and_a_run_of_another_format_is_refused() {
    let bench = Bench::odd("good");
    assert_eq!(bench.run(&["prove", "--only", "startup"]).code, 0);
    let runs = bench.path().join(".seaworthy/runs");
    let run = std::fs::read_dir(runs).expect("read").flatten().next().expect("one").path();
    let events = std::fs::read_to_string(run.join("events.ndjson")).expect("it is there");
    let events: Vec<Value> =
        events.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(events.windows(2).all(|two| {
        two[0]["sequence"].as_u64().map(|number| number + 1) == two[1]["sequence"].as_u64()
    }));
    assert_eq!(events.last().map(|event| event["event"] == "finished"), Some(true), "{events:?}");
    let file = run.join("run.json");
    let text = std::fs::read_to_string(&file).expect("read");
    for (format, expected) in [("1", "older seaworthy"), ("99", "newer seaworthy")] {
        let other = text.replacen("\"format\": 2", &format!("\"format\": {format}"), 1);
        std::fs::write(&file, other).expect("written");
        let judged = bench.run(&["judge", "last"]);
        assert_eq!(judged.code, 2, "{}", judged.stderr);
        assert!(judged.stderr.contains(expected), "{}", judged.stderr);
    }
}

fn look_through(folder: &Path, see: &mut impl FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).expect("it is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            look_through(&path, see);
        } else {
            // The ledger is no text, and may hold no secret either.
            let bytes = std::fs::read(&path).expect("it is read");
            see(&path, &String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn lists_and_plans_are_for_programs_and_people() {
    let bench = Bench::odd("good");
    let list: Value =
        serde_json::from_str(&bench.run(&["list", "--format", "json"]).stdout).expect("JSON");
    let first = &list["controls"][0];
    for key in ["id", "family", "risk", "promise"] {
        assert!(first[key].is_string(), "{first}");
    }
    let built =
        list["controls"].as_array().into_iter().flatten().filter(|one| one["built"] == true);
    assert_eq!(built.count(), 24);
    let plan = bench.run(&["prove", "--plan"]);
    assert_eq!(plan.code, 0);
    assert!(plan.stdout.contains("startup"), "{}", plan.stdout);
    assert!(plan.stdout.contains("not tried: inconclusive"), "{}", plan.stdout);
    assert!(!bench.path().join(".seaworthy").exists());
    let page = bench.run(&["explain", "environment"]);
    assert!(page.stdout.contains("How it is tried"), "{}", page.stdout);
    let below = bench.run(&["prove", "--only", "startup,liveness", "--min-coverage", "90"]);
    assert_eq!(below.code, 3, "{}", below.stdout);
}
