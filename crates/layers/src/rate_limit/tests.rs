use super::*;

fn rule(name: &str, key: LimitKey, quotas: &[&str]) -> LimitRule {
    LimitRule {
        name: name.to_owned(),
        route: None,
        key,
        quotas: quotas.iter().map(|text| text.parse().expect("a quota")).collect(),
        shadow: false,
    }
}

fn limits(rules: Vec<LimitRule>) -> RateLimits {
    let proxy: IpAddr = "10.0.0.1".parse().expect("an address");
    RateLimits::new(rules, move |ip| ip == proxy)
}

fn ask(limits: &RateLimits, headers: &[(&str, &str)]) -> Result<Taken, Box<Response<Bytes>>> {
    let mut request = Request::post("/login");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    limits.request(&mut request.body(()).expect("sound"))
}

#[test]
fn who_asks_too_often_is_told_when_to_come_again() {
    let limits = limits(vec![rule("login", LimitKey::Client, &["2/min", "100/hour"])]);
    let ann = [("x-forwarded-for", "192.0.2.1")];
    let mut answer = Response::new(());
    limits.response(ask(&limits, &ann).expect("the first"), &mut answer);
    assert_eq!(answer.headers()["ratelimit"], "\"login\";r=1;t=30");
    let policy = "\"login\";q=2;w=60, \"login\";q=100;w=3600";
    assert_eq!(answer.headers()["ratelimit-policy"], policy);
    assert!(ask(&limits, &ann).is_ok());
    let refused = ask(&limits, &ann).expect_err("the third");
    assert_eq!(refused.status(), 429);
    let after: u64 = refused.headers()["retry-after"].to_str().expect("text").parse().expect("s");
    assert!((29..=30).contains(&after), "{after}");
    assert!(ask(&limits, &[("x-forwarded-for", "192.0.2.2")]).is_ok(), "another client");
}

#[test]
fn a_client_is_the_last_hop_that_is_no_proxy_of_ours() {
    let limits = limits(vec![]);
    let of = |line: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_FOR, HeaderValue::from_str(line).expect("text"));
        limits.client(&headers).map(|ip| ip.to_string())
    };
    assert_eq!(of("6.6.6.6, 192.0.2.1, 10.0.0.1").as_deref(), Some("192.0.2.1"));
    assert_eq!(of("6.6.6.6, 192.0.2.1").as_deref(), Some("192.0.2.1"));
    assert_eq!(of("10.0.0.1").as_deref(), Some("10.0.0.1"));
    assert_eq!(of("unknown, 10.0.0.1").as_deref(), Some("10.0.0.1"), "what is odd is not believed");
    assert_eq!(of("192.0.2.1:4711").as_deref(), Some("192.0.2.1"));
    assert_eq!(of("[2001:db8:1:2:3::4]:80").as_deref(), Some("2001:db8:1:2::"));
    assert_eq!(of("::ffff:192.0.2.1").as_deref(), Some("192.0.2.1"));
}

#[test]
fn forged_hops_do_not_make_another_client() {
    let limits = limits(vec![rule("all", LimitKey::Client, &["1/min"])]);
    assert!(ask(&limits, &[("x-forwarded-for", "1.1.1.1, 192.0.2.1")]).is_ok());
    for forged in ["2.2.2.2, 192.0.2.1", "192.0.2.1", "x, y, 192.0.2.1, 10.0.0.1"] {
        assert!(ask(&limits, &[("x-forwarded-for", forged)]).is_err(), "{forged}");
    }
    let six = |last: u8| format!("2001:db8:1:2::{last}");
    assert!(ask(&limits, &[("x-forwarded-for", &six(1))]).is_ok());
    assert!(ask(&limits, &[("x-forwarded-for", &six(2))]).is_err(), "the same /64");
}

#[test]
fn keys_are_of_what_they_say() {
    let header = LimitKey::Header(HeaderName::from_static("x-api-key"));
    let by_key = limits(vec![rule("key", header, &["1/min"])]);
    assert!(ask(&by_key, &[("x-api-key", "a")]).is_ok());
    assert!(ask(&by_key, &[("x-api-key", "b")]).is_ok());
    assert!(ask(&by_key, &[("x-api-key", "a")]).is_err());
    let by_identity = limits(vec![rule("who", LimitKey::Identity, &["1/min"])]);
    assert!(ask(&by_identity, &[("authorization", "Bearer a")]).is_ok());
    assert!(ask(&by_identity, &[("authorization", "Bearer b")]).is_ok());
    assert!(ask(&by_identity, &[("authorization", "Bearer a")]).is_err());
    let all = limits(vec![rule("all", LimitKey::All, &["1/min"])]);
    assert!(ask(&all, &[("x-forwarded-for", "192.0.2.1")]).is_ok());
    assert!(ask(&all, &[("x-forwarded-for", "192.0.2.2")]).is_err());
}

#[test]
fn a_rule_in_the_shadow_only_says_what_it_would_do() {
    let shadow = LimitRule { shadow: true, ..rule("soon", LimitKey::All, &["1/min"]) };
    let limits = limits(vec![shadow]);
    assert!(ask(&limits, &[]).expect("within").would_refuse.is_none());
    let mut answer = Response::new(());
    limits.response(ask(&limits, &[]).expect("let through"), &mut answer);
    assert_eq!(answer.extensions().get::<WouldRefuse>(), Some(&WouldRefuse("soon".into())));
    assert!(!answer.headers().contains_key("ratelimit"));
}

#[test]
fn only_its_own_route_is_counted() {
    let mut one = rule("login", LimitKey::All, &["1/min"]);
    let (method, path) = (Some(http::Method::POST), "/login".to_owned());
    one.route = Some(RoutePattern { method, path });
    let limits = limits(vec![one]);
    let ask = |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path);
        limits.request(&mut request.body(()).expect("sound")).is_ok()
    };
    assert!(ask("GET", "/login") && ask("POST", "/other") && ask("POST", "/login"));
    for spelt in ["/login", "/Login/", "//login", "/x/../login", "/%6cogin"] {
        assert!(!ask("POST", spelt), "{spelt} is the same route for many services");
    }
}
