//! Each layer by itself in an axum service.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Collected};
use layers::*;
use tower::ServiceExt;

async fn ask(app: Router, request: Request<Body>) -> (Response<()>, String) {
    let answer = app.oneshot(request).await.expect("a router does not fail");
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    (Response::from_parts(head, ()), String::from_utf8_lossy(&body).into_owned())
}

fn get_of(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("it is sound")
}

fn post_of(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).body(body.into()).expect("it is sound")
}

fn app() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/long", get(|| async { "hello ".repeat(200) }))
        .route("/slow", get(std::future::pending::<&str>))
        .route("/echo", post(|body: String| async { body }))
        .route("/deaf", post(|_: Body| std::future::pending::<&str>()))
        .route(
            "/fails",
            get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "x\n    at f (a.js)") }),
        )
}

#[tokio::test]
async fn an_id_is_in_the_answer_and_in_its_log() {
    let lines = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&lines);
    let log = AccessLog::new(move |line| {
        kept.lock().expect("unpoisoned").push_str(&String::from_utf8_lossy(line));
    });
    let metrics = Metrics::new(Routes::default());
    let observe = Observe::new(vec![Arc::new(log), Arc::new(metrics.clone())])
        .ids(Some(Correlation::default().header));
    let app = app().layer(Correlation::default().layer()).layer(ObserveLayer(observe.clone()));
    let mut request = get_of("/?token=secret");
    request.headers_mut().insert("x-request-id", HeaderValue::from_static("mine-1"));
    let (head, body) = ask(app.clone(), request).await;
    assert_eq!(
        (head.headers()["x-request-id"].as_bytes(), body.as_str()),
        (&b"mine-1"[..], "hello")
    );
    ask(app, get_of("/nowhere/7")).await;
    let text = lines.lock().expect("unpoisoned").clone();
    assert!(text.contains("\"request_id\":\"mine-1\"") && !text.contains("secret"), "{text}");
    assert!(!text.contains("aborted"), "{text}");
    let text = metrics.text(observe.in_flight());
    assert!(
        text.contains(r#"http_requests_total{method="GET",route="/",status="200"} 1"#),
        "{text}"
    );
    assert!(text.contains(r#"route="(unmatched)",status="404""#), "{text}");
    assert!(text.contains("http_requests_in_flight 0"), "{text}");
}

#[tokio::test]
async fn headers_cors_and_https_are_policies() {
    let own = SecurityHeaders::default()
        .with(HeaderName::from_static("x-own"), HeaderValue::from_static("1"));
    let app = app()
        .layer(own.layer())
        .layer(Cors::origins(["https://a.example".to_owned()]).layer())
        .layer(Https::default().layer());
    let mut request = get_of("/");
    let headers = request.headers_mut();
    headers.insert("origin", HeaderValue::from_static("https://a.example"));
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    let (head, _) = ask(app.clone(), request).await;
    assert_eq!(head.headers()["x-content-type-options"], "nosniff");
    assert_eq!(head.headers()["x-own"], "1");
    assert_eq!(head.headers()["access-control-allow-origin"], "https://a.example");
    assert_eq!(head.headers()["strict-transport-security"], "max-age=31536000");
    let mut plain = get_of("/");
    plain.headers_mut().insert("host", HeaderValue::from_static("b.example"));
    plain.headers_mut().insert("x-forwarded-proto", HeaderValue::from_static("http"));
    assert_eq!(ask(app, plain).await.0.status(), 308);
}

#[tokio::test]
async fn bodies_are_bounded() {
    let within = Some(Duration::from_millis(50));
    let limits = BodyLimits { max: Some(1000), within, stall: None };
    let app = app().layer(BodyLimitsLayer(limits));
    assert_eq!(ask(app.clone(), post_of("/echo", "small")).await.1, "small");
    assert_eq!(ask(app.clone(), post_of("/echo", "x".repeat(1001))).await.0.status(), 413);
    let chunks = (0..3).map(|_| Ok::<_, std::io::Error>("x".repeat(400)));
    let stream = Body::from_stream(futures_util::stream::iter(chunks));
    assert_eq!(ask(app.clone(), post_of("/echo", stream)).await.0.status(), 413);
    let never = futures_util::stream::pending::<Result<String, std::io::Error>>();
    assert_eq!(ask(app.clone(), post_of("/echo", Body::from_stream(never))).await.0.status(), 408);
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![b'x'; 100_000]).expect("into memory");
    let bomb = packer.finish().expect("into memory");
    assert!(bomb.len() < 1000);
    let mut request = post_of("/echo", bomb);
    request.headers_mut().insert("content-encoding", HeaderValue::from_static("gzip"));
    assert_eq!(ask(app.clone(), request).await.0.status(), 413);
    let mut request = post_of("/echo", "not packed");
    request.headers_mut().insert("content-encoding", HeaderValue::from_static("gzip"));
    assert_eq!(ask(app, request).await.0.status(), 400);
}

#[tokio::test]
async fn nothing_waits_for_ever_and_what_is_too_much_is_shed() {
    let deadline = Deadline::new(Duration::from_millis(20));
    let late = app().layer(DeadlineLayer(Some(deadline)));
    assert_eq!(ask(late, get_of("/slow")).await.0.status(), 504);
    let concurrency = Concurrency::new(1);
    let app = app().layer(ConcurrencyLayer(concurrency.clone()));
    let waiting = tokio::spawn(ask(app.clone(), get_of("/slow")));
    while concurrency.now() == 0 {
        tokio::task::yield_now().await;
    }
    let (head, _) = ask(app.clone(), get_of("/")).await;
    assert_eq!(
        (head.status().as_u16(), head.headers()["retry-after"].as_bytes()),
        (503, &b"1"[..])
    );
    waiting.abort();
    while concurrency.now() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ask(app, get_of("/")).await.0.status(), 200);
}

