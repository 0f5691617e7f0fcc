//! Python: Django, FastAPI and Flask, by what their source makes.

use regex_lite::Regex;

use super::{Stack, Start};
use crate::repository::Repository;

pub(super) fn find(repository: &Repository) -> Option<Start> {
    let marks = ["requirements.txt", "pyproject.toml", "manage.py", "Pipfile", "setup.py"];
    repository.first(&marks)?;
    if let Some(start) = super::container::of_procfile(repository) {
        return Some(start);
    }
    django(repository)
        .or_else(|| asgi(repository, "FastAPI"))
        .or_else(|| asgi(repository, "Starlette"))
        .or_else(|| flask(repository))
}

/// The interpreter of the repository's own environment, where there is one.
pub(crate) fn interpreter(repository: &Repository) -> String {
    let own = [".venv/bin/python", "venv/bin/python", "env/bin/python"];
    repository.first(&own).unwrap_or_else(|| "python3".to_owned())
}

/// A program of the repository's own environment by its path.
pub(super) fn in_environment(repository: &Repository, mut words: Vec<String>) -> Vec<String> {
    for folder in [".venv/bin", "venv/bin"] {
        let path = format!("{folder}/{}", words[0]);
        if repository.has(&path) {
            words[0] = path;
            break;
        }
    }
    words
}

fn command(repository: &Repository, words: &[&str]) -> Vec<String> {
    std::iter::once(interpreter(repository)).chain(words.iter().map(|w| (*w).to_owned())).collect()
}

fn django(repository: &Repository) -> Option<Start> {
    let text = repository.text("manage.py")?;
    let has_gunicorn = repository.has(".venv/bin/gunicorn") || repository.has("venv/bin/gunicorn");
    let settings = Regex::new(r#"DJANGO_SETTINGS_MODULE['"], ?['"]([\w.]+)\.settings"#).ok()?;
    if let (true, Some(found)) = (has_gunicorn, settings.captures(&text)) {
        let words = [
            "-m",
            "gunicorn",
            &format!("{}.wsgi:application", &found[1]),
            "--bind",
            "{host}:{port}",
        ];
        return Some(Start::new(Stack::Python, command(repository, &words), "manage.py, gunicorn"));
    }
    let words = ["manage.py", "runserver", "--noreload", "{host}:{port}"];
    Some(Start::new(Stack::Python, command(repository, &words), "manage.py"))
}

/// The module and the name of what a call makes: `app = FastAPI(`.
fn made(repository: &Repository, class: &str) -> Option<(String, String, String)> {
    let pattern = Regex::new(&format!(r"(?m)^(\w+)\s*(?::\s*\w+\s*)?=\s*{class}\(")).ok()?;
    let files = repository.source().iter().filter(|(path, _)| path.ends_with(".py"));
    let mut found: Vec<_> = files
        .filter_map(|(path, text)| Some((path, pattern.captures(text)?[1].to_owned())))
        .collect();
    found.sort_by_key(|(path, _)| path.matches('/').count());
    let (path, name) = found.first()?;
    let module = path.trim_end_matches(".py").trim_end_matches("/__init__");
    let module = module.strip_prefix("src/").unwrap_or(module).replace('/', ".");
    Some(((*path).clone(), module, name.clone()))
}

fn asgi(repository: &Repository, class: &str) -> Option<Start> {
    let (path, module, name) = made(repository, class)?;
    let application = format!("{module}:{name}");
    let mut words = vec!["-m", "uvicorn", &application, "--host", "{host}", "--port", "{port}"];
    if path.starts_with("src/") {
        words.extend(["--app-dir", "src"]);
    }
    Some(Start::new(Stack::Python, command(repository, &words), format!("{path} makes {class}")))
}

fn flask(repository: &Repository) -> Option<Start> {
    let (path, application) = match made(repository, "Flask") {
        Some((path, module, name)) => (path, format!("{module}:{name}")),
        None => factory(repository)?,
    };
    let words = if repository.has(".venv/bin/gunicorn") || repository.has("venv/bin/gunicorn") {
        vec!["-m", "gunicorn", &application, "--bind", "{host}:{port}"]
    } else {
        vec!["-m", "flask", "--app", &application, "run", "--host", "{host}", "--port", "{port}"]
    };
    Some(Start::new(Stack::Python, command(repository, &words), format!("{path} makes Flask")))
}

/// An application factory: `def create_app(`.
fn factory(repository: &Repository) -> Option<(String, String)> {
    let makes = |text: &str| text.contains("def create_app(") && text.contains("Flask(");
    let (path, _) = repository.source().iter().find(|(_, text)| makes(text))?;
    let module = path.trim_end_matches(".py").trim_end_matches("/__init__").replace('/', ".");
    Some((path.clone(), format!("{module}:create_app()")))
}
