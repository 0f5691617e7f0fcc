use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http::Method;
use jsonwebtoken::Algorithm;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaKeyPair,
};
use serde_json::json;

use super::*;
use crate::route_pattern::RoutePattern;

const SECRET: &[u8] = b"a secret that is long enough to hold";

fn part(value: &Value) -> String {
    BASE64.encode(value.to_string())
}

fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let signature = BASE64.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn hs256(secret: &[u8]) -> impl FnOnce(&[u8]) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    move |message| ring::hmac::sign(&key, message).as_ref().to_vec()
}

fn claims() -> Value {
    json!({"sub": "ann", "iss": "https://issuer", "aud": ["api"], "jti": "t1", "exp": now() + 60,
           "scope": "read write", "roles": ["clerk"], "name": "J\u{fc}rgen"})
}

/// Accepts HS256 tokens of the issuer; `GET /orders` asks for a scope, `/admin` for a role.
fn tokens(keys: Keys, algorithms: &[Algorithm]) -> Tokens {
    let rule = |method: Option<Method>, path: &str, access| AccessRule {
        route: RoutePattern { method, path: path.to_owned() },
        access,
    };
    Tokens {
        places: vec![TokenPlace::bearer()],
        keys: KeySource::Fixed(Arc::new(keys)),
        checks: TokenChecks {
            algorithms: algorithms.to_vec(),
            issuers: vec!["https://issuer".to_owned()],
            audiences: vec!["api".to_owned()],
            ..TokenChecks::default()
        },
        rules: vec![
            rule(None, "/public", Access::Public),
            rule(Some(Method::GET), "/orders", Access::Scope("read".to_owned())),
            rule(None, "/admin", Access::Role("admin".to_owned())),
        ],
        claims: AccessClaims::default(),
        headers: vec![
            (HeaderName::from_static("x-user-id"), "sub".to_owned()),
            (HeaderName::from_static("x-roles"), "roles".to_owned()),
            (HeaderName::from_static("x-name"), "name".to_owned()),
        ],
        revoked: Revoked::default(),
    }
}

fn ours() -> Tokens {
    tokens(Keys::secret(SECRET).expect("long enough"), &[Algorithm::HS256])
}

/// What comes of a request with this token: the code of the refusal, or nothing.
fn ask(tokens: &Tokens, method: &str, target: &str, token: &str) -> (Request<()>, String) {
    let request = Request::builder().method(method).uri(target);
    let request = request.header("authorization", format!("Bearer {token}"));
    let request = request.header("x-user-id", "forged").header("x_roles", "admin");
    let mut request = request.body(()).expect("sound");
    let code = match tokens.request(&mut request) {
        Step::Pass(()) => String::new(),
        Step::Wait(_) => "waits".to_owned(),
        Step::Answer(answer) => {
            let body: Value = serde_json::from_slice(answer.body()).expect("problem details");
            let challenge = answer.headers().get(WWW_AUTHENTICATE).map(HeaderValue::as_bytes);
            assert!(challenge.is_none_or(|text| text.starts_with(b"Bearer")));
            format!("{} {}", body["status"], body["detail"].as_str().unwrap_or_default())
        }
    };
    (request, code)
}

fn good() -> String {
    token(&json!({"alg": "HS256", "typ": "JWT"}), &claims(), hs256(SECRET))
}

#[test]
fn what_a_good_token_says_reaches_the_service_and_nothing_that_a_client_forged() {
    let (request, code) = ask(&ours(), "GET", "/orders/7", &good());
    assert_eq!(code, "");
    let headers = request.headers();
    assert_eq!(headers["x-user-id"], "ann");
    assert_eq!(headers["x-roles"], "clerk");
    assert_eq!(headers["x-name"], "J%C3%BCrgen");
    assert!(!headers.contains_key("x_roles"));
    let verified = request.extensions().get::<Verified>().expect("it was verified");
    assert_eq!(verified.subject.as_deref(), Some("ann"));
    assert!((60..=90).contains(&verified.left().expect("it expires").as_secs()));
    let (request, code) = ask(&ours(), "GET", "/public", "a.b.c");
    assert_eq!(code, "", "what is public is for everybody");
    assert!(!request.headers().contains_key("x-user-id"), "and forged by nobody");
}

#[test]
fn a_route_asks_for_what_it_was_given() {
    let code = |method: &str, target: &str| ask(&ours(), method, target, &good()).1;
    assert_eq!(code("POST", "/anything"), "");
    assert_eq!(code("GET", "/admin"), "403 the token lacks the role admin");
    assert_eq!(code("GET", "/public/../admin"), "403 the token lacks the role admin");
    let mut request = Request::get("/orders").body(()).expect("sound");
    let Step::Answer(answer) = ours().request(&mut request) else { panic!("no token, no orders") };
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()[WWW_AUTHENTICATE], "Bearer");
}