#[tokio::test]
async fn a_slow_client_costs_the_service_no_time() {
    let limit = Duration::from_millis(100);
    let app = app().layer(DeadlineLayer(Some(Deadline::new(limit))));
    let slowly = futures_util::stream::unfold(0, |sent| async move {
        tokio::time::sleep(Duration::from_millis(40)).await;
        (sent < 6).then_some((Ok::<_, std::io::Error>("piece "), sent + 1))
    });
    let (head, body) = ask(app.clone(), post_of("/echo", Body::from_stream(slowly))).await;
    assert_eq!((head.status().as_u16(), body), (200, "piece ".repeat(6)));
    let began = std::time::Instant::now();
    let (head, _) = ask(app, post_of("/deaf", "never read")).await;
    assert_eq!(head.status(), 504, "it never asks for the body: its own time runs");
    assert!(began.elapsed() >= limit);
}

#[tokio::test]
async fn errors_have_one_shape() {
    let shape = Shape::Json(["status", "code", "message"].map(str::to_owned).to_vec());
    let app = app().layer(EnvelopeLayer(Some(Envelope::new(shape))));
    for (request, status) in [(get_of("/fails"), 500), (get_of("/no"), 404), (get_of("/echo"), 405)]
    {
        let (head, body) = ask(app.clone(), request).await;
        let body: serde_json::Value = serde_json::from_str(&body).expect("it is JSON");
        assert_eq!((head.status().as_u16(), &body["status"]), (status, &status.into()));
        assert!(body["code"].is_string() && !body.to_string().contains("a.js"));
    }
    assert_eq!(ask(app, get_of("/")).await.1, "hello");
}

#[tokio::test]
async fn health_and_gates_answer_before_the_service() {
    let board = HealthState::default();
    let health = Health { board: board.clone(), live: Some("/live".into()), ..Health::default() };
    let flags = Flags::new([("long".to_owned(), Setting::plain(false))]);
    let gate = Gate {
        flag: "long".to_owned(),
        route: RoutePattern { method: None, path: "/long".to_owned() },
        status: StatusCode::NOT_FOUND,
        code: "not_found".to_owned(),
    };
    let gates = Gates { flags: flags.clone(), gates: Arc::new(vec![gate]) };
    let app = app().layer(gates.layer()).layer(health.layer());
    assert_eq!(ask(app.clone(), get_of("/live")).await.0.status(), 200);
    let shaped = app.clone().layer(EnvelopeLayer(Some(Envelope::new(Shape::Problem))));
    board.set_hanging(true);
    let (head, body) = ask(shaped, get_of("/live")).await;
    assert_eq!((head.status().as_u16(), body.as_str()), (503, r#"{"status":"hanging"}"#));
    assert_eq!(ask(app.clone(), get_of("/long")).await.0.status(), 404);
    flags.set("long", Some(Setting::plain(true))).expect("it is known");
    assert_eq!(ask(app, get_of("/long")).await.0.status(), 200);
}

#[tokio::test]
async fn text_is_compressed_for_those_who_ask() {
    let app = app().layer(CompressionLayer);
    let mut request = get_of("/long");
    request.headers_mut().insert("accept-encoding", HeaderValue::from_static("gzip"));
    let (head, _) = ask(app.clone(), request).await;
    assert_eq!(head.headers()["content-encoding"], "gzip");
    let (head, body) = ask(app, get_of("/long")).await;
    assert!(!head.headers().contains_key("content-encoding") && body.starts_with("hello"));
}

#[tokio::test]
async fn what_a_service_packs_itself_is_kept_where_it_can_be_read() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all("hello ".repeat(200).as_bytes()).expect("into memory");
    let packed = packer.finish().expect("into memory");
    let (whole, part) = (packed.clone(), packed[4..12].to_vec());
    let kind = [("content-encoding", "gzip"), ("content-type", "text/plain"), ("etag", "\"a\"")];
    let range = [("content-range", "bytes 4-11/40"), ("content-encoding", "gzip")];
    let app = Router::new()
        .route("/packed", get(move || async move { (kind, whole) }))
        .route("/part", get(move || async move { (StatusCode::PARTIAL_CONTENT, range, part) }))
        .layer(CompressionLayer);
    let ask = async |path: &str, reads: &'static str| {
        let mut request = get_of(path);
        request.headers_mut().insert("accept-encoding", HeaderValue::from_static(reads));
        let answer = app.clone().oneshot(request).await.expect("a router does not fail");
        let (head, body) = answer.into_parts();
        (head, body.collect().await.expect("a whole body").to_bytes())
    };
    let (head, body) = ask("/packed", "gzip").await;
    assert_eq!((head.headers["etag"].as_bytes(), body.to_vec()), (&b"\"a\""[..], packed.clone()));
    let (head, body) = ask("/packed", "identity;q=0").await;
    assert_eq!((head.status, head.headers["etag"].as_bytes()), (StatusCode::OK, &b"W/\"a\""[..]));
    assert!(body.starts_with(b"hello") && !head.headers.contains_key("content-encoding"));
    let (head, body) = ask("/part", "br").await;
    assert_eq!(head.headers["content-encoding"], "gzip");
    assert_eq!(body, packed[4..12]);
}

