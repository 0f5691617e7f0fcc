//! A service without a manifest: what its repository says, and what it shows when it runs.

use std::fs;
use std::path::{Path, PathBuf};

use engine::discover::Discovered;
use engine::{Listener, Proof, Session};
use infer::{FieldKind, Inferred, Nothing, Seen};
use model::Note;

use crate::failure::Failure;
use crate::manifest_file::{ManifestFile, NAME};

/// What was inferred of a repository.
#[derive(Debug, Clone)]
pub(crate) struct Inference {
    inferred: Inferred,
    root: PathBuf,
}

/// What came of looking at the running service.
pub(crate) struct LookedAt {
    pub(crate) file: ManifestFile,
    /// What was inferred, and what of it could not be used.
    pub(crate) notes: Vec<Note>,
    inferred: Inferred,
    /// The text of the journey, where one was found.
    pub(crate) journey: Option<String>,
    seen: Seen,
}

impl Inference {
    /// Reads a repository. `command` is how the service starts, where the user said so.
    ///
    /// # Errors
    /// When nothing says how it starts.
    pub(crate) fn read(root: &Path, command: &[String]) -> Result<Self, Failure> {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let given = (!command.is_empty()).then_some(command);
        let inferred = infer::infer(&root, given).map_err(|nothing| unknown(&root, &nothing))?;
        Ok(Self { inferred, root })
    }

    /// The file that says how the service starts: `package.json` of `package.json scripts.start`.
    pub(crate) fn start_file(&self) -> String {
        let from = &self.inferred.start.command.from;
        let first = from.split([' ', ',']).next().unwrap_or_default();
        let is_file = self.root.join(first).is_file();
        if is_file { first.to_owned() } else { NAME.to_owned() }
    }

    /// The manifest as far as the repository says it.
    ///
    /// # Errors
    /// When what was inferred is no good manifest.
    pub(crate) fn file(&self) -> Result<ManifestFile, Failure> {
        self.with(&Seen::default(), None)
    }

    fn with(&self, seen: &Seen, journey: Option<&str>) -> Result<ManifestFile, Failure> {
        let text = infer::manifest::text(&self.inferred, seen, journey);
        let parsed = settings::parse(&text).map_err(|mistakes| {
            let first = mistakes.first().map(|m| m.message.clone()).unwrap_or_default();
            Failure::internal(format!("what was inferred is no manifest: {first}\n{text}"))
        })?;
        Ok(ManifestFile { path: self.root.join(NAME), text, parsed })
    }

