//! The operators' socket: status, switches, drain, metrics. A file of this machine that only its
//! owner may open; it is never reached over a network. And beside it, for the service alone, the
//! flags over OFREP on loopback.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use layers::{Flags, HealthState, Metrics, Observe, Ofrep, Refusal, Setting};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use crate::acme::Acme;
use crate::reload::Reloader;

/// What the operators' socket shows and changes.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    pub(crate) board: HealthState,
    pub(crate) flags: Flags,
    pub(crate) metrics: Metrics,
    pub(crate) observe: Observe,
    pub(crate) reloader: Reloader,
    pub(crate) acme: Option<Acme>,
    pub(crate) life: watch::Receiver<Status>,
    pub(crate) drain: watch::Sender<bool>,
}

/// What the supervisor tells of the service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) pid: u32,
    pub(crate) restarts: u32,
    pub(crate) began: Option<std::time::Instant>,
}

/// The longest request on these sockets, in bytes.
const LONGEST: usize = 64 * 1024;

/// Takes the socket's path.
///
/// # Errors
/// When it cannot be made, or somebody answers there.
pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        let text = "another seaworthy run answers there";
        return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
    }
    // What is left of a run that was killed, and nothing else.
    if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        let _ = fs::remove_file(path);
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Where a socket stands until its place is free.
pub(crate) fn beside(path: &Path) -> std::path::PathBuf {
    path.with_extension("next")
}

/// Serves the operators.
pub(crate) async fn serve(listener: UnixListener, admin: Admin) {
    let admin = Arc::new(admin);
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let admin = Arc::clone(&admin);
        tokio::spawn(converse(stream, move |request| admin.answer(request)));
    }
}

/// Serves the flags to the service.
pub(crate) async fn serve_flags(listener: TcpListener, ofrep: Ofrep) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let ofrep = ofrep.clone();
        tokio::spawn(converse(stream, move |request| ofrep.answer(request)));
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: impl Fn(&Request<Bytes>) -> Response<Bytes>,
) {
    let answer = &answer;
    let service = service_fn(|request: Request<Incoming>| async move {
        let (head, body) = request.into_parts();
        let body = match Limited::new(body, LONGEST).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => {
                let message = "expected at most 64 KiB";
                let refusal =
                    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message);
                return Ok::<_, Infallible>(refusal.answer().map(Full::new));
            }
        };
        Ok(answer(&Request::from_parts(head, body)).map(Full::new))
    });
    // Whoever asked may have gone away.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn json(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(format!("{body:#}\n")));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