#[tokio::test]
async fn flags_follow_their_file_and_survive_its_loss() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("flags.json");
    std::fs::write(&file, r#"{"a": true}"#).expect("written");
    let flags = Flags::new([("a".to_owned(), Setting::plain(false))]);
    let following = flags.clone();
    let path = file.clone();
    let task = tokio::spawn(async move { following.follow(&path, |_| {}).await });
    let is = |on: bool| flags.evaluate("a", "").is_some_and(|flag| flag.on == on);
    while !is(true) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    std::fs::remove_file(&file).expect("removed");
    while flags.problem().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(is(true), "the last good state holds");
    std::fs::write(&file, r#"{"a": false}"#).expect("written");
    while !is(false) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(flags.problem(), None);
    task.abort();
}

#[tokio::test]
async fn who_asks_is_known_how_often_is_counted_and_guessing_is_stopped() {
    let route = |path: &str| RoutePattern { method: None, path: path.to_owned() };
    let access = |path: &str, access| AccessRule { route: route(path), access };
    let tokens = Tokens {
        places: vec![TokenPlace::bearer()],
        keys: KeySource::Fixed(Arc::new(Keys::secret(&[7; 32]).expect("long enough"))),
        checks: TokenChecks {
            algorithms: vec!["HS256".parse().expect("one")],
            ..TokenChecks::default()
        },
        rules: vec![access("/echo", Access::Public), access("/long", Access::Public)],
        claims: AccessClaims::default(),
        headers: Vec::new(),
        revoked: Revoked::default(),
    };
    let limit = LimitRule {
        name: "long".to_owned(),
        route: Some(route("/long")),
        key: LimitKey::All,
        quotas: vec!["2/min".parse().expect("a quota")],
        shadow: false,
    };
    let limits = Limits::local(RateLimits::new(vec![limit], |_| false));
    let login = LockoutRule {
        name: "log-in".to_owned(),
        route: route("/echo"),
        account: AccountPlace::Body("email".to_owned()),
        failed: Vec::new(),
        failed_text: Some("wrong".to_owned()),
        failed_location: None,
        patience: Patience { delay_after: 2, lock_after: 2, ..Patience::default() },
    };
    let lockouts = Lockouts::new(vec![login], None, None, |_| String::new(), |_| {});
    let app = app()
        .layer(LockoutLayer(Some(lockouts)))
        .layer(WaitingLayer(Some(Arc::new((limits, tokens)))));
    let status = async |request: Request<Body>| ask(app.clone(), request).await.0.status().as_u16();
    assert_eq!(status(get_of("/")).await, 401);
    let all = [status(get_of("/long")).await, status(get_of("/long")).await];
    assert_eq!((all, status(get_of("/long")).await), ([200, 200], 429));
    let log_in = |password: &str| post_of("/echo", format!("email=ann&password={password}"));
    let all = [status(log_in("wrong")).await, status(log_in("wrong")).await];
    assert_eq!((all, status(log_in("right")).await), ([200, 200], 429));
}
