//! Dependencies that the lab provides, one of its own for each instance.

mod postgres;
mod redis;

use std::sync::Arc;

use process::Process;
use settings::{Dependency, DependencyKind};

use crate::error::LabError;
use crate::fault::{Proxy, Upstream};
use crate::place::Place;
use crate::recipe::Address;

pub use postgres::{Postgres, TableLock};

/// What stands behind a declared dependency for the whole run.
#[derive(Debug)]
pub enum Server {
    /// One server; each instance gets a database cloned from the template.
    Postgres(Arc<Postgres>),
    /// Each instance gets a server of its own.
    Redis,
    /// One of the user's own, shared by all instances.
    Own(Address),
}

/// What one instance holds of a dependency.
#[derive(Debug)]
pub struct Held {
    pub name: String,
    /// How the service reaches it: through the proxy, where there is one.
    pub address: Address,
    /// What stands in between; the template of all instances has none.
    pub proxy: Option<Proxy>,
    what: What,
}

#[derive(Debug)]
enum What {
    Database(Arc<Postgres>),
    Process(Process),
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
            DependencyKind::Mysql | DependencyKind::Mongodb | DependencyKind::Tcp => {
                let why = "the lab starts only postgres and redis itself".to_owned();
                Err(LabError::Dependency { what: format!("the dependency {name}"), why })
            }
        }
    }

    /// The part of it that the template of all instances uses.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn template(&self, name: &str, place: &Place) -> Result<Held, LabError> {
        let (address, what) = match self {
            Self::Postgres(server) => (server.address(TEMPLATE), What::Shared),
            Self::Redis => redis::start(place).await.map(|(a, p)| (a, What::Process(p)))?,
            Self::Own(address) => (address.clone(), What::Own),
        };
        Ok(Held { name: name.to_owned(), address, proxy: None, what })
    }

    /// What a new instance uses.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn fresh(&self, name: &str, place: &Place) -> Result<Held, LabError> {
        let Self::Postgres(server) = self else { return self.template(name, place).await };
        let database = format!("seaworthy_{}", place.number());
        server.create(&database, Some(TEMPLATE)).await?;
        let address = server.address(&database);
        let what = What::Database(Arc::clone(server));
        Ok(Held { name: name.to_owned(), address, proxy: None, what })
    }

    /// What was provided and in which version, for the evidence.
    pub fn version(&self) -> Option<String> {
        match self {
            Self::Postgres(server) => Some(format!("postgres {}", server.version)),
            Self::Redis => redis::version(),
            Self::Own(_) => None,
        }
    }
}

impl Held {
    /// Puts a fault proxy in between.
    ///
    /// # Errors
    /// When there is no port, or the host's name cannot be resolved.
    pub async fn proxied(
        mut self,
        place: &Place,
        outside: Option<Arc<isolation::Outside>>,
    ) -> Result<Self, LabError> {
        let what = format!("the proxy in front of {}", self.name);
        let wrong =
            |why: std::io::Error| LabError::Dependency { what: what.clone(), why: why.to_string() };
        let upstream = match (&self.what, outside) {
            // One of the user's own is reached from outside the confinement.
            (What::Own, Some(outside)) => {
                Upstream::Outside(outside, format!("{}:{}", self.address.host, self.address.port))
            }
            _ => {
                let upstream = (self.address.host.clone(), self.address.port);
                let mut found = tokio::net::lookup_host(upstream).await.map_err(wrong)?;
                let none = || wrong(std::io::Error::other("its host has no address"));
                Upstream::Direct(found.next().ok_or_else(none)?)
            }
        };
        let proxy = Proxy::start(place.port()?, upstream).await.map_err(wrong)?;
        self.address.host = "127.0.0.1".to_owned();
        self.address.port = proxy.port();
        self.proxy = Some(proxy);
        Ok(self)
    }

    /// Locks every table of its database from a second session, past the proxy. `None` where that
    /// cannot be done.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lock_tables(&self) -> Result<Option<TableLock>, LabError> {
        match &self.what {
            What::Database(server) => server.lock_tables(&self.address.name).await,
            What::Process(_) | What::Shared | What::Own => Ok(None),
        }
    }

    /// Gives it back.
    pub async fn end(self) {
        match self.what {
            // What cannot be dropped now goes with the whole server at the end of the run.
            What::Database(server) => server.drop_database(&self.address.name).await,
            What::Process(process) => {
                process.end().await;
            }
            What::Shared | What::Own => {}
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
    Ok(Address { scheme, host, port, user, password, name, query })
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
