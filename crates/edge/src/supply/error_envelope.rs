//! Every error gets the declared shape.

use layers::{Envelope, Shape};
use settings::{Manifest, Serves};

use super::Supply;

pub(super) static SUPPLY: Supply = Supply {
    id: "error-envelope",
    how: "gives every error the declared shape, and keeps the inside in",
    declare: |supplied, asked, _| {
        let ids = supplied.correlation.as_ref().map(|correlation| correlation.header.clone());
        supplied.envelope = Some(envelope(asked.manifest).ids(ids));
    },
    ..Supply::NOTHING
};

fn envelope(manifest: &Manifest) -> Envelope {
    let declared = &manifest.controls.error_envelope;
    let problem = declared.shape == Some(settings::controls::Shape::Problem);
    let shape = if problem || declared.fields.is_empty() {
        Shape::Problem
    } else {
        Shape::Json(declared.fields.clone())
    };
    let also = if shape == Shape::Problem { declared.fields.clone() } else { Vec::new() };
    let manifest = manifest.clone();
    Envelope::new(shape).also(also).pages(move |path| manifest.serves(path) == Serves::Html)
}
