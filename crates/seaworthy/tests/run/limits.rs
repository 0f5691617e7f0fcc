//! How often clients may ask.

use crate::edge::{Edge, Options, until};

#[test]
fn who_asks_too_often_is_refused_and_counted_and_probes_are_not() {
    let manifest = "[supply]\ntrusted_proxies = []\n[[supply.limits]]\nname = \"slow-down\"\nroute = \"/headers\"\nquotas = [\"3/min\"]\n\
                    [[supply.limits]]\nname = \"soon\"\nquotas = [\"1/hour\"]\nshadow = true\n\
                    [controls.metrics]\npath = \"/metrics\"\n";
    let options = Options {
        manifest: manifest.to_owned(),
        supply: "metrics,correlation-ids",
        ..Options::default()
    };
    let edge = Edge::start(&options);
    for left in (0..3).rev() {
        let (status, head, _) = edge.ask("GET /headers");
        assert_eq!(status, 200);
        assert!(head.contains(&format!("ratelimit: \"slow-down\";r={left};t=")), "{head}");
        assert!(head.contains("ratelimit-policy: \"slow-down\";q=3;w=60"), "{head}");
    }
    // A forged hop of a client that is no proxy, and another spelling, are the same client and route.
    let (status, head, body) = edge.ask("GET /Headers/\nX-Forwarded-For: 6.6.6.6, 127.0.0.1");
    assert_eq!(status, 429, "{head}");
    assert!(head.contains("retry-after: ") && body.contains("\"code\":\"rate_limited\""), "{body}");
    assert_eq!(edge.ask("GET /").0, 200, "another route");
    let (_, _, metrics) = edge.ask("GET /metrics");
    assert!(metrics.contains("http_refusals_total{rule=\"slow-down\"} 1"), "{metrics}");
    assert!(metrics.contains("http_refusals_shadow_total{rule=\"soon\"}"), "{metrics}");
    until("the log tells the rule", || {
        let log = edge.output();
        log.contains("\"refused\":\"slow-down\"") && log.contains("\"would_refuse\":\"soon\"")
    });
}

#[test]
fn a_limit_that_makes_no_sense_is_told_before_the_service_starts() {
    let manifest = "[[supply.limits]]\nname = \"a\"\nquotas = [\"often\"]\nkey = \"ip\"\n";
    let mut edge = Edge::begin(&Options { manifest: manifest.to_owned(), ..Options::default() });
    assert_eq!(edge.ended(), Some(2));
    let told = edge.output();
    assert!(told.contains("expected a number and a span such as 100/min"), "{told}");
    assert!(told.contains("expected a key client, identity, all or header:NAME"), "{told}");
}
