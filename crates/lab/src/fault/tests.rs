//! Against a real echo server, each fault as a client sees it.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;

const SHORT: Duration = Duration::from_millis(150);

struct Bench {
    proxy: Proxy,
    _folder: tempfile::TempDir,
}

async fn bench() -> Bench {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let upstream = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let lease = crate::ports::lease(folder.path()).expect("a free port");
    let proxy = Proxy::start(lease, Upstream::Direct(upstream)).await.expect("it is bound");
    Bench { proxy, _folder: folder }
}

impl Bench {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.proxy.port())).await.expect("it listens")
    }
}

async fn echo(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<Duration> {
    let began = Instant::now();
    stream.write_all(bytes).await?;
    let mut answer = vec![0; bytes.len()];
    stream.read_exact(&mut answer).await?;
    assert_eq!(answer, bytes);
    Ok(began.elapsed())
}

#[tokio::test]
async fn everything_passes_and_is_counted() {
    let bench = bench().await;
    let mut stream = bench.connect().await;
    let big = vec![b'x'; 300_000];
    let (mut reader, mut writer) = stream.split();
    let mut answer = vec![0; big.len()];
    let (sent, received) = tokio::join!(writer.write_all(&big), reader.read_exact(&mut answer));
    sent.expect("sent");
    received.expect("received");
    // What has arrived is counted a moment later: the proxy counts when its write has returned.
    let all = Traffic { connections: 1, up: 300_000, down: 300_000 };
    let counted = async {
        while bench.proxy.traffic() != all {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let counted = tokio::time::timeout(Duration::from_secs(5), counted).await;
    assert!(counted.is_ok(), "{:?}", bench.proxy.traffic());
}

#[tokio::test]
async fn refusing_closes_the_port_and_heals_on_the_same_one() {
    let bench = bench().await;
    let mut old = bench.connect().await;
    echo(&mut old, b"a").await.expect("it passes");
    bench.proxy.set(Fault::new(Kind::Refuse)).await;
    let port = bench.proxy.port();
    let refused = TcpStream::connect(("127.0.0.1", port)).await.expect_err("nobody listens");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(echo(&mut old, b"b").await.is_err());
    bench.proxy.set(Fault::default()).await;
    echo(&mut bench.connect().await, b"c").await.expect("it passes again");
}

#[tokio::test]
async fn resetting_accepts_and_resets() {
    let bench = bench().await;
    bench.proxy.set(Fault::new(Kind::Reset)).await;
    // The reset may come before the client has seen that it is connected.
    let tried = async {
        let mut stream = TcpStream::connect(("127.0.0.1", bench.proxy.port())).await?;
        echo(&mut stream, b"a").await
    };
    let error = tried.await.expect_err("it is reset");
    assert!(matches!(
        error.kind(),
        std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe
    ));
}

#[tokio::test]
async fn hanging_holds_old_and_new_connections_and_lets_them_go_on() {
    let bench = bench().await;
    let mut old = bench.connect().await;
    echo(&mut old, b"a").await.expect("it passes");
    bench.proxy.set(Fault::new(Kind::Hang)).await;
    let mut new = bench.connect().await;
    assert!(timeout(SHORT, echo(&mut old, b"b")).await.is_err());
    assert!(timeout(SHORT, echo(&mut new, b"c")).await.is_err());
    bench.proxy.set(Fault::default()).await;
    let mut late = [0; 1];
    new.read_exact(&mut late).await.expect("it comes late");
    assert_eq!(&late, b"c");
}

#[tokio::test]
async fn latency_delays_without_narrowing() {
    let bench = bench().await;
    let delay = Duration::from_millis(60);
    bench.proxy.set(Fault::down(Kind::Latency { delay, jitter: delay })).await;
    let mut stream = bench.connect().await;
    let took = echo(&mut stream, b"a").await.expect("it passes");
    assert!(took >= delay, "{took:?}");
    // Twenty chunks in flight take one delay, not twenty.
    let took = echo(&mut stream, &vec![b'x'; 20 * 1024]).await.expect("it passes");
    assert!(took < delay * 10, "{took:?}");
}

#[tokio::test]
async fn bandwidth_slices_and_cuts_are_kept() {
    let bench = bench().await;
    bench.proxy.set(Fault::down(Kind::Bandwidth { bytes_per_second: 20_000 })).await;
    let mut stream = bench.connect().await;
    let took = echo(&mut stream, &[b'x'; 4000]).await.expect("it passes");
    assert!(took >= Duration::from_millis(140), "{took:?}");

    let pause = Duration::from_millis(5);
    bench.proxy.set(Fault::down(Kind::Slice { size: 1, pause })).await;
    let took = echo(&mut stream, b"0123456789").await.expect("it passes");
    assert!(took >= pause * 9, "{took:?}");

    bench.proxy.set(Fault::down(Kind::Cut { after: 3 })).await;
    stream.write_all(b"abcdef").await.expect("sent");
    let mut answer = Vec::new();
    let error = stream.read_to_end(&mut answer).await.expect_err("it is reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(answer.len() <= 3);
}

#[tokio::test]
async fn a_slow_close_comes_late() {
    let bench = bench().await;
    let mut stream = bench.connect().await;
    echo(&mut stream, b"a").await.expect("it passes");
    bench.proxy.set(Fault::down(Kind::SlowClose { delay: SHORT })).await;
    let began = Instant::now();
    stream.shutdown().await.expect("shut down");
    assert_eq!(stream.read(&mut [0]).await.expect("in order"), 0);
    assert!(began.elapsed() >= SHORT);
}
