//! Reports for other readers, the gate, the templates for CI, and audits.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::bench::Bench;

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

#[test]
fn one_run_writes_every_report() {
    let bench = Bench::odd("exits");
    let summary = bench.path().join("summary.md");
    std::fs::write(&summary, "before\n").expect("written");
    let words = [
        "prove",
        "--only",
        "startup",
        "--report",
        "junit=out/junit.xml",
        "--report",
        "sarif=out/a.sarif",
        "--report",
        "markdown=out/comment.md",
        "--report",
        "json=out/card.json",
        "--report",
        "html=out/page.html",
        "--report",
        "badge=out/badge.svg",
        "--report",
        "badge=out/badge.json",
        "--report",
        "github",
    ];
    let output = bench.command(&words).env("GITHUB_STEP_SUMMARY", &summary).output().expect("runs");
    assert_eq!(output.status.code(), Some(1));
    let out = bench.path().join("out");
    accepted_by_public_readers(&out);
    let sarif = json(&out.join("a.sarif"));
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!((&sarif["version"], &result["ruleId"]), (&"2.1.0".into(), &"startup".into()));
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "seaworthy.toml");
    assert_eq!(place["region"]["startLine"], 6, "the line of [controls.startup]: {result}");
    let comment = std::fs::read_to_string(out.join("comment.md")).expect("it is there");
    assert!(comment.contains("1 failed control") && comment.contains("*Fix:*"), "{comment}");
    assert_eq!(json(&out.join("card.json"))["controls"][0]["verdict"], "fail");
    assert!(
        std::fs::read_to_string(out.join("page.html"))
            .expect("it is there")
            .contains("<h1 class=\"fail\">")
    );
    assert_eq!(json(&out.join("badge.json"))["message"], "a part was tried");
    assert!(std::fs::read_to_string(out.join("badge.svg")).expect("it is there").contains("<svg"));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("::error file=seaworthy.toml,line=6,title=startup"), "{told}");
    let summary = std::fs::read_to_string(summary).expect("it is there");
    assert!(summary.starts_with("before\n###"), "{summary}");
}

