//! Tokens that hold no more, by their ids (`jti`; RFC 7519, 4.1.7).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Ids, each with the second since 1970 from which it need not be known any more: when its token has
/// expired. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Revoked(Arc<RwLock<HashMap<String, u64>>>);

impl Revoked {
    /// Revokes it, until its token expires anyway.
    pub fn add(&self, id: &str, until: u64, now: u64) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, until| *until > now);
        all.insert(id.to_owned(), until);
    }

    pub fn contains(&self, id: &str) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    /// All of them, with the second in which each is forgotten.
    pub fn all(&self) -> Vec<(String, u64)> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = all.iter().map(|(id, until)| (id.clone(), *until)).collect();
        all.sort();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_expired_anyway_is_forgotten() {
        let revoked = Revoked::default();
        revoked.add("a", 100, 0);
        assert!(revoked.contains("a") && !revoked.contains("b"));
        revoked.add("b", 200, 150);
        assert_eq!(revoked.all(), [("b".to_owned(), 200)]);
    }
}
