//! A deployed service is only read, and what is not tried is named.

use serde_json::Value;

use crate::bench::Bench;

#[test]
fn a_deployed_service_is_only_read() {
    let bench = Bench::odd("good");
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        free.local_addr().expect("it has one").port()
    };
    let mut service = std::process::Command::new("python3")
        .args(["odd.py", "asked", &port.to_string()])
        .current_dir(bench.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("python runs");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(std::time::Instant::now() < deadline, "it never listened");
    }
    let url = format!("http://127.0.0.1:{port}");
    let ran = bench.run(&["prove", "--target", &url, "--format", "json"]);
    let _ = service.kill();
    let output = service.wait_with_output().expect("it ended");
    let methods = String::from_utf8(output.stdout).expect("it is text");
    assert!(methods.contains("GET"), "{methods}\n{}", ran.stderr);
    for word in ["POST", "PUT", "PATCH", "DELETE"] {
        assert!(!methods.contains(word), "{methods}");
    }
    assert!(
        ran.stderr.contains("left out") && ran.stderr.contains("graceful-shutdown"),
        "{}",
        ran.stderr
    );
    let card: Value = serde_json::from_str(&ran.stdout).expect("a scorecard");
    let ids: Vec<_> =
        card["controls"].as_array().expect("rows").iter().map(|row| &row["id"]).collect();
    assert!(ids.iter().any(|id| *id == "exposure"), "{ids:?}");
    assert!(!ids.iter().any(|id| *id == "startup"), "{ids:?}");
    assert_eq!(card["score"], Value::Null);
    let lab_only = bench.run(&["prove", "--target", &url, "--only", "startup"]);
    assert_eq!(lab_only.code, 2, "{}", lab_only.stderr);
    assert!(lab_only.stderr.contains("only be tried in the lab"), "{}", lab_only.stderr);
}
