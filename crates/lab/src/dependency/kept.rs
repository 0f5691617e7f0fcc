//! An initialised data folder, kept between runs: to make one costs more than to copy it.
//!
//! It stands beside the folders of the runs and holds nothing of the user's. A name tells the
//! program and the settings that it was made with; it is made aside and renamed, so that whoever
//! finds it finds it whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use process::User;

use super::server_process::give;

/// A folder that may be kept.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
}

impl Kept {
    /// The folder of what this program makes with these settings, below `base`.
    pub(super) fn of(base: &Path, program: &Path, settings: &[&str]) -> Self {
        let changed = fs::metadata(program).and_then(|meta| meta.modified());
        let changed = changed.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let changed = changed.map_or(0, |since| since.as_secs());
        let mut name = format!("{}-{changed}", program.display());
        for setting in settings {
            name.push('-');
            name.push_str(setting);
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let name: String = name.chars().map(plain).collect();
        Self { path: base.join(process::records::TEMPLATES).join(name.trim_matches('-')) }
    }

    /// Copies it to `target` for the server's user; whether it was there.
    pub(super) async fn copy_to(&self, target: &Path, user: Option<User>) -> bool {
        let (kept, target) = (self.path.clone(), target.to_owned());
        apart(move || {
            let copied = kept.is_dir() && copy(&kept, &target, user).is_ok();
            if !copied {
                // Whatever was copied is not usable.
                let _ = fs::remove_dir_all(&target);
            }
            copied
        })
        .await
    }

    /// Keeps a copy of `source`. That it cannot be kept is no fault: it is made anew next time.
    pub(super) async fn keep(&self, source: &Path, user: Option<User>) {
        let (kept, source) = (self.path.clone(), source.to_owned());
        apart(move || {
            let folder = kept.parent().unwrap_or(Path::new("/"));
            let aside = folder.join(format!("{}.new-{}", std::process::id(), fastrand::u32(..)));
            let done = fs::create_dir_all(folder)
                .and_then(|()| copy(&source, &aside, user))
                .and_then(|()| fs::rename(&aside, &kept));
            if done.is_err() {
                let _ = fs::remove_dir_all(&aside);
            }
            done.is_ok()
        })
        .await;
    }
}

/// Away from the threads that watch sockets.
async fn apart(work: impl FnOnce() -> bool + Send + 'static) -> bool {
    tokio::task::spawn_blocking(work).await.unwrap_or(false)
}

/// Copies a folder with its modes, for this user.
fn copy(source: &Path, target: &Path, user: Option<User>) -> io::Result<()> {
    fs::create_dir(target)?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let (from, to) = (entry.path(), target.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&from, &to, user)?;
        } else {
            fs::copy(&from, &to)?;
            give(user, &to)?;
        }
    }
    fs::set_permissions(target, fs::metadata(source)?.permissions())?;
    give(user, target)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn what_is_kept_comes_back_with_its_modes() {
        let base = tempfile::tempdir().expect("a folder");
        let made = base.path().join("made");
        fs::create_dir_all(made.join("below")).expect("a folder");
        fs::write(made.join("below/file"), "text").expect("a file");
        fs::set_permissions(&made, fs::Permissions::from_mode(0o700)).expect("a mode");
        let kept = Kept::of(base.path(), Path::new("/bin/sh"), &["C.UTF-8"]);
        let (first, second) = (base.path().join("first"), base.path().join("second"));
        assert!(!kept.copy_to(&first, None).await, "nothing is there yet");
        kept.keep(&made, None).await;
        assert!(kept.copy_to(&second, None).await);
        assert_eq!(fs::read_to_string(second.join("below/file")).expect("it is there"), "text");
        assert_eq!(fs::metadata(&second).expect("it is there").permissions().mode() & 0o777, 0o700);
        let other = Kept::of(base.path(), Path::new("/bin/sh"), &["de_DE.UTF-8"]);
        assert!(!other.copy_to(&first, None).await, "other settings, another folder");
    }
}
