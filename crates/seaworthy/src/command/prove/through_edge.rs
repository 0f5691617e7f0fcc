//! The service alone, then through the edge of `seaworthy run`.

use engine::{Proof, Proven, Session};
use settings::controls::EnforcedBy;

use super::live_run::prove;
use crate::failure::Failure;
use crate::manifest_file::ManifestFile;
use crate::screen;

/// The edge with these controls, or those of the manifest.
pub(super) fn edge_of(ids: &[String], file: &ManifestFile) -> Result<engine::Edge, Failure> {
    let declared = &file.parsed.manifest.supply.controls;
    let controls = if ids.is_empty() { declared.clone() } else { ids.to_vec() };
    if controls.is_empty() {
        return Err(Failure::usage("nothing is supplied: [supply] names no controls")
            .hint("seaworthy supply --suggest prints what would mend the last run's failures"));
    }
    let empty = std::collections::BTreeMap::new();
    // What it needs from the environment is checked when it runs.
    edge::Config::new(&file.parsed.manifest, &controls, Vec::new(), &empty)
        .map_err(|problems| Failure::usage(problems.join("\n")))?;
    let program = super::this_program()?;
    let manifest = file.path.canonicalize().unwrap_or_else(|_| file.path.clone());
    Ok(engine::Edge { program, manifest, controls })
}

/// The service alone, then through the edge, whose verdicts count.
pub(super) fn both(
    session: &Session,
    mut proof: Proof,
    plan: engine::Plan,
    edge: engine::Edge,
    only: &[String],
) -> Result<Proven, Failure> {
    screen::message("the service alone\n");
    let bare = prove(session, proof.clone(), plan)?;
    if bare.scorecard.partial {
        return Ok(bare);
    }
    screen::message(&format!("through the edge, with {}\n", edge.controls.join(", ")));
    if edge.controls.iter().any(|id| id == "https-only") {
        // Now it is the edge that is tried, whoever was to do it.
        proof.manifest.controls.https_only.enforced_by = Some(EnforcedBy::Service);
    }
    let plan = engine::plan(&proof.manifest, only);
    proof.edge = Some(edge);
    // The same secrets as before: the two runs differ in one thing.
    let mut proven = prove(session, proof, plan)?;
    for row in &mut proven.scorecard.controls {
        let alone = bare.scorecard.controls.iter().find(|one| one.id == row.id);
        row.without_edge = alone.map(|alone| alone.verdict);
    }
    proven.store.write_scorecard(&proven.scorecard, &proven.redactor)?;
    Ok(proven)
}
