//! Dependencies that the lab provides, one of its own for each instance.

mod kept;
mod mariadb;
mod postgres;
mod redis;
mod s3;
mod server_process;
mod smtp;
mod tls;

use std::sync::Arc;

use process::Process;
use settings::{Dependency, DependencyKind};

use crate::error::LabError;
use crate::fault::{Proxy, Upstream};
use crate::place::Place;
use crate::recipe::Address;

pub use mariadb::Mariadb;
pub use postgres::{Postgres, TableLock};
pub use smtp::{Letter, MailSink};

/// What stands behind a declared dependency for the whole run.
#[derive(Debug)]
pub enum Server {
    /// One server; each instance gets a database cloned from the template.
    Postgres(Arc<Postgres>),
    /// One server; each instance gets a database filled from the template's dump.
    Mysql(Arc<Mariadb>),
    /// Each instance gets a server of its own.
    Redis,
    /// Each instance gets a mail server of its own.
    Smtp,
    /// Each instance gets an object store of its own.
    S3,
    /// One of the user's own, shared by all instances.
    Own(Address),
}

/// A dependency of one world: a database, a server of its own, or an address of the user's.
#[derive(Debug)]
pub struct Provisioned {
    pub name: String,
    /// Where it is, without anything in between.
    pub address: Address,
    what: What,
}

/// How one instance reaches a dependency.
#[derive(Debug)]
pub struct Link {
    pub name: String,
    /// Through the proxy, where there is one.
    pub address: Address,
    /// What stands in between; the set-up of all instances has none.
    pub proxy: Option<Proxy>,
}

#[derive(Debug)]
enum What {
    Database(Arc<Postgres>),
    Mysql(Arc<Mariadb>),
    Process(Process),
    Mail(MailSink),
    /// A part of a server of the lab.
    Shared,
    /// One of the user's own.
    Own,
}

/// The name of the database that the set-up fills and that is cloned.
pub const TEMPLATE: &str = "seaworthy_template";

impl Server {
    /// Provides a dependency, or says what to install.
    ///
    /// # Errors
    /// When its programs are missing or do not work.
    pub async fn provide(
        name: &str,
        dependency: &Dependency,
        place: &Place,
    ) -> Result<Self, LabError> {
        if let Some(url) = &dependency.url {
            return Ok(Self::Own(own(name, dependency, url)?));
        }
        match dependency.kind {
            DependencyKind::Postgres => {
                let server = Postgres::start(place, dependency).await?;
                server.create(TEMPLATE, None).await?;
                server.extend(TEMPLATE, &dependency.extensions).await?;
                Ok(Self::Postgres(Arc::new(server)))
            }
            DependencyKind::Redis => {
                redis::program()?;
                Ok(Self::Redis)
            }
            DependencyKind::Mysql => {
                let server = Mariadb::start(place, dependency).await?;
                server.create(TEMPLATE).await?;
                Ok(Self::Mysql(Arc::new(server)))
            }
            DependencyKind::Smtp => Ok(Self::Smtp),
            DependencyKind::S3 => {
                s3::program()?;
                Ok(Self::S3)
            }
            DependencyKind::Mongodb | DependencyKind::Tcp => {
                let why = "the lab starts postgres, mysql, redis, smtp and s3 itself".to_owned();
                Err(LabError::Dependency { what: format!("the dependency {name}"), why })
            }
        }
    }

    /// The part of it that the template of all instances uses.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn template(&self, name: &str, place: &Place) -> Result<Provisioned, LabError> {
        let (address, what) = match self {
            Self::Postgres(server) => (server.address(TEMPLATE), What::Shared),
            Self::Mysql(server) => (server.address(TEMPLATE), What::Shared),
            Self::Redis => redis::start(place).await.map(|(a, p)| (a, What::Process(p)))?,
            Self::S3 => s3::start(place).await.map(|(a, p)| (a, What::Process(p)))?,
            Self::Smtp => {
                let server = MailSink::start(place).await?;
                (server.address(), What::Mail(server))
            }
            Self::Own(address) => (address.clone(), What::Own),
        };
        Ok(Provisioned { name: name.to_owned(), address, what })
    }

    /// What a new instance uses.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn fresh(&self, name: &str, place: &Place) -> Result<Provisioned, LabError> {
        let database = format!("seaworthy_{}", place.number());
        let (address, what) = match self {
            Self::Postgres(server) => {
                server.create(&database, Some(TEMPLATE)).await?;
                (server.address(&database), What::Database(Arc::clone(server)))
            }
            Self::Mysql(server) => {
                server.clone_of(TEMPLATE, &database).await?;
                (server.address(&database), What::Mysql(Arc::clone(server)))
            }
            Self::Redis | Self::Smtp | Self::S3 | Self::Own(_) => {
                return self.template(name, place).await;
            }
        };
        Ok(Provisioned { name: name.to_owned(), address, what })
    }

    /// Whether a new instance finds what the set-up left.
    pub fn is_cloned(&self) -> bool {
        matches!(self, Self::Postgres(_) | Self::Mysql(_))
    }

    /// What was provided and in which version, for the evidence.
    pub fn version(&self) -> Option<String> {
        match self {
            Self::Postgres(server) => Some(format!("postgres {}", server.version)),
            Self::Mysql(server) => Some(server.version.clone()),
            Self::Redis => redis::version(),
            Self::S3 => s3::program().ok().map(|program| program.word().to_owned()),
            Self::Smtp | Self::Own(_) => None,
        }
    }
}

