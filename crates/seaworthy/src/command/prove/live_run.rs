//! A run as it is seen on the terminal, and how it is ended.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::{Listener, Plan, Proof, ProofError, Proven, Session};
use model::Event;
use report::terminal::Live;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::failure::Failure;
use crate::screen;

/// Shows on the terminal what happens.
fn listener(live: &Arc<Mutex<Live>>) -> Listener {
    let live = Arc::clone(live);
    Arc::new(move |event: Event| {
        let mut live = live.lock().unwrap_or_else(PoisonError::into_inner);
        screen::message(&live.event(&event));
    })
}

/// What works on a terminal: it is shown, and told when it is to stop.
///
/// # Errors
/// Its own, and when there are no threads.
pub(super) fn shown<T, F>(
    mut runtime: Builder,
    work: impl FnOnce(Listener, watch::Receiver<bool>) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let runtime = runtime
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("cannot start: {error}")))?;
    let live = Arc::new(Mutex::new(Live::new(screen::stderr_styles(), screen::width())));
    let tell = listener(&live);
    let (stop, stopped) = watch::channel(false);
    let result = runtime.block_on(async {
        tokio::spawn(stop_on_signal(stop));
        let ticking = tokio::spawn(tick(Arc::clone(&live)));
        let result = work(tell, stopped).await;
        ticking.abort();
        result
    });
    screen::message(&live.lock().unwrap_or_else(PoisonError::into_inner).erase());
    // Tasks that wait for something that will not come any more need not be waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

/// The work's result, unless it was told to stop before.
pub(super) async fn unless_stopped<T>(
    work: impl Future<Output = Result<T, Failure>>,
    mut stopped: watch::Receiver<bool>,
) -> Result<T, Failure> {
    tokio::select! {
        result = work => result,
        _ = stopped.wait_for(|stop| *stop) => Err(ProofError::Interrupted.into()),
    }
}

pub(super) fn prove(session: &Session, proof: Proof, plan: Plan) -> Result<Proven, Failure> {
    shown(Builder::new_multi_thread(), |tell, stopped| async {
        Ok(engine::prove(session, proof, plan, tell, stopped).await?)
    })
}

async fn tick(live: Arc<Mutex<Live>>) {
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut live = live.lock().unwrap_or_else(PoisonError::into_inner);
        screen::message(&live.tick());
    }
}

/// Ctrl-C and SIGTERM end the run in order; a second one ends it at once, and the keeper cleans up.
async fn stop_on_signal(stop: watch::Sender<bool>) {
    let interrupt = signal(SignalKind::interrupt());
    let terminate = signal(SignalKind::terminate());
    let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else { return };
    let mut asked = false;
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if asked {
            let me = std::process::id();
            let _ = process::signal::send(me, "SIGKILL");
        }
        asked = true;
        screen::message("\nstopping; once more stops at once\n");
        stop.send_replace(true);
    }
}
