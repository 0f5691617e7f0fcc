//! Copy-on-write views of folders (overlayfs): what is written lands in a layer of its own.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount};
use serde::{Deserialize, Serialize};

/// A view of `lower` folders (the topmost first) in which every change lands in `upper`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlay {
    pub lower: Vec<PathBuf>,
    pub upper: PathBuf,
    /// An empty folder on the file system of `upper`, for the kernel's own use.
    pub work: PathBuf,
    pub at: PathBuf,
    /// Whether it is mounted in a user namespace, which may keep its notes in user attributes only.
    pub user_namespace: bool,
}

impl Overlay {
    /// Makes the folders of the layer, with owner and mode of the topmost lower folder, because a
    /// merged folder shows those of its upper one.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn prepare(&self) -> io::Result<()> {
        for folder in [&self.upper, &self.work, &self.at] {
            fs::create_dir_all(folder)?;
        }
        if let Some(lower) = self.lower.first() {
            let of = fs::metadata(lower)?;
            fs::set_permissions(&self.upper, fs::Permissions::from_mode(of.mode() & 0o7777))?;
            // In a user namespace only its own owner can be given, and that is what it has.
            let _ = chown(&self.upper, Some(of.uid()), Some(of.gid()));
        }
        Ok(())
    }

    /// Mounts it.
    ///
    /// # Errors
    /// When the kernel refuses, for example because the layers overlap or lie too deep.
    pub fn mount(&self) -> io::Result<()> {
        let lower: Vec<_> = self.lower.iter().map(|path| escaped(path)).collect();
        let mut options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.join(":"),
            escaped(&self.upper),
            escaped(&self.work)
        );
        if self.user_namespace {
            options.push_str(",userxattr");
        }
        let options = CString::new(options)?;
        Ok(mount("seaworthy", &self.at, "overlay", MountFlags::empty(), options.as_c_str())?)
    }

    /// Takes the view away; the layer stays.
    ///
    /// # Errors
    /// When somebody still uses it and it cannot be detached either.
    pub fn unmount(&self) -> io::Result<()> {
        Ok(rustix::mount::unmount(&self.at, rustix::mount::UnmountFlags::DETACH)?)
    }
}

/// A path as an option's value, in which commas, colons and backslashes mean something.
fn escaped(path: &Path) -> String {
    let mut out = String::new();
    for character in path.to_string_lossy().chars() {
        if matches!(character, ',' | ':' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_an_option_is_escaped() {
        assert_eq!(escaped(Path::new("/a:b,c")), "/a\\:b\\,c");
    }
}
