//! Where probes are answered and where dependencies are, as far as the manifest says.

use settings::{Manifest, Probe, template};

use crate::config::{ListenerPath, Problem};

/// A path without its query.
pub(crate) fn path_of(text: &str) -> String {
    text.split('?').next().unwrap_or(text).to_owned()
}

/// Where a probe is answered; a problem where the manifest does not say.
pub(super) fn probe(
    id: &str,
    key: &str,
    probe: &Option<Probe>,
    problems: &mut Vec<Problem>,
) -> Option<ListenerPath> {
    let Some(Probe(probe)) = probe else {
        problems.push(format!("{id} is to be supplied, but {key} does not say where"));
        return None;
    };
    Some(ListenerPath { port: probe.port.clone(), path: path_of(&probe.path) })
}

/// The dependencies that no variable leads to.
pub(super) fn of_dependencies(manifest: &Manifest) -> Vec<String> {
    let mut all = Vec::new();
    for (name, _) in manifest.dependencies.iter().filter(|(_, one)| one.url.is_none()) {
        let values = manifest.environment.values().filter_map(|one| one.value.as_deref());
        let names: Vec<&str> = values.flat_map(template::names).collect();
        let told = |part: &str| names.contains(&format!("{name}.{part}").as_str());
        let known = told("url") || (told("host") && told("port"));
        if !known {
            all.push(format!(
                "no variable says where {name} is; declare one with value = \"{{{name}.url}}\" \
                 or \"{{{name}.host}}:{{{name}.port}}\", or the edge does not look after it"
            ));
        }
    }
    all
}
