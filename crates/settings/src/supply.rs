//! `[supply]`: how `seaworthy run` works.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;
use crate::size::Size;
use crate::tokens::TokenSettings;

/// What the edge supplies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Supply {
    /// The ids of the supplied controls; the rest the service must hold by itself.
    pub controls: Vec<String>,
    /// The public address: `8080` stands for that port on loopback, `0.0.0.0:8080` for every
    /// interface. `--listen` wins.
    pub listen: Option<String>,
    /// Public addresses of further ports, by their names in `service.ports`.
    pub ports: BTreeMap<String, String>,
    /// Whether SIGHUP, by which the configuration is read anew, goes on to the service.
    pub pass_hangup: bool,
    /// Whether clients may speak HTTP/2 (over TLS, where they ask for it).
    pub http2: Http2,
    /// Whether the service speaks HTTP/2 without TLS at its main port (h2c with prior knowledge), as
    /// those of gRPC do.
    pub service_http2: bool,
    /// TLS for clients at the main public address, with certificates of your own.
    pub tls: Option<Tls>,
    /// How often clients may ask; each rule has a name.
    pub limits: Vec<Limit>,
    /// Where several edges count together.
    pub shared: Option<SharedState>,
    /// Log-ins at which guessing is stopped, account by account.
    pub lockouts: Vec<Lockout>,
    /// Tokens that are verified before the service sees a request.
    pub tokens: Option<TokenSettings>,
    /// What WebSockets may do.
    pub websocket: WebSocket,
    /// Who may say where a request comes from (`X-Forwarded-For` and the like): addresses and ranges.
    pub trusted_proxies: Vec<String>,
    /// Whether those say who a client is at the beginning of each connection to the main address, by
    /// the PROXY protocol (1 or 2), as balancers of TCP do. One that does not say it is closed.
    pub proxy_protocol: bool,
    /// How many requests are served at once; those beyond are refused with 503.
    #[schemars(range(min = 1))]
    pub concurrency: usize,
    /// The longest time to the head of an answer; then 504.
    pub timeout: Span,
    /// The longest time to the end of a request's head, and of idleness between two requests.
    pub header_timeout: Span,
    /// The longest time in which a client neither sends a piece of a body nor takes one of an
    /// answer, where it is its turn.
    pub client_timeout: Span,
    /// A line of JSON on stdout for each request; by default when correlation-ids are supplied.
    pub access_log: Option<bool>,
    /// What happens when the service ends by itself after it was ready.
    pub restart: Restart,
    /// A JSON file of flags and switches that is followed while it runs: `{"NAME": true}`.
    pub flags: Option<String>,
    /// Folders of secrets: one file for each variable, as Docker and Kubernetes mount them.
    pub secrets: Vec<String>,
    /// What stands in the place of a secret or personal datum in the service's output, where
    /// private-logs is supplied.
    pub masks: Masks,
}

impl Default for Supply {
    fn default() -> Self {
        Self {
            controls: Vec::new(),
            listen: None,
            ports: BTreeMap::new(),
            pass_hangup: true,
            http2: Http2::Tls,
            service_http2: false,
            tls: None,
            limits: Vec::new(),
            shared: None,
            lockouts: Vec::new(),
            tokens: None,
            websocket: WebSocket::default(),
            trusted_proxies: vec!["127.0.0.0/8".to_owned(), "::1".to_owned()],
            proxy_protocol: false,
            concurrency: 1024,
            timeout: Span::seconds(60),
            header_timeout: Span::seconds(30),
            client_timeout: Span::seconds(60),
            access_log: None,
            restart: Restart::OnFailure,
            flags: None,
            secrets: vec!["/run/secrets".to_owned()],
            masks: Masks::Kind,
        }
    }
}

/// How often clients may ask for a route. What is beyond is refused with 429, `Retry-After` and what is
/// left (`RateLimit`, `RateLimit-Policy`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Its name in the answer, the log and the metrics.
    pub name: String,
    /// `POST /login`, or a path alone for every method, with everything below it; every request
    /// without.
    #[serde(default)]
    pub route: Option<String>,
    /// Who is counted together: `client` (the address; of IPv6 the /64), `identity` (the subject of a
    /// token, or a session; the address of one that proves nothing), `header:NAME` or `all`.
    #[serde(default = "client")]
    pub key: String,
    /// `100/min`, `5/s`, `20/10s`, `1000/day`: all of them hold.
    pub quotas: Vec<String>,
    /// How many may come at once; as many as the quota by default.
    #[serde(default)]
    pub burst: Option<u32>,
    /// Refuses nothing, and counts what it would refuse.
    #[serde(default)]
    pub shadow: bool,
}

fn client() -> String {
    "client".to_owned()
}

/// A log-in at which guessing is stopped by account, from wherever it comes: waits that grow, then a
/// lock that ends by itself. Meanwhile everybody gets 429 with `Retry-After`, right or wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lockout {
    /// Its name in the log and the metrics.
    pub name: String,
    /// `POST /login`.
    pub route: String,
    /// Where the account is named: a member of a JSON body or a field of a form (`email`,
    /// `user.email`), or `header:NAME`.
    pub account: String,
    /// The status codes of a wrong password.
    #[serde(default = "unauthorized")]
    pub failed: Vec<u16>,
    /// A text in the answer that means one, whatever its status.
    #[serde(default)]
    pub failed_text: Option<String>,
    /// A part of `Location` that means one.
    #[serde(default)]
    pub failed_location: Option<String>,
    /// From so many failures on, each is followed by a wait: 1 s, 2 s, 4 s and so on.
    #[serde(default = "three")]
    pub delay_after: u32,
    /// From so many on, the account is locked.
    #[serde(default = "ten")]
    pub lock_after: u32,
    /// For so long.
    #[serde(default = "quarter")]
    pub lock: Span,
    /// After so long without another one, failures are forgotten.
    #[serde(default = "hour")]
    pub forget: Span,
}