impl Provisioned {
    /// A way to it with a fault proxy in between, for one instance.
    ///
    /// # Errors
    /// When there is no port, or the host's name cannot be resolved.
    pub async fn link(
        &self,
        place: &Place,
        outside: Option<Arc<isolation::Outside>>,
    ) -> Result<Link, LabError> {
        let what = format!("the proxy in front of {}", self.name);
        let wrong =
            |why: std::io::Error| LabError::Dependency { what: what.clone(), why: why.to_string() };
        let Address { host, port, .. } = &self.address;
        let upstream = match (&self.what, outside) {
            // One of the user's own is reached from outside the confinement.
            (What::Own, Some(outside)) => Upstream::Outside(outside, format!("{host}:{port}")),
            _ => {
                let mut found =
                    tokio::net::lookup_host((host.as_str(), *port)).await.map_err(wrong)?;
                let none = || wrong(std::io::Error::other("its host has no address"));
                Upstream::Direct(found.next().ok_or_else(none)?)
            }
        };
        let proxy = Proxy::start(place.port()?, upstream).await.map_err(wrong)?;
        let (host, port) = ("127.0.0.1".to_owned(), proxy.port());
        let address = Address { host, port, ..self.address.clone() };
        Ok(Link { name: self.name.clone(), address, proxy: Some(proxy) })
    }

    /// A way to it with nothing in between, for the set-up.
    pub fn direct(&self) -> Link {
        Link { name: self.name.clone(), address: self.address.clone(), proxy: None }
    }

    /// A session of the lab's own in it, with every right, past every proxy. `None` where it is no
    /// database of the lab's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn session(&self) -> Result<Option<tokio_postgres::Client>, LabError> {
        match &self.what {
            What::Database(server) => server.session(&self.address.name).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Locks every table of its database from a second session, past the proxy. `None` where that
    /// cannot be done.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lock_tables(&self) -> Result<Option<TableLock>, LabError> {
        match &self.what {
            What::Database(server) => server.lock_tables(&self.address.name).await,
            _ => Ok(None),
        }
    }

    /// The letters that it took, where it is a mail server of the lab's.
    pub fn letters(&self) -> Vec<Letter> {
        match &self.what {
            What::Mail(server) => server.letters(),
            _ => Vec::new(),
        }
    }

    /// Gives it back.
    pub async fn end(self) {
        match self.what {
            // What cannot be dropped now goes with the whole server at the end of the run.
            What::Database(server) => server.drop_database(&self.address.name).await,
            What::Mysql(server) => server.drop_database(&self.address.name).await,
            What::Process(process) => {
                process.end().await;
            }
            What::Mail(_) | What::Shared | What::Own => {}
        }
    }
}

fn own(name: &str, dependency: &Dependency, url: &str) -> Result<Address, LabError> {
    let read = settings::address::read(url, dependency.kind.default_port());
    let read = read.map_err(|error| LabError::Dependency {
        what: format!("the url of the dependency {name}"),
        why: error.to_string(),
    })?;
    let settings::address::Address { scheme, user, password, host, port, name, query } = read;
    let (user, password) = (user.unwrap_or_default(), password.unwrap_or_default());
    let query = query.unwrap_or_default();
    Ok(Address { scheme, host, port, user, password, name, query, ca: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_the_users_own_is_taken_apart_and_put_together_again() {
        let dependency: Dependency = Dependency {
            kind: DependencyKind::Mysql,
            critical: true,
            url: None,
            disposable: true,
            extensions: vec![],
            superuser: false,
            locale: None,
            encoding: None,
            durable: false,
            tls: false,
        };
        let url = "mysql://u:p%40ss@127.0.0.1:3307/shop?ssl=false";
        assert_eq!(own("db", &dependency, url).expect("it is good").url(), url);
        let short = own("db", &dependency, "mysql://127.0.0.1").expect("it is good");
        assert_eq!((short.port, short.name.as_str()), (3306, ""));
        let bare = own("db", &dependency, "127.0.0.1").expect("a bare host is one");
        assert_eq!(bare.port, 3306);
        assert!(own("db", &dependency, "mysql://h:x/").is_err());
    }
}
