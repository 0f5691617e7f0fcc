//! The threads that serve, together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::config::Problem;
use crate::listen::Reserved;
use crate::shared::Shared;
use crate::worker::{self, Phase, Site};

/// The threads that serve.
pub(crate) struct Workers {
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) done: Vec<oneshot::Receiver<()>>,
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
                    head_within: shared.config.header_timeout,
                })
            });
            let sites = sites.collect::<std::io::Result<Vec<_>>>().map_err(|e| e.to_string())?;
            let (tell, ended) = oneshot::channel();
            let told = told.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                if let Ok(runtime) = runtime {
                    // It ends when it is told to, and by nothing else.
                    let _ = runtime.block_on(worker::work(sites, told));
                }
                let _ = tell.send(());
            });
            done.push(ended);
        }
        Ok(Self { phase, done })
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
        if tokio::time::timeout(longest, self.ended()).await.is_err() {
            self.phase.send_replace(Phase::Stop);
            let _ = tokio::time::timeout(longest, self.ended()).await;
        }
    }
}
