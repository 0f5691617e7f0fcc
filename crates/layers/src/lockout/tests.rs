use std::convert::Infallible;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};

use super::*;

type Told = Arc<Mutex<Vec<String>>>;

/// Asks a service whose only right password is "right", and which fails at "broken".
async fn ask(lockouts: &Lockouts, account: &str, password: &str, from: &str) -> (u16, u64) {
    let service = service_fn(|request: Request<Full<Bytes>>| async move {
        let body = request.into_body().collect().await.expect("whole").to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        let status = match () {
            () if text.contains("\"right\"") => 200,
            () if text.contains("\"broken\"") => 500,
            () => 401,
        };
        let mut answer = Response::new(Full::from(body));
        *answer.status_mut() = StatusCode::from_u16(status).expect("valid");
        Ok::<_, Infallible>(answer)
    });
    let service = LockoutLayer(Some(lockouts.clone())).layer(service);
    let body = format!("{{\"email\":\"{account}\",\"password\":\"{password}\"}}");
    let request = Request::post("/login").header("from", from);
    let request = request.body(Full::from(Bytes::from(body))).expect("sound");
    let answer = service.oneshot(request).await.expect("it answers");
    let after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
    (answer.status().as_u16(), after.and_then(|text| text.parse().ok()).unwrap_or(0))
}

fn lockouts() -> (Lockouts, Told) {
    let rule = LockoutRule {
        name: "log-in".to_owned(),
        route: RoutePattern { method: Some(Method::POST), path: "/login".to_owned() },
        account: AccountPlace::Body("email".to_owned()),
        failed: vec![StatusCode::UNAUTHORIZED],
        failed_text: None,
        failed_location: None,
        patience: Patience { delay_after: 3, lock_after: 3, ..Patience::default() },
    };
    let told = Told::default();
    let heard = Arc::clone(&told);
    let client = |headers: &HeaderMap| {
        headers.get("from").and_then(|from| from.to_str().ok()).unwrap_or_default().to_owned()
    };
    let say = move |text: &str| heard.lock().expect("sound").push(text.to_owned());
    (Lockouts::new(vec![rule], None, None, client, say), told)
}

#[tokio::test]
async fn a_locked_account_gets_the_same_answer_for_right_and_wrong_from_everywhere() {
    let (lockouts, _) = lockouts();
    for from in ["one", "two", "three"] {
        assert_eq!(ask(&lockouts, "ann", "wrong", from).await.0, 401);
    }
    let wrong = ask(&lockouts, "ann", "wrong", "four").await;
    assert_eq!(wrong, ask(&lockouts, " ANN ", "right", "five").await);
    assert_eq!(wrong, (429, 900));
    assert_eq!(ask(&lockouts, "bob", "right", "four").await.0, 200, "another account");
    lockouts.unlock("Ann").await;
    assert_eq!(ask(&lockouts, "ann", "right", "four").await.0, 200);
}

#[tokio::test]
async fn the_right_password_forgets_failures_and_a_broken_service_counts_none() {
    let (lockouts, _) = lockouts();
    for _ in 0..5 {
        assert_eq!(ask(&lockouts, "ann", "wrong", "a").await.0, 401);
        assert_eq!(ask(&lockouts, "ann", "broken", "a").await.0, 500);
        assert_eq!(ask(&lockouts, "ann", "right", "a").await.0, 200);
    }
}

#[tokio::test]
async fn guesses_at_once_are_not_all_let_through() {
    let (lockouts, _) = lockouts();
    let all = (0..30).map(|_| ask(&lockouts, "ann", "wrong", "a"));
    let all = futures_util::future::join_all(all).await;
    assert_eq!(all.iter().filter(|(status, _)| *status == 401).count(), 3);
}

#[tokio::test]
async fn one_address_with_many_accounts_is_told_once() {
    let (lockouts, told) = lockouts();
    for number in 0..30 {
        let (status, _) = ask(&lockouts, &format!("user{number}"), "wrong", "6.6.6.6").await;
        assert_eq!(status, 401, "each account has failed once only");
    }
    let told = told.lock().expect("sound").clone();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("6.6.6.6"), "{told:?}");
}
