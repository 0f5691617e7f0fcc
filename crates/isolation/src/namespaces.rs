//! Moving this process into namespaces of its own.

use std::fs;
use std::io;

use rustix::process::{getgid, getuid};
use rustix::thread::UnshareFlags;

/// Leaves the mount namespace, and the others that are named.
///
/// # Errors
/// When the kernel or its security modules refuse.
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    #[expect(unsafe_code, reason = "unshare is unsafe for UnshareFlags::FILES alone")]
    // SAFETY: no caller passes `UnshareFlags::FILES`, so no descriptor table is torn apart.
    let result = unsafe { rustix::thread::unshare_unsafe(flags) };
    Ok(result?)
}

/// Whether this user can only have namespaces inside a user namespace: anybody but root with all
/// its rights.
pub fn needs_user_namespace() -> bool {
    let capabilities = rustix::thread::capabilities(None);
    !capabilities.is_ok_and(|sets| {
        sets.effective.contains(rustix::thread::CapabilitySet::SYS_ADMIN)
            && sets.effective.contains(rustix::thread::CapabilitySet::NET_ADMIN)
    })
}

/// Enters a mount and a network namespace, inside a new user namespace where this user needs one.
/// Returns whether it did. The process must have one thread.
///
/// # Errors
/// When the kernel or its security modules refuse.
pub(crate) fn enter() -> io::Result<bool> {
    let flags =
        UnshareFlags::NEWNS | UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    if !needs_user_namespace() {
        unshare(flags)?;
        return Ok(false);
    }
    if getuid().is_root() {
        // It could map itself alone, and databases refuse to run as root.
        let text = "root lacks the rights to administer mounts and networks (CAP_SYS_ADMIN, CAP_NET_ADMIN)";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    unshare_with_user(flags)?;
    Ok(true)
}

/// Enters a mount namespace, inside a new user namespace where one is asked for. For a process that
/// is about to execute another program.
///
/// # Errors
/// When the kernel or its security modules refuse.
pub(crate) fn enter_mounts(user_namespace: bool) -> io::Result<()> {
    if user_namespace {
        return unshare_with_user(UnshareFlags::NEWNS);
    }
    unshare(UnshareFlags::NEWNS)
}

/// Everybody stays who they are: only one's own id can be mapped (user_namespaces(7)).
fn unshare_with_user(flags: UnshareFlags) -> io::Result<()> {
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    unshare(flags | UnshareFlags::NEWUSER)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}