    /// Starts the service once and completes the manifest with what it shows. The journey is written
    /// beside the stored runs.
    ///
    /// # Errors
    /// When the lab cannot be set up, or the journey not be written.
    pub(crate) async fn look(
        &self,
        session: &Session,
        proof: &Proof,
        tell: &Listener,
    ) -> Result<LookedAt, Failure> {
        match engine::discover::discover(session, proof, self.routes(), tell).await {
            Ok(found) => self.complete(proof, found, Vec::new()),
            // A step that nobody asked for must not cost the run.
            Err(error) if error.failed_setup().is_some() && !self.inferred.setup.is_empty() => {
                let note = left_out(&error);
                let mut without = self.clone();
                without.inferred.setup.clear();
                let manifest = without.file()?.parsed.manifest;
                let proof = Proof { manifest, ..proof.clone() };
                let routes = self.routes();
                let found = engine::discover::discover(session, &proof, routes, tell).await?;
                without.complete(&proof, found, vec![note])
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The manifest with what was seen.
    fn complete(
        &self,
        proof: &Proof,
        found: Discovered,
        mut notes: Vec<Note>,
    ) -> Result<LookedAt, Failure> {
        let seen = Seen {
            port: found.port,
            ready: found.ready,
            live: found.live,
            document: found.document,
            metrics: found.metrics,
            pages: found.pages,
            reached_out: found.reached_out,
        };
        let path = match &found.journey {
            Some(text) => Some(self.keep(&proof.out, text)?),
            None => None,
        };
        let file = self.with(&seen, path.as_deref())?;
        notes.insert(0, self.note(&seen));
        Ok(LookedAt { notes, inferred: self.inferred.clone(), file, journey: found.journey, seen })
    }

    /// Writes the journey; its path as a manifest names it.
    fn keep(&self, out: &Path, text: &str) -> Result<String, Failure> {
        let path = out.join("inferred").join("first.hurl");
        let wrong = |error: std::io::Error| {
            Failure::internal(format!("cannot write {}: {error}", path.display()))
        };
        fs::create_dir_all(path.parent().unwrap_or(out)).map_err(wrong)?;
        fs::write(&path, text).map_err(wrong)?;
        let relative = path.strip_prefix(&self.root).unwrap_or(&path);
        Ok(relative.to_string_lossy().into_owned())
    }

    fn note(&self, seen: &Seen) -> Note {
        let all = infer::manifest::summary(&self.inferred, seen);
        Note {
            text: format!("there is no {NAME}; inferred: {}", all.join("; ")),
            advice: format!(
                "seaworthy init writes it down as {NAME}, to be corrected and completed"
            ),
            log: Vec::new(),
        }
    }

    /// The manifest that `init` writes, with the journey at `journey`.
    ///
    /// # Errors
    /// When what was inferred is no good manifest.
    pub(crate) fn manifest(&self, looked_at: &LookedAt, journey: &str) -> Result<String, Failure> {
        let path = looked_at.journey.is_some().then_some(journey);
        let used = Self { inferred: looked_at.inferred.clone(), root: self.root.clone() };
        Ok(used.with(&looked_at.seen, path)?.text)
    }

    /// Requests of a collection, and for the routes that the source declares.
    fn routes(&self) -> Vec<engine::Request> {
        let request = |route: &infer::Route| {
            let request = engine::Request::new(&route.method, &route.path);
            if route.method != "POST" {
                return request;
            }
            let value = |field: &infer::Field| {
                let name = &field.name;
                let value = match field.kind {
                    FieldKind::Number => serde_json::Value::from(1),
                    FieldKind::Truth => serde_json::Value::from(true),
                    FieldKind::Text if name.contains("mail") => "{{unique}}@example.com".into(),
                    FieldKind::Text if name.contains("user") || name.contains("login") => {
                        "{{unique}}".into()
                    }
                    FieldKind::Text if name.contains("pass") => "Correct-horse-9-battery".into(),
                    FieldKind::Text => "word".into(),
                };
                (name.clone(), value)
            };
            let body: serde_json::Map<_, _> = route.fields.iter().map(value).collect();
            let body = serde_json::Value::from(body).to_string();
            request.header("Content-Type", "application/json").body(body)
        };
        let call = |call: &infer::Call| {
            let request = engine::Request::new(&call.method, &call.target);
            let headers = call.headers.iter();
            let request =
                headers.fold(request, |request, (name, value)| request.header(name, value));
            request.body(call.body.clone())
        };
        let calls = self.inferred.calls.iter().map(call);
        calls.chain(self.inferred.routes.iter().map(request)).collect()
    }
}

/// That a step of the set-up was left out, and why.
fn left_out(error: &engine::ProofError) -> Note {
    let (command, outcome, output) = error.failed_setup().unwrap_or_default();
    Note {
        text: format!("the inferred set-up `{command}` failed ({outcome}) and was left out"),
        advice: "if the service needs it, say under service.setup how the lab's database is filled"
            .to_owned(),
        log: output.lines().map(str::to_owned).collect(),
    }
}

fn unknown(root: &Path, nothing: &Nothing) -> Failure {
    let text = format!(
        "there is no {NAME} in {}, and nothing says how the service starts (looked for {})",
        root.display(),
        nothing.looked_for.join(", ")
    );
    let workers = nothing.workers.join(", ");
    let hint = match nothing.services.as_slice() {
        [] if !workers.is_empty() => format!(
            "the Procfile has {workers} and no web process; what serves nobody over HTTP cannot be \
             proven yet. Where there is a server, say it: seaworthy prove -- COMMAND"
        ),
        [] => "say it: seaworthy prove -- COMMAND".to_owned(),
        [first, ..] => {
            let all: Vec<String> = nothing
                .services
                .iter()
                .map(|one| format!("{} ({})", one.name, one.folder))
                .collect();
            let all = all.join(", ");
            format!("there are the services {all}; choose one: seaworthy prove {}", first.name)
        }
    };
    Failure::usage(text).hint(hint)
}