/// Each is one property away from the token that is accepted.
#[test]
fn an_attack_on_any_property_fails() {
    let header = |more: Value| {
        let mut header = json!({"alg": "HS256", "typ": "JWT"});
        header.as_object_mut().expect("one").extend(more.as_object().expect("one").clone());
        token(&header, &claims(), hs256(SECRET))
    };
    let with = |more: Value| {
        let mut claims = claims();
        claims.as_object_mut().expect("one").extend(more.as_object().expect("one").clone());
        token(&json!({"alg": "HS256"}), &claims, hs256(SECRET))
    };
    let without = |name: &str| {
        let mut claims = claims();
        claims.as_object_mut().expect("one").remove(name);
        token(&json!({"alg": "HS256"}), &claims, hs256(SECRET))
    };
    let stripped =
        |alg: &str| format!("{}.{}.", part(&json!({"alg": alg, "typ": "JWT"})), part(&claims()));
    let good = good();
    let (message, _) = good.rsplit_once('.').expect("three parts");
    let other = with(json!({"sub": "bob"}));
    let swapped = format!("{message}.{}", other.rsplit_once('.').expect("three parts").1);
    let jwk = json!({"kty": "oct", "k": BASE64.encode(SECRET)});
    let past = now() - 31;
    for (attack, token, expected) in [
        ("none", stripped("none"), "algorithm that is not allowed"),
        ("None", stripped("nOnE"), "algorithm that is not allowed"),
        ("no signature", stripped("HS256"), "signature is wrong"),
        ("two parts", message.to_owned(), "cannot be read"),
        ("another's signature", swapped, "signature is wrong"),
        ("another's key", token(&json!({"alg": "HS256"}), &claims(), hs256(&[1; 40])), "signature"),
        ("another algorithm", header(json!({"alg": "HS512"})), "algorithm that is not allowed"),
        (
            "a key of its own",
            token(&json!({"alg": "HS256", "jwk": jwk}), &claims(), hs256(&[1; 40])),
            "",
        ),
        ("what must be understood", header(json!({"crit": ["exp"]})), "cannot be read"),
        ("a payload that is not encoded", header(json!({"b64": false})), "cannot be read"),
        ("expired", with(json!({"exp": past})), "has expired"),
        ("expired as text", with(json!({"exp": "9999999999"})), "cannot be read"),
        ("never expires", without("exp"), "lacks a claim"),
        ("too early", with(json!({"nbf": now() + 60})), "does not hold yet"),
        ("another issuer", with(json!({"iss": "https://issuer.example"})), "another issuer"),
        ("no issuer", without("iss"), "lacks a claim"),
        ("another audience", with(json!({"aud": "web"})), "another audience"),
        ("no audience", without("aud"), "lacks a claim"),
        (
            "no object",
            token(&json!({"alg": "HS256"}), &json!([1]), hs256(SECRET)),
            "cannot be read",
        ),
        ("a long one", with(json!({"a": "x".repeat(20_000)})), "cannot be read"),
        ("not encoded", "a b.c.d".to_owned(), "cannot be read"),
    ] {
        let (request, code) = ask(&ours(), "GET", "/orders", &token);
        assert!(code.starts_with("401 ") && code.contains(expected), "{attack}: {code:?}");
        assert!(!request.headers().contains_key("x-user-id"), "{attack}");
    }
    for (oddity, token) in [
        ("within the leeway", with(json!({"exp": now() - 20}))),
        ("a kid that nobody needs", header(json!({"kid": "../../etc/passwd"}))),
        ("a place to fetch keys from", header(json!({"jku": "http://127.0.0.1:9/keys"}))),
        ("an audience as text", with(json!({"aud": "api"}))),
        ("a fraction of a second", with(json!({"exp": (now() + 60) as f64 + 0.5}))),
    ] {
        assert_eq!(ask(&ours(), "GET", "/orders", &token).1, "", "{oddity}");
    }
}

#[test]
fn a_type_that_is_declared_must_be_there() {
    let mut tokens = ours();
    tokens.checks.typ = Some("at+jwt".to_owned());
    for (typ, passes) in [("at+JWT", true), ("application/at+jwt", true), ("JWT", false)] {
        let token = token(&json!({"alg": "HS256", "typ": typ}), &claims(), hs256(SECRET));
        assert_eq!(ask(&tokens, "GET", "/orders", &token).1.is_empty(), passes, "{typ}");
    }
}

