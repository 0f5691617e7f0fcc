//! A store that several edges share, so that they count together: scripts that it runs as one step
//! (Redis, Valkey). Who has such a store says how it is reached.

use crate::waiting_policy::Pending;

/// A script in Lua: keys and whole numbers in, whole numbers out.
#[derive(Debug, PartialEq, Eq)]
pub struct SharedScript(pub &'static str);

/// Runs scripts.
pub trait SharedStore: std::fmt::Debug + Send + Sync + 'static {
    /// Runs one. The error says why that was not possible, which must be known soon: requests wait.
    fn call(
        &self,
        script: &'static SharedScript,
        keys: Vec<String>,
        arguments: Vec<i64>,
    ) -> Pending<Result<Vec<i64>, String>>;
}

/// What happens while the store is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// Each counts for itself.
    Local,
    /// Requests that it would count are refused with 503.
    Refuse,
}

/// A key of the store: of whom it is about nothing can be read in it.
pub(crate) fn key(kind: &str, name: &str, of: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, of);
    let short: String = digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("seaworthy:{kind}:{name}:{short}")
}
