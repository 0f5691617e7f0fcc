//! Looking whether a dependency is there, by asking it something in its own protocol.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use layers::HealthState;
use settings::{DependencyKind, Manifest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, Notify, watch};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;

use settings::address;

/// A dependency and where the service finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    pub name: String,
    pub kind: DependencyKind,
    pub critical: bool,
    /// Its address, where a variable tells it.
    pub url: Option<String>,
}

/// The declared dependencies, each with the address that the service is given.
pub(crate) fn declared(manifest: &Manifest, values: &BTreeMap<String, String>) -> Vec<Dependency> {
    let all = manifest.dependencies.iter().map(|(name, dependency)| Dependency {
        name: name.clone(),
        kind: dependency.kind,
        critical: dependency.critical,
        url: address(manifest, name, values).or_else(|| dependency.url.clone()),
    });
    all.collect()
}

/// The value of the variable that is declared as `{NAME.url}`, or `host:port` from those that hold
/// the parts.
fn address(manifest: &Manifest, name: &str, values: &BTreeMap<String, String>) -> Option<String> {
    let of = |part: &str| {
        let wanted = format!("{name}.{part}");
        manifest.environment.iter().find_map(|(variable, declared)| {
            part_of(declared.value.as_deref()?, values.get(variable)?, &wanted)
        })
    };
    of("url").or_else(|| Some(format!("tcp://{}:{}", of("host")?, of("port")?)))
}

/// What stands in a value at the place of this name in its template: `{cache.host}:{cache.port}`.
fn part_of(template: &str, value: &str, wanted: &str) -> Option<String> {
    let (before, mut template) = template.split_once('{')?;
    let mut value = value.strip_prefix(before)?;
    loop {
        let (name, rest) = template.split_once('}')?;
        let (literal, more) = rest.split_once('{').map_or((rest, None), |(l, m)| (l, Some(m)));
        // The last one takes all that is left; an address may hold any sign.
        let at = match more {
            None => value.len().checked_sub(literal.len()).filter(|_| value.ends_with(literal)),
            Some(_) => value.find(literal),
        }?;
        if name == wanted {
            return Some(value[..at].to_owned());
        }
        value = &value[at + literal.len()..];
        template = more?;
    }
}

/// Asks a dependency again and again over one connection, as long as that holds.
#[derive(Debug)]
pub(crate) struct DependencyProbe {
    dependency: Dependency,
    postgres: Mutex<Option<tokio_postgres::Client>>,
    /// How that database is reached without TLS, where it may be.
    plain: Option<tokio_postgres::Config>,
}

impl DependencyProbe {
    pub(crate) fn new(dependency: Dependency) -> Self {
        let plain = dependency.url.as_deref().and_then(plain);
        Self { dependency, postgres: Mutex::new(None), plain }
    }

    /// Whether it answers.
    pub(crate) async fn ask(&self) -> bool {
        let Some(url) = &self.dependency.url else { return false };
        match self.dependency.kind {
            DependencyKind::Postgres => match &self.plain {
                Some(plain) => self.postgres(plain).await,
                None => greeted(url).await.is_some(),
            },
            // Over TLS (rediss) only the port is looked at.
            DependencyKind::Redis if !url.starts_with("rediss") => redis(url).await.is_some(),
            _ => connect(url, self.dependency.kind.default_port()).await.is_some(),
        }
    }

    async fn postgres(&self, plain: &tokio_postgres::Config) -> bool {
        // Taken out while it is asked: a look that is given up takes its connection along.
        let kept = self.postgres.lock().await.take();
        let client = match kept.filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => {
                let connected = plain.connect(tokio_postgres::NoTls).await;
                let (client, connection) = match connected {
                    Ok(both) => both,
                    Err(error) => return wants_more(&error),
                };
                tokio::spawn(connection);
                client
            }
        };
        let there = client.simple_query("").await.is_ok();
        if there {
            *self.postgres.lock().await = Some(client);
        }
        there
    }
}

/// How a database is reached that may be spoken to without TLS. Not one whose address asks for it,
/// nor one whose address only the service's own library understands (`?schema=public`).
fn plain(url: &str) -> Option<tokio_postgres::Config> {
    let plain: tokio_postgres::Config = url.starts_with("postgres").then(|| url.parse().ok())??;
    (plain.get_ssl_mode() != SslMode::Require).then_some(plain)
}

/// Whether a database is there and only lets nobody in without TLS.
fn wants_more(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

async fn connect(url: &str, default: Option<u16>) -> Option<TcpStream> {
    let address::Address { host, port, .. } = address::read(url, default).ok()?;
    TcpStream::connect((host.as_str(), port)).await.ok()
}

async fn redis(url: &str) -> Option<()> {
    let address::Address { user, password, .. } = address::read(url, Some(6379)).ok()?;
    let mut stream = connect(url, Some(6379)).await?;
    if let Some(password) = password {
        let words = match &user {
            Some(user) => vec!["AUTH", user, &password],
            None => vec!["AUTH", &password],
        };
        stream.write_all(&command(&words)).await.ok()?;
        starts_with(&mut stream, b"+OK", b"+OK").await?;
    }
    stream.write_all(&command(&["PING"])).await.ok()?;
    // Without a password that it wants, it answers all the same.
    starts_with(&mut stream, b"+PONG", b"-NOAUTH").await
}

/// Asks a Postgres that cannot be logged in to whether it speaks TLS; it answers with one letter.
async fn greeted(url: &str) -> Option<()> {
    let mut stream = connect(url, Some(5432)).await?;
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).await.ok()?;
    let letter = stream.read_u8().await.ok()?;
    matches!(letter, b'S' | b'N').then_some(())
}

