//! The keys of tokens, and the tokens that hold no more.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use http::Uri;
use layers::{KeySet, KeySetTimes, KeySource, Keys, Revoked, Tokens};
use tokio::runtime::Handle;

use crate::config::{KeyOrigin, Problem, TokenConfig};
use crate::fetch::fetch;

/// Reads what was declared. The issuer's keys are asked for at once, and by the main thread
/// whoever waits for them.
///
/// # Errors
/// Which file is wrong, and how.
pub(crate) fn open(
    declared: TokenConfig,
    before: &Revocations,
    published: &mut Published,
    say: impl Fn(&str) + Send + Sync + 'static,
) -> Result<(Tokens, Revocations), Problem> {
    let TokenConfig { mut tokens, keys, revoked } = declared;
    let read = |file: &Path| {
        fs::read(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))
    };
    let fixed = |file: &Path, keys: Result<Keys, String>| {
        let keys = keys.map_err(|why| format!("{}: {why}", file.display()))?;
        Ok::<_, Problem>(KeySource::Fixed(Arc::new(keys)))
    };
    tokens.keys = match keys {
        KeyOrigin::Known(keys) => KeySource::Fixed(Arc::new(keys)),
        KeyOrigin::PublicKey(file) => fixed(&file, Keys::pem(&read(&file)?))?,
        KeyOrigin::SetFile(file) => fixed(&file, Keys::set(&read(&file)?))?,
        KeyOrigin::SetUrl(url) => {
            if let Some((_, set)) = published.as_ref().filter(|(known, _)| *known == url) {
                KeySource::Fetched(set.clone())
            } else {
                let set = follow(url.clone(), say);
                *published = Some((url, set.clone()));
                KeySource::Fetched(set)
            }
        }
    };
    // What was revoked stays so under another configuration.
    tokens.revoked = before.revoked.clone();
    let revocations = Revocations::open(tokens.revoked.clone(), revoked)?;
    Ok((tokens, revocations))
}

/// The key set of an issuer and where it is: it is not fetched anew for another configuration, while
/// the issuer may be away.
pub(crate) type Published = Option<(Uri, KeySet)>;

/// A key set at a URL.
fn follow(url: Uri, say: impl Fn(&str) + Send + Sync + 'static) -> KeySet {
    let runtime = Handle::current();
    let get = move || -> layers::Pending<_> {
        let url = url.clone();
        let getting = runtime.spawn(async move { fetch(&url, "application/json").await });
        Box::pin(async move {
            let got = getting.await.map_err(|error| error.to_string())?;
            got.map(|bytes| bytes.to_vec())
        })
    };
    let set = KeySet::new(get, say, KeySetTimes::default());
    let first = set.clone();
    tokio::spawn(async move { first.fetch().await });
    set
}

/// What operators revoke, and where that is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Revocations {
    revoked: Revoked,
    file: Option<Arc<Mutex<PathBuf>>>,
}

/// So long an id is kept where nobody says when its token expires: a year, in seconds.
const LONGEST: u64 = 365 * 24 * 3600;

impl Revocations {
    /// Reads the file: an id and, after a space, the second since 1970 in which its token expires.
    fn open(revoked: Revoked, file: Option<PathBuf>) -> Result<Self, Problem> {
        let Some(file) = file else { return Ok(Self { revoked, file: None }) };
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
        };
        let now = now();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (id, until) = line.split_once(' ').unwrap_or((line, ""));
            let until = until.trim().parse().unwrap_or(now + LONGEST);
            if until > now {
                revoked.add(id, until, now);
            }
        }
        Ok(Self { revoked, file: Some(Arc::new(Mutex::new(file))) })
    }

    /// Revokes a token, for as long as it would hold. It holds no more from here on, even where that
    /// cannot be written down.
    ///
    /// # Errors
    /// When it cannot: after the next start the token would hold again.
    pub(crate) fn revoke(&self, id: &str, until: Option<u64>) -> Result<(), Problem> {
        let now = now();
        let until = until.unwrap_or(now + LONGEST);
        self.revoked.add(id, until, now);
        let Some(file) = &self.file else { return Ok(()) };
        let file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(&*file);
        let written = opened.and_then(|mut opened| {
            opened.write_all(format!("{id} {until}\n").as_bytes())?;
            opened.sync_data()
        });
        written.map_err(|error| {
            format!("it is revoked, but {} cannot be written: {error}", file.display())
        })
    }

    pub(crate) fn all(&self) -> Vec<(String, u64)> {
        self.revoked.all()
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_revoked_stays_so_after_a_new_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("revoked");
        fs::write(&file, format!("old 100\nkept {}\nwhole\n", now() + 100)).expect("written");
        let open = || Revocations::open(Revoked::default(), Some(file.clone())).expect("read");
        open().revoke("new", Some(now() + 50)).expect("written");
        let ids: Vec<_> = open().all().into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, ["kept", "new", "whole"]);
        let lost = Revocations::open(Revoked::default(), Some(folder.path().join("no/where")));
        let lost = lost.expect("there is none yet");
        assert!(lost.revoke("a", None).expect_err("no folder").starts_with("it is revoked, but"));
        assert_eq!(lost.all().len(), 1);
    }
}