#[test]
fn a_revoked_token_holds_no_more() {
    let tokens = ours();
    tokens.revoked.add("t1", now() + 90, now());
    assert_eq!(ask(&tokens, "GET", "/orders", &good()).1, "401 the token was revoked");
}

/// Runs openssl, which is there wherever Debian's certificates are.
fn openssl(words: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut child = Command::new("openssl")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed");
    child.stdin.take().expect("piped").write_all(input).expect("it reads");
    child.wait_with_output().expect("it ends").stdout
}

#[test]
fn every_family_of_signatures_is_verified_by_its_own_kind_of_key_only() {
    let random = SystemRandom::new();
    let pkcs8 = openssl(&["genpkey", "-algorithm", "RSA"], b"");
    let pkcs8 = openssl(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], &pkcs8);
    let pem = openssl(&["pkey", "-inform", "DER", "-pubout"], &pkcs8);
    let rsa = RsaKeyPair::from_pkcs8(&pkcs8).expect("a key");
    let sign_rsa = |padding: &'static dyn ring::signature::RsaEncoding| {
        let rsa = &rsa;
        move |message: &[u8]| {
            let mut signature = vec![0; rsa.public().modulus_len()];
            rsa.sign(padding, &SystemRandom::new(), message, &mut signature).expect("signed");
            signature
        }
    };
    let keys = Keys::pem(&pem).expect("a public key");
    let all = [Algorithm::RS256, Algorithm::RS512, Algorithm::PS256, Algorithm::HS256];
    let verify = tokens(keys, &all);
    for (alg, padding) in [
        ("RS256", &RSA_PKCS1_SHA256 as &dyn ring::signature::RsaEncoding),
        ("RS512", &RSA_PKCS1_SHA512),
        ("PS256", &RSA_PSS_SHA256),
    ] {
        let signed = token(&json!({"alg": alg}), &claims(), sign_rsa(padding));
        assert_eq!(ask(&verify, "GET", "/orders", &signed).1, "", "{alg}");
        let other = if alg == "RS256" { "PS256" } else { "RS256" };
        let lying = token(&json!({"alg": other}), &claims(), sign_rsa(padding));
        assert!(ask(&verify, "GET", "/orders", &lying).1.contains("signature"), "{alg}");
    }
    // The public key is known to everybody; taken for a secret, it would let everybody sign.
    let confused = token(&json!({"alg": "HS256"}), &claims(), hs256(&pem));
    assert!(ask(&verify, "GET", "/orders", &confused).1.contains("not allowed"));

    for (alg, with, algorithm) in [
        ("ES256", &ECDSA_P256_SHA256_FIXED_SIGNING, Algorithm::ES256),
        ("ES384", &ECDSA_P384_SHA384_FIXED_SIGNING, Algorithm::ES384),
    ] {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(with, &random).expect("made");
        let pair = EcdsaKeyPair::from_pkcs8(with, pkcs8.as_ref(), &random).expect("read");
        let pem = openssl(&["pkey", "-inform", "DER", "-pubout"], pkcs8.as_ref());
        let verify = tokens(Keys::pem(&pem).expect("a public key"), &[algorithm]);
        let sign = |m: &[u8]| pair.sign(&random, m).expect("signed").as_ref().to_vec();
        let signed = token(&json!({"alg": alg}), &claims(), sign);
        assert_eq!(ask(&verify, "GET", "/orders", &signed).1, "", "{alg}");
        let zero = token(&json!({"alg": alg}), &claims(), |_| {
            vec![0; if alg == "ES256" { 64 } else { 96 }]
        });
        assert!(ask(&verify, "GET", "/orders", &zero).1.contains("signature"), "CVE-2022-21449");
    }

    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).expect("made");
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("read");
    let x = BASE64.encode(pair.public_key());
    let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "one"}]});
    let verify = tokens(Keys::set(set.to_string().as_bytes()).expect("a set"), &[Algorithm::EdDSA]);
    let sign = |message: &[u8]| pair.sign(message).as_ref().to_vec();
    let signed = token(&json!({"alg": "EdDSA", "kid": "one"}), &claims(), sign);
    assert_eq!(ask(&verify, "GET", "/orders", &signed).1, "");
    let unknown = token(&json!({"alg": "EdDSA", "kid": "two"}), &claims(), sign);
    assert!(ask(&verify, "GET", "/orders", &unknown).1.contains("key that is not known"));
}
