//! A Redis that edges share.

use crate::edge::{free, until};

/// A Redis of this test.
pub(crate) struct Redis {
    address: std::net::SocketAddr,
    running: Option<std::process::Child>,
}

impl Redis {
    pub(crate) fn new() -> Self {
        let mut redis = Self { address: free(), running: None };
        redis.start();
        redis
    }

    pub(crate) fn start(&mut self) {
        let mut command = std::process::Command::new("redis-server");
        let port = self.address.port().to_string();
        command.args(["--port", &port, "--save", "", "--bind", "127.0.0.1", "--requirepass", "pw"]);
        command.stdout(std::process::Stdio::null());
        self.running = Some(command.spawn().expect("redis-server is installed"));
        until("it listens", || std::net::TcpStream::connect(self.address).is_ok());
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.kill();
            let _ = running.wait();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://:pw@{}/2", self.address)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}
