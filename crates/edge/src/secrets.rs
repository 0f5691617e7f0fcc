//! Secrets from files, as Docker and Kubernetes mount them: `NAME_FILE=/path`, or a folder with one
//! file for each variable.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::config::Problem;

/// Fills in declared variables that are not set from files. Returns what is wrong.
pub fn fill<'a>(
    declared: impl IntoIterator<Item = &'a String>,
    folders: &[String],
    values: &mut BTreeMap<String, String>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for name in declared {
        let pointer = format!("{name}_FILE");
        let path = values.get(&pointer).cloned();
        if let Some(path) = path {
            if values.contains_key(name) {
                problems.push(format!("{name} and {pointer} are both set; expected one of them"));
            } else {
                match read(Path::new(&path)) {
                    Ok(value) => {
                        values.insert(name.clone(), value);
                        values.remove(&pointer);
                    }
                    Err(error) => problems.push(format!("{pointer}: cannot read {path}: {error}")),
                }
            }
            continue;
        }
        if values.contains_key(name) {
            continue;
        }
        let lower = name.to_ascii_lowercase();
        let files = folders
            .iter()
            .flat_map(|folder| [name, &lower].map(|file| Path::new(folder).join(file)));
        for file in files.filter(|file| file.is_file()) {
            match read(&file) {
                Ok(value) => {
                    values.insert(name.clone(), value);
                    break;
                }
                Err(error) => {
                    problems.push(format!("{name}: cannot read {}: {error}", file.display()));
                }
            }
        }
    }
    problems
}

/// The content without the one line end that editors put there.
fn read(path: &Path) -> std::io::Result<String> {
    let text = fs::read_to_string(path)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_fill_in_what_is_not_set() {
        let folder = std::env::temp_dir().join(format!("seaworthy-secrets-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("A"), "one\n").expect("written");
        fs::write(folder.join("b"), "two").expect("written");
        let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let names = ["A", "B", "C", "D", "E"].map(str::to_owned);
        let pairs =
            [("C_FILE", path("A")), ("D", "own".into()), ("E", "x".into()), ("E_FILE", path("A"))];
        let mut values: BTreeMap<_, _> =
            pairs.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        let problems = fill(&names, &[folder.to_string_lossy().into_owned()], &mut values);
        assert_eq!((&*values["A"], &*values["B"], &*values["C"]), ("one", "two", "one"));
        assert_eq!(values["D"], "own");
        assert_eq!(problems, ["E and E_FILE are both set; expected one of them"]);
        let mut values: BTreeMap<_, _> = [("A_FILE".to_owned(), path("none"))].into();
        assert!(fill(&names[..1], &[], &mut values)[0].contains("cannot read"));
        fs::remove_dir_all(&folder).expect("removed");
    }
}
