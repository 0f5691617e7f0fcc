//! `--report KIND=PATH`: the same scorecard for several readers at once.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use engine::store::Store;
use model::Scorecard;
use redact::Redactor;
use report::Place;

use crate::failure::Failure;
use crate::{runs, screen};

/// One report that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    Junit(PathBuf),
    Sarif(PathBuf),
    Markdown(PathBuf),
    Json(PathBuf),
    Html(PathBuf),
    /// A picture for a README; for a path that ends in `.json`, what shields.io reads.
    Badge(PathBuf),
    /// Annotations on stderr, and the summary of the step where GitHub Actions names its file.
    Github,
}

/// Reads `junit=PATH`, `sarif=PATH`, `markdown=PATH`, `json=PATH`, `html=PATH`, `badge=PATH` or `github`.
pub(crate) fn parse(text: &str) -> Result<Report, String> {
    let (kind, path) = match text.split_once('=') {
        Some((kind, path)) => (kind, Some(path)),
        None => (text, None),
    };
    let path = || path.filter(|path| !path.is_empty()).map(PathBuf::from);
    let missing = || format!("expected {kind}=PATH");
    Ok(match kind {
        "junit" => Report::Junit(path().ok_or_else(missing)?),
        "sarif" => Report::Sarif(path().ok_or_else(missing)?),
        "markdown" => Report::Markdown(path().ok_or_else(missing)?),
        "json" => Report::Json(path().ok_or_else(missing)?),
        "html" => Report::Html(path().ok_or_else(missing)?),
        "badge" => Report::Badge(path().ok_or_else(missing)?),
        "github" if path().is_none() => Report::Github,
        _ => {
            return Err(
                "expected junit=, sarif=, markdown=, json=, html= or badge= and a path, or github"
                    .into(),
            );
        }
    })
}

/// A report with the file that it goes to. Opened before the service runs: within its confinement
/// every other file is a copy that is thrown away.
#[derive(Debug)]
pub(crate) struct Opened {
    report: Report,
    file: Option<(PathBuf, File)>,
}

/// Opens the files of all reports; what is in them stays until the report is written.
///
/// # Errors
/// When one cannot be opened.
pub(crate) fn open(reports: &[Report]) -> Result<Vec<Opened>, Failure> {
    reports
        .iter()
        .map(|report| {
            let path = match report {
                Report::Junit(path)
                | Report::Sarif(path)
                | Report::Markdown(path)
                | Report::Json(path)
                | Report::Html(path)
                | Report::Badge(path) => Some(path.clone()),
                Report::Github => std::env::var_os("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            };
            let file = match path {
                Some(path) => Some((path.clone(), opened(&path)?)),
                None => None,
            };
            Ok(Opened { report: report.clone(), file })
        })
        .collect()
}

fn opened(path: &Path) -> Result<File, Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let open = || OpenOptions::new().write(true).create(true).truncate(false).open(path);
    folder.map_or(Ok(()), fs::create_dir_all).and_then(|()| open()).map_err(unwritable(path))
}

fn unwritable(path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let path = path.display().to_string();
    move |error| Failure::usage(format!("cannot write {path}: {error}"))
}

/// What reports are made of.
pub(crate) struct Reported<'a> {
    pub(crate) card: &'a Scorecard,
    pub(crate) store: &'a Store,
    /// What to compare with.
    pub(crate) base: Option<Scorecard>,
    pub(crate) place: Place,
    pub(crate) redactor: &'a Redactor,
}

impl Reported<'_> {
    /// Writes every report.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(crate) fn write(&self, reports: Vec<Opened>) -> Result<(), Failure> {
        for Opened { report, file } in reports {
            let text = self.redactor.mask(&self.text(&report)?);
            let Some((path, mut file)) = file else { continue };
            // Other steps write into the summary, too.
            let from = match report {
                Report::Github => file.seek(SeekFrom::End(0)).map(drop),
                _ => file.set_len(0),
            };
            from.and_then(|()| file.write_all(text.as_bytes())).map_err(unwritable(&path))?;
        }
        Ok(())
    }

    fn text(&self, report: &Report) -> Result<String, Failure> {
        let markdown = || report::markdown::markdown(self.card, self.base.as_ref());
        Ok(match report {
            Report::Junit(_) => report::junit::junit(self.card),
            Report::Sarif(_) => {
                let sarif = report::sarif::sarif(self.card, &self.place);
                serde_json::to_string_pretty(&sarif).unwrap_or_default() + "\n"
            }
            Report::Markdown(_) => markdown(),
            Report::Json(_) => report::json::scorecard(self.card),
            Report::Html(_) => {
                report::html::page(self.card, &engine::judge::evidence(self.store, self.card)?)
            }
            Report::Badge(path) if path.extension().is_some_and(|kind| kind == "json") => {
                report::badge::endpoint(self.card)
            }
            Report::Badge(_) => report::badge::svg(self.card),
            Report::Github => {
                let text = report::github::annotations(self.card, &self.place);
                screen::message(&self.redactor.mask(&text));
                markdown()
            }
        })
    }
}

/// The scorecard to compare with: a file, the folder of a run, or the run before this one.
///
/// # Errors
/// When a base was named and cannot be read.
pub(crate) fn base(
    named: Option<&Path>,
    out: &Path,
    current: &str,
) -> Result<Option<Scorecard>, Failure> {
    if let Some(path) = named {
        let wrong = |why: String| Failure::usage(format!("--base {}: {why}", path.display()));
        return runs::scorecard(path).map(Some).map_err(wrong);
    }
    let earlier = Store::recent(out, 20).into_iter().filter(|run| !run.folder().ends_with(current));
    Ok(earlier.into_iter().find_map(|run| runs::scorecard(run.folder()).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_kind_and_a_path() {
        assert_eq!(parse("junit=a/b.xml"), Ok(Report::Junit("a/b.xml".into())));
        assert_eq!(parse("github"), Ok(Report::Github));
        for wrong in ["junit", "sarif=", "xml=a", "github=a"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
