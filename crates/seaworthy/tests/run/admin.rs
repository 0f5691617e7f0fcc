//! The operators' socket, and features that change while the service runs.

use crate::edge::{Edge, Options, until};

const FEATURES: &str = "
[environment.QUOTES]
required = false
[environment.NEWS]
required = false
[controls.kill-switches.switches.quotes]
variable = \"QUOTES\"
request = \"GET /quotes\"
[controls.feature-flags.flags.news]
variable = \"NEWS\"
request = \"GET /news\"
[supply]
controls = [\"kill-switches\", \"feature-flags\"]
flags = \"flags.json\"
";

#[test]
fn features_change_while_the_service_runs() {
    let edge = Edge::start(&Options { manifest: FEATURES.into(), ..Options::default() });
    let quotes = || edge.ask("GET /quotes").0;
    let news = || edge.ask("GET /news").0;
    assert_eq!((quotes(), news()), (200, 404), "a switch is on and a flag off by default");
    assert_eq!(edge.admin(&["set", "quotes", "off"]).0, Some(0));
    assert_eq!(quotes(), 503);
    assert!(edge.ask("GET /quotes").2.contains("quotes_unavailable"));
    assert_eq!(edge.admin(&["set", "quotes", "auto"]).0, Some(0));
    assert_eq!(quotes(), 200);
    std::fs::write(edge.path("flags.json"), "{\"news\": true}").expect("written");
    until("the file is read", || news() == 200);
    std::fs::write(edge.path("flags.json"), "{\"news\": ").expect("written");
    until("the file is found broken", || edge.output().contains("the last good state holds"));
    assert_eq!(news(), 200);
    std::fs::remove_file(edge.path("flags.json")).expect("removed");
    assert_eq!(news(), 200);
    // The service itself sees both on; where they stand is told over OFREP.
    assert_eq!(edge.ask("GET /variable?QUOTES").2, "true");
    assert!(edge.ask("GET /variable?OFREP_ENDPOINT").2.starts_with("http://127.0.0.1:"));
}

#[test]
fn operators_see_and_stop_a_run_and_nobody_else_does() {
    use std::os::unix::fs::PermissionsExt;
    let mut edge = Edge::start(&Options { manifest: FEATURES.into(), ..Options::default() });
    let (code, text) = edge.admin(&["status"]);
    let status: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!((code, &status["ready"], &status["restarts"]), (Some(0), &true.into(), &0.into()));
    assert_eq!(status["flags"]["quotes"]["on"], true);
    edge.ask("GET /orders/17");
    let (_, metrics) = edge.admin(&["metrics"]);
    assert!(metrics.contains("route=\"/orders/{id}\",status=\"200\"} 1"), "{metrics}");
    let (code, text) = edge.admin(&["set", "quotse", "off"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("there are: news, quotes"), "{text}");
    let meta = std::fs::metadata(edge.path("admin.sock")).expect("it is there");
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    assert_eq!(edge.ask("GET /status").2, "hello", "the socket's paths are not public");
    assert_eq!(edge.admin(&["drain"]).0, Some(0));
    assert_eq!(edge.ended(), Some(0));
    assert!(!edge.path("admin.sock").exists());
    assert_eq!(edge.admin(&["status"]).0, Some(2));
}
