//! How the service is built, started, found ready and stopped.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::duration::Span;
use crate::probe::Probe;

/// How the service is built, started and found ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The name of the service.
    pub name: String,
    /// The folder that the service starts in, relative to the manifest.
    #[serde(default = "here")]
    pub folder: String,
    /// A shell command that builds it, run in its folder with your own environment.
    #[serde(default)]
    pub build: Option<String>,
    /// The start command: a string that is split into words as a shell would (no shell runs), or
    /// a list of words. `{port}`, `{host}`, `{scratch}` and `{database.url}` are filled in.
    pub start: Command,
    /// How the service learns its port, unless `{port}` stands in `start`, a variable or a file:
    /// `{ env = "PORT" }`, or a fixed number such as `8080`.
    #[serde(default)]
    pub port: Option<Port>,
    /// Names of further ports, each filled in as `{port.NAME}`.
    #[serde(default)]
    pub ports: Vec<String>,
    /// The address that the service binds, filled in as `{host}`.
    #[serde(default = "loopback")]
    pub host: String,
    /// The service itself speaks TLS at its port: it is proven over HTTPS. Any certificate will do,
    /// since nobody signs one for a lab; `prove --target` verifies the real one. Its further ports
    /// are spoken to in plain HTTP, and `run`, which forwards plain HTTP, refuses such a service.
    #[serde(default)]
    pub tls: bool,
    /// The readiness probe: a path, or a table. Without one, any HTTP answer of `/` counts.
    #[serde(default)]
    pub ready: Option<Probe>,
    /// The liveness probe: a path, or a table.
    #[serde(default)]
    pub live: Option<Probe>,
    /// How long to wait for the first ready answer before giving up.
    #[serde(default = "patience")]
    pub patience: Span,
    /// Commands that run before the service starts on a new database, for example a migration.
    #[serde(default)]
    pub setup: Vec<Command>,
    /// Commands that run when the service is ready for the first time, for example to create a user.
    #[serde(default)]
    pub after_ready: Vec<Command>,
    /// Commands that bring a dependency of your own back to its first state between experiments.
    #[serde(default)]
    pub reset: Vec<Command>,
    /// Files that are written into the scratch folder before the start: path and content. A line
    /// that names `{environment.X}` is left out when X is absent.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// The signal that asks the service to stop.
    #[serde(default = "sigterm")]
    pub stop_signal: StopSignal,
    /// A file that the service logs to, beside its output: relative to the folder in which it is
    /// started. `*` in its name stands for what differs, such as a date. What is added to it is
    /// read as output.
    #[serde(default)]
    pub log_file: Option<String>,
    /// Variables of your own environment that the service may see, beside PATH, LANG and TZ.
    #[serde(default)]
    pub inherit: Vec<String>,
}

fn here() -> String {
    ".".to_owned()
}

fn loopback() -> String {
    "127.0.0.1".to_owned()
}

fn patience() -> Span {
    Span::seconds(30)
}

fn sigterm() -> StopSignal {
    StopSignal::Sigterm
}

/// A signal that asks a service to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StopSignal {
    #[serde(rename = "SIGTERM")]
    Sigterm,
    #[serde(rename = "SIGINT")]
    Sigint,
    #[serde(rename = "SIGQUIT")]
    Sigquit,
}

impl StopSignal {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sigterm => "SIGTERM",
            Self::Sigint => "SIGINT",
            Self::Sigquit => "SIGQUIT",
        }
    }
}

/// A command as words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command(pub Vec<String>);

impl Command {
    /// Splits as a POSIX shell splits words, without expanding anything.
    ///
    /// # Errors
    /// When a quote is not closed or there is no word.
    pub fn split(text: &str) -> Result<Self, String> {
        let words = shell_words::split(text)
            .map_err(|_| format!("expected a command, found an open quote in {text:?}"))?;
        Self::from_words(words)
    }

    fn from_words(words: Vec<String>) -> Result<Self, String> {
        if words.first().is_none_or(String::is_empty) {
            return Err("expected a command, found nothing to run".to_owned());
        }
        Ok(Self(words))
    }
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&shell_words::join(&self.0))
    }
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Command;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a command, as a string or a list of words")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Command, E> {
                Command::split(text).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<Command, A::Error> {
                let mut all = Vec::new();
                while let Some(word) = words.next_element()? {
                    all.push(word);
                }
                Command::from_words(all).map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Words)
    }
}

impl JsonSchema for Command {
    fn schema_name() -> Cow<'static, str> {
        "Command".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A command: a string, or a list of words.",
            "anyOf": [
                { "type": "string", "format": "command", "minLength": 1 },
                { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            ],
        })
    }
}

/// How the service learns its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Port {
    /// It cannot be told: it always listens here. Experiments take turns.
    Fixed(u16),
    /// It reads this variable.
    Env(String),
}

impl Serialize for Port {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(port) => serializer.serialize_u16(*port),
            Self::Env(name) => serializer.collect_map([("env", name)]),
        }
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Port;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a port number or { env = \"PORT\" }")
            }

            fn visit_i64<E: de::Error>(self, port: i64) -> Result<Port, E> {
                match u16::try_from(port) {
                    Ok(port) if port > 0 => Ok(Port::Fixed(port)),
                    _ => Err(E::custom(format!("expected a port from 1 to 65535, found {port}"))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Port, A::Error> {
                let Some((key, name)) = map.next_entry::<String, String>()? else {
                    return Err(de::Error::custom("expected { env = \"PORT\" }"));
                };
                if key != "env" {
                    return Err(de::Error::custom(format!("expected the key env, found {key}")));
                }
                Ok(Port::Env(name))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Port {
    fn schema_name() -> Cow<'static, str> {
        "Port".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A port: a fixed number, or the variable that carries it.",
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": 65535 },
                {
                    "type": "object",
                    "properties": { "env": { "type": "string", "description": "The variable that carries the port." } },
                    "required": ["env"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}
