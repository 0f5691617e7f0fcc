//! An ephemeral PostgreSQL from the system's binaries.
//!
//! Passwords are checked (scram), because `trust` would hide wrong-password bugs. It runs as an
//! unprivileged user where seaworthy is root, because PostgreSQL refuses to run as root.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use process::{Process, User};
use settings::Dependency;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Config, NoTls};

use super::kept::Kept;
use super::server_process::{self, Output, folder_of, give, launch, password};
use super::tls;
use crate::error::LabError;
use crate::place::Place;
use crate::ports::Lease;
use crate::recipe::Address;

/// A running server that ends with this value.
#[derive(Debug)]
pub struct Postgres {
    _process: Process,
    lease: Lease,
    admin_password: String,
    app_password: String,
    pub version: String,
    /// The certificate of its authority; empty where it speaks no TLS.
    authority: String,
}

const INSTALL: &str = "apt-get install postgresql";
/// What every cluster of the lab is set to.
const COMMON: &[&str] =
    &["listen_addresses=127.0.0.1", "max_connections=300", "shared_buffers=64MB", "autovacuum=off"];
/// Speed over durability: the cluster dies with the run.
const FAST: &[&str] = &["fsync=off", "synchronous_commit=off", "full_page_writes=off"];
/// As in production (PostgreSQL's own defaults, said aloud).
const DURABLE: &[&str] = &["fsync=on", "synchronous_commit=on", "full_page_writes=on"];
const ADMIN: &str = "seaworthy";
const APP: &str = "app";

fn cannot(why: impl Into<String>) -> LabError {
    LabError::CannotProvide { what: "PostgreSQL".to_owned(), why: why.into(), install: INSTALL }
}

/// The folder of `initdb` and `postgres`: on `PATH`, or the newest of Debian's.
fn programs() -> Result<PathBuf, LabError> {
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|folders| folders.flatten().map(|folder| folder.path().join("bin")).collect())
        .unwrap_or_default();
    let version = |path: &PathBuf| {
        path.iter().rev().nth(1).and_then(|v| v.to_str()?.parse::<u32>().ok()).unwrap_or(0)
    };
    debian.sort_by_key(|path| std::cmp::Reverse(version(path)));
    let folders: Vec<&Path> = debian.iter().map(PathBuf::as_path).collect();
    let initdb = process::spawn::find_program("initdb", &folders)
        .and_then(|path| path.canonicalize().ok())
        .ok_or_else(|| cannot("there is no initdb on PATH or in /usr/lib/postgresql"))?;
    Ok(initdb.parent().map(Path::to_owned).unwrap_or_default())
}

/// The password of a cluster's first user, as a kept cluster brings it along.
const SECRET: &str = "seaworthy.password";

/// A new cluster with its data in `folder`, and the password of its first user: a copy of the kept
/// one, or made now.
async fn cluster(
    place: &Place,
    programs: &Path,
    folder: &Path,
    user: Option<User>,
    dependency: &Dependency,
) -> Result<(PathBuf, String), LabError> {
    let data = folder.join("data");
    let initdb = programs.join("initdb");
    let encoding = dependency.encoding.as_deref().unwrap_or("UTF8");
    let locale = dependency.locale.as_deref().unwrap_or("C.UTF-8");
    let kept = Kept::of(place.base(), &initdb, &[encoding, locale]);
    let secret = data.join(SECRET);
    if kept.copy_to(&data, user).await {
        let password = fs::read_to_string(&secret).map_err(LabError::file("read", &secret))?;
        return Ok((data, password));
    }
    let admin_password = password();
    let given = folder.join("password");
    fs::write(&given, &admin_password)
        .and_then(|()| give(user, &given))
        .map_err(LabError::file("write", &given))?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut argv = vec![text(&initdb), "--pgdata".into(), text(&data)];
    argv.extend(["--username", ADMIN, "--auth", "scram-sha-256"].map(str::to_owned));
    argv.extend(["--pwfile".to_owned(), text(&given)]);
    argv.extend(["--encoding", encoding, "--locale", locale, "--no-sync"].map(str::to_owned));
    server_process::run(&launch(argv, folder, user, place), place).await?;
    fs::write(&secret, &admin_password)
        .and_then(|()| fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)))
        .and_then(|()| give(user, &secret))
        .map_err(LabError::file("write", &secret))?;
    kept.keep(&data, user).await;
    Ok((data, admin_password))
}

