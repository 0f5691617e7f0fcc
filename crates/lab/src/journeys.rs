//! The journeys' files.

use std::collections::BTreeMap;
use std::path::Path;

use journey::Journey;
use settings::Manifest;

use crate::error::LabError;

/// Reads the journeys' files.
///
/// # Errors
/// The first that is missing or holds a mistake.
pub fn read(manifest: &Manifest, root: &Path) -> Result<BTreeMap<String, Journey>, LabError> {
    let read = |(name, declared): (&String, &settings::journey::Journey)| {
        let wrong = |why: String| LabError::Journey {
            name: name.clone(),
            file: declared.file.clone(),
            why,
        };
        let text = std::fs::read_to_string(root.join(&declared.file));
        let text = text.map_err(|error| wrong(error.to_string()))?;
        let journey = journey::parse::parse(&text).map_err(|mistake| wrong(mistake.to_string()))?;
        let known = |variable: &str| {
            let declared = variable.strip_prefix("environment.");
            declared.is_some_and(|variable| manifest.environment.contains_key(variable))
        };
        match journey.impossible(known) {
            Some(mistake) => Err(wrong(mistake.to_string())),
            None => Ok((name.clone(), journey)),
        }
    };
    manifest.journeys.iter().map(read).collect()
}
