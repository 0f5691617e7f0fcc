//! Finding, reading and explaining a manifest.

use std::fs;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use settings::{Mistake, Parsed};

use crate::failure::Failure;

/// The name that a manifest has in its folder.
pub(crate) const NAME: &str = "seaworthy.toml";

/// A manifest that was read.
#[derive(Debug)]
pub(crate) struct ManifestFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) parsed: Parsed,
}

impl ManifestFile {
    /// Reads the manifest at a path: itself, or the folder that holds it.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let path = if path.is_dir() { path.join(NAME) } else { path.to_owned() };
        let text = read_text(&path)?;
        match settings::parse(&text) {
            Ok(parsed) => Ok(Self { path, text, parsed }),
            Err(mistakes) => Err(Failure::usage(render(&path, &text, &mistakes))),
        }
    }

    /// The folder that everything in the manifest is relative to.
    pub(crate) fn root(&self) -> PathBuf {
        let parent = self.path.parent().unwrap_or(Path::new("."));
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        parent.canonicalize().unwrap_or_else(|_| parent.to_owned())
    }
}

fn read_text(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let meta = fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::usage(format!("there is no manifest at {shown}"))
            .hint(format!("name the folder of your {NAME}: seaworthy prove PATH; docs/first-manifest.md shows one")),
        _ => Failure::usage(format!("cannot read {shown}: {error}")),
    })?;
    if meta.len() > settings::parse::LARGEST {
        let size = meta.len();
        return Err(Failure::usage(format!(
            "expected a manifest of at most 1 MiB, found {size} bytes in {shown}"
        ))
        .hint("is this the right file?"));
    }
    if !meta.is_file() {
        return Err(Failure::usage(format!("expected a file, found something else at {shown}")));
    }
    let bytes =
        fs::read(path).map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        Failure::usage(format!(
            "expected UTF-8 text in {shown}, found other bytes at line {line} (byte {at})"
        ))
        .hint("is this the right file?")
    })
}

fn render(path: &Path, text: &str, mistakes: &[Mistake]) -> String {
    let renderer = if crate::screen::stderr_styles().fail == anstyle::Style::default() {
        Renderer::plain()
    } else {
        Renderer::styled()
    };
    let shown = path.display().to_string();
    let mut all: Vec<String> = mistakes.iter().map(|m| one(&renderer, &shown, text, m)).collect();
    let count = report::words::count(mistakes.len(), "mistake");
    all.push(format!("{count} in {shown}; nothing was started"));
    all.join("\n\n")
}

fn one(renderer: &Renderer, path: &str, text: &str, mistake: &Mistake) -> String {
    let whole = mistake.at.start == 0 && mistake.at.end == 0;
    let mut group = Group::with_title(Level::ERROR.primary_title(mistake.message.as_str()));
    if !whole && text.get(mistake.at.clone()).is_some() {
        let mark = AnnotationKind::Primary.span(mistake.at.clone());
        group = group.element(Snippet::source(text).path(path).annotation(mark));
    }
    if let Some(help) = &mistake.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}