impl Postgres {
    /// Makes a new cluster and starts it.
    ///
    /// # Errors
    /// When its programs are missing or do not work.
    pub async fn start(place: &Place, dependency: &Dependency) -> Result<Self, LabError> {
        let place = place.next();
        let programs = programs()?;
        let user = server_process::unprivileged(&["postgres", "nobody"]).map_err(cannot)?;
        let folder = place.folder("postgres");
        folder_of(user, &folder)?;
        let (data, admin_password) = cluster(&place, &programs, &folder, user, dependency).await?;
        let app_password = password();
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let lease = place.port()?;
        let setting = |setting: &str| ["-c".to_owned(), setting.to_owned()];
        let mut argv = vec![text(&programs.join("postgres")), "-D".into(), text(&data)];
        argv.extend(["-p".to_owned(), lease.port.to_string(), "-k".into(), text(&folder)]);
        let mut authority = String::new();
        if dependency.tls {
            let files = certificates(&place, user)?;
            argv.extend(setting("ssl=on"));
            argv.extend(setting(&format!("ssl_cert_file={}", files.certificate.display())));
            argv.extend(setting(&format!("ssl_key_file={}", files.key.display())));
            authority = text(&files.authority);
        }
        let durability = if dependency.durable { DURABLE } else { FAST };
        for line in COMMON.iter().chain(durability) {
            argv.extend(setting(line));
        }
        let launch = launch(argv, &folder, user, &place);
        let (process, output) = server_process::start(&launch, &place)?;
        let mut server = Self {
            _process: process,
            lease,
            admin_password,
            app_password,
            version: String::new(),
            authority,
        };
        let admin = server.wait_for_admin(&output).await?;
        let row = admin.query_one("SHOW server_version", &[]).await.map_err(sql("asking it"))?;
        let version: String = row.get(0);
        server.version = version.split(' ').next().unwrap_or_default().to_owned();
        let rights = if dependency.superuser { "SUPERUSER" } else { "NOSUPERUSER" };
        let role = format!("CREATE ROLE {APP} LOGIN {rights} PASSWORD '{}'", server.app_password);
        admin.batch_execute(&role).await.map_err(sql("creating its role"))?;
        Ok(server)
    }

