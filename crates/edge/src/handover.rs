//! Another seaworthy takes the place of this one: it gets the open listeners, starts an instance of
//! the service of its own, and says when that is ready; then this one drains. Connections that wait in
//! a listener belong to both, so that none is lost between them.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::sync::watch;

use crate::config::Problem;
use crate::worker::Phase;

/// The most listeners of one edge: an address each, and one that redirects.
const MOST: usize = 32;
/// What the new one says when it serves, and what it is answered.
const READY: u8 = b'R';
const GO_ON: u8 = b'K';

/// Where the listeners are given away: beside the operators' socket.
fn path(admin: &Path) -> PathBuf {
    admin.with_extension("take")
}

/// Whether another one has taken our place. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandedOver(Arc<AtomicBool>);

impl HandedOver {
    pub(crate) fn is(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Gives the listeners to whoever may open the operators' socket, until one of those is ready.
pub(crate) fn offer(
    admin: &Path,
    listeners: Vec<(SocketAddr, TcpListener)>,
    drain: watch::Sender<bool>,
    mut phase: watch::Receiver<Phase>,
    done: HandedOver,
) -> std::io::Result<()> {
    let path = path(admin);
    // Written beside it and put in its place: the one before may still be there.
    let beside = path.with_extension("new");
    let _ = std::fs::remove_file(&beside);
    let socket = UnixListener::bind(&beside)?;
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&beside, &path)?;
    tokio::spawn(async move {
        let mut taker = tokio::select! {
            taker = taken(&socket, &listeners) => taker,
            // Who drains holds no listener open, or its port would not refuse.
            _ = phase.wait_for(|phase| *phase != Phase::Serve) => return,
        };
        done.0.store(true, Ordering::Release);
        drain.send_replace(true);
        let _ = taker.write_u8(GO_ON).await;
    });
    Ok(())
}

/// Whoever has got the listeners, and serves.
async fn taken(
    socket: &UnixListener,
    listeners: &[(SocketAddr, TcpListener)],
) -> tokio::net::UnixStream {
    loop {
        let Ok((mut stream, _)) = socket.accept().await else { continue };
        if stream.writable().await.is_err() || send(&stream, listeners).is_err() {
            continue;
        }
        // One that ends before it is ready changes nothing.
        if stream.read_u8().await.is_ok_and(|said| said == READY) {
            return stream;
        }
    }
}

fn send(stream: &impl AsFd, listeners: &[(SocketAddr, TcpListener)]) -> std::io::Result<()> {
    let names: Vec<String> = listeners.iter().map(|(address, _)| address.to_string()).collect();
    let text = names.join("\n");
    let descriptors: Vec<BorrowedFd<'_>> = listeners.iter().map(|(_, one)| one.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    sendmsg(stream, &[IoSlice::new(text.as_bytes())], &mut control, SendFlags::empty())?;
    Ok(())
}

/// The listeners of another one, which serves on until it is told.
#[derive(Debug)]
pub(crate) struct Taken {
    stream: UnixStream,
    listeners: Vec<(SocketAddr, OwnedFd)>,
}

impl Taken {
    /// Asks for them.
    ///
    /// # Errors
    /// When nobody is there, or gives none.
    pub(crate) fn from(admin: &Path) -> Result<Self, Problem> {
        let path = path(admin);
        let words = |error: std::io::Error| {
            format!(
                "there is nobody to take over from at {}: {error}; start without --take-over",
                path.display()
            )
        };
        let stream = UnixStream::connect(&path).map_err(words)?;
        let mut text = vec![0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut pieces = [IoSliceMut::new(&mut text)];
        let told = recvmsg(&stream, &mut pieces, &mut control, RecvFlags::CMSG_CLOEXEC)
            .map_err(|error| words(error.into()))?;
        let mut descriptors = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(all) = message {
                descriptors.extend(all);
            }
        }
        text.truncate(told.bytes);
        let names = String::from_utf8_lossy(&text).into_owned();
        let names = names.lines().filter_map(|line| line.parse::<SocketAddr>().ok());
        let listeners: Vec<_> = names.zip(descriptors).collect();
        if listeners.is_empty() {
            return Err(format!("{}: expected listeners, found none", path.display()));
        }
        Ok(Self { stream, listeners })
    }

    /// The listener at an address, if there is one.
    pub(crate) fn listener(&mut self, address: SocketAddr) -> Option<OwnedFd> {
        let at = self.listeners.iter().position(|(own, _)| *own == address)?;
        Some(self.listeners.swap_remove(at).1)
    }

    /// Tells the other one that its time has come.
    ///
    /// # Errors
    /// When it has gone meanwhile, which is as good.
    pub(crate) async fn serve_instead(self) -> std::io::Result<()> {
        self.stream.set_nonblocking(true)?;
        let mut stream = tokio::net::UnixStream::from_std(self.stream)?;
        stream.write_u8(READY).await?;
        stream.read_u8().await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_changes_hands_and_who_waits_in_it_is_served() {
        let folder = tempfile::tempdir().expect("a folder");
        let admin = folder.path().join("admin.sock");
        assert!(Taken::from(&admin).expect_err("nobody").contains("nobody to take over from"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let (drain, mut asked) = watch::channel(false);
        let done = HandedOver::default();
        let (_serving, phase) = watch::channel(Phase::Serve);
        offer(&admin, vec![(address, listener)], drain, phase, done.clone()).expect("offered");
        let take = || {
            let admin = admin.clone();
            tokio::task::spawn_blocking(move || Taken::from(&admin))
        };
        // One that breaks off before it is ready changes nothing.
        drop(take().await.expect("no panic").expect("given"));
        let mut taken = take().await.expect("no panic").expect("given");
        assert!(!done.is());
        let own = TcpListener::from(taken.listener(address).expect("the same address"));
        assert!(taken.listener(address).is_none());
        let waiting = std::net::TcpStream::connect(address).expect("it still listens");
        taken.serve_instead().await.expect("told");
        asked.wait_for(|asked| *asked).await.expect("it drains");
        assert!(done.is());
        let (_, peer) = own.accept().expect("who waited");
        assert_eq!(peer, waiting.local_addr().expect("connected"));
    }
}
