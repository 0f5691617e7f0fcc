//! The variables that a service reads, and what it promises when one is missing or wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// What its value must look like.
    #[serde(default, rename = "type")]
    pub kind: VariableType,
    /// Whether the service refuses to start without it.
    #[serde(default = "yes")]
    pub required: bool,
    /// Its value in the lab. `{database.url}`, `{port}` and the like are filled in. A secret
    /// without a value gets a random one.
    #[serde(default)]
    pub value: Option<String>,
    /// The values that an `enum` accepts.
    #[serde(default)]
    pub values: Vec<String>,
    /// The smallest accepted length, in characters.
    #[serde(default)]
    pub min_length: Option<usize>,
    /// The smallest accepted number.
    #[serde(default)]
    pub min: Option<i64>,
    /// The largest accepted number.
    #[serde(default)]
    pub max: Option<i64>,
    /// What happens when it is absent: `refuses` when required, else `starts`.
    #[serde(default)]
    pub absent: Option<Expectation>,
    /// What happens when it is set to nothing: `refuses` when required, else `any`.
    #[serde(default)]
    pub empty: Option<Expectation>,
    /// What happens when it is not of its type: `refuses`.
    #[serde(default)]
    pub malformed: Option<Expectation>,
    /// Malformed values to try instead of those of its type.
    #[serde(default)]
    pub malformed_values: Vec<String>,
    /// How the service gets it: as a variable, or only as `{environment.NAME}` in the start
    /// command or a file of `service.files`.
    #[serde(default)]
    pub via: Via,
    /// How the service's messages call it, where that is not its name.
    #[serde(default)]
    pub named: Vec<String>,
    /// The service only mentions the host in this value and never connects to it, as with an
    /// allowed origin. Without this, a value that names a host outside the lab stops the start.
    #[serde(default)]
    pub mentioned_only: bool,
}

impl Default for Variable {
    fn default() -> Self {
        Self {
            kind: VariableType::default(),
            required: true,
            value: None,
            values: Vec::new(),
            min_length: None,
            min: None,
            max: None,
            absent: None,
            empty: None,
            malformed: None,
            malformed_values: Vec::new(),
            via: Via::default(),
            named: Vec::new(),
            mentioned_only: false,
        }
    }
}

fn yes() -> bool {
    true
}

impl Variable {
    pub fn when_absent(&self) -> Expectation {
        self.absent.unwrap_or(if self.required {
            Expectation::Refuses
        } else {
            Expectation::Starts
        })
    }

    pub fn when_empty(&self) -> Expectation {
        self.empty.unwrap_or(if self.required { Expectation::Refuses } else { Expectation::Any })
    }

    pub fn when_malformed(&self) -> Expectation {
        self.malformed.unwrap_or(Expectation::Refuses)
    }

    /// Whether its value may never be printed: a secret, or an address that carries a password.
    pub fn is_secret(&self) -> bool {
        self.kind == VariableType::Secret
    }
}

/// How the service gets a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// As a variable of its environment.
    #[default]
    Environment,
    /// Only as `{environment.NAME}` in the start command or a file.
    Template,
}

/// What a service promises to do with a variable that is missing or wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// It exits with a code other than 0, names the variable, and never opens its port.
    Refuses,
    /// It starts, and names the variable in its output.
    Warns,
    /// It starts.
    Starts,
    /// Nothing is promised; it is not tried.
    Any,
}

/// What a variable's value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VariableType {
    /// Any text that is not empty.
    #[default]
    String,
    /// A text that nobody may see; never printed.
    Secret,
    /// A whole number, within `min` and `max` where given.
    Int,
    /// A number, with a fraction or without.
    Float,
    /// A yes or no.
    Bool,
    /// A web address.
    Url,
    /// The address of a PostgreSQL database.
    PostgresUrl,
    /// The address of a Redis or Valkey.
    RedisUrl,
    /// A mail address.
    Email,
    /// A port from 1 to 65535.
    Port,
    /// A length of time.
    Duration,
    /// One of `values`.
    Enum,
}

impl VariableType {
    pub fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Secret => "secret",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Url => "url",
            Self::PostgresUrl => "postgres-url",
            Self::RedisUrl => "redis-url",
            Self::Email => "email",
            Self::Port => "port",
            Self::Duration => "duration",
            Self::Enum => "enum",
        }
    }
}

/// One value that a declaration excludes, and why it is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    pub value: String,
    pub why: String,
}

impl Variable {
    /// Values that the declaration excludes; none where every text is allowed.
    ///
    /// They are the ones that naive parsers let through: `12abc` passes `parseInt`, a short secret
    /// passes a check for presence, another scheme passes a check for an address.
    pub fn malformed_values(&self) -> Vec<Malformed> {
        let because = |value: &str, why: &str| Malformed { value: value.into(), why: why.into() };
        if !self.malformed_values.is_empty() {
            let declared = self.malformed_values.iter();
            return declared.map(|value| because(value, "declared malformed")).collect();
        }
        let mut wrong = match self.kind {
            VariableType::String | VariableType::Secret => Vec::new(),
            VariableType::Int => vec![because("12abc", "not a whole number")],
            VariableType::Float => vec![because("1.2.3", "not a number")],
            VariableType::Bool => vec![because("perhaps", "neither true nor false")],
            VariableType::Url => vec![because("not a url", "no address")],
            VariableType::PostgresUrl => vec![
                because("not a url", "no address"),
                because("mysql://127.0.0.1:1/lab", "another database's scheme"),
            ],
            VariableType::RedisUrl => vec![
                because("not a url", "no address"),
                because("mysql://127.0.0.1:1/lab", "another database's scheme"),
            ],
            VariableType::Email => vec![because("nobody.at.example", "no @")],
            VariableType::Port => {
                vec![because("70000", "above 65535"), because("80x", "not a whole number")]
            }
            VariableType::Duration => vec![because("soon", "no length of time")],
            VariableType::Enum => vec![because("seaworthy-unknown", "not one of its values")],
        };
        if let Some(min) = self.min.and_then(|min| min.checked_sub(1)) {
            wrong.push(because(&min.to_string(), "below its smallest value"));
        }
        if let Some(max) = self.max.and_then(|max| max.checked_add(1)) {
            wrong.push(because(&max.to_string(), "above its largest value"));
        }
        if let Some(length) = self.min_length.filter(|length| *length > 1) {
            let short: String = "q7Zk2wXv9mB4".chars().cycle().take(length - 1).collect();
            wrong.push(because(&short, "shorter than its smallest length"));
        }
        wrong
    }

