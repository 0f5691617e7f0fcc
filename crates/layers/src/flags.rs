//! Feature flags and kill switches: what is on, for whom, and who said so. They change while the
//! service runs, and keep their last good state when their source is lost.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// On or off, and for how many.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Setting {
    pub on: bool,
    /// Of a hundred callers, so many have it while it is on.
    pub share: f64,
}

/// `true`, or `{ "on": true, "share": 25 }`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Bare(bool),
    Whole {
        on: bool,
        #[serde(default = "everybody")]
        share: f64,
    },
}

fn everybody() -> f64 {
    100.0
}

impl TryFrom<Written> for Setting {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Bare(on) => Ok(Self::plain(on)),
            Written::Whole { on, share } if (0.0..=100.0).contains(&share) => {
                Ok(Self { on, share })
            }
            Written::Whole { .. } => Err("expected a share between 0 and 100"),
        }
    }
}

impl Setting {
    /// For everybody or nobody.
    pub fn plain(on: bool) -> Self {
        Self { on, share: everybody() }
    }
}

/// One flag: what each that may set it said last.
#[derive(Debug, Clone, PartialEq)]
pub struct Flag {
    /// As it was when the service started.
    pub start: Setting,
    /// What the source says.
    pub source: Option<Setting>,
    /// What an operator said; wins until it is taken back.
    pub operator: Option<Setting>,
}

impl Flag {
    pub fn now(&self) -> Setting {
        self.operator.or(self.source).unwrap_or(self.start)
    }
}

/// What a flag is for one caller, and why (OpenFeature's words).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evaluation {
    pub on: bool,
    pub reason: &'static str,
}

#[derive(Debug, Default)]
struct State {
    flags: BTreeMap<String, Flag>,
    /// What is wrong with the source, while something is.
    problem: Option<String>,
    /// Whether the source was ever good.
    loaded: bool,
    /// Grows with every change.
    version: u64,
}

/// All flags. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Flags(Arc<RwLock<State>>);

/// How often the source is looked at.
const LOOK: Duration = Duration::from_millis(250);

impl Flags {
    /// Flags by their names, as they are at the start.
    pub fn new(flags: impl IntoIterator<Item = (String, Setting)>) -> Self {
        let flags = flags
            .into_iter()
            .map(|(name, start)| (name, Flag { start, source: None, operator: None }));
        Self(Arc::new(RwLock::new(State { flags: flags.collect(), ..State::default() })))
    }

