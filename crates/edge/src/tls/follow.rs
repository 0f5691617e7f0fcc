//! Certificates are renewed by somebody else, who writes their files anew.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::CertificateFiles;
use super::certificates::{Certificates, Current};

/// How often their files are looked at.
const EVERY: Duration = Duration::from_secs(2);
/// Of an end that is so near somebody should know, once a day, in seconds.
const NEAR: i64 = 14 * DAY;
const DAY: i64 = 24 * 3600;

/// What tells that a file was written anew: where it is, how long, and when.
type Mark = Vec<Option<(u64, u64, i64, i64)>>;

fn mark(files: &[CertificateFiles]) -> Mark {
    let paths = files.iter().flat_map(|one| [&one.certificate, &one.key]);
    let of = |path| fs::metadata(path).ok().map(|m| (m.ino(), m.len(), m.mtime(), m.mtime_nsec()));
    paths.map(of).collect()
}

/// Follows the files for as long as it is polled. A wrong file changes nothing, and is told once.
pub(super) async fn follow(
    files: impl Fn() -> Vec<CertificateFiles>,
    current: &Current,
    say: impl Fn(&str),
) {
    let mut known = mark(&files());
    let mut told = None;
    loop {
        if let Some(text) = about_to_end(&current.get(), now())
            && told.is_none_or(|at: i64| now() - at >= DAY)
        {
            told = Some(now());
            say(&text);
        }
        tokio::time::sleep(EVERY).await;
        let now_there = files();
        let found = mark(&now_there);
        if found == known {
            continue;
        }
        known = found;
        match Certificates::read(&now_there) {
            Ok(certificates) => {
                say(&format!("certificates were read anew: {}", certificates.names()));
                current.set(certificates);
                told = None;
            }
            // The key may not be written yet: what is written next is another mark.
            Err(why) => say(&format!("the certificates stay as they were: {why}")),
        }
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn about_to_end(certificates: &Certificates, now: i64) -> Option<String> {
    let (name, ends) = certificates.first_to_end()?;
    let left = ends - now;
    match left {
        ..0 => Some(format!("the certificate of {name} has expired: clients refuse it; renew it")),
        0..NEAR => Some(format!(
            "the certificate of {name} expires in {} days; renew its files, they are read anew",
            left / DAY
        )),
        _ => None,
    }
}
