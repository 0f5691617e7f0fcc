//! The threads that serve, together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use settings::supply::Http2;
use tokio::sync::{oneshot, watch};

use crate::config::Problem;
use crate::descriptors::{self, Places};
use crate::listen::Reserved;
use crate::reload::Reloader;
use crate::shared::Shared;
use crate::tunnels::{Rules, Tunnels};
use crate::worker::{self, Phase, Site};

/// The threads that serve.
pub(crate) struct Workers {
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) done: Vec<oneshot::Receiver<()>>,
    /// For the clients of all of them.
    pub(crate) places: Places,
    tunnels: Tunnels,
    /// For whoever takes our place.
    pub(crate) listeners: Vec<(SocketAddr, std::net::TcpListener)>,
}

/// The part of a drain over which goodbyes to WebSockets are spread.
const SPREAD: f64 = 0.3;

impl Workers {
    /// Opens the public addresses and starts the workers.
    pub(crate) fn open(
        shared: &Shared,
        reloader: &Reloader,
        reserved: Vec<Reserved>,
    ) -> Result<Self, Problem> {
        let mut listeners = Vec::new();
        let addresses = shared.config.addresses.iter().zip(reloader.slots());
        for (reserved, (address, slot)) in reserved.into_iter().zip(addresses) {
            let public = address.public;
            let listener = reserved.open();
            let listener =
                listener.map_err(|error| format!("cannot listen on {public}: {error}"))?;
            listeners.push((listener, address, slot));
        }
        let err = shared.err.clone();
        let say = move |text: &str| err.say_soon(format!("seaworthy: {text}\n").as_bytes());
        let places = Places::new(descriptors::raise(), say);
        let (phase, told) = watch::channel(Phase::Serve);
        let tunnels = Tunnels::new(Rules {
            limits: shared.config.sockets,
            phase: told.clone(),
            spread: shared.config.drain.within.mul_f64(SPREAD),
            metrics: shared.own.metrics.sockets(),
        });
        let mut done = Vec::new();
        for _ in 0..shared.config.workers.max(1) {
            let sites = listeners.iter().map(|(listener, address, slot)| {
                let site = Site {
                    upstream: address.service,
                    // Further ports are for machines within, which is to say, metrics.
                    upstream_http2: shared.config.service_http2 && address.name.is_none(),
                    slot: Arc::clone(slot),
                    compress: shared.config.supplied.compress,
                    board: shared.own.board.clone(),
                    tunnels: tunnels.clone(),
                    places: places.clone(),
                    // Further ports are for machines within.
                    tls: shared.tls.clone().filter(|_| address.name.is_none()),
                    h2c: shared.config.http2 == Http2::Everywhere,
                    balanced: shared.config.proxy_protocol && address.name.is_none(),
                    head_within: shared.config.header_timeout,
                    taken_within: shared.config.client_timeout,
                };
                Ok((listener.try_clone()?, site))
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
        let listeners = listeners.into_iter().map(|(own, address, _)| (address.public, own));
        Ok(Self { phase, done, places, tunnels, listeners: listeners.collect() })
    }

    pub(crate) async fn ended(&mut self) {
        // Each only until it has ended: the waiting may be given up, and begun anew.
        while let Some(done) = self.done.last_mut() {
            // Gone is ended, too.
            let _ = done.await;
            self.done.pop();
        }
    }

    /// Waits until every request has ended, and every WebSocket was told that the edge goes away.
    pub(crate) async fn drained(&mut self) {
        self.ended().await;
        self.tunnels.told().await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_may_be_given_up_and_begun_anew() {
        for idle in [0, 1] {
            let (tell, mut done): (Vec<_>, Vec<_>) = (0..2).map(|_| oneshot::channel()).unzip();
            let mut tell = tell.into_iter().map(Some).collect::<Vec<_>>();
            let phase = watch::channel(Phase::Drain).0;
            done.reverse();
            let mut workers = Workers {
                phase,
                done,
                places: Places::new(1, |_| ()),
                tunnels: Tunnels::default(),
                listeners: Vec::new(),
            };
            drop(tell[idle].take());
            let moment = Duration::from_millis(1);
            assert!(tokio::time::timeout(moment, workers.ended()).await.is_err());
            drop(tell);
            workers.ended().await;
        }
    }
}
