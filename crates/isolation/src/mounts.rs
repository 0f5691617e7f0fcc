//! What is mounted where, and mounting things by paths.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::mount::{
    MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change, mount_remount,
};

/// One line of `/proc/self/mountinfo` (proc(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mounted {
    pub(crate) at: PathBuf,
    pub(crate) kind: String,
}

/// File systems that hold no files of the user's.
const PSEUDO: &[&str] = &[
    "proc",
    "sysfs",
    "devtmpfs",
    "devpts",
    "cgroup",
    "cgroup2",
    "mqueue",
    "securityfs",
    "debugfs",
    "tracefs",
    "bpf",
    "pstore",
    "configfs",
    "fusectl",
    "hugetlbfs",
    "nsfs",
    "binfmt_misc",
    "efivarfs",
    "autofs",
    "rpc_pipefs",
    "selinuxfs",
];

impl Mounted {
    pub(crate) fn is_pseudo(&self) -> bool {
        PSEUDO.contains(&self.kind.as_str())
    }
}

fn parse(text: &str) -> Vec<Mounted> {
    let line = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        let at = PathBuf::from(unescaped(left.split(' ').nth(4)?));
        Some(Mounted { at, kind: right.split(' ').next()?.to_owned() })
    };
    text.lines().filter_map(line).collect()
}

/// Spaces and the like stand as octal numbers.
fn unescaped(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let digits: Vec<u8> = bytes.by_ref().take(3).collect();
        let digits = String::from_utf8_lossy(&digits).into_owned();
        out.extend(u8::from_str_radix(&digits, 8));
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Everything that is mounted in this mount namespace, outer mounts first.
pub(crate) fn all() -> io::Result<Vec<Mounted>> {
    Ok(parse(&fs::read_to_string("/proc/self/mountinfo")?))
}

/// Stops mounts from spreading to and from other mount namespaces.
pub(crate) fn make_private() -> io::Result<()> {
    Ok(mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?)
}

/// Shows a folder or file at a second place, with what is mounted in it.
pub(crate) fn bind(from: &Path, at: &Path) -> io::Result<()> {
    Ok(mount_bind_recursive(from, at)?)
}

/// Opens a path, so that it can be shown again after something covers it.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::PATH.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Where an opened path is found by those who take paths.
pub(crate) fn link(opened: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd()))
}

/// Shows what was opened at a place.
pub(crate) fn bind_opened(opened: &File, at: &Path) -> io::Result<()> {
    bind(&link(opened), at)
}

/// Makes a mount read-only. Flags that an outer user namespace has locked must be repeated.
pub(crate) fn read_only(at: &Path) -> io::Result<()> {
    use rustix::fs::StatVfsMountFlags as Has;
    let has = rustix::fs::statvfs(at)?.f_flag;
    let mut flags = MountFlags::BIND | MountFlags::RDONLY;
    for (seen, flag) in [
        (Has::NOSUID, MountFlags::NOSUID),
        (Has::NODEV, MountFlags::NODEV),
        (Has::NOEXEC, MountFlags::NOEXEC),
        (Has::NOATIME, MountFlags::NOATIME),
        (Has::NODIRATIME, MountFlags::NODIRATIME),
        (Has::RELATIME, MountFlags::RELATIME),
    ] {
        if has.contains(seen) {
            flags |= flag;
        }
    }
    Ok(mount_remount(at, flags, "")?)
}

/// Mounts an empty file system that lives in memory.
pub(crate) fn memory(at: &Path, mode: u32) -> io::Result<()> {
    let options = std::ffi::CString::new(format!("mode={mode:o}"))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    Ok(mount("seaworthy", at, "tmpfs", flags, options.as_c_str())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_mountinfo_are_read() {
        let text = "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
                    30 27 0:27 / /mnt/my\\040disk rw - tmpfs tmpfs rw\nbroken\n";
        let mounts = parse(text);
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[1].at, Path::new("/mnt/my disk"));
        assert!(!mounts[1].is_pseudo());
        assert!(all().is_ok_and(|all| all.iter().any(|one| one.at == Path::new("/proc"))));
    }
}
