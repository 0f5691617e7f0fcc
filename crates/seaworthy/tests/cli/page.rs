//! The page in a browser: what a reader sees at first, on a screen in daylight and on a phone in the
//! dark. The runs are stored evidence of planted defects.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::findings::unpacked;

/// Planted defects, and what the first screen must say: the defect and the way to mend it.
const DEFECTS: [(&str, &str, &str); 5] = [
    ("graceful-shutdown.drops", "closed the connection without a byte", "finish what was accepted"),
    ("environment.unnamed", "does not name", "name the variable in the message"),
    ("dependency-outage.hangs", "did not answer in time", "give every wait a limit"),
    ("readiness.stays-ready", "went on saying yes", "ask every critical dependency in the probe"),
    ("body-limits.no-limit", "a body of 2 MiB: it answered 201", "limit the body"),
];

/// The browser, of Debian or of whoever runs this.
fn chromium() -> Command {
    let known = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .flat_map(|folder| known.map(|name| folder.join(name)))
        .find(|program| program.is_file())
        .expect("a browser is on the path; ./test installs chromium");
    Command::new(found)
}

/// What the browser measured of a page.
fn measured(page: &Path) -> Value {
    let profile = tempfile::tempdir().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/page.html");
    let output = chromium()
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--allow-file-access-from-files", "--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}#file://{}", script.display(), page.display()))
        .output()
        .expect("the browser runs");
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let from = dom.find("<pre id=\"measured\">").expect("it is there") + 19;
    let to = from + dom[from..].find("</pre>").expect("it ends");
    let text = dom[from..to].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{e}: {text:?}\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// The page of a stored run.
fn page(name: &str, folder: &Path) -> std::path::PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let run = unpacked(&root.join("evidence/harbour").join(format!("{name}.json.gz")));
    let judged = Command::new(env!("CARGO_BIN_EXE_seaworthy"))
        .args(["judge", "--format", "html"])
        .arg(run.path())
        .output()
        .expect("it runs");
    let page = folder.join(format!("{name}.html"));
    fs::write(&page, judged.stdout).expect("written");
    page
}

#[test]
fn the_first_screen_names_the_defect_and_the_fix() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, defect, fix) in DEFECTS {
        let page = page(name, folder.path());
        let size = fs::metadata(&page).expect("it is there").len();
        assert!(size < 200_000, "{name}: the page of one control has {size} bytes");
        let found = measured(&page);
        for (device, screen) in [("wide", 900.0), ("phone", 800.0)] {
            let seen = &found[device];
            let told = format!("{name} on {device}: {seen:#}");
            assert_eq!(seen["overflow"], 0, "nothing is cut off; {told}");
            assert!(seen["headline"].as_str().is_some_and(|text| text.starts_with("Not ready")));
            let first = &seen["first"][0];
            let text = first["text"].as_str().unwrap_or_default();
            assert!(text.contains(defect) && text.contains(fix), "{told}");
            assert!(first["ends"].as_f64().is_some_and(|at| at < screen), "{told}");
            assert!(seen["faintest"].as_f64().is_some_and(|ratio| ratio >= 4.5), "WCAG AA; {told}");
            let boxes = seen["boxes"].as_u64().unwrap_or(u64::MAX);
            assert!(boxes < 1500, "{told}");
        }
        assert_ne!(found["wide"]["background"], found["phone"]["background"], "light and dark");
    }
}

#[test]
fn a_failed_shutdown_is_explained_at_one_look() {
    let folder = tempfile::tempdir().expect("a folder");
    let found = measured(&page("graceful-shutdown.drops", folder.path()));
    for device in ["wide", "phone"] {
        let seen = &found[device];
        let flags = seen["flags"].as_array().expect("there are labels");
        let labels: Vec<_> = flags.iter().filter_map(|flag| flag["text"].as_str()).collect();
        assert_eq!(labels, ["SIGTERM", "exited with code 0"], "{device}");
        for flag in flags {
            assert!(flag["cut"] == false && flag["outside"] == false, "{device}: {flag}");
        }
        let lines = seen["lines"].as_array().expect("there are lanes");
        assert!(lines.len() > 4, "the signal is a line through all lanes: {lines:?}");
        assert!(lines.iter().all(|line| line.as_str().is_some_and(|line| line.starts_with("2px"))));
        let bad = seen["bad"].as_array().expect("something was dropped");
        let widest = bad.iter().filter_map(Value::as_f64).fold(0.0, f64::max);
        assert!(widest >= 2.0, "{device}: what was dropped can be seen: {bad:?}");
    }
}
