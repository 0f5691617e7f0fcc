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

fn look_through(folder: &Path, see: &mut impl FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).expect("it is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            look_through(&path, see);
        } else {
            see(&path, &std::fs::read_to_string(&path).expect("it is text"));
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
