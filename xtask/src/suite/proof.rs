//! One run of the product and what it must come to.

use std::path::PathBuf;

use serde_json::Value;

type Check = Box<dyn Fn(&Value) -> Vec<String> + Send + Sync>;
type Prepare = Box<dyn Fn() -> Result<PathBuf, String> + Send + Sync>;

/// A run, and the judgement over its scorecard.
pub(crate) struct Proof {
    /// `harbour/startup:slow`, `edge/node/cors:any`, `oddities/harbour/limiter`, `cases/form`.
    pub(crate) key: String,
    /// The controls that are tried.
    pub(crate) controls: Vec<String>,
    /// All controls are tried, as a user would.
    pub(crate) whole: bool,
    /// The folder on which it depends, and in which nothing may change.
    pub(crate) folder: PathBuf,
    /// Makes the folder that is proven, where that is another one.
    pub(crate) prepare: Option<Prepare>,
    /// What follows `prove FOLDER`.
    pub(crate) words: Vec<String>,
    /// What else the run depends on, in words.
    pub(crate) depends: String,
    /// It passes through the edge.
    pub(crate) edge: bool,
    /// It is run from end to end each time.
    pub(crate) always: bool,
    /// What is wrong with the scorecard.
    pub(crate) check: Check,
}

impl Proof {
    pub(crate) fn new(
        key: String,
        folder: PathBuf,
        controls: Vec<String>,
        check: impl Fn(&Value) -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            key,
            controls,
            whole: false,
            folder,
            prepare: None,
            words: Vec::new(),
            depends: String::new(),
            edge: false,
            always: false,
            check: Box::new(check),
        }
    }

    /// Whether a developer means it with this word: a part of its key, or a control.
    pub(crate) fn is_meant_by(&self, word: &str) -> bool {
        self.key.contains(word) || self.controls.iter().any(|control| control == word)
    }

    pub(crate) fn ready_folder(&self) -> Result<PathBuf, String> {
        self.prepare.as_ref().map_or_else(|| Ok(self.folder.clone()), |prepare| prepare())
    }

    /// Whole runs take longest, and then what goes through the edge.
    pub(super) fn order(&self) -> u8 {
        match (self.whole, self.edge) {
            (true, _) => 2,
            (false, true) => 1,
            (false, false) => 0,
        }
    }
}
