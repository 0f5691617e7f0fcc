//! What a service depends on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One dependency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// What it is.
    pub kind: DependencyKind,
    /// Whether the service can do without it for a while.
    #[serde(default = "yes")]
    pub critical: bool,
    /// The address of one of your own, for kinds that the lab does not start itself. What is in it
    /// may be destroyed: say so with `disposable = true`.
    #[serde(default)]
    pub url: Option<String>,
    /// Everything in it may be destroyed.
    #[serde(default)]
    pub disposable: bool,
    /// Extensions that the database must have.
    #[serde(default)]
    pub extensions: Vec<String>,
    /// PostgreSQL: the locale of the cluster, for example `de_DE.UTF-8`; `C.UTF-8` by default. It
    /// must be installed on this system.
    #[serde(default)]
    pub locale: Option<String>,
    /// PostgreSQL: the encoding of the cluster; `UTF8` by default.
    #[serde(default)]
    pub encoding: Option<String>,
    /// PostgreSQL and MySQL: what is acknowledged is on disk, as in production. Slower; without it a cluster
    /// lives and dies with the run.
    #[serde(default)]
    pub durable: bool,
    /// PostgreSQL: it also speaks TLS, with a certificate for localhost and 127.0.0.1 that is signed
    /// by the authority at `{NAME.ca}`.
    #[serde(default)]
    pub tls: bool,
    /// The role may do everything in its server, as some services expect.
    #[serde(default)]
    pub superuser: bool,
}

fn yes() -> bool {
    true
}

/// What a dependency is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DependencyKind {
    /// PostgreSQL; the lab starts one from the system's binaries.
    Postgres,
    /// Redis or Valkey; the lab starts one from the system's binaries.
    Redis,
    /// MySQL; the lab starts MariaDB from the system's binaries.
    Mysql,
    /// A mail server over SMTP; the lab's takes every letter and delivers none.
    Smtp,
    /// An object store over S3: `{NAME.url}` is its endpoint, `{NAME.user}` and `{NAME.password}` the
    /// keys, `{NAME.name}` a bucket; the lab starts s3s-fs or moto's server.
    S3,
    /// MongoDB, by a disposable address of your own.
    Mongodb,
    /// Anything that is reached over TCP, by a disposable address of your own.
    Tcp,
}

impl DependencyKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Mysql => "mysql",
            Self::Smtp => "smtp",
            Self::S3 => "s3",
            Self::Mongodb => "mongodb",
            Self::Tcp => "tcp",
        }
    }

    /// Whether the lab starts one by itself, where no address is given.
    pub fn is_provided(self) -> bool {
        matches!(self, Self::Postgres | Self::Redis | Self::Mysql | Self::Smtp | Self::S3)
    }

    /// The port that is used when an address names none.
    pub fn default_port(self) -> Option<u16> {
        match self {
            Self::Postgres => Some(5432),
            Self::Redis => Some(6379),
            Self::Mysql => Some(3306),
            Self::Smtp => Some(25),
            Self::S3 => Some(9000),
            Self::Mongodb => Some(27017),
            Self::Tcp => None,
        }
    }
}
