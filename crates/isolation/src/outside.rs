//! A small process that stays outside the confinement and connects to the addresses that the user
//! allowed. It hands over connected sockets; nothing else passes.

use std::io::{self, BufRead, BufReader, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// The word by which the program is asked to be this process.
pub const WORD: &str = "__outside";

/// The longest time that a connection may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest reason that is handed over.
const LONGEST: usize = 400;

/// The living process, which ends when this value does.
#[derive(Debug)]
pub struct Outside {
    channel: Mutex<UnixStream>,
    _child: Child,
}

impl Outside {
    /// Starts `program __outside`. To be called before the confinement is entered.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(program: &Path) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let child = Command::new(program)
            .arg(WORD)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A Ctrl-C at the terminal is seaworthy's to handle.
            .process_group(0)
            .spawn()?;
        // It ends by itself, and is nobody's stray.
        process::tree::own(child.id(), true);
        Ok(Self { channel: Mutex::new(ours), _child: child })
    }

    /// A connection to `host:port`, made outside. Blocks for five seconds at most.
    ///
    /// # Errors
    /// When nobody answers there, or the process has ended.
    pub fn connect(&self, address: &str) -> io::Result<TcpStream> {
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        channel.write_all(format!("{address}\n").as_bytes())?;
        let mut text = [0; LONGEST];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut text)];
        let received = recvmsg(&*channel, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        let handed = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
            _ => None,
        });
        if let Some(socket) = handed {
            return Ok(TcpStream::from(socket));
        }
        let why = String::from_utf8_lossy(&text[..received.bytes]).into_owned();
        Err(io::Error::other(if why.is_empty() { "the helper has ended".to_owned() } else { why }))
    }
}

/// The process's whole life: it ends when seaworthy does.
pub fn serve() {
    let Ok(channel) = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else {
        return;
    };
    let Ok(reading) = channel.try_clone() else { return };
    for line in BufReader::new(reading).lines() {
        let Ok(address) = line else { return };
        let sent = match connect(&address) {
            Ok(stream) => hand_over(&channel, b"+", Some(&stream)),
            Err(error) => {
                let why: String = error.to_string().chars().take(LONGEST / 4).collect();
                hand_over(&channel, why.as_bytes(), None)
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    for one in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&one, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn hand_over(channel: &UnixStream, text: &[u8], socket: Option<&TcpStream>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let sockets = socket.map(|socket| [socket.as_fd()]);
    if let Some(sockets) = &sockets {
        control.push(SendAncillaryMessage::ScmRights(sockets));
    }
    sendmsg(channel, &[IoSlice::new(text)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_connection_that_was_handed_over_works() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let made = connect(&address).expect("somebody listens");
        hand_over(&theirs, b"+", Some(&made)).expect("it is sent");
        drop(made);
        let child = Command::new("true").spawn().expect("it runs");
        // What is asked for stays unread; the answer was sent before.
        let outside = Outside { channel: Mutex::new(ours), _child: child };
        let mut got = outside.connect(&address).expect("it was handed over");
        let (mut accepted, _) = listener.accept().expect("it was made");
        got.write_all(b"hello").expect("it is written");
        drop(got);
        let mut text = String::new();
        accepted.read_to_string(&mut text).expect("it is read");
        assert_eq!(text, "hello");
    }

    #[test]
    fn why_there_is_no_connection_is_handed_over() {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        hand_over(&theirs, b"nobody listens", None).expect("it is sent");
        let child = Command::new("true").spawn().expect("it runs");
        let outside = Outside { channel: Mutex::new(ours), _child: child };
        let error = outside.connect("127.0.0.1:1").expect_err("there is no connection");
        assert_eq!(error.to_string(), "nobody listens");
    }
}