impl Admin {
    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        match (request.method(), path) {
            (&Method::GET, "/status") => json(StatusCode::OK, &self.status()),
            (&Method::GET, "/flags") => json(StatusCode::OK, &self.all_flags()),
            (&Method::GET, "/metrics") => {
                let text = self.metrics.text(self.observe.in_flight());
                let mut answer = Response::new(Bytes::from(text));
                let kind = HeaderValue::from_static(Metrics::MEDIA_TYPE);
                answer.headers_mut().insert(CONTENT_TYPE, kind);
                answer
            }
            (&Method::POST, "/drain") => {
                self.drain.send_replace(true);
                json(StatusCode::ACCEPTED, &json!({ "draining": true }))
            }
            (&Method::POST, "/certificate") => self.renew(),
            (&Method::GET, "/tokens/revoked") => json(StatusCode::OK, &self.all_revoked()),
            (&Method::POST, "/tokens/revoked") => self.revoke(request.body()),
            (&Method::POST, "/reload") => self.reload(),
            (&Method::POST, "/unlock") => self.unlock(request.body()),
            (method, _) => match path.strip_prefix("/flags/") {
                Some(name) if method == Method::PUT => self.set(name, request.body()),
                Some(name) if method == Method::DELETE => self.change(name, None),
                _ => {
                    let message = "expected GET /status, /flags, /metrics, POST /drain, \
                                   PUT or DELETE /flags/NAME, GET or POST /tokens/revoked, POST /certificate, POST /unlock, POST /reload";
                    Refusal::new(StatusCode::NOT_FOUND, "not_found", message).answer()
                }
            },
        }
    }

    fn status(&self) -> Value {
        let life = self.life.borrow().clone();
        let dependencies = self.board.dependencies().into_iter();
        let dependencies: serde_json::Map<_, _> =
            dependencies.map(|(name, there)| (name, there.into())).collect();
        json!({
            "ready": self.board.is_ready(),
            "live": self.board.is_live(),
            "draining": self.board.is_draining(),
            "pid": life.pid,
            "restarts": life.restarts,
            "seconds": life.began.map(|began| began.elapsed().as_secs()),
            "in_flight": self.observe.in_flight(),
            "dependencies": dependencies,
            "flags": self.all_flags(),
            "flags_problem": self.flags.problem(),
            "certificate_problem": self.acme.as_ref().and_then(Acme::problem),
        })
    }

    fn all_flags(&self) -> Value {
        let flags = self.flags.all().into_iter();
        let shown = flags.map(|(name, flag)| {
            let by = match (&flag.operator, &flag.source) {
                (Some(_), _) => "operator",
                (None, Some(_)) => "file",
                (None, None) => "start",
            };
            let now = flag.now();
            (name, json!({ "on": now.on, "share": now.share, "by": by }))
        });
        Value::Object(shown.collect())
    }

    fn renew(&self) -> Response<Bytes> {
        let Some(acme) = &self.acme else {
            let message = "no certificate is ordered: expected [supply.tls.acme]";
            return Refusal::new(StatusCode::NOT_FOUND, "not_found", message).answer();
        };
        acme.renew();
        json(StatusCode::ACCEPTED, &json!({ "ordering": true }))
    }

    fn reload(&self) -> Response<Bytes> {
        match self.reloader.reload_and_say() {
            Ok(others) => {
                json(StatusCode::OK, &json!({ "reloaded": true, "needs_a_start": others }))
            }
            Err(problem) => {
                let refusal = Refusal::new(StatusCode::BAD_REQUEST, "not_reloaded", problem);
                refusal.answer()
            }
        }
    }

    fn unlock(&self, body: &[u8]) -> Response<Bytes> {
        let asked: Option<Value> = serde_json::from_slice(body).ok();
        let account = asked.as_ref().and_then(|asked| asked.get("account")?.as_str());
        let (Some(account), Some(lockouts)) = (account, self.reloader.lockouts()) else {
            let message = "expected {\"account\":\"NAME\"}, and [[supply.lockouts]]";
            return Refusal::new(StatusCode::BAD_REQUEST, "bad_request", message).answer();
        };
        let account = account.to_owned();
        let told = json!({ "unlocked": account });
        // The store that it is in may take a moment.
        tokio::spawn(async move { lockouts.unlock(&account).await });
        json(StatusCode::OK, &told)
    }

    fn all_revoked(&self) -> Value {
        let all = self.reloader.revoked().all().into_iter();
        Value::Array(all.map(|(id, until)| json!({ "id": id, "until": until })).collect())
    }

    fn revoke(&self, body: &[u8]) -> Response<Bytes> {
        let asked: Option<Value> = serde_json::from_slice(body).ok();
        let id = asked.as_ref().and_then(|asked| asked.get("id")).and_then(Value::as_str);
        let id = id.filter(|id| !id.is_empty() && !id.contains(char::is_whitespace));
        let Some(id) = id else {
            let message = "expected {\"id\":\"JTI\",\"until\":SECONDS}, without spaces in the id";
            return Refusal::new(StatusCode::BAD_REQUEST, "bad_request", message).answer();
        };
        let until = asked.as_ref().and_then(|asked| asked.get("until")).and_then(Value::as_u64);
        match self.reloader.revoked().revoke(id, until) {
            Ok(()) => json(StatusCode::OK, &self.all_revoked()),
            Err(problem) => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Refusal::new(status, "not_written", problem).answer()
            }
        }
    }

    fn set(&self, name: &str, body: &[u8]) -> Response<Bytes> {
        match serde_json::from_slice::<Setting>(body) {
            Ok(setting) => self.change(name, Some(setting)),
            Err(error) => {
                let message =
                    format!("expected true, false or {{\"on\":true,\"share\":25}}: {error}");
                Refusal::new(StatusCode::BAD_REQUEST, "bad_request", message).answer()
            }
        }
    }

    fn change(&self, name: &str, setting: Option<Setting>) -> Response<Bytes> {
        match self.flags.set(name, setting) {
            Ok(()) => json(StatusCode::OK, &self.all_flags()),
            Err(known) => {
                let message = format!("there is no flag {name:?}; there are: {}", known.join(", "));
                Refusal::new(StatusCode::NOT_FOUND, "not_found", message).answer()
            }
        }
    }
}
