//! Measures TCP proxies side by side: `proxy_bench UPSTREAM_PORT NAME=PORT…`. It is the upstream
//! and the client itself, starts our own proxy in front of the upstream, and prints medians and
//! ratios. Rounds are interleaved, so that a noisy moment meets everyone.
#![expect(clippy::print_stdout, reason = "a benchmark talks to its reader")]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use lab::fault::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ROUNDS: usize = 7;
const BYTES: usize = 256 * 1024 * 1024;
const PINGS: usize = 5000;

fn at(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let upstream: u16 = words[0].parse().expect("the first word is the upstream's port");
    let listener = TcpListener::bind(at(upstream)).await.expect("the upstream's port is free");
    tokio::spawn(serve(listener));
    let folder = tempfile::tempdir().expect("a folder");
    let lease = lab::ports::lease(folder.path()).expect("a free port");
    let ours = Proxy::start(lease, lab::fault::Upstream::Direct(at(upstream)))
        .await
        .expect("our proxy starts");
    let mut proxies = vec![("direct".to_owned(), upstream), ("seaworthy".to_owned(), ours.port())];
    for word in &words[1..] {
        let (name, port) = word.split_once('=').expect("NAME=PORT");
        proxies.push((name.to_owned(), port.parse().expect("a port")));
    }
    let mut throughput = vec![Vec::new(); proxies.len()];
    let mut latency = vec![Vec::new(); proxies.len()];
    for _ in 0..ROUNDS {
        for (which, (_, port)) in proxies.iter().enumerate() {
            throughput[which].push(megabytes_per_second(*port).await);
            latency[which].push(median_ping(*port).await);
        }
    }
    println!(
        "{ROUNDS} interleaved rounds, medians: {} MB one way, {PINGS} pings of 64 bytes",
        BYTES >> 20
    );
    println!("{:<12} {:>10} {:>12} {:>22}", "", "MB/s", "ping µs", "added by the proxy µs");
    let medians =
        |all: &mut Vec<Vec<f64>>| all.iter_mut().map(|all| median(all)).collect::<Vec<_>>();
    let (throughput, latency) = (medians(&mut throughput), medians(&mut latency));
    for (which, (name, _)) in proxies.iter().enumerate() {
        let added = latency[which] - latency[0];
        println!("{name:<12} {:>10.0} {:>12.1} {added:>22.1}", throughput[which], latency[which]);
    }
    for (which, (name, _)) in proxies.iter().enumerate().skip(2) {
        println!(
            "seaworthy / {name}: throughput {:.2}x, added latency {:.2}x",
            throughput[1] / throughput[which],
            (latency[1] - latency[0]) / (latency[which] - latency[0])
        );
    }
}

/// The first byte says what is wanted: `s` sinks and answers one byte at the end, `e` echoes.
async fn serve(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let mut buffer = vec![0; 256 * 1024];
            let mut first = [0];
            if stream.read_exact(&mut first).await.is_err() {
                return;
            }
            let mut left = BYTES;
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                if first == *b"e" {
                    let _ = stream.write_all(&buffer[..count]).await;
                } else {
                    left = left.saturating_sub(count);
                    if left == 0 {
                        let _ = stream.write_all(b"!").await;
                    }
                }
            }
        });
    }
}

async fn megabytes_per_second(port: u16) -> f64 {
    let mut stream = TcpStream::connect(at(port)).await.expect("the proxy listens");
    let chunk = vec![b's'; 256 * 1024];
    stream.write_all(b"s").await.expect("sent");
    let began = Instant::now();
    for _ in 0..BYTES / chunk.len() {
        stream.write_all(&chunk).await.expect("sent");
    }
    stream.read_exact(&mut [0]).await.expect("it arrived");
    BYTES as f64 / 1e6 / began.elapsed().as_secs_f64()
}

async fn median_ping(port: u16) -> f64 {
    let mut stream = TcpStream::connect(at(port)).await.expect("the proxy listens");
    stream.set_nodelay(true).expect("set");
    stream.write_all(b"e").await.expect("sent");
    let mut times = Vec::with_capacity(PINGS);
    let mut buffer = [b'p'; 64];
    for _ in 0..PINGS {
        let began = Instant::now();
        stream.write_all(&buffer).await.expect("sent");
        stream.read_exact(&mut buffer).await.expect("answered");
        times.push(began.elapsed());
    }
    let mut micros: Vec<f64> = times.iter().map(Duration::as_secs_f64).map(|s| s * 1e6).collect();
    median(&mut micros)
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
