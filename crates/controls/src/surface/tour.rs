//! What the service answers when all is well, and errors that are provoked on purpose.

use client::{Request, Response};
use journey::{Entry, Journey};
use lab::Bench;
use model::{Answer, Seen};
use settings::{Manifest, Serves};

use crate::surface::Visitor;
use crate::work_request::declared;

/// The label of every request of the tour.
pub(crate) const TOUR: &str = "tour";

/// What an answer's request is called: what was provoked says so itself.
pub(crate) fn called(answer: &Answer) -> String {
    if answer.label == TOUR { answer.asked() } else { answer.label.clone() }
}
pub(crate) const UNKNOWN_PATH: &str = "unknown path";
pub(crate) const NO_CREDENTIALS: &str = "no credentials";
pub(crate) const MALFORMED: &str = "malformed body";
pub(crate) const WRONG_TYPE: &str = "wrong content type";
pub(crate) const WRONG_METHOD: &str = "wrong method";
/// All of these, for those who count them.
pub(crate) const ERRORS: &[&str] =
    &[UNKNOWN_PATH, NO_CREDENTIALS, MALFORMED, WRONG_TYPE, WRONG_METHOD];
/// A path that no service has.
const NOWHERE: &str = "seaworthy-no-such-path";
/// Headers that carry a proof of identity, beside the declared one.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "x-api-key"];

/// Everything that was answered on the way.
#[derive(Debug, Default)]
pub(crate) struct Tour {
    pub(crate) steps: Vec<TourStep>,
}

/// A request that was answered.
#[derive(Debug, Clone)]
pub(crate) struct TourStep {
    /// The journey and the place in it, where it is a step of one.
    pub(crate) place: Option<(String, usize)>,
    pub(crate) request: Request,
    pub(crate) response: Response,
    /// Its journey expected this answer.
    expected: bool,
}

impl TourStep {
    /// 2xx, or the redirect that its journey expects of something that writes: a form's success.
    pub(crate) fn is_success(&self) -> bool {
        let status = self.response.status;
        let redirected = (300..400).contains(&status) && self.expected;
        (200..300).contains(&status) || redirected && self.request.method != "GET"
    }

    /// The body of a form, as browsers send it.
    pub(crate) fn has_form_body(&self) -> bool {
        self.has_body_of("application/x-www-form-urlencoded")
    }

    /// The body of a form that may carry files.
    pub(crate) fn has_multipart_body(&self) -> bool {
        self.has_body_of("multipart/form-data")
    }

    fn has_body_of(&self, kind: &str) -> bool {
        let mut headers = self.request.headers.iter();
        let declared = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        !self.request.body.is_empty() && declared.is_some_and(|(_, found)| found.starts_with(kind))
    }

    pub(crate) fn has_json_body(&self) -> bool {
        serde_json::from_slice::<serde_json::Value>(&self.request.body)
            .is_ok_and(|value| value.is_object() || value.is_array())
    }
}

impl Tour {
    /// Walks every journey and sends every declared request. In a target, only what is safe. Nobody
    /// logs out in the end: what was seen is asked again later.
    pub(crate) async fn walk(bench: &Bench, visitor: &Visitor<'_>) -> Self {
        Self::walk_as_far(bench, visitor, Journey::before_log_out).await
    }

    /// The same to the very end.
    pub(crate) async fn walk_whole(bench: &Bench, visitor: &Visitor<'_>) -> Self {
        Self::walk_as_far(bench, visitor, |journey| &journey.entries).await
    }

    async fn walk_as_far(
        bench: &Bench,
        visitor: &Visitor<'_>,
        entries: impl Fn(&Journey) -> &[Entry],
    ) -> Self {
        let manifest = bench.manifest();
        let mut tour = Self::default();
        for (name, journey) in bench.journeys() {
            let safe = manifest.journeys.get(name).is_some_and(|journey| journey.safe);
            if visitor.site().is_target() && !safe {
                continue;
            }
            let mut walk = visitor.person();
            let mut failure = None;
            let entries = entries(journey);
            for (at, entry) in entries.iter().enumerate() {
                if let Err(why) = walk.request(entry) {
                    failure = Some(why.to_string());
                    break;
                }
                let Some((request, exchange, result)) = visitor.step(TOUR, &mut walk, entry).await
                else {
                    break;
                };
                tour.add(Some((name.clone(), at)), request, exchange.response, result.is_ok());
                if let Err(why) = result {
                    failure = Some(why);
                    break;
                }
            }
            let steps = u32::try_from(entries.len()).unwrap_or(u32::MAX);
            visitor.trial().saw(Seen::Walked { journey: name.clone(), failure, steps });
        }
        let declared_requests = manifest.surfaces.values().flat_map(|surface| &surface.requests);
        for text in declared_requests {
            let request = with_constant_headers(manifest, declared(text));
            if visitor.site().is_target() && request.method != "GET" {
                continue;
            }
            let exchange = visitor.ask(TOUR, &request).await;
            tour.add(None, request, exchange.response, false);
        }
        if tour.steps.is_empty() {
            let request = tour.read(manifest);
            let exchange = visitor.ask(TOUR, &request).await;
            tour.add(None, request, exchange.response, false);
        }
        tour
    }

