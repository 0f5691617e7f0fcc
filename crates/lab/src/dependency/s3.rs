//! An object store that speaks S3, one process for each instance: `s3s-fs` or moto's server, which
//! the registries of Rust and of Python bring. It has one bucket.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use process::Process;
use tokio::time::sleep;

use super::server_process::{self, launch, password};
use crate::error::LabError;
use crate::place::Place;
use crate::recipe::Address;

/// The bucket that is there from the start, as `{NAME.name}`.
const BUCKET: &str = "seaworthy";
const ACCESS_KEY: &str = "seaworthy";

/// What can be started.
#[derive(Debug)]
pub(super) enum Program {
    /// Keeps buckets as folders and verifies signatures.
    S3sFs(PathBuf),
    /// Keeps everything in memory and verifies no signature.
    Moto(PathBuf),
}

impl Program {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::S3sFs(_) => "s3s-fs",
            Self::Moto(_) => "moto",
        }
    }
}

/// The one that is installed.
pub(super) fn program() -> Result<Program, LabError> {
    let find = |name: &str| process::spawn::find_program(name, &[]);
    find("s3s-fs")
        .map(Program::S3sFs)
        .or_else(|| find("moto_server").map(Program::Moto))
        .ok_or_else(|| LabError::CannotProvide {
            what: "an S3 server".to_owned(),
            why: "there is no s3s-fs or moto_server on PATH".to_owned(),
            install: "pip install 'moto[server]'",
        })
}

pub(super) async fn start(place: &Place) -> Result<(Address, Process), LabError> {
    let place = place.next();
    let folder = place.folder("s3");
    let bucket = folder.join("data").join(BUCKET);
    fs::create_dir_all(&bucket).map_err(LabError::file("make", &bucket))?;
    let lease = place.port()?;
    let secret = password();
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let port = lease.port.to_string();
    let program = program()?;
    let argv: Vec<String> = match &program {
        Program::S3sFs(path) => vec![
            text(path),
            "--host".into(),
            "127.0.0.1".into(),
            "--port".into(),
            port,
            "--access-key".into(),
            ACCESS_KEY.into(),
            "--secret-key".into(),
            secret.clone(),
            text(&folder.join("data")),
        ],
        Program::Moto(path) => vec![text(path), "-H".into(), "127.0.0.1".into(), "-p".into(), port],
    };
    let (process, output) = server_process::start(&launch(argv, &folder, None, &place), &place)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, lease.port));
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_ready(&program, address).await {
        if process.exit().is_some() || Instant::now() > deadline {
            let what = "starting the S3 server".to_owned();
            return Err(LabError::Dependency { what, why: output.text() });
        }
        sleep(Duration::from_millis(20)).await;
    }
    let address = Address {
        scheme: "http".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: lease.port,
        user: ACCESS_KEY.to_owned(),
        password: secret,
        name: BUCKET.to_owned(),
        ..Address::default()
    };
    // The server holds the port from here on, so the lease is not needed any more.
    Ok((address, process))
}

/// Whether it answers; moto is told to make the bucket, until it does.
async fn is_ready(program: &Program, address: SocketAddr) -> bool {
    let within = Duration::from_secs(2);
    let request = match program {
        Program::S3sFs(_) => client::Request::get("/"),
        Program::Moto(_) => client::Request::new("PUT", &format!("/{BUCKET}")),
    };
    let status = client::once(address, &request, within).await.status();
    match program {
        Program::S3sFs(_) => status.is_some(),
        Program::Moto(_) => status == Some(200),
    }
}
