//! The signals that reach seaworthy, and what each is for.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It shall end.
    Stop(&'static str),
    /// For the service alone.
    Other(&'static str),
    /// A child of ours has ended.
    Child,
}

/// Every signal that is listened to.
#[derive(Debug)]
pub(crate) struct Signals {
    term: Signal,
    int: Signal,
    quit: Signal,
    hup: Signal,
    usr1: Signal,
    usr2: Signal,
    child: Signal,
}

impl Signals {
    /// Begins to listen; from now on none of them ends seaworthy.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
            usr2: signal(SignalKind::user_defined2())?,
            child: signal(SignalKind::child())?,
        })
    }

    /// The next signal to end.
    pub(crate) async fn stop(&mut self) -> &'static str {
        loop {
            if let Heard::Stop(signal) = self.next().await {
                return signal;
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.term.recv() => Heard::Stop("SIGTERM"),
            _ = self.int.recv() => Heard::Stop("SIGINT"),
            _ = self.quit.recv() => Heard::Stop("SIGQUIT"),
            _ = self.hup.recv() => Heard::Other("SIGHUP"),
            _ = self.usr1.recv() => Heard::Other("SIGUSR1"),
            _ = self.usr2.recv() => Heard::Other("SIGUSR2"),
            _ = self.child.recv() => Heard::Child,
        }
    }
}
