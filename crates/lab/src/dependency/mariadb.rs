//! An ephemeral MariaDB from the system's binaries.
//!
//! Its programs are spoken to rather than its protocol: `mariadb` for statements, `mariadb-dump` for
//! the clone that MariaDB itself has no statement for.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use process::{Process, User};
use settings::Dependency;
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

use super::kept::Kept;
use super::server_process::{self, Output, folder_of, give, launch, password};
use crate::error::LabError;
use crate::place::Place;
use crate::ports::Lease;
use crate::recipe::Address;

/// A running server that ends with this value.
#[derive(Debug)]
pub struct Mariadb {
    process: Process,
    lease: Lease,
    place: Place,
    programs: Programs,
    folder: PathBuf,
    user: Option<User>,
    app_password: String,
    /// The set-up's database as statements, written down at the first clone.
    template: OnceCell<PathBuf>,
    pub version: String,
}

/// Where its programs are.
#[derive(Debug)]
struct Programs {
    install: PathBuf,
    server: PathBuf,
    client: PathBuf,
    dump: PathBuf,
}

const INSTALL: &str = "apt-get install mariadb-server";
const APP: &str = "app";
/// What every server of the lab is set to. Names of hosts are not looked up: `app` comes from
/// anywhere.
const COMMON: &[&str] = &[
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=16M",
    "--max-connections=300",
    "--character-set-server=utf8mb4",
];
/// Speed over durability: the server dies with the run.
const FAST: &[&str] = &["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync"];

fn cannot(why: impl Into<String>) -> LabError {
    LabError::CannotProvide { what: "MariaDB".to_owned(), why: why.into(), install: INSTALL }
}

impl Programs {
    /// On `PATH` or where Debian puts them; under their names of today or the old ones.
    fn find() -> Result<Self, LabError> {
        let find = |names: [&str; 2]| {
            let folders = ["/usr/sbin", "/usr/bin"].map(Path::new);
            let found = names.iter().find_map(|name| process::spawn::find_program(name, &folders));
            found.ok_or_else(|| cannot(format!("there is no {} on PATH", names.join(" or "))))
        };
        Ok(Self {
            install: find(["mariadb-install-db", "mysql_install_db"])?,
            server: find(["mariadbd", "mysqld"])?,
            client: find(["mariadb", "mysql"])?,
            dump: find(["mariadb-dump", "mysqldump"])?,
        })
    }
}

impl Mariadb {
    /// Makes a new data folder and starts a server on it.
    ///
    /// # Errors
    /// When its programs are missing or do not work.
    pub async fn start(place: &Place, dependency: &Dependency) -> Result<Self, LabError> {
        let place = place.next();
        let programs = Programs::find()?;
        let user = server_process::unprivileged(&["mysql", "nobody"]).map_err(cannot)?;
        let folder = place.folder("mariadb");
        folder_of(user, &folder)?;
        let data = folder.join("data");
        initialise(&place, &programs, &data, user).await?;
        let app_password = password();
        let first = folder.join("first.sql");
        std::fs::write(&first, first_statements(&app_password, dependency.superuser))
            .and_then(|()| give(user, &first))
            .map_err(LabError::file("write", &first))?;
        let lease = place.port()?;
        let mut argv = vec![text(&programs.server), "--no-defaults".to_owned()];
        argv.push(format!("--datadir={}", data.display()));
        argv.push(format!("--socket={}", folder.join("socket").display()));
        argv.push(format!("--pid-file={}", folder.join("pid").display()));
        argv.push(format!("--tmpdir={}", folder.display()));
        argv.push(format!("--port={}", lease.port));
        argv.push(format!("--init-file={}", first.display()));
        argv.extend(COMMON.iter().map(|&word| word.to_owned()));
        if !dependency.durable {
            argv.extend(FAST.iter().map(|&word| word.to_owned()));
        }
        let (process, output) =
            server_process::start(&launch(argv, &folder, user, &place), &place)?;
        let mut server = Self {
            process,
            lease,
            place,
            programs,
            folder,
            user,
            app_password,
            template: OnceCell::new(),
            version: String::new(),
        };
        server.wait_until_ready(&output).await?;
        server.version = server.ask("SELECT VERSION()").await?;
        Ok(server)
    }

