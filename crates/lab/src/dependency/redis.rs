//! An ephemeral Redis or Valkey from the system's binaries, one process for each instance.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use process::{Launch, Process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::error::LabError;
use crate::place::Place;
use crate::recipe::Address;

pub(super) fn program() -> Result<PathBuf, LabError> {
    ["redis-server", "valkey-server"]
        .iter()
        .find_map(|name| process::spawn::find_program(name, &["/usr/sbin".as_ref()]))
        .ok_or_else(|| LabError::CannotProvide {
            what: "Redis".to_owned(),
            why: "there is no redis-server or valkey-server on PATH".to_owned(),
            install: "apt-get install redis-server",
        })
}

pub(super) fn version() -> Option<String> {
    let output = std::process::Command::new(program().ok()?).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split("v=").nth(1)?.split_whitespace().next()?;
    Some(format!("redis {version}"))
}

pub(super) async fn start(place: &Place) -> Result<(Address, Process), LabError> {
    let place = place.next();
    let folder = place.folder("redis");
    fs::create_dir(&folder).map_err(LabError::file("make", &folder))?;
    let lease = place.port()?;
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut argv = vec![program()?.to_string_lossy().into_owned()];
    argv.extend(words(&format!("--port {} --bind 127.0.0.1 --appendonly no", lease.port)));
    argv.extend(["--save".to_owned(), String::new()]);
    let launch = Launch { argv, folder, env: Vec::new(), user: None, nice: 0, mark: place.mark() };
    let wrong = |why: String| LabError::Dependency { what: "starting Redis".to_owned(), why };
    let process =
        Process::start(&launch, place.record(), |_| {}).map_err(|e| wrong(e.to_string()))?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, lease.port));
    let deadline = Instant::now() + Duration::from_secs(10);
    while !pongs(address).await {
        if process.exit().is_some() || Instant::now() > deadline {
            return Err(wrong("it does not answer PING".to_owned()));
        }
        sleep(Duration::from_millis(5)).await;
    }
    let address = Address {
        scheme: "redis".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: lease.port,
        name: "0".to_owned(),
        ..Address::default()
    };
    // The server holds the port from here on, so the lease is not needed any more.
    Ok((address, process))
}

async fn pongs(address: SocketAddr) -> bool {
    let ping = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(b"PING\r\n").await.ok()?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await.ok()?;
        (&answer == b"+PONG\r\n").then_some(())
    };
    timeout(Duration::from_secs(1), ping).await.is_ok_and(|pong| pong.is_some())
}
