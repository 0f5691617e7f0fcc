//! Ruby: Rails, and whatever `config.ru` or a Sinatra file starts.

use super::{Stack, Start};
use crate::repository::Repository;

pub(super) fn find(repository: &Repository) -> Option<Start> {
    repository.first(&["Gemfile", "config.ru"])?;
    let gemfile = repository.text("Gemfile").unwrap_or_default();
    let start = |words: &[&str], from: &str| {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Some(Start::new(Stack::Ruby, words, from))
    };
    // Without a lock, Bundler would want to resolve and write one.
    let bundled = repository.has("Gemfile.lock");
    if repository.has("bin/rails") {
        return start(
            &["ruby", "bin/rails", "server", "-b", "{host}", "-p", "{port}"],
            "bin/rails",
        );
    }
    if repository.has("config.ru") {
        let puma = gemfile.contains("puma");
        let mut words = if bundled { vec!["bundle", "exec"] } else { Vec::new() };
        words.extend(if puma {
            vec!["puma", "-b", "tcp://{host}:{port}", "config.ru"]
        } else {
            vec!["rackup", "-o", "{host}", "-p", "{port}", "config.ru"]
        });
        return start(&words, "config.ru");
    }
    let uses = |text: &str| text.contains("sinatra");
    let (file, _) = repository
        .source()
        .iter()
        .find(|(path, text)| path.ends_with(".rb") && !path.contains('/') && uses(text))?;
    start(&["ruby", file, "-o", "{host}", "-p", "{port}"], "it requires sinatra")
}
