//! Guessing passwords, from everywhere.

use crate::edge::{Edge, Options, until};
use crate::redis::Redis;

/// One log-in, from an address that a trusted proxy names: status, head and body.
fn log_in(edge: &Edge, path: &str, body: &str, from: &str) -> (u16, String, String) {
    let length = body.len();
    let text = format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n\
         X-Forwarded-For: {from}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    crate::edge::split(&edge.raw(text.as_bytes()))
}

fn json(account: &str, password: &str) -> String {
    format!("{{\"email\":\"{account}\",\"password\":\"{password}\"}}")
}

const RULE: &str = "[[supply.lockouts]]\nname = \"log-in\"\nroute = \"POST /login\"\naccount = \"email\"\n\
                    delay_after = 3\nlock_after = 3\nlock = \"2m\"\n";

#[test]
fn an_account_is_locked_for_all_edges_and_from_everywhere_until_it_is_unlocked() {
    let redis = Redis::new();
    let start = || {
        let manifest = format!("[supply.shared]\nredis = \"STORE\"\n{RULE}");
        let env = vec![("STORE", redis.url())];
        Edge::start(&Options { manifest, env, supply: "correlation-ids", ..Options::default() })
    };
    let (one, other) = (start(), start());
    for (edge, from) in [(&one, "192.0.2.1"), (&other, "192.0.2.2"), (&one, "192.0.2.3")] {
        assert_eq!(log_in(edge, "/login", &json("ann@a.example", "guess"), from).0, 401);
    }
    for (edge, account, password) in
        [(&one, "ann@a.example", "right"), (&other, " ANN@a.example", "guess")]
    {
        let (status, head, body) = log_in(edge, "/login", &json(account, password), "192.0.2.9");
        assert_eq!(status, 429, "{body}");
        assert!(head.contains("retry-after: 120") || head.contains("retry-after: 119"), "{head}");
        assert!(body.contains("account_locked"), "{body}");
    }
    assert_eq!(log_in(&one, "//LOGIN/", &json("ann@a.example", "right"), "192.0.2.9").0, 429);
    assert_eq!(log_in(&other, "/login", &json("bob@a.example", "right"), "192.0.2.1").0, 200);
    assert!(!one.seen().contains("//LOGIN"), "the service was not asked");
    until("the log tells the rule", || one.output().contains("\"refused\":\"log-in\""));
    assert!(!one.output().contains("ann@a.example"), "and no account");
    let (code, told) = other.admin(&["unlock", "Ann@a.example"]);
    assert_eq!(code, Some(0), "{told}");
    until("it is unlocked", || {
        log_in(&one, "/login", &json("ann@a.example", "right"), "192.0.2.9").0 == 200
    });
}

#[test]
fn a_failure_is_known_by_its_text_or_its_place_and_a_right_password_forgets() {
    let rule = |path: &str, more: &str| {
        format!(
            "[[supply.lockouts]]\nname = \"{}\"\nroute = \"{path}\"\naccount = \"user.email\"\nfailed = []\n{more}\n\
             delay_after = 3\nlock_after = 3\n",
            path.trim_start_matches('/')
        )
    };
    let manifest = rule("/form-login", "failed_location = \"error\"")
        + &rule("/page-login", "failed_text = \"wrong password\"");
    let edge = Edge::start(&Options { manifest, ..Options::default() });
    for path in ["/form-login", "/page-login"] {
        let ask = |password: &str| {
            let body = format!("user%5Bemail%5D=ann&password={password}");
            let (status, _, body) = log_in(&edge, path, &body, "192.0.2.1");
            (status, body)
        };
        for _ in 0..3 {
            assert_ne!(ask("guess").0, 429, "{path}");
            assert_ne!(ask("guess").0, 429, "{path}");
            assert_ne!(ask("right").0, 429, "{path}");
        }
        (0..3).for_each(|_| assert_ne!(ask("guess").0, 429, "{path}"));
        assert_eq!(ask("right").0, 429, "{path}");
    }
}
