//! `check`: is what the service needs there, before anything starts? All problems at once.

use std::collections::BTreeMap;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use settings::{Expectation, Manifest, Via};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub what: String,
    /// What is wrong with it, if anything.
    pub problem: Option<String>,
}

/// Compares the real environment with the declarations. Values are never in the result.
pub fn environment(manifest: &Manifest, values: &BTreeMap<String, String>) -> Vec<Checked> {
    let declared = manifest.environment.iter().filter(|(_, v)| v.via == Via::Environment);
    declared
        .filter_map(|(name, variable)| {
            let problem = match values.get(name) {
                None if variable.when_absent() == Expectation::Refuses => {
                    Some("is required, but not set".to_owned())
                }
                None => return None,
                Some(value)
                    if value.is_empty() && variable.when_empty() != Expectation::Refuses =>
                {
                    None
                }
                Some(value) => variable.mistake_in(value),
            };
            Some(Checked { what: name.clone(), problem })
        })
        .collect()
}

/// Looks for the program of `service.start` and the files of the journeys.
pub fn files(manifest: &Manifest, root: &Path) -> Vec<Checked> {
    let folder = root.join(&manifest.service.folder);
    let mut all = Vec::new();
    if !folder.is_dir() {
        let problem = Some(format!("{} is not a folder", folder.display()));
        return vec![Checked { what: "service.folder".to_owned(), problem }];
    }
    let word = &manifest.service.start.0[0];
    let found = if word.contains('/') {
        process::spawn::is_program(&folder.join(word))
    } else {
        process::spawn::find_program(word, &[]).is_some()
    };
    // A program that the build makes need not be there yet.
    if !word.contains('{') && (found || manifest.service.build.is_none()) {
        let problem = (!found).then(|| {
            if word.contains('/') {
                format!("{} is not a program", folder.join(word).display())
            } else {
                format!("there is no {word} on PATH")
            }
        });
        all.push(Checked { what: format!("the program {word}"), problem });
    }
    let journeys = manifest.journeys.iter().map(|(name, journey)| Checked {
        what: format!("the journey {name}"),
        problem: journey_problem(&root.join(&journey.file)),
    });
    all.extend(journeys);
    all
}

fn journey_problem(path: &Path) -> Option<String> {
    let shown = path.display();
    match std::fs::read_to_string(path) {
        Err(error) => Some(format!("cannot read {shown}: {error}")),
        Ok(text) => journey::parse::parse(&text).err().map(|mistake| format!("{shown}, {mistake}")),
    }
}

/// Connects once to the host of every address in the real environment.
pub fn reachability(
    manifest: &Manifest,
    values: &BTreeMap<String, String>,
    within: Duration,
) -> Vec<Checked> {
    use settings::VariableType::{PostgresUrl, RedisUrl};
    let addresses = manifest.environment.iter().filter_map(|(name, variable)| {
        let default = match variable.kind {
            PostgresUrl => 5432,
            RedisUrl => 6379,
            _ => return None,
        };
        let value = values.get(name).filter(|value| variable.mistake_in(value).is_none())?;
        let address = settings::address::read(value, Some(default)).ok()?;
        Some((name, (address.host, address.port)))
    });
    let addresses: Vec<_> = addresses.collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = addresses
            .iter()
            .map(|(name, (host, port))| {
                let probe = scope.spawn(move || reach(host, *port, within));
                (format!("{name} ({host}:{port})"), probe)
            })
            .collect();
        let joined = threads.into_iter().map(|(what, probe)| Checked {
            what,
            problem: probe.join().unwrap_or_else(|_| Some("the probe failed".to_owned())),
        });
        joined.collect()
    })
}

fn reach(host: &str, port: u16, within: Duration) -> Option<String> {
    let mut addresses = match (host, port).to_socket_addrs() {
        Ok(addresses) => addresses,
        Err(error) => return Some(format!("its name cannot be resolved: {error}")),
    };
    let Some(address) = addresses.next() else {
        return Some("its name has no address".to_owned());
    };
    TcpStream::connect_timeout(&address, within)
        .err()
        .map(|error| format!("not reachable: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let text = r#"
[service]
name = "a"
start = "sh -c {port}"
[environment.KEY]
type = "secret"
min_length = 8
[environment.SIZE]
type = "int"
value = "1"
required = false
[environment.DB]
type = "postgres-url"
value = "{db.url}"
[dependencies.db]
kind = "postgres"
"#;
        settings::parse(text).expect("it is good").manifest
    }

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn everything_that_is_wrong_is_told_and_no_value_is() {
        let checked = environment(&manifest(), &values(&[("KEY", "short"), ("SIZE", "x")]));
        let wrong: Vec<_> = checked.iter().filter(|c| c.problem.is_some()).collect();
        assert_eq!(wrong.len(), 3);
        assert!(!format!("{checked:?}").contains("short"));
    }

    #[test]
    fn an_address_is_tried() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let url = format!("postgres://u:p@127.0.0.1:{port}/d");
        let short = Duration::from_secs(1);
        assert_eq!(reachability(&manifest(), &values(&[("DB", &url)]), short)[0].problem, None);
        drop(listener);
        let gone = reachability(&manifest(), &values(&[("DB", &url)]), short);
        assert!(gone[0].problem.as_deref().is_some_and(|p| p.contains("refused")), "{gone:?}");
        assert!(!gone[0].what.contains("u:p"));
    }
}