    async fn wait_for_admin(&self, output: &Output) -> Result<Client, LabError> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match self.admin("postgres").await {
                Ok(client) => return Ok(client),
                Err(error) => {
                    if self._process.exit().is_some() || Instant::now() > deadline {
                        let why = format!("{error}\n{}", output.text());
                        return Err(LabError::Dependency {
                            what: "starting PostgreSQL".into(),
                            why,
                        });
                    }
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn admin(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        let mut config = Config::new();
        config
            .host("127.0.0.1")
            .port(self.lease.port)
            .user(ADMIN)
            .password(&self.admin_password)
            .dbname(database)
            .connect_timeout(Duration::from_secs(2));
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// A session of the lab's own in a database, with every right.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn session(&self, database: &str) -> Result<Client, LabError> {
        self.admin(database).await.map_err(sql("connecting to it"))
    }

    /// Creates a database, as a clone of another where one is named.
    pub(super) async fn create(&self, name: &str, from: Option<&str>) -> Result<(), LabError> {
        let from = from.unwrap_or("template1");
        let sql_text = format!("CREATE DATABASE {name} OWNER {APP} TEMPLATE {from}");
        let admin = self.session("postgres").await?;
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match admin.batch_execute(&sql_text).await {
                Ok(()) => return Ok(()),
                // Someone is still leaving the template, or clones it at this moment.
                Err(error)
                    if error.code().is_some_and(|code| code.code() == "55006")
                        && Instant::now() < deadline =>
                {
                    sleep(Duration::from_millis(10)).await;
                }
                Err(error) => return Err(sql("creating a database")(error)),
            }
        }
    }

    /// Adds extensions, which only a superuser may.
    pub(super) async fn extend(&self, database: &str, names: &[String]) -> Result<(), LabError> {
        let admin = self.session(database).await?;
        // Since PostgreSQL 15 only the owner may create in the schema public.
        let own = format!("ALTER SCHEMA public OWNER TO {APP}");
        admin.batch_execute(&own).await.map_err(sql("giving away its schema"))?;
        for name in names {
            let text = format!("CREATE EXTENSION IF NOT EXISTS \"{}\"", name.replace('"', ""));
            admin.batch_execute(&text).await.map_err(sql("adding an extension"))?;
        }
        Ok(())
    }

    pub(super) async fn drop_database(&self, name: &str) {
        let dropping = async {
            let admin = self.session("postgres").await.ok()?;
            admin.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.ok()
        };
        let _ = timeout(Duration::from_secs(5), dropping).await;
    }

    /// Locks every table of a database from a session of the lab's own.
    pub(super) async fn lock_tables(&self, database: &str) -> Result<Option<TableLock>, LabError> {
        let client = self.session(database).await?;
        let tables = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables \
                      WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
        let rows = client.query(tables, &[]).await.map_err(sql("listing its tables"))?;
        if rows.is_empty() {
            return Ok(None);
        }
        let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let lock = format!(
            "SET lock_timeout = '5s'; BEGIN; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
            names.join(", ")
        );
        client.batch_execute(&lock).await.map_err(sql("locking its tables"))?;
        let watcher = self.session("postgres").await?;
        Ok(Some(TableLock { client, watcher, database: database.to_owned() }))
    }

    /// How a database is reached by the service.
    pub fn address(&self, database: &str) -> Address {
        Address {
            scheme: "postgres".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: self.lease.port,
            user: APP.to_owned(),
            password: self.app_password.clone(),
            name: database.to_owned(),
            query: String::new(),
            ca: self.authority.clone(),
        }
    }
}

/// Certificates in a folder that others may enter: whoever verifies needs the authority.
fn certificates(place: &Place, owner: Option<User>) -> Result<tls::Files, LabError> {
    let folder = place.folder("tls");
    fs::create_dir(&folder).map_err(LabError::file("make", &folder))?;
    tls::write(&folder, owner).map_err(LabError::file("write", &folder))
}

/// Locks on every table of a database: whatever a request does there, it waits.
#[derive(Debug)]
pub struct TableLock {
    client: Client,
    watcher: Client,
    database: String,
}

impl TableLock {
    /// How many sessions wait for the locks: the evidence that a request was caught in flight.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn waiting(&self) -> Result<u32, LabError> {
        let text = "SELECT count(*) FROM pg_stat_activity \
                    WHERE datname = $1 AND wait_event_type = 'Lock'";
        let row = self.watcher.query_one(text, &[&self.database]).await;
        let count: i64 = row.map_err(sql("counting waiting sessions"))?.get(0);
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Gives the locks back.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn release(self) -> Result<(), LabError> {
        self.client.batch_execute("ROLLBACK").await.map_err(sql("unlocking its tables"))
    }
}

fn sql(what: &'static str) -> impl FnOnce(tokio_postgres::Error) -> LabError {
    move |error| {
        let why = match error.as_db_error() {
            Some(database) => format!("{database}"),
            None => error.to_string(),
        };
        LabError::Dependency { what: format!("PostgreSQL: {what}"), why }
    }
}
