//! What Landlock refuses to a program and its descendants (landlock(7)): writing outside a few
//! folders, and connecting to TCP ports that the lab did not lease.
//!
//! It cannot refuse connections to Unix sockets that have a path.

use landlock::{
    ABI, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus,
};

use crate::launcher::Landlock;

/// The version that can refuse TCP connections, since Linux 6.7. Older kernels refuse writes only.
const WANTED: ABI = ABI::V4;
/// Where every program may write: devices, and its own entries of `/proc`.
const ALWAYS: &[&str] = &["/dev", "/proc"];

/// Whether the kernel has it.
pub(crate) fn is_supported() -> bool {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_write(ABI::V1))
        .and_then(Ruleset::create)
        .is_ok()
}

/// Restricts this process and everything that it will execute.
///
/// # Errors
/// When the kernel enforces nothing.
pub(crate) fn restrict(rules: &Landlock) -> Result<(), String> {
    let wrong = |error: landlock::RulesetError| format!("Landlock: {error}");
    let writing = AccessFs::from_write(WANTED);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(writing)
        .and_then(|ruleset| ruleset.handle_access(AccessNet::ConnectTcp))
        .and_then(Ruleset::create)
        .map_err(wrong)?;
    let always = ALWAYS.iter().map(std::path::PathBuf::from);
    for path in always.chain(rules.writable.iter().cloned()) {
        let Ok(opened) = PathFd::new(&path) else { continue };
        ruleset = ruleset.add_rule(PathBeneath::new(opened, writing)).map_err(wrong)?;
    }
    for port in &rules.ports {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::ConnectTcp)).map_err(wrong)?;
    }
    let status = ruleset.restrict_self().map_err(wrong)?;
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err("Landlock: the kernel enforces nothing of it".to_owned());
    }
    Ok(())
}