    fn add(
        &mut self,
        place: Option<(String, usize)>,
        request: Request,
        response: Option<Response>,
        expected: bool,
    ) {
        if let Some(response) = response {
            self.steps.push(TourStep { place, request, response, expected });
        }
    }

    /// Reading requests that succeeded: they can be repeated as they are.
    pub(crate) fn reads(&self) -> impl Iterator<Item = &TourStep> {
        self.steps.iter().filter(|step| step.request.method == "GET" && step.is_success())
    }

    /// A request that only reads: of a journey, or else the readiness probe's.
    pub(crate) fn read(&self, manifest: &Manifest) -> Request {
        let ready = manifest.service.ready.as_ref().filter(|probe| probe.0.port.is_none());
        let ready =
            || with_constant_headers(manifest, Request::get(ready.map_or("/", |p| &p.0.path)));
        self.reads().next().map_or_else(ready, |step| step.request.clone())
    }

    /// The steps that carried a form and succeeded.
    pub(crate) fn forms(&self) -> impl Iterator<Item = &TourStep> {
        self.steps.iter().filter(|step| step.has_form_body() && step.is_success())
    }

    /// The steps that carried a form with parts and succeeded.
    pub(crate) fn multiparts(&self) -> impl Iterator<Item = &TourStep> {
        self.steps.iter().filter(|step| step.has_multipart_body() && step.is_success())
    }

    /// The steps that carried a JSON body and succeeded.
    pub(crate) fn writes(&self) -> impl Iterator<Item = &TourStep> {
        self.steps.iter().filter(|step| step.has_json_body() && step.is_success())
    }

    /// Requests that ought to be refused, with what is wrong with each. What could change
    /// something is left out for a target.
    pub(crate) fn errors(&self, manifest: &Manifest, is_target: bool) -> Vec<(String, Request)> {
        let mut all = Vec::new();
        if manifest.surfaces.is_empty() {
            all.push((UNKNOWN_PATH.to_owned(), Request::get(&format!("/{NOWHERE}"))));
        }
        for (name, surface) in &manifest.surfaces {
            let prefix = surface.prefix.trim_end_matches('/');
            let request = Request::get(&format!("{prefix}/{NOWHERE}"));
            all.push((format!("{UNKNOWN_PATH} ({name})"), request));
        }
        for (_, request) in &mut all {
            *request = with_constant_headers(manifest, request.clone());
        }
        let guarded = self.steps.iter().filter(|step| step.is_success()).find_map(|step| {
            let bare = without_credentials(manifest, &step.request);
            let safe = !is_target || step.request.method == "GET";
            (safe && bare.headers.len() < step.request.headers.len()).then_some(bare)
        });
        all.extend(guarded.map(|request| (NO_CREDENTIALS.to_owned(), request)));
        if is_target {
            let ask = |(label, request)| (label, asking_for_json(manifest, request));
            return all.into_iter().map(ask).collect();
        }
        if let Some(step) = self.writes().next() {
            let broken = step.request.clone().body("{\"a\": ");
            all.push((MALFORMED.to_owned(), broken));
            let mut other = step.request.clone().body("not what was declared");
            other.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
            all.push((WRONG_TYPE.to_owned(), other.header("Content-Type", "text/plain")));
        }
        let unused = |path: &str, method: &str| {
            !self.steps.iter().any(|s| s.request.method == method && path_of(&s.request) == path)
        };
        let wrong = self.reads().find_map(|step| {
            let path = path_of(&step.request);
            let method = ["PATCH", "DELETE"].into_iter().find(|method| unused(path, method))?;
            Some(Request { method: method.to_owned(), ..step.request.clone() })
        });
        all.extend(wrong.map(|request| (WRONG_METHOD.to_owned(), request)));
        all.into_iter()
            .map(|(label, request)| (label, asking_for_json(manifest, request)))
            .collect()
    }
}

/// Whether the field of a form is there against forged requests: without it, no handler is reached.
pub(crate) fn proves_a_form(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = ["csrf", "xsrf", "authenticity", "nonce"];
    words.iter().any(|word| name.contains(word))
        || name.ends_with("token")
        || matches!(name.as_str(), "utf8" | "commit" | "_method")
}

pub(crate) fn path_of(request: &Request) -> &str {
    request.target.split('?').next().unwrap_or_default()
}

/// Whoever uses an API asks for JSON; some services answer a page to whoever does not.
fn asking_for_json(manifest: &Manifest, request: Request) -> Request {
    let asks = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept"));
    let is_api = manifest.serves(path_of(&request)) == Serves::Api;
    if asks || !is_api { request } else { request.header("Accept", "application/json") }
}

/// The declared headers that every request carries.
pub(crate) fn with_constant_headers(manifest: &Manifest, mut request: Request) -> Request {
    let headers = manifest.authentication.iter().flat_map(|own| &own.headers);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request
}

/// The request of somebody who does not say who it is.
pub(crate) fn without_credentials(manifest: &Manifest, request: &Request) -> Request {
    let declared = manifest.authentication.as_ref().and_then(|own| own.header.as_deref());
    let mut request = request.clone();
    request.headers.retain(|(name, _)| {
        let name = name.to_ascii_lowercase();
        !CREDENTIALS.contains(&name.as_str())
            && declared.is_none_or(|declared| !declared.eq_ignore_ascii_case(&name))
    });
    request
}
