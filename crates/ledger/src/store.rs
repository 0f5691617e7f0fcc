//! The file: its tables, and how runs go in and come out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::{Severity, Verdict};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::entry::{Entry, Found, Held};

/// The name of the file, beside the folder of the runs.
pub const NAME: &str = "ledger.sqlite3";

/// The tables that this version writes; a newer file is left alone.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE run (
    run TEXT PRIMARY KEY, date TEXT NOT NULL, service TEXT NOT NULL, commit_id TEXT NOT NULL,
    dirty INTEGER NOT NULL, manifest TEXT NOT NULL, artifact TEXT NOT NULL,
    seaworthy TEXT NOT NULL, through_edge INTEGER NOT NULL, partial INTEGER NOT NULL, score REAL,
    decided INTEGER NOT NULL, applicable INTEGER NOT NULL
) STRICT;
CREATE TABLE verdict (
    run TEXT NOT NULL REFERENCES run ON DELETE CASCADE, place INTEGER NOT NULL,
    control TEXT NOT NULL, verdict TEXT NOT NULL, summary TEXT NOT NULL, PRIMARY KEY (run, control)
) STRICT;
CREATE TABLE finding (
    run TEXT NOT NULL REFERENCES run ON DELETE CASCADE, control TEXT NOT NULL,
    severity TEXT NOT NULL, cause TEXT NOT NULL, subject TEXT NOT NULL
) STRICT;
CREATE INDEX finding_of ON finding (run, control);
PRAGMA user_version = 1;
";

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("cannot use the ledger {}: {source}", path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
    #[error(
        "the ledger {} is of a newer seaworthy: its tables are of version {found}, expected at most {VERSION}",
        path.display()
    )]
    Newer { path: PathBuf, found: i64 },
}

/// An open ledger.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    connection: Connection,
}

impl Ledger {
    /// Opens the ledger in a folder, and makes it where there is none.
    ///
    /// # Errors
    /// When it cannot be read or written, is no SQLite file, or is of a newer version.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        let path = folder.join(NAME);
        let fault = |source| LedgerError::Sqlite { path: path.clone(), source };
        let mut connection = Connection::open(&path).map_err(fault)?;
        // Another run of the same service may be at its end, too.
        connection.busy_timeout(Duration::from_secs(10)).map_err(fault)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(fault)?;
        let found = prepare(&mut connection).map_err(fault)?;
        if found > VERSION {
            return Err(LedgerError::Newer { path, found });
        }
        Ok(Self { path, connection })
    }

    fn fault(&self) -> impl FnOnce(rusqlite::Error) -> LedgerError + use<> {
        let path = self.path.clone();
        move |source| LedgerError::Sqlite { path, source }
    }

    /// Enters a run; one that is there is replaced, all of it or nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn enter(&mut self, entry: &Entry) -> Result<(), LedgerError> {
        let fault = self.fault();
        insert(&mut self.connection, entry).map_err(fault)
    }

    /// Whether a run is in it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn has(&self, run: &str) -> Result<bool, LedgerError> {
        let found = self
            .connection
            .query_row("SELECT 1 FROM run WHERE run = ?1", [run], |_| Ok(()))
            .optional()
            .map_err(self.fault())?;
        Ok(found.is_some())
    }

    /// The last runs, the newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn recent(&self, most: usize) -> Result<Vec<Entry>, LedgerError> {
        self.select(most).map_err(self.fault())
    }

    fn select(&self, most: usize) -> rusqlite::Result<Vec<Entry>> {
        let mut runs = self.connection.prepare("SELECT * FROM run ORDER BY run DESC LIMIT ?1")?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut entries = runs.query_map([most], read_run)?.collect::<Result<Vec<_>, _>>()?;
        let mut verdicts = self.connection.prepare(
            "SELECT control, verdict, summary FROM verdict WHERE run = ?1 ORDER BY place",
        )?;
        let mut findings = self.connection.prepare(
            "SELECT severity, cause, subject FROM finding WHERE run = ?1 AND control = ?2 ORDER BY rowid",
        )?;
        for entry in &mut entries {
            let held = verdicts.query_map([&entry.run], |row| {
                Ok(Held {
                    control: row.get(0)?,
                    verdict: verdict(row, 1)?,
                    summary: row.get(2)?,
                    findings: Vec::new(),
                })
            })?;
            entry.controls = held.collect::<Result<Vec<_>, _>>()?;
            for held in &mut entry.controls {
                let found = findings.query_map([&entry.run, &held.control], |row| {
                    let (severity, cause, subject) = (severity(row, 0)?, row.get(1)?, row.get(2)?);
                    Ok(Found { severity, cause, subject })
                })?;
                held.findings = found.collect::<Result<Vec<_>, _>>()?;
            }
        }
        Ok(entries)
    }
}

/// Makes the tables in an empty file, and says of which version they are.
fn prepare(connection: &mut Connection) -> rusqlite::Result<i64> {
    let version = |connection: &Connection| -> rusqlite::Result<i64> {
        connection.query_row("PRAGMA user_version", [], |row| row.get(0))
    };
    if version(connection)? == 0 {
        let made =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        // Somebody else may have made them while this one waited.
        if version(&made)? == 0 {
            made.execute_batch(TABLES)?;
        }
        made.commit()?;
    }
    version(connection)
}

