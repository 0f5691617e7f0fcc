//! Stored evidence of the healthy fixtures, on which the judges are tried without a service.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::{prover, root};

/// Proves each fixture and keeps what was seen, packed.
pub(crate) fn write() -> Result<String, String> {
    for fixture in prover::fixtures(None)? {
        let out = std::env::temp_dir().join(format!("seaworthy-evidence-{}", std::process::id()));
        let words = ["--out".to_owned(), out.display().to_string()];
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        prover::prove_with(&fixture, None, None, &words)?;
        let kept = root().join("crates/controls/tests/evidence").join(prover::name(&fixture));
        let result = keep(&out, &kept).map_err(|error| format!("{}: {error}", kept.display()));
        let removed = fs::remove_dir_all(&out).map_err(|error| error.to_string());
        result.and(removed)?;
    }
    Ok("the evidence of the healthy fixtures is stored".to_owned())
}

fn keep(out: &Path, kept: &Path) -> std::io::Result<()> {
    let _ = fs::remove_dir_all(kept);
    fs::create_dir_all(kept)?;
    for run in fs::read_dir(out.join("runs"))?.flatten() {
        for entry in fs::read_dir(run.path())?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".ndjson") || name == "run.json" {
                let packed = File::create(kept.join(format!("{name}.gz")))?;
                let mut packer = GzEncoder::new(packed, Compression::best());
                packer.write_all(&fs::read(entry.path())?)?;
                packer.finish()?;
            }
        }
    }
    Ok(())
}
