//! Which files a set of processes holds open, from `/proc`.

use std::fs;
use std::path::PathBuf;

/// The access mode of an open file, and the modes that write (open(2)).
const ACCESS_MODE: u32 = 0o3;

/// The regular files that these processes hold open for writing, each once.
pub fn open_for_writing(pids: &[u32]) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = pids.iter().flat_map(|pid| of(*pid)).collect();
    all.sort();
    all.dedup();
    all
}

fn of(pid: u32) -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let files = folder.flatten().filter_map(|entry| {
        let path = fs::read_link(entry.path()).ok()?;
        let name = entry.file_name();
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{}", name.to_string_lossy()));
        let info = info.ok()?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
        let flags = u32::from_str_radix(flags.trim(), 8).ok()?;
        let is_file = path.is_absolute()
            && fs::metadata(entry.path()).is_ok_and(|meta| meta.is_file())
            && !path.starts_with("/dev")
            && !path.starts_with("/proc");
        (is_file && flags & ACCESS_MODE != 0).then_some(path)
    });
    files.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_to_is_found_and_one_that_is_read_is_not() {
        let folder = std::env::temp_dir().join(format!("open-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let written = fs::File::create(folder.join("written")).expect("it is made");
        fs::write(folder.join("read"), "").expect("it is made");
        let read = fs::File::open(folder.join("read")).expect("it is there");
        let found = open_for_writing(&[std::process::id()]);
        assert!(found.contains(&folder.join("written")), "{found:?}");
        assert!(!found.contains(&folder.join("read")), "{found:?}");
        drop((written, read));
        fs::remove_dir_all(&folder).expect("it is removed");
    }
}