fn insert(connection: &mut Connection, entry: &Entry) -> rusqlite::Result<()> {
    let all = connection.transaction()?;
    all.execute("DELETE FROM run WHERE run = ?1", [&entry.run])?;
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    all.execute(
        "INSERT INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        params![
            entry.run,
            entry.date,
            entry.service,
            entry.commit,
            entry.dirty,
            entry.manifest,
            entry.artifact,
            entry.seaworthy,
            entry.through_edge,
            entry.partial,
            entry.score,
            count(entry.decided),
            count(entry.applicable),
        ],
    )?;
    for (place, held) in entry.controls.iter().enumerate() {
        all.execute(
            "INSERT INTO verdict VALUES (?1, ?2, ?3, ?4, ?5)",
            params![entry.run, count(place), held.control, held.verdict.word(), held.summary],
        )?;
        for found in &held.findings {
            let severity = word(found.severity);
            all.execute(
                "INSERT INTO finding VALUES (?1, ?2, ?3, ?4, ?5)",
                params![entry.run, held.control, severity, found.cause, found.subject],
            )?;
        }
    }
    all.commit()
}

fn read_run(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let count = |at| row.get::<_, i64>(at).map(|n| usize::try_from(n).unwrap_or(0));
    Ok(Entry {
        run: row.get(0)?,
        date: row.get(1)?,
        service: row.get(2)?,
        commit: row.get(3)?,
        dirty: row.get(4)?,
        manifest: row.get(5)?,
        artifact: row.get(6)?,
        seaworthy: row.get(7)?,
        through_edge: row.get(8)?,
        partial: row.get(9)?,
        score: row.get(10)?,
        decided: count(11)?,
        applicable: count(12)?,
        controls: Vec::new(),
    })
}

const VERDICTS: [Verdict; 5] =
    [Verdict::Pass, Verdict::Fail, Verdict::Inconclusive, Verdict::NotApplicable, Verdict::Error];

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Fail => "fail",
        Severity::Warn => "warn",
        Severity::Note => "note",
    }
}

fn verdict(row: &Row<'_>, at: usize) -> rusqlite::Result<Verdict> {
    known(row, at, "a verdict", |text| VERDICTS.into_iter().find(|one| one.word() == text))
}

fn severity(row: &Row<'_>, at: usize) -> rusqlite::Result<Severity> {
    let all = [Severity::Fail, Severity::Warn, Severity::Note];
    known(row, at, "a severity", |text| all.into_iter().find(|one| word(*one) == text))
}

fn known<T>(
    row: &Row<'_>,
    at: usize,
    what: &str,
    find: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    find(&text).ok_or_else(|| {
        let why = format!("{text:?} is not {what}");
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, why.into())
    })
}

#[cfg(test)]
mod tests {
    use model::Verdict::{Fail, Pass};

    use super::*;
    use crate::entry::entry;

    #[test]
    fn what_goes_in_comes_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut one = entry("a", &[("startup", Pass), ("cors", Fail)]);
        one.controls[1].findings = vec![Found {
            severity: Severity::Fail,
            cause: "reflected".into(),
            subject: "GET /'; DROP TABLE run; --".into(),
        }];
        one.score = Some(61.5);
        let two = Entry { dirty: true, ..entry("bb", &[("startup", Fail)]) };
        let mut ledger = Ledger::open(folder.path()).expect("opens");
        ledger.enter(&one).expect("enters");
        ledger.enter(&two).expect("enters");
        ledger.enter(&one).expect("a second time replaces it");
        assert!(ledger.has("a").expect("reads") && !ledger.has("c").expect("reads"));
        drop(ledger);
        let ledger = Ledger::open(folder.path()).expect("opens again");
        assert_eq!(ledger.recent(10).expect("reads"), [two.clone(), one]);
        assert_eq!(ledger.recent(1).expect("reads"), [two]);
    }

    #[test]
    fn a_newer_ledger_and_another_file_are_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(Ledger::open(folder.path()).expect("opens"));
        let path = folder.path().join(NAME);
        let raw = Connection::open(&path).expect("opens");
        raw.pragma_update(None, "user_version", 9).expect("writes");
        drop(raw);
        let error = Ledger::open(folder.path()).expect_err("newer").to_string();
        assert!(error.contains("version 9, expected at most 1"), "{error}");
        std::fs::write(&path, "not a database, and long enough to be looked at ".repeat(50))
            .expect("writes");
        let error = Ledger::open(folder.path()).expect_err("no database").to_string();
        assert!(error.contains("not a database"), "{error}");
        assert!(std::fs::read_to_string(&path).expect("reads").starts_with("not a database"));
    }

    #[test]
    fn many_may_enter_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        std::thread::scope(|scope| {
            for at in 0..8 {
                let folder = folder.path();
                scope.spawn(move || {
                    let mut ledger = Ledger::open(folder).expect("opens");
                    ledger.enter(&entry(&format!("run-{at}"), &[("cors", Pass)])).expect("enters");
                });
            }
        });
        let ledger = Ledger::open(folder.path()).expect("opens");
        assert_eq!(ledger.recent(20).expect("reads").len(), 8);
    }
}