    /// What a flag is for the caller with this key; `None` for an unknown flag.
    pub fn evaluate(&self, name: &str, key: &str) -> Option<Evaluation> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let setting = state.flags.get(name)?.now();
        Some(match setting {
            Setting { on: false, .. } => Evaluation { on: false, reason: "DISABLED" },
            Setting { share, .. } if share >= everybody() => {
                Evaluation { on: true, reason: "STATIC" }
            }
            Setting { share, .. } => Evaluation { on: bucket(name, key) < share, reason: "SPLIT" },
        })
    }

    /// An operator's word, or (`None`) its end.
    ///
    /// # Errors
    /// The names that there are, when this is not one.
    pub fn set(&self, name: &str, setting: Option<Setting>) -> Result<(), Vec<String>> {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(flag) = state.flags.get_mut(name) else {
            return Err(state.flags.keys().cloned().collect());
        };
        flag.operator = setting;
        state.version += 1;
        Ok(())
    }

    /// Every flag.
    pub fn all(&self) -> BTreeMap<String, Flag> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).flags.clone()
    }

    /// Grows with every change.
    pub fn version(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).version
    }

    /// What is wrong with the source, while something is.
    pub fn problem(&self) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).problem.clone()
    }

    /// Takes over what a source says: `{"NAME": true, "OTHER": {"on": true, "share": 25}}`. Names that
    /// are not known are left out and returned: file and manifest may change at different times.
    ///
    /// # Errors
    /// What is wrong with it; nothing has changed then.
    pub fn load(&self, text: &str) -> Result<Vec<String>, String> {
        let read: Result<BTreeMap<String, Value>, _> = serde_json::from_str(text);
        let read = read.map_err(|error| format!("expected {{\"NAME\": true}}: {error}"))?;
        let mut settings = BTreeMap::new();
        for (name, value) in read {
            let setting: Result<Setting, _> = serde_json::from_value(value.clone());
            let wrong = |_| {
                let expected =
                    "true, false or {\"on\": true, \"share\": 25}, a share from 0 to 100";
                format!("{name}: expected {expected}, found {value}")
            };
            settings.insert(name.clone(), setting.map_err(wrong)?);
        }
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (name, flag) in &mut state.flags {
            flag.source = settings.remove(name);
        }
        state.version += 1;
        state.loaded = true;
        Ok(settings.into_keys().collect())
    }

    /// Follows a file for as long as the runtime lives. `told` hears when it is lost or broken, and
    /// when it is good again; in between the last good state holds.
    pub async fn follow(&self, file: &Path, told: impl Fn(&str)) {
        let mut last: Option<SystemTime> = None;
        loop {
            let changed = std::fs::metadata(file).and_then(|meta| meta.modified());
            let problem = match changed {
                Ok(at) if Some(at) == last => None,
                Ok(at) => {
                    let text = std::fs::read_to_string(file);
                    // What could not be read is tried again, changed or not.
                    last = text.is_ok().then_some(at);
                    let text = text.map_err(|error| error.to_string());
                    let loaded = text.and_then(|text| self.load(&text));
                    if let Ok(unknown) = &loaded
                        && !unknown.is_empty()
                    {
                        let file = file.display();
                        told(&format!(
                            "flags: {file}: there is no flag or switch {}; the others hold",
                            unknown.join(", ")
                        ));
                    }
                    Some(loaded.err())
                }
                Err(error) => {
                    last = None;
                    Some(Some(error.to_string()))
                }
            };
            if let Some(problem) = problem {
                self.remember(problem, file, &told);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn remember(&self, problem: Option<String>, file: &Path, told: &impl Fn(&str)) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if state.problem == problem {
            return;
        }
        let file = file.display();
        told(&match &problem {
            Some(problem) if state.loaded => {
                format!("flags: {file}: {problem}; the last good state holds")
            }
            Some(problem) => format!("flags: {file}: {problem}; each is as it is declared"),
            None => format!("flags: {file} is good again"),
        });
        state.problem = problem;
    }
}

/// Where between 0 and 100 a caller stands for a flag: always the same, and for another flag
/// elsewhere (FNV-1a with a final mix).
fn bucket(name: &str, key: &str) -> f64 {
    let bytes = name.bytes().chain([0]).chain(key.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    ((mixed >> 33) % 10_000) as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags() -> Flags {
        Flags::new([
            ("a".to_owned(), Setting::plain(false)),
            ("b".to_owned(), Setting::plain(true)),
        ])
    }

    fn on(flags: &Flags, name: &str) -> bool {
        flags.evaluate(name, "k").expect("it is known").on
    }

    #[test]
    fn the_operator_wins_and_then_the_source() {
        let flags = flags();
        assert!(!on(&flags, "a") && on(&flags, "b") && flags.evaluate("c", "").is_none());
        flags.load(r#"{"a": true, "b": {"on": false}}"#).expect("it is good");
        assert!(on(&flags, "a") && !on(&flags, "b"));
        flags.set("a", Some(Setting::plain(false))).expect("it is known");
        assert!(!on(&flags, "a"));
        flags.set("a", None).expect("it is known");
        assert!(on(&flags, "a"));
        assert_eq!(flags.set("c", None).expect_err("unknown"), ["a", "b"]);
    }

    #[test]
    fn a_broken_source_changes_nothing() {
        let flags = flags();
        flags.load(r#"{"a": true}"#).expect("it is good");
        for broken in
            ["", "{", r#"{"a": 1}"#, r#"{"a": {"share": 5}}"#, r#"{"a":{"on":true,"share":250}}"#]
        {
            assert!(flags.load(broken).is_err(), "{broken}");
            assert!(on(&flags, "a"));
        }
        let told = flags.load(r#"{"a": "yes"}"#).expect_err("no setting");
        assert!(told.starts_with("a: expected true") && told.ends_with("found \"yes\""), "{told}");
    }

    #[test]
    fn a_name_that_is_gone_does_not_keep_the_others_from_being_off() {
        let flags = flags();
        assert_eq!(flags.load(r#"{"b": false, "old": true}"#), Ok(vec!["old".to_owned()]));
        assert!(!on(&flags, "b"));
    }

    #[test]
    fn a_share_is_about_as_large_as_it_says_and_steady() {
        let flags = flags();
        flags.load(r#"{"a": {"on": true, "share": 25}}"#).expect("it is good");
        let having = |flags: &Flags| -> Vec<bool> {
            let keys = (0..4000).map(|n| format!("user-{n}"));
            keys.map(|key| flags.evaluate("a", &key).expect("it is known").on).collect()
        };
        let first = having(&flags);
        let count = first.iter().filter(|on| **on).count();
        assert!((900..1100).contains(&count), "{count} of 4000");
        assert_eq!(first, having(&flags));
        // Who had it keeps it when the share grows.
        flags.load(r#"{"a": {"on": true, "share": 50}}"#).expect("it is good");
        assert!(first.iter().zip(having(&flags)).all(|(before, now)| !before || now));
    }
}
