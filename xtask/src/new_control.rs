//! Begins a control: its file, its page, its settings. What is left to do is printed.

use std::fs;
use std::path::Path;

use crate::root;

/// What the experiment drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The whole bench.
    Bench,
    /// What a client can see on one ready site.
    Surface,
}

pub(crate) fn begin(family: &str, id: &str, kind: Kind) -> Result<String, String> {
    let entry = model::catalogue::find(id)
        .filter(|entry| entry.family.word() == family)
        .ok_or_else(|| format!("{family}/{id} is not in crates/model/src/catalogue.rs"))?;
    let module = id.replace('-', "_");
    let type_name: String =
        id.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
    let code = root().join(format!("crates/controls/src/{family}/{module}.rs"));
    let page = root().join(format!("crates/controls/src/{family}/{module}.md"));
    let settings = root().join(format!("crates/settings/src/controls/{module}.rs"));
    let promise = capital(entry.promise);
    let text = match kind {
        Kind::Bench => code_text(id, &type_name, &module, &promise),
        Kind::Surface => surface_text(id, &type_name, &module, &promise),
    };
    write(&code, &text)?;
    write(&page, &page_text(id, &promise))?;
    write(&settings, &settings_text(&type_name, &promise))?;
    Ok(format!(
        "begun: {}, its page and its settings. Left to do:\n\
         1. crates/settings/src/controls.rs: `mod {module}; pub use {module}::{type_name};` and the field\n\
         2. crates/controls/src/{family}.rs: `pub(crate) mod {module};`\n\
         3. crates/controls/src/lib.rs: `&{family}::{module}::{type_name},` at its place\n\
         4. each fixture: the defect, and its entry in defects.toml\n\
         5. cargo xtask gen",
        code.display()
    ))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    if path.exists() {
        return Err(format!("{} exists", path.display()));
    }
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn code_text(id: &str, type_name: &str, module: &str, promise: &str) -> String {
    format!(
        r#"//! {promise}.

use async_trait::async_trait;
use lab::{{Bench, LabError}};
use model::{{
    Account, Applicability, Card, Lane, Need, Observation, Reach, Ruling, Tally,
}};
use settings::Manifest;

use crate::control::{{Applies, Control}};
use crate::trials::{{Trial, by_trial}};

pub(crate) struct {type_name};

static CARD: Card = Card {{
    id: "{id}",
    applicability: Applicability::Universal,
    reach: Reach::Lab,
    lane: Lane::Shared,
    disturbs: "nothing but its own instances",
    budget: 3,
    decided_by: &[],
    page: include_str!("{module}.md"),
}};

#[async_trait]
impl Control for {type_name} {{
    fn card(&self) -> &'static Card {{
        &CARD
    }}

    fn applies(&self, _: &Manifest) -> Applies {{
        Applies::Yes
    }}

    async fn prove(&self, bench: &Bench) -> Result<(), LabError> {{
        bench.progress("steady state");
        Ok(())
    }}

    fn rule(&self, manifest: &Manifest, seen: &[Observation]) -> (Account, Ruling) {{
        let trials = by_trial(seen);
        (account(manifest, &trials), judge(manifest, &trials))
    }}
}}

/// What was tried, and whether it landed.
fn account(_manifest: &Manifest, trials: &[Trial<'_>]) -> Account {{
    let mut tally = Tally::of("tries");
    tally.plan(1);
    for trial in trials {{
        tally.tried(trial.came_to_something());
    }}
    Account::default().with(tally, Need::All)
}}

fn judge(_manifest: &Manifest, _trials: &[Trial<'_>]) -> Ruling {{
    Ruling::undecided("this judge is not written yet")
}}
"#
    )
}

fn surface_text(id: &str, type_name: &str, module: &str, promise: &str) -> String {
    format!(
        r#"//! {promise}.

use lab::Bench;
use model::{{Applicability, Card, Lane, Reach, Ruling}};
use settings::Manifest;

use crate::surface::tries::ANSWERED;
use crate::surface::{{Surface, SurfaceControl, Tour, Tries, Visitor}};

pub(crate) struct {type_name};

const AGAIN: &str = "again";

impl SurfaceControl for {type_name} {{
    const CARD: &'static Card = &Card {{
        id: "{id}",
        applicability: Applicability::Universal,
        reach: Reach::Lab,
        lane: Lane::Shared,
        disturbs: "nothing but its own instance",
        budget: 1,
        decided_by: &[],
        page: include_str!("{module}.md"),
    }};

    const TRIES: &'static [Tries] = &[Tries::all("requests", &[AGAIN], ANSWERED)];

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {{
        let tour = Tour::walk(bench, visitor).await;
        visitor.ask(AGAIN, &tour.read(bench.manifest())).await;
    }}

    fn rule(_: &Manifest, _: &Surface<'_>) -> Ruling {{
        Ruling::undecided("this judge is not written yet")
    }}
}}
"#
    )
}

fn page_text(id: &str, promise: &str) -> String {
    format!(
        "# {id}\n\n{promise}.\n\n## What it means\n\n## How it is tried\n\n\
         ## False alarms, and how they are avoided\n\n## When it breaks\n\n\
         ## In the manifest\n```toml\n[controls.{id}]\n```\n"
    )
}

fn settings_text(type_name: &str, promise: &str) -> String {
    format!(
        r#"use schemars::JsonSchema;
use serde::{{Deserialize, Serialize}};

/// {promise}.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct {type_name} {{}}
"#
    )
}
