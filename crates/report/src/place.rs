//! Where in the repository a finding belongs: the line of the manifest that is about it.

use model::Row;

/// A file of the repository, and its text where lines can be told apart.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// Its path from the root of the repository, with `/`.
    pub file: String,
    /// The manifest's text; empty where the file is another one, from which something was inferred.
    pub manifest: String,
}

impl Place {
    /// The line, from 1, of what a finding about `subject` is declared in; the first line where
    /// nothing says it.
    pub fn line(&self, row: &Row, subject: &str) -> usize {
        let subject = subject.split([' ', ',']).next().unwrap_or_default();
        let heads = [
            format!("[environment.{subject}]"),
            format!("[dependencies.{subject}]"),
            format!("[controls.{}]", row.id),
            format!("[controls.{}.", row.id),
        ];
        let line_of = |head: &String| {
            self.manifest.lines().position(|line| line.trim_start().starts_with(head.as_str()))
        };
        let heads = heads.iter().filter(|head| !head.ends_with("s.]"));
        let found = heads.into_iter().find_map(line_of);
        let service = || self.manifest.lines().position(|line| line.trim() == "[service]");
        found.or_else(service).map_or(1, |at| at + 1)
    }
}

#[cfg(test)]
mod tests {
    use model::Judgement;

    use super::*;

    #[test]
    fn a_finding_belongs_to_the_line_that_declares_its_subject() {
        let manifest = "\n[service]\nname = \"a\"\n[environment.KEY]\n[controls.cors]\n".to_owned();
        let place = Place { file: "seaworthy.toml".to_owned(), manifest };
        let row = |id: &str| Row::new(id, Judgement::inconclusive(""), 0.0);
        assert_eq!(place.line(&row("environment"), "KEY"), 4);
        assert_eq!(place.line(&row("cors"), "GET /"), 5);
        assert_eq!(place.line(&row("liveness"), ""), 2);
        assert_eq!(Place::default().line(&row("liveness"), ""), 1);
    }
}