/// A command in RESP.
fn command(words: &[&str]) -> Vec<u8> {
    let mut text = format!("*{}\r\n", words.len());
    for word in words {
        text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    text.into_bytes()
}

async fn starts_with(stream: &mut TcpStream, one: &[u8], other: &[u8]) -> Option<()> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n") {
        let mut byte = [0; 64];
        match stream.read(&mut byte).await.ok()? {
            0 => return None,
            count => answer.extend_from_slice(&byte[..count]),
        }
        if answer.len() > 1024 {
            return None;
        }
    }
    (answer.starts_with(one) || answer.starts_with(other)).then_some(())
}

/// Wakes those who look after dependencies, for somebody who has seen a failure and wants to know
/// why. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recheck(Arc<Doubted>);

#[derive(Debug, Default)]
struct Doubted {
    wake: Notify,
    rounds: watch::Sender<u64>,
}

impl Recheck {
    /// Waits until every dependency has been looked at anew, or for so long.
    pub(crate) async fn settle(&self, longest: Duration) {
        let mut rounds = self.0.rounds.subscribe();
        let before = *rounds.borrow_and_update();
        self.0.wake.notify_one();
        // One round may have begun before the doubt arose; the next one knows.
        let _ = tokio::time::timeout(longest, rounds.wait_for(|now| *now >= before + 2)).await;
    }
}

/// Looks at all dependencies again and again and writes down what it sees.
pub(crate) async fn look_after(
    looks: Vec<DependencyProbe>,
    board: HealthState,
    lag: Duration,
    doubt: Recheck,
) {
    let (every, within) = rhythm(lag);
    loop {
        let asked = looks.iter().map(|look| async {
            let there = tokio::time::timeout(within, look.ask()).await.unwrap_or(false);
            board.set(&look.dependency.name, look.dependency.critical, there);
        });
        futures_util::future::join_all(asked).await;
        let subscribers = doubt.0.rounds.receiver_count() > 0;
        doubt.0.rounds.send_modify(|rounds| *rounds += 1);
        if subscribers {
            // Failures may come by the hundred, and each look may be a connection.
            tokio::time::sleep(BREATH).await;
        } else {
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = doubt.0.wake.notified() => {}
            }
        }
    }
}

/// The pause between two looks while somebody waits for one.
const BREATH: Duration = Duration::from_millis(20);

/// How often to look and how long a look may take, so that a loss is noticed within the lag.
fn rhythm(lag: Duration) -> (Duration, Duration) {
    let every = (lag / 3).clamp(Duration::from_millis(50), Duration::from_secs(2));
    let within = (lag / 2).clamp(Duration::from_millis(100), Duration::from_secs(5));
    (every, within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_wants_tls_or_speaks_to_one_library_only_is_not_logged_in_to() {
        assert!(plain("postgres://u:p@h/d?sslmode=disable").is_some());
        assert!(plain("postgresql://u:p@h:1/d").is_some());
        for other in [
            "postgres://u:p@h/d?sslmode=require",
            "postgres://u:p@h/d?sslmode=verify-full",
            "postgres://u:p@h/d?schema=public",
            "tcp://h:1",
        ] {
            assert!(plain(other).is_none(), "{other}");
        }
    }

    #[test]
    fn the_address_is_what_the_service_is_given() {
        let text = r#"
[service]
name = "a"
start = "a {port}"
[environment.DATABASE_URL]
value = "{db.url}?sslmode=disable"
[environment.CACHE_HOST]
value = "{cache.host}"
[environment.CACHE_PORT]
value = "{cache.port}"
[environment.QUEUE]
value = "redis://{queue.host}:{queue.port}/0"
[dependencies.queue]
kind = "redis"
[dependencies.db]
kind = "postgres"
[dependencies.cache]
kind = "redis"
critical = false
[dependencies.other]
kind = "postgres"
"#;
        let manifest = settings::parse(text).expect("it is good").manifest;
        let pairs = [
            ("DATABASE_URL", "postgres://u:p@h:1/d?sslmode=disable"),
            ("CACHE_HOST", "c"),
            ("CACHE_PORT", "7"),
            ("QUEUE", "redis://q:8/0"),
        ];
        let values = pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).into();
        let urls: Vec<_> = declared(&manifest, &values).into_iter().map(|d| d.url).collect();
        let expected = [Some("tcp://c:7"), Some("postgres://u:p@h:1/d"), None, Some("tcp://q:8")];
        assert_eq!(urls, expected.map(|url| url.map(str::to_owned)));
    }
}
