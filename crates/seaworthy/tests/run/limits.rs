//! How often clients may ask.

use crate::edge::{Edge, Options, until};
use crate::redis::Redis;

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

#[test]
fn several_edges_count_together_and_each_for_itself_while_the_store_is_away() {
    let mut redis = Redis::new();
    let start = |without: &str| {
        let manifest = format!(
            "[supply.shared]\nredis = \"LIMITS\"\nwithout = \"{without}\"\n\
             [[supply.limits]]\nname = \"all\"\nroute = \"/headers\"\nkey = \"all\"\nquotas = [\"4/hour\"]\n\
             [[supply.limits]]\nname = \"soon\"\nroute = \"/headers\"\nkey = \"all\"\nquotas = [\"1/hour\"]\nshadow = true\n"
        );
        let env = vec![("LIMITS", redis.url())];
        Edge::start(&Options { manifest, env, supply: "correlation-ids", ..Options::default() })
    };
    let (one, other) = (start("local"), start("refuse"));
    let ask = |edge: &Edge| edge.ask("GET /headers");
    for (edge, left) in [(&one, 3), (&other, 2), (&one, 1), (&other, 0)] {
        let (status, head, body) = ask(edge);
        assert_eq!(status, 200, "{head}{body}");
        assert!(head.contains(&format!("ratelimit: \"all\";r={left};t=")), "{head}");
    }
    for edge in [&one, &other] {
        let (status, head, _) = ask(edge);
        assert_eq!((status, head.contains("retry-after: 900")), (429, true), "{head}");
        assert_eq!(edge.ask("GET /").0, 200, "another route");
    }
    until("the shadow is told", || one.output().contains("\"would_refuse\":\"soon\""));
    redis.stop();
    assert_eq!(ask(&one).0, 200, "counted here");
    let (status, _, body) = ask(&other);
    assert_eq!((status, body.contains("limits_unavailable")), (503, true), "{body}");
    until("it is told", || one.output().contains("the shared store is away"));
    assert!(!one.output().contains(":pw@"), "and not its password");
    redis.start();
    until("it is back", || ask(&other).0 == 200);
    until("it is told", || other.output().contains("the shared store answers again"));
}
