//! Command lines as others write them, as words that can be started without a shell.

use regex_lite::Regex;

/// What only a shell understands.
const SHELL: &[&str] = &["&&", "||", "|", ";", ">", "<", "`", "$(", "*"];

/// The words of a command line, with the port in its place. `None` where a shell is needed.
pub(super) fn simple(line: &str) -> Option<Vec<String>> {
    let line = with_port(line);
    if SHELL.iter().any(|mark| line.contains(mark)) {
        return None;
    }
    let words = shell_words::split(&line).ok()?;
    // Variables before the command are set by a shell, or by cross-env.
    let is_setting = |word: &String| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        })
    };
    let words: Vec<String> =
        words.into_iter().skip_while(|word| is_setting(word) || word == "cross-env").collect();
    let usable = !words.is_empty() && !words.iter().any(|word| word.contains('$'));
    usable.then_some(words)
}

/// Whether a program is installed here.
pub(crate) fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// A command line with `{port}` where the port stands.
fn with_port(line: &str) -> String {
    let replaced = [
        (r"\$\{PORT(:-[0-9]+)?\}", "{port}"),
        (r"\$PORT\b", "{port}"),
        (r"(0\.0\.0\.0|127\.0\.0\.1|localhost):[0-9]{2,5}\b", "{host}:{port}"),
        (r"(0\.0\.0\.0|127\.0\.0\.1|localhost):\{port\}", "{host}:{port}"),
        (r"(--port[= ]|-p )[0-9]{2,5}\b", "$1{port}"),
        (r"(-b|--bind)([= ]):(?:[0-9]{2,5}|\{port\})", "$1$2{host}:{port}"),
    ];
    replaced.iter().fold(line.to_owned(), |line, (what, with)| match Regex::new(what) {
        Ok(pattern) => pattern.replace_all(&line, *with).into_owned(),
        Err(_) => line,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_a_command_is_filled_in() {
        let words = |line: &str| simple(line).map(|words| words.join(" "));
        let serve = "php -S localhost:8080 -t public";
        assert_eq!(words(serve).as_deref(), Some("php -S {host}:{port} -t public"));
        let gunicorn = "gunicorn app:app --bind 0.0.0.0:$PORT";
        assert_eq!(words(gunicorn).as_deref(), Some("gunicorn app:app --bind {host}:{port}"));
        assert_eq!(words("next start -p 3000").as_deref(), Some("next start -p {port}"));
        assert_eq!(words("NODE_ENV=production node a.js").as_deref(), Some("node a.js"));
    }

    #[test]
    fn what_needs_a_shell_is_none() {
        for line in ["npm run build && node a.js", "node a.js > log", "node $FILE", ""] {
            assert_eq!(simple(line), None, "{line}");
        }
    }
}
