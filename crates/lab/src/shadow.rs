//! Noticing that a shadowed `.env` file was opened all the same, by its absolute path.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rustix::fs::inotify;

/// Watches the originals of the shadowed files.
#[derive(Debug, Default)]
pub struct Shadow {
    watch: Option<OwnedFd>,
    files: Vec<(i32, PathBuf)>,
    opened: Mutex<Vec<(Instant, PathBuf)>>,
}

impl Shadow {
    /// Without files to watch it watches nothing and costs nothing.
    pub fn watch(files: &[PathBuf]) -> Self {
        if files.is_empty() {
            return Self::default();
        }
        let flags = inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC;
        let Ok(watch) = inotify::init(flags) else { return Self::default() };
        let watched = files.iter().filter_map(|file| {
            let id = inotify::add_watch(&watch, file, inotify::WatchFlags::OPEN).ok()?;
            Some((id, file.clone()))
        });
        let files = watched.collect();
        Self { watch: Some(watch), files, opened: Mutex::new(Vec::new()) }
    }

    /// The files that were opened since this moment, or shortly before it.
    pub fn opened_since(&self, since: Instant) -> Vec<PathBuf> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watch) = &self.watch {
            let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
            let mut reader = inotify::Reader::new(watch, &mut buffer);
            while let Ok(event) = reader.next() {
                let file = self.files.iter().find(|(id, _)| *id == event.wd());
                opened.extend(file.map(|(_, path)| (Instant::now(), path.clone())));
            }
        }
        let mut files: Vec<_> =
            opened.iter().filter(|(at, _)| *at >= since).map(|(_, path)| path.clone()).collect();
        files.sort();
        files.dedup();
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opened_file_is_seen_from_then_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(".env");
        std::fs::write(&file, "A=1").expect("written");
        let shadow = Shadow::watch(std::slice::from_ref(&file));
        let before = Instant::now();
        assert!(shadow.opened_since(before).is_empty());
        std::fs::read(&file).expect("read");
        assert_eq!(shadow.opened_since(before), [file]);
        assert!(shadow.opened_since(Instant::now()).is_empty());
    }
}
