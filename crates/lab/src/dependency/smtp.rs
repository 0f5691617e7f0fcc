//! A mail server that takes every letter and delivers none (RFC 5321): what a service sends stays in
//! the lab. It offers log-in and believes every password; it speaks no TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::server_process::password;
use crate::error::LabError;
use crate::place::Place;
use crate::ports::Lease;
use crate::recipe::Address;

/// A listening server. It ends with this value.
#[derive(Debug)]
pub struct MailSink {
    lease: Lease,
    password: String,
    letters: Arc<Mutex<Vec<Letter>>>,
    serving: JoinHandle<()>,
}

/// A letter that was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Letter {
    pub from: String,
    pub to: Vec<String>,
    /// Headers and body as they came, at most [`LONGEST`] bytes.
    pub text: String,
}

/// Bytes of a letter that are kept, and of a line that is read.
const LONGEST: u64 = 256 * 1024;
/// Letters that are kept.
const MOST: usize = 1000;
/// Connections at once.
const CONNECTIONS: usize = 200;

impl MailSink {
    pub(super) async fn start(place: &Place) -> Result<Self, LabError> {
        let lease = place.port()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, lease.port));
        let failed = |error: std::io::Error| LabError::Dependency {
            what: "the mail server".to_owned(),
            why: error.to_string(),
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let letters = Arc::default();
        let (kept, open) = (Arc::clone(&letters), Arc::new(AtomicUsize::new(0)));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if open.fetch_add(1, Ordering::AcqRel) >= CONNECTIONS {
                    open.fetch_sub(1, Ordering::AcqRel);
                    continue;
                }
                let (kept, open) = (Arc::clone(&kept), Arc::clone(&open));
                tokio::spawn(async move {
                    // A client that leaves early is its own affair.
                    let _ = converse(stream, &kept).await;
                    open.fetch_sub(1, Ordering::AcqRel);
                });
            }
        });
        Ok(Self { lease, password: password(), letters, serving })
    }

    /// What it has taken so far.
    pub fn letters(&self) -> Vec<Letter> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the service reaches it. Any user and password will do.
    pub(super) fn address(&self) -> Address {
        Address {
            scheme: "smtp".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: self.lease.port,
            user: "app".to_owned(),
            password: self.password.clone(),
            ..Address::default()
        }
    }
}

impl Drop for MailSink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// One connection, until its client quits.
async fn converse(stream: TcpStream, letters: &Mutex<Vec<Letter>>) -> std::io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    writing.write_all(b"220 seaworthy.invalid ESMTP\r\n").await?;
    let mut letter = Letter::default();
    while let Some(line) = line(&mut reading).await? {
        let upper = line.to_ascii_uppercase();
        let answer = match () {
            () if upper.starts_with("EHLO") => {
                "250-seaworthy.invalid\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN\r\n"
            }
            () if upper.starts_with("AUTH LOGIN") => {
                // A user may stand on the line already (RFC 4954, 4).
                if line.split_whitespace().count() < 3 {
                    ask(&mut reading, &mut writing, "334 VXNlcm5hbWU6\r\n").await?;
                }
                ask(&mut reading, &mut writing, "334 UGFzc3dvcmQ6\r\n").await?;
                "235 2.7.0 accepted\r\n"
            }
            () if upper.starts_with("AUTH") => {
                if line.split_whitespace().count() < 3 {
                    ask(&mut reading, &mut writing, "334 \r\n").await?;
                }
                "235 2.7.0 accepted\r\n"
            }
            () if upper.starts_with("MAIL FROM:") => {
                letter = Letter { from: path(&line), ..Letter::default() };
                "250 2.1.0 ok\r\n"
            }
            () if upper.starts_with("RCPT TO:") => {
                letter.to.push(path(&line));
                "250 2.1.5 ok\r\n"
            }
            () if upper == "DATA" => {
                writing.write_all(b"354 end with a dot on a line of its own\r\n").await?;
                letter.text = data(&mut reading).await?;
                keep(letters, std::mem::take(&mut letter));
                "250 2.0.0 taken\r\n"
            }
            () if upper == "QUIT" => {
                writing.write_all(b"221 2.0.0 bye\r\n").await?;
                return writing.shutdown().await;
            }
            () if ["HELO", "RSET", "NOOP"].iter().any(|word| upper.starts_with(word)) => {
                "250 2.0.0 ok\r\n"
            }
            () if upper.starts_with("VRFY") => "252 2.5.2 send and see\r\n",
            () => "502 5.5.1 not known here\r\n",
        };
        writing.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

fn keep(letters: &Mutex<Vec<Letter>>, letter: Letter) {
    let mut letters = letters.lock().unwrap_or_else(PoisonError::into_inner);
    if letters.len() < MOST {
        letters.push(letter);
    }
}

async fn ask(
    reading: &mut (impl AsyncBufReadExt + Unpin),
    writing: &mut (impl AsyncWriteExt + Unpin),
    prompt: &str,
) -> std::io::Result<()> {
    writing.write_all(prompt.as_bytes()).await?;
    line(reading).await.map(drop)
}

/// The next line without its end; `None` at the end of the connection.
async fn line(reading: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let count = (&mut *reading).take(LONGEST).read_until(b'\n', &mut bytes).await?;
    let text = String::from_utf8_lossy(&bytes);
    Ok((count > 0).then(|| text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// The text of a letter, to the line with a dot.
async fn data(reading: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<String> {
    let mut text = String::new();
    while let Some(next) = line(reading).await? {
        if next == "." {
            break;
        }
        if (text.len() as u64) < LONGEST {
            // A dot at the beginning was doubled (RFC 5321, 4.5.2).
            text.push_str(next.strip_prefix('.').unwrap_or(&next));
            text.push('\n');
        }
    }
    Ok(text)
}

/// What stands between the angle brackets.
fn path(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    let bare = || line.split_once(':').map(|(_, rest)| rest.trim()).unwrap_or_default();
    inner.map_or_else(bare, |(path, _)| path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_letter_is_taken_and_kept() {
        let letters = Mutex::new(Vec::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let client = tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.expect("it listens");
            let words = "EHLO a\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<a@b.example> SIZE=9\r\n\
                         RCPT TO:<c@d.example>\r\nDATA\r\nSubject: Hi\r\n\r\n..dot\r\n.\r\nHOW\r\nQUIT\r\n";
            stream.write_all(words.as_bytes()).await.expect("it takes it");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("it answers");
            answer
        });
        let (stream, _) = listener.accept().await.expect("a client");
        converse(stream, &letters).await.expect("it ends well");
        let answer = client.await.expect("it ran");
        let codes: Vec<&str> = answer.lines().map(|line| &line[..3]).collect();
        let ehlo = ["250"; 4];
        let rest = ["235", "250", "250", "354", "250", "502", "221"];
        assert_eq!(codes, [&["220"][..], &ehlo, &rest].concat());
        let letters = letters.into_inner().expect("nobody panicked");
        assert_eq!(letters[0].from, "a@b.example");
        assert_eq!(letters[0].to, ["c@d.example"]);
        assert_eq!(letters[0].text, "Subject: Hi\n\n.dot\n");
    }
}
