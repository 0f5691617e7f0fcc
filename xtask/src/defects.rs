//! The lists of defects: what each must be found as, and what else it may move.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    defect: Vec<Defect>,
}

/// One defect.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Defect {
    /// `control:variant`.
    pub(crate) name: String,
    /// The cause that the failing finding must carry.
    pub(crate) cause: String,
    /// Further causes that come with it.
    #[serde(default)]
    pub(crate) also: Vec<String>,
    /// Other controls whose verdict may change, with the reason.
    #[serde(default)]
    pub(crate) moves: BTreeMap<String, String>,
}

impl Defect {
    pub(crate) fn control(&self) -> &str {
        self.name.split(':').next().unwrap_or(&self.name)
    }
}

/// The list of a fixture.
pub(crate) fn read(fixture: &Path) -> Result<Vec<Defect>, String> {
    let path = fixture.join("defects.toml");
    let wrong = |why: String| format!("{}: {why}", path.display());
    let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    let file: File = toml_edit::de::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    for defect in &file.defect {
        if defect.moves.values().any(|reason| reason.trim().is_empty()) {
            return Err(wrong(format!("{} moves a control without a reason", defect.name)));
        }
        if controls::find(defect.control()).is_none() {
            return Err(wrong(format!("{} breaks a control that is not built", defect.name)));
        }
    }
    Ok(file.defect)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No defect, no control.
    #[test]
    fn every_control_has_a_defect_in_every_fixture_to_which_it_applies() {
        for fixture in crate::matrix::fixtures(None).expect("there are fixtures") {
            let defects = read(&fixture).expect("its list is good");
            let text = fs::read_to_string(fixture.join("seaworthy.toml")).expect("it is there");
            let manifest = settings::parse(&text).expect("it is good").manifest;
            for control in controls::CONTROLS {
                let id = control.card().id;
                let applies = matches!(control.applies(&manifest), controls::Applies::Yes)
                    && !manifest.not_applicable.contains_key(id);
                let has = defects.iter().any(|defect| defect.control() == id);
                assert!(has || !applies, "{} has no defect for {id}", fixture.display());
                assert!(
                    applies || !fixture.ends_with("harbour"),
                    "harbour shows every control: {id}"
                );
            }
        }
    }
}