/// JUnit by junitparser, SARIF by sarif-tools, which `./test` installs.
fn accepted_by_public_readers(out: &Path) {
    let read = |program: &str, words: &[&str], file: &str| {
        let output = Command::new(program).args(words).arg(out.join(file)).output();
        let output = output.unwrap_or_else(|e| panic!("{program}: {e}; ./test installs it"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, _, stderr) = read("junitparser", &["verify"], "junit.xml");
    assert_eq!((code, stderr.as_str()), (Some(1), ""), "it reads the file and finds the failure");
    let (code, stdout, stderr) = read("sarif", &["summary"], "a.sarif");
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("error: 1") && stdout.contains("startup"), "{stdout}");
}

#[test]
fn a_report_that_is_not_known_is_a_usage_error() {
    let ran = Bench::odd("good").run(&["prove", "--report", "xml=a"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("expected junit="), "{}", ran.stderr);
}

/// A repository with one commit, and a scorecard of it.
fn with_evidence(verdict: &str) -> Bench {
    let bench = Bench::odd("good");
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@b.example"]).args(words);
        let output = command.current_dir(bench.path()).output().expect("git runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "a"]);
    let commit = git(&["rev-parse", "HEAD"]);
    let card = serde_json::json!({
        "service": "odd", "score": 50.0, "coverage": { "decided": 1, "applicable": 2 },
        "catalogue": [24, 71], "partial": false,
        "controls": [{
            "id": "startup", "family": "lifecycle", "risk": "high", "promise": "p",
            "verdict": verdict, "summary": "s", "seconds": 1.0, "rerun": "r"
        }],
        "evidence": {
            "run": "20260101t000000z-000000", "date": "2026-01-01T00:00:00Z",
            "expires": "9999-01-01T00:00:00Z", "seaworthy": "0.1.0", "commit": commit,
            "dirty": false, "manifest": "", "artifact": "", "seed": 1
        },
        "notes": []
    });
    let run = bench.path().join(".seaworthy/runs/20260101t000000z-000000");
    std::fs::create_dir_all(&run).expect("made");
    std::fs::write(run.join("scorecard.json"), card.to_string()).expect("written");
    std::fs::write(run.join("run.json"), "{}").expect("written");
    bench
}

#[test]
fn a_gate_answers_from_the_evidence_of_this_commit() {
    let good = with_evidence("pass");
    let ran = good.run(&["gate"]);
    assert_eq!((ran.code, ran.stdout.contains(" may go")), (0, true), "{}", ran.stdout);
    let ran = good.run(&["gate", "--environment", "production"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("there is no gate production; declared are: none"));
    let manifest = std::fs::read_to_string(good.path().join("seaworthy.toml")).expect("read");
    good.manifest(&(manifest + "[gates.production]\nmin_coverage = 80\n"));
    let ran = good.run(&["gate", "--environment", "production", "--format", "json"]);
    let answer: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((ran.code, &answer["allowed"]), (1, &Value::Bool(false)));
    assert!(answer["reasons"][0].as_str().is_some_and(|text| text.contains("(50 %)")), "{answer}");

    let bad = with_evidence("fail");
    let ran = bad.run(&["gate"]);
    assert_eq!((ran.code, ran.stdout.contains("startup fail: s")), (1, true), "{}", ran.stdout);
    let ran = bad.run(&["gate", "--ratchet", "--base", ".seaworthy/runs/20260101t000000z-000000"]);
    assert_eq!(ran.code, 0, "an old failure is let through: {}", ran.stdout);

    let none = Bench::odd("good").run(&["gate"]);
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("there is no whole run"), "{}", none.stderr);
}

#[test]
fn an_audit_lays_the_evidence_beside_the_claims() {
    let bench = with_evidence("fail");
    let document = "# Ready\n**Status**: 90% ready\n- [x] the app starts without errors\n\
                    - [ ] CORS\n- [x] runbook written\n- [x] legal review\n";
    bench.file("READY.md", document.as_bytes());
    let ran = bench.run(&["audit", "READY.md", "--format", "json", "--write", "COPY.md"]);
    let audit: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let claims = audit["claims"].as_array().expect("claims");
    let statuses: Vec<_> = claims.iter().map(|c| c["status"].as_str().unwrap_or("")).collect();
    assert_eq!(statuses, ["disproved", "untried", "not-built", "outside"]);
    assert_eq!((&audit["claimed_percent"], &audit["proven"]), (&90.into(), &0.into()));
    assert_eq!((&claims[0]["line"], &claims[0]["claimed"]), (&3.into(), &true.into()));
    assert_eq!(ran.code, 1, "what is said to hold is disproved");
    let copy = std::fs::read_to_string(bench.path().join("COPY.md")).expect("it is there");
    assert!(copy.contains("errors *[seaworthy: startup disproved, 2026-01-01]*"), "{copy}");
    let own = std::fs::read_to_string(bench.path().join("READY.md")).expect("it is there");
    assert_eq!(own, document);
    let text = bench.run(&["audit", "READY.md"]).stdout;
    assert!(
        text.contains("it says that it is 90 % ready") && text.contains("prove --only cors"),
        "{text}"
    );
    let ran = bench.run(&["audit", "READY.md", "--write", "READY.md"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert_eq!(bench.run(&["audit", "NONE.md"]).code, 2);
}

/// The commands of a template, with what a user would fill in.
fn commands(template: &Value) -> Vec<String> {
    let steps = template["runs"]["steps"].as_array().into_iter().flatten();
    let of_github = steps.filter_map(|step| step["run"].as_str());
    let script = template["seaworthy"]["script"].as_array().into_iter().flatten();
    let of_gitlab = script.filter_map(Value::as_str);
    let filled = |line: &str| {
        let inputs = [
            ("path", "."),
            ("arguments", "--only startup"),
            ("reports", "reports"),
            ("gate", "none"),
        ];
        let line = inputs.iter().fold(line.to_owned(), |line, (name, value)| {
            line.replace(&format!("${{{{ inputs.{name} }}}}"), value)
        });
        line.replace("prove \"$SERVICE\"", "prove . --only startup")
    };
    of_github.chain(of_gitlab).map(filled).collect()
}

#[test]
fn the_templates_for_ci_run_as_they_stand() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ci");
    for (name, reports) in [("action.yml", "reports"), ("gitlab.yml", "seaworthy-reports")] {
        let text = std::fs::read_to_string(folder.join(name)).expect("it is there");
        let template: Value = serde_saphyr::from_str(&text).expect("it is YAML");
        let commands = commands(&template);
        assert!(!commands.is_empty(), "{name}");
        let bench = Bench::odd("good");
        let program = Path::new(env!("CARGO_BIN_EXE_seaworthy"));
        let path = format!(
            "{}:{}",
            program.parent().expect("a folder").display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let run = |command: &String| {
            let mut shell = Command::new("bash");
            shell.args(["-ec", command]).current_dir(bench.path()).env("PATH", &path);
            shell.env_remove("GITHUB_STEP_SUMMARY").output().expect("bash runs")
        };
        let output = run(&commands[0]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{name}: {told}");
        for report in ["junit.xml", "comment.md", "scorecard.json"] {
            assert!(bench.path().join(reports).join(report).is_file(), "{name}: {report}");
        }
        // The gate says no, in its own words: this manifest declares none.
        for gate in &commands[1..] {
            let output = run(gate);
            assert_eq!(
                output.status.code(),
                Some(2),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

#[test]
fn runs_are_remembered_and_compared() {
    let bench = Bench::odd("good");
    let first = bench.run(&["prove", "--only", "startup"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let manifest = bench.path().join("seaworthy.toml");
    let text = std::fs::read_to_string(&manifest).expect("it is there");
    std::fs::write(&manifest, text.replace("odd.py good", "odd.py exits")).expect("written");
    assert_eq!(bench.run(&["prove", "--only", "startup"]).code, 1);
    // The ledger outlives the folders of the runs, and can be made anew from them.
    let ledger = bench.path().join(".seaworthy/ledger.sqlite3");
    std::fs::remove_file(&ledger).expect("prove wrote it");
    let listed = bench.run(&["history"]);
    assert!(listed.stdout.contains("worse  startup: PASS → FAIL"), "{}", listed.stdout);
    std::fs::remove_dir_all(bench.path().join(".seaworthy/runs")).expect("removed");
    let listed: Value = serde_json::from_str(&bench.run(&["history", "--format", "json"]).stdout)
        .expect("it is JSON");
    assert_eq!(listed["runs"].as_array().map(Vec::len), Some(2));
    assert_eq!(listed["runs"][0]["worse"][0], "startup");
    let told = bench.run(&["diff", "--exit-code"]);
    assert_eq!(told.code, 1);
    assert!(
        told.stdout.contains("PASS → FAIL") && told.stdout.contains("manifest: "),
        "{}",
        told.stdout
    );
    let back = bench.run(&["diff", "last", "last~1", "--exit-code", "--format", "json"]);
    assert_eq!(back.code, 0, "{}", back.stderr);
    let back: Value = serde_json::from_str(&back.stdout).expect("it is JSON");
    assert_eq!(back["changes"][0]["direction"], "better");
    let none = bench.run(&["diff", "last~7"]);
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("there is no last~7: 7 runs before"), "{}", none.stderr);
}

#[test]
fn a_service_without_runs_has_no_history_and_gets_no_folder() {
    let bench = Bench::odd("good");
    let told = bench.run(&["history"]);
    assert_eq!(told.code, 2);
    assert!(told.stderr.contains("prove the service first"), "{}", told.stderr);
    assert!(!bench.path().join(".seaworthy").exists());
}