fn unauthorized() -> Vec<u16> {
    vec![401]
}

fn three() -> u32 {
    3
}

fn ten() -> u32 {
    10
}

fn quarter() -> Span {
    Span::seconds(900)
}

fn hour() -> Span {
    Span::seconds(3600)
}

/// A store in which several edges count together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharedState {
    /// The variable with the address of a Redis or Valkey: `redis://:password@host:6379/0`.
    pub redis: String,
    /// What happens while it is away.
    #[serde(default)]
    pub without: Without,
}

/// What happens while the store is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Without {
    /// Each edge counts for itself.
    #[default]
    Local,
    /// Requests that would be counted are refused with 503.
    Refuse,
}

/// What WebSockets may do. While the edge drains they are closed with 1001, spread over a third of the
/// time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebSocket {
    /// The largest frame of a client; larger ones are closed with 1009.
    pub max_frame: Size,
    /// The largest message of a client, which may be of several frames.
    pub max_message: Size,
    /// How many messages a client may send, such as `50/s`; more are closed with 1008.
    pub messages: Option<String>,
    /// After so long without a word from a client it is asked whether it is there (a ping), and left
    /// after as long again.
    pub idle: Span,
}

impl Default for WebSocket {
    fn default() -> Self {
        let largest = Size(16 * 1024 * 1024);
        Self { max_frame: largest, max_message: largest, messages: None, idle: Span::seconds(60) }
    }
}

/// TLS for clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificates with their keys; a client gets the one that is for the name it asks for, or else
    /// the first. They are read anew when their files change.
    #[serde(default)]
    pub certificates: Vec<CertificateFiles>,
    /// A certificate that is ordered from an authority, and renewed in time.
    #[serde(default)]
    pub acme: Option<Acme>,
    /// Certificates of clients (mutual TLS).
    #[serde(default)]
    pub clients: Option<TlsClients>,
    /// An address for plain HTTP, such as `0.0.0.0:80`, from which everybody is sent to HTTPS.
    #[serde(default)]
    pub redirect: Option<String>,
}

/// Certificates of clients. One that is shown must be of these authorities; one that none is asked for
/// may connect without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsClients {
    /// A file of PEM with the certificates of those who issue them.
    pub authorities: String,
    /// Routes for those only who show one: `/internal`, `POST /jobs`.
    #[serde(default)]
    pub routes: Vec<String>,
}

/// A certificate from an authority (ACME). You agree to its terms by this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acme {
    /// The names that it is for.
    pub domains: Vec<String>,
    /// Where the authority writes to: `mailto:ops@example.com`.
    #[serde(default)]
    pub contact: Vec<String>,
    /// The authority's directory; Let's Encrypt's by default.
    #[serde(default = "lets_encrypt")]
    pub directory: String,
    /// The folder of account, key and certificate, from the folder of the manifest; back it up.
    #[serde(default = "acme_folder")]
    pub folder: String,
    /// How it is shown that the names are yours: at the TLS address itself, or at `redirect`, which
    /// must then be port 80 of the names.
    #[serde(default)]
    pub challenge: AcmeChallenge,
    /// The variable with the name of an account that the authority knows already (EAB).
    #[serde(default)]
    pub external_id: Option<String>,
    /// The variable with its key, as the authority gives it (base64url).
    #[serde(default)]
    pub external_key: Option<String>,
    /// A file of PEM with the authority's own certificate, where this machine does not trust it.
    #[serde(default)]
    pub root: Option<String>,
}

fn lets_encrypt() -> String {
    "https://acme-v02.api.letsencrypt.org/directory".to_owned()
}

fn acme_folder() -> String {
    "acme".to_owned()
}

/// How it is shown that a name is yours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum AcmeChallenge {
    /// A certificate that only the authority asks for, at port 443 (RFC 8737).
    #[default]
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
    /// A text at port 80 (RFC 8555, 8.3).
    #[serde(rename = "http-01")]
    Http01,
}

/// The files of one certificate, from the folder of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// PEM: the certificate first, then those that lead to an authority.
    pub certificate: String,
    /// PEM: its private key.
    pub key: String,
}

/// Where clients may speak HTTP/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Http2 {
    /// Over TLS.
    Tls,
    /// Without TLS, too: who begins with it gets it (h2c with prior knowledge).
    Everywhere,
    /// Nowhere.
    Off,
}

/// What stands in the place of something private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Masks {
    /// Its kind: `‹email›`.
    Kind,
    /// Its kind and a keyed hash, so that equal values can be told to be equal. The key is
    /// `SEAWORTHY_LOG_KEY`; without it, each run has its own.
    Hash,
}

/// What happens when the service ends by itself after it was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It is started again, after a pause that doubles from 100 ms to 30 s.
    Always,
    /// The same, unless it ended with 0.
    OnFailure,
    /// Seaworthy ends with it.
    Never,
}
