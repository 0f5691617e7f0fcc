//! PHP: a start script of Composer, Laravel, or the built-in server on a folder with an index.

use super::words::simple;
use super::{Stack, Start};
use crate::repository::Repository;

pub(super) fn find(repository: &Repository) -> Option<Start> {
    if let Some(composer) = repository.json("composer.json") {
        for name in ["start", "serve"] {
            let script = &composer["scripts"][name];
            let line = script.as_str().or_else(|| script.get(0)?.as_str());
            let words = line.filter(|line| line.contains("php ")).and_then(simple);
            if let Some(words) = words {
                let mut start =
                    Start::new(Stack::Php, words, format!("composer.json scripts.{name}"));
                start.unwrapped = true;
                return Some(start);
            }
        }
    }
    let serve = |folder: &str, from: &str| {
        let words = ["php", "-S", "{host}:{port}", "-t", folder].map(str::to_owned).to_vec();
        Some(Start::new(Stack::Php, words, from))
    };
    if repository.has("artisan") {
        let words = ["php", "artisan", "serve", "--host={host}", "--port={port}"];
        return Some(Start::new(Stack::Php, words.map(str::to_owned).to_vec(), "artisan"));
    }
    if repository.has("public/index.php") {
        return serve("public", "public/index.php");
    }
    repository.has("index.php").then(|| serve(".", "index.php")).flatten()
}