    async fn wait_until_ready(&self, output: &Output) -> Result<(), LabError> {
        let deadline = Instant::now() + Duration::from_secs(30);
        let socket = self.folder.join("socket");
        loop {
            // The socket is there before the first statements have run.
            if socket.exists()
                && self
                    .ask("SELECT 1 FROM mysql.global_priv WHERE User='app'")
                    .await
                    .is_ok_and(|answer| answer == "1")
            {
                return Ok(());
            }
            if self.process.exit().is_some() || Instant::now() > deadline {
                let what = "starting MariaDB".to_owned();
                return Err(LabError::Dependency { what, why: output.text() });
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Runs statements as the server's own user, through its socket. What they print.
    async fn ask(&self, statements: &str) -> Result<String, LabError> {
        let mut argv = self.client(&self.programs.client);
        argv.extend(["--skip-column-names", "--batch", "--execute"].map(str::to_owned));
        argv.push(statements.to_owned());
        self.run(argv).await
    }

    async fn run(&self, argv: Vec<String>) -> Result<String, LabError> {
        let launch = launch(argv, &self.folder, self.user, &self.place);
        server_process::run(&launch, &self.place).await
    }

    /// A client of this server. `root` needs no password at the socket, which nobody else can reach.
    fn client(&self, program: &Path) -> Vec<String> {
        let socket = format!("--socket={}", self.folder.join("socket").display());
        vec![text(program), "--no-defaults".to_owned(), "--user=root".to_owned(), socket]
    }

    /// Creates a database for the service's user.
    pub(super) async fn create(&self, name: &str) -> Result<(), LabError> {
        let statements =
            format!("CREATE DATABASE `{name}`; GRANT ALL PRIVILEGES ON `{name}`.* TO '{APP}'@'%'");
        self.ask(&statements).await.map(drop)
    }

    /// Creates a database with what the set-up left in the template.
    pub(super) async fn clone_of(&self, template: &str, name: &str) -> Result<(), LabError> {
        let dump = self.template.get_or_try_init(|| self.write_down(template)).await?;
        self.create(name).await?;
        let mut argv = self.client(&self.programs.client);
        argv.extend([name.to_owned(), "--execute".to_owned()]);
        argv.push(format!("source {}", dump.display()));
        self.run(argv).await.map(drop)
    }

    async fn write_down(&self, template: &str) -> Result<PathBuf, LabError> {
        let path = self.folder.join("template.sql");
        let mut argv = self.client(&self.programs.dump);
        let words = ["--routines", "--triggers", "--events", "--single-transaction", "--hex-blob"];
        argv.extend(words.map(str::to_owned));
        argv.push(format!("--result-file={}", path.display()));
        argv.push(template.to_owned());
        self.run(argv).await?;
        Ok(path)
    }

    pub(super) async fn drop_database(&self, name: &str) {
        let statement = format!("DROP DATABASE IF EXISTS `{name}`");
        let _ = timeout(Duration::from_secs(5), self.ask(&statement)).await;
    }

    /// How a database is reached by the service.
    pub fn address(&self, database: &str) -> Address {
        Address {
            scheme: "mysql".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: self.lease.port,
            user: APP.to_owned(),
            password: self.app_password.clone(),
            name: database.to_owned(),
            ..Address::default()
        }
    }
}

/// Fills the data folder: a copy of the kept one, or made now.
async fn initialise(
    place: &Place,
    programs: &Programs,
    data: &Path,
    user: Option<User>,
) -> Result<(), LabError> {
    let kept = Kept::of(place.base(), &programs.server, &["data"]);
    if kept.copy_to(data, user).await {
        return Ok(());
    }
    let folder = data.parent().unwrap_or(data);
    folder_of(user, data)?;
    let mut argv = vec![text(&programs.install), "--no-defaults".to_owned()];
    argv.push(format!("--datadir={}", data.display()));
    let words =
        ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"];
    argv.extend(words.map(str::to_owned));
    server_process::run(&launch(argv, folder, user, place), place).await?;
    kept.keep(data, user).await;
    Ok(())
}

/// What the server does first, one statement a line. `root` is let in at the socket only; nameless
/// users would come before `app`.
fn first_statements(app_password: &str, superuser: bool) -> String {
    let mut lines = vec![
        "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost');"
            .to_owned(),
        "FLUSH PRIVILEGES;".to_owned(),
        format!("CREATE USER '{APP}'@'%' IDENTIFIED BY '{app_password}';"),
    ];
    if superuser {
        lines.push(format!("GRANT ALL PRIVILEGES ON *.* TO '{APP}'@'%' WITH GRANT OPTION;"));
    }
    lines.join("\n") + "\n"
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
