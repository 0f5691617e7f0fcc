//! One life of the service after the other: start, wait until it is ready, notice its end and
//! whether it hangs.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use process::{Exit, Service};
use redact::Scrubber;
use settings::Probe;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::lines::pump;
use crate::output::Output;

/// What is started.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) argv: Vec<String>,
    pub(crate) folder: PathBuf,
    pub(crate) env: BTreeMap<String, String>,
}

/// A service that lives, with its output on its way.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) service: Service,
    pub(crate) began: Instant,
    pumps: Vec<JoinHandle<()>>,
}

/// How waiting for readiness ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Became {
    Ready,
    Ended(Exit),
    Late,
}

impl Life {
    /// Starts the service.
    ///
    /// # Errors
    /// When the program cannot be executed.
    pub(crate) fn start(
        start: &Start,
        outputs: (&Output, &Output),
        scrubber: Option<&Scrubber>,
    ) -> io::Result<Self> {
        let _limits = crate::descriptors::as_started();
        let (service, pipes) = Service::start(&start.argv, &start.folder, &start.env)?;
        let pumps = vec![
            pump(pipes.stdout, outputs.0.clone(), scrubber.cloned()),
            pump(pipes.stderr, outputs.1.clone(), scrubber.cloned()),
        ];
        Ok(Self { service, began: Instant::now(), pumps })
    }

    /// Waits for the first ready answer, its end or the end of the patience. Where the edge supplies
    /// the probe, a service that does not have it (404) is ready when it answers so.
    pub(crate) async fn ready(
        &self,
        main: SocketAddr,
        probe: Option<(&Probe, SocketAddr)>,
        supplied: bool,
        http2: bool,
        patience: Duration,
    ) -> Became {
        let mut pause = Duration::from_millis(2);
        while self.began.elapsed() < patience {
            if let Some(exit) = self.service.exit() {
                return Became::Ended(exit);
            }
            let open = match probe {
                Some((probe, at)) => accepts(probe, at, supplied).await && connects(main).await,
                // What speaks HTTP/2 only has no answer to HTTP/1.1.
                None if http2 => connects(main).await,
                None => answers(main, "/", PROBE_WITHIN).await,
            };
            if open {
                return Became::Ready;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                exit = self.service.ended() => return Became::Ended(exit),
            }
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        Became::Late
    }

    /// Waits for the last of the output. A child that lives on holds the pipes, so this is bounded.
    pub(crate) async fn drain_output(&self, longest: Duration) {
        let deadline = Instant::now() + longest;
        while !self.pumps.iter().all(JoinHandle::is_finished) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

const PROBE_WITHIN: Duration = Duration::from_secs(1);

async fn connects(address: SocketAddr) -> bool {
    let connecting = TcpStream::connect(address);
    tokio::time::timeout(PROBE_WITHIN, connecting).await.is_ok_and(|connected| connected.is_ok())
}

async fn accepts(probe: &Probe, at: SocketAddr, supplied: bool) -> bool {
    let within = probe.0.within.0.max(PROBE_WITHIN);
    match ask(at, &probe.0.path, &lines(&probe.0.headers), within, Until::Body).await {
        Some((404, _)) if supplied => true,
        Some((status, body)) => probe.accepts(status, &body),
        None => false,
    }
}

fn lines(headers: &BTreeMap<String, String>) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

/// The status of an answer, if one comes.
pub(crate) async fn status(
    at: SocketAddr,
    path: &str,
    headers: &BTreeMap<String, String>,
) -> Option<u16> {
    ask(at, path, &lines(headers), PROBE_WITHIN, Until::Head).await.map(|(status, _)| status)
}

/// Whether a service answers anything at all in time: a service that says no is alive.
pub(crate) async fn answers(at: SocketAddr, path: &str, within: Duration) -> bool {
    ask(at, path, "", within, Until::Head).await.is_some()
}

/// How much of an answer is waited for: a page may never end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Head,
    Body,
}

/// One request on a connection of its own: status and body.
async fn ask(
    at: SocketAddr,
    path: &str,
    headers: &str,
    within: Duration,
    until: Until,
) -> Option<(u16, Vec<u8>)> {
    let mut answer = Vec::new();
    let asking = async {
        let mut stream = TcpStream::connect(at).await.ok()?;
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {at}\r\n{headers}Connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.ok()?;
        while stream.read_buf(&mut answer).await.ok()? > 0 && answer.len() < LONGEST {
            if until == Until::Head && end_of_head(&answer).is_some() {
                break;
            }
        }
        Some(())
    };
    // One that keeps the connection open has answered all the same.
    let _ = tokio::time::timeout(within, asking).await;
    let line = answer.strip_prefix(b"HTTP/1.")?;
    let status = std::str::from_utf8(line.get(2..5)?).ok()?.parse().ok()?;
    let body = end_of_head(&answer)?;
    Some((status, answer.split_off(body)))
}

fn end_of_head(answer: &[u8]) -> Option<usize> {
    Some(answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4)
}

/// So much of an answer to a probe is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// The pause before the next life: doubling from 100 ms to 30 s, anew after a minute of health.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(crate) fn next(&mut self, lived: Duration) -> Duration {
        if lived >= Duration::from_secs(60) {
            self.failures = 0;
        }
        let pause = Duration::from_millis(100) * 2_u32.saturating_pow(self.failures.min(16));
        self.failures += 1;
        pause.min(Duration::from_secs(30))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_begin_anew_after_health() {
        let mut backoff = Backoff::default();
        let short = Duration::from_secs(1);
        let pauses: Vec<_> = (0..12).map(|_| backoff.next(short).as_millis()).collect();
        assert_eq!(pauses[..5], [100, 200, 400, 800, 1600]);
        assert_eq!(pauses[11], 30_000);
        assert_eq!(backoff.next(Duration::from_secs(61)).as_millis(), 100);
    }
}
