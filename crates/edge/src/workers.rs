//! The threads that serve, together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::config::Problem;
use crate::listen::Reserved;
use crate::proxy::Tunnels;
use crate::shared::Shared;
use crate::worker::{self, Phase, Site};

/// The threads that serve.
pub(crate) struct Workers {
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) done: Vec<oneshot::Receiver<()>>,
    tunnels: Tunnels,
}

impl Workers {
    /// Opens the public addresses and starts the workers.
    pub(crate) fn open(shared: &Shared, reserved: Vec<Reserved>) -> Result<Self, Problem> {
        let mut listeners = Vec::new();
        for (reserved, address) in reserved.into_iter().zip(&shared.config.addresses) {
            let public = address.public;
            let listener = reserved.open();
            let listener =
                listener.map_err(|error| format!("cannot listen on {public}: {error}"))?;
            listeners.push((listener, address, Arc::new(shared.parts(address))));
        }
        let tunnels = Tunnels::default();
        let (phase, told) = watch::channel(Phase::Serve);
        let mut done = Vec::new();
        for _ in 0..shared.config.workers.max(1) {
            let sites = listeners.iter().map(|(listener, address, parts)| {
                Ok(Site {
                    listener: listener.try_clone()?,
                    upstream: address.service,
                    parts: Arc::clone(parts),
                    compress: shared.config.supplied.compress,
                    board: shared.board.clone(),
                    tunnels: tunnels.clone(),
                    head_within: shared.config.header_timeout,
                })
            });
            let sites = sites.collect::<std::io::Result<Vec<_>>>().map_err(|e| e.to_string())?;
            let (tell, ended) = oneshot::channel();
            let mut told = told.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                if let Ok(runtime) = runtime {
                    // It ends when it is told to, and by nothing else.
                    let _ = runtime.block_on(worker::work(sites, told.clone()));
                    let _ = tell.send(());
                    // What has switched protocols ends with the service, which may say goodbye.
                    let _ = runtime.block_on(told.wait_for(|phase| *phase == Phase::Stop));
                }
            });
            done.push(ended);
        }
        Ok(Self { phase, done, tunnels })
    }

    pub(crate) async fn ended(&mut self) {
        for done in &mut self.done {
            // Gone is ended, too.
            let _ = done.await;
        }
        self.done.clear();
    }

    /// Ends what is still served.
    pub(crate) async fn close(&mut self, longest: Duration) {
        self.phase.send_replace(Phase::Drain);
        let all = async {
            self.ended().await;
            self.tunnels.ended().await;
        };
        let late = tokio::time::timeout(longest, all).await.is_err();
        self.phase.send_replace(Phase::Stop);
        if late {
            let _ = tokio::time::timeout(longest, self.ended()).await;
        }
    }
}