    /// Why this value breaks the declaration, if it does.
    pub fn mistake_in(&self, value: &str) -> Option<String> {
        if value.is_empty() {
            return Some("it is empty".to_owned());
        }
        if let Some(length) = self.min_length
            && value.chars().count() < length
        {
            return Some(format!("expected at least {length} characters"));
        }
        let of_type = match self.kind {
            VariableType::String | VariableType::Secret => true,
            VariableType::Int => return self.mistake_in_number(value),
            VariableType::Float => value.parse::<f64>().is_ok(),
            VariableType::Bool => truth(value).is_some(),
            VariableType::Url => has_scheme(value, &[]),
            VariableType::PostgresUrl => has_scheme(value, &["postgres", "postgresql"]),
            VariableType::RedisUrl => has_scheme(value, &["redis", "rediss", "valkey", "unix"]),
            VariableType::Email => value.split_once('@').is_some_and(|(user, host)| {
                !user.is_empty() && !host.is_empty() && !host.contains(['@', ' '])
            }),
            VariableType::Port => value.parse::<u16>().is_ok_and(|port| port > 0),
            VariableType::Duration => {
                value.parse::<crate::Span>().is_ok() || value.parse::<u64>().is_ok()
            }
            VariableType::Enum => {
                if self.values.iter().any(|known| known == value) {
                    return None;
                }
                return Some(format!("expected one of {}", self.values.join(", ")));
            }
        };
        (!of_type).then(|| format!("expected a value of type {}", self.kind.word()))
    }

    fn mistake_in_number(&self, value: &str) -> Option<String> {
        let Ok(number) = value.parse::<i64>() else {
            return Some("expected a whole number".to_owned());
        };
        match (self.min, self.max) {
            (Some(min), _) if number < min => Some(format!("expected at least {min}")),
            (_, Some(max)) if number > max => Some(format!("expected at most {max}")),
            _ => None,
        }
    }
}

fn has_scheme(value: &str, schemes: &[&str]) -> bool {
    let Some((scheme, rest)) = value.split_once("://") else { return false };
    let known = schemes.is_empty() || schemes.contains(&scheme);
    known && !rest.is_empty() && !value.contains(' ')
}

/// What a value of type `bool` means, in any of the words for it.
pub fn truth(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(kind: VariableType) -> Variable {
        Variable { kind, values: vec!["a".into(), "b".into()], ..Variable::default() }
    }

    #[test]
    fn every_malformed_value_breaks_its_own_declaration() {
        use VariableType::*;
        for kind in [Int, Float, Bool, Url, PostgresUrl, RedisUrl, Email, Port, Duration, Enum] {
            let variable = variable(kind);
            assert!(!variable.malformed_values().is_empty(), "{kind:?}");
            for wrong in variable.malformed_values() {
                assert!(variable.mistake_in(&wrong.value).is_some(), "{kind:?} {wrong:?}");
            }
        }
        let bounded = Variable { kind: Int, min: Some(1), max: Some(100), ..Variable::default() };
        assert_eq!(bounded.malformed_values().len(), 3);
        assert!(bounded.malformed_values().iter().all(|w| bounded.mistake_in(&w.value).is_some()));
        let secret = Variable { kind: Secret, min_length: Some(32), ..Variable::default() };
        assert_eq!(secret.malformed_values()[0].value.chars().count(), 31);
    }

    #[test]
    fn good_values_break_nothing() {
        use VariableType::*;
        for (kind, value) in [
            (String, "x"),
            (Int, "-12"),
            (Float, "1.5"),
            (Bool, "TRUE"),
            (Url, "https://example.com/a"),
            (PostgresUrl, "postgresql://u:p@127.0.0.1:5432/d"),
            (RedisUrl, "redis://127.0.0.1:6379"),
            (Email, "a@example.com"),
            (Port, "8080"),
            (Duration, "30s"),
            (Enum, "b"),
        ] {
            assert_eq!(variable(kind).mistake_in(value), None, "{kind:?} {value}");
        }
    }

    #[test]
    fn what_is_not_said_follows_from_required() {
        let required = Variable::default();
        assert_eq!(required.when_absent(), Expectation::Refuses);
        assert_eq!(required.when_empty(), Expectation::Refuses);
        let optional = Variable { required: false, ..Variable::default() };
        assert_eq!(optional.when_absent(), Expectation::Starts);
        assert_eq!(optional.when_empty(), Expectation::Any);
        assert_eq!(optional.when_malformed(), Expectation::Refuses);
    }
}
