//! What an answer means: one classification for all judges.
//!
//! A service's own limiter is neither a refusal nor a failure, a missing log-in says nothing about
//! what lies behind it, and a failure refuses nothing.

use crate::answer::Answer;

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Success, or what the journey expects of this step.
    Accepted,
    /// A redirect that no journey expects.
    Redirected,
    /// A refusal of this very request: 4xx.
    Refused,
    /// The service's limiter.
    Limited,
    /// Credentials are missing or not taken: 401.
    Unauthenticated,
    /// There is no such path or method: 404, 405.
    Absent,
    /// 5xx.
    Failed,
    /// No whole answer came.
    Unanswered,
}

impl Kind {
    /// Why such an answer proves nothing, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Redirected => "redirected",
            Self::Refused => "refused",
            Self::Limited => "refused by a limiter",
            Self::Unauthenticated => "not logged in",
            Self::Absent => "not found",
            Self::Failed => "answered 5xx",
            Self::Unanswered => "not answered",
        }
    }
}

/// How a service's answers are told apart, where it differs from the usual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classes {
    /// The status codes of the limiter.
    pub limited: Vec<u16>,
    /// A text that means the limiter, whatever the status.
    pub limited_text: Option<String>,
    /// The status codes of a missing log-in.
    pub unauthenticated: Vec<u16>,
    /// A text, or a part of `Location`, that means a missing log-in.
    pub unauthenticated_text: Option<String>,
    /// The parts of the service, by the prefixes of their paths.
    pub surfaces: Vec<SurfaceClass>,
}

/// How a part of the service answers paths that it does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurfaceClass {
    /// The prefix of its paths. Where several match, the longest counts.
    pub prefix: String,
    /// With its page and 200, as a single-page application does.
    pub catch_all: bool,
    /// The paths that it is known to answer.
    pub known: Vec<String>,
}

impl Default for Classes {
    fn default() -> Self {
        Self {
            limited: vec![429],
            limited_text: None,
            unauthenticated: vec![401],
            unauthenticated_text: None,
            surfaces: Vec::new(),
        }
    }
}

impl Classes {
    /// What an answer means.
    pub fn kind(&self, answer: &Answer) -> Kind {
        let Some(status) = answer.status() else { return Kind::Unanswered };
        let says = |text: &Option<String>| {
            let text = text.as_deref().filter(|text| !text.is_empty());
            text.is_some_and(|text| {
                answer.body.contains(text)
                    || answer.header("location").is_some_and(|to| to.contains(text))
            })
        };
        if self.limited.contains(&status) || says(&self.limited_text) {
            return Kind::Limited;
        }
        if answer.as_expected == Some(true) && status < 400 {
            return Kind::Accepted;
        }
        if self.unauthenticated.contains(&status) || says(&self.unauthenticated_text) {
            return Kind::Unauthenticated;
        }
        match status {
            0..300 if self.is_catch_all(answer) => Kind::Absent,
            0..300 => Kind::Accepted,
            300..400 => Kind::Redirected,
            404 | 405 => Kind::Absent,
            400..500 => Kind::Refused,
            _ => Kind::Failed,
        }
    }

    /// Whether this is the page that a part of the service answers to every path it does not know.
    fn is_catch_all(&self, answer: &Answer) -> bool {
        let path = answer.path();
        let matching = self.surfaces.iter().filter(|surface| path.starts_with(&surface.prefix));
        let Some(surface) = matching.max_by_key(|surface| surface.prefix.len()) else {
            return false;
        };
        surface.catch_all
            && answer.is_html()
            && answer.as_expected != Some(true)
            && path.trim_end_matches('/') != surface.prefix.trim_end_matches('/')
            && !surface.known.iter().any(|known| known == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Asked;
    use crate::outcome::Outcome;

    fn answer(status: u16) -> Answer {
        Answer {
            label: String::new(),
            request: Asked::default(),
            outcome: Outcome::Answered { status },
            headers: Vec::new(),
            body: String::new(),
            bytes: 0,
            took_us: 0,
            as_expected: None,
        }
    }

    #[test]
    fn usual_answers_are_told_apart() {
        let classes = Classes::default();
        for (status, kind) in [
            (200, Kind::Accepted),
            (302, Kind::Redirected),
            (400, Kind::Refused),
            (401, Kind::Unauthenticated),
            (403, Kind::Refused),
            (404, Kind::Absent),
            (429, Kind::Limited),
            (503, Kind::Failed),
        ] {
            assert_eq!(classes.kind(&answer(status)), kind, "{status}");
        }
        let silent = Answer { outcome: Outcome::TimedOut { received: 0 }, ..answer(200) };
        assert_eq!(classes.kind(&silent), Kind::Unanswered);
    }

    #[test]
    fn what_the_manifest_says_comes_first() {
        let classes = Classes {
            limited: vec![423],
            limited_text: Some("slow down".into()),
            unauthenticated: vec![401, 403],
            unauthenticated_text: Some("/login".into()),
            surfaces: Vec::new(),
        };
        assert_eq!(classes.kind(&answer(423)), Kind::Limited);
        assert_eq!(classes.kind(&answer(403)), Kind::Unauthenticated);
        let said = Answer { body: "please slow down".into(), ..answer(200) };
        assert_eq!(classes.kind(&said), Kind::Limited);
        let mut sent = answer(302);
        sent.headers.push(("Location".into(), "/login?next=/".into()));
        assert_eq!(classes.kind(&sent), Kind::Unauthenticated);
    }

    #[test]
    fn the_page_of_a_catch_all_is_not_found() {
        let surface = |prefix: &str, catch_all| SurfaceClass {
            prefix: prefix.into(),
            catch_all,
            known: vec!["/about".into()],
        };
        let surfaces = vec![surface("/", true), surface("/api", false)];
        let classes = Classes { surfaces, ..Classes::default() };
        let page = |path: &str| {
            let mut page = answer(200);
            page.request.target = path.into();
            page.headers.push(("Content-Type".into(), "text/html; charset=utf-8".into()));
            page
        };
        assert_eq!(classes.kind(&page("/debug/pprof?x=1")), Kind::Absent);
        for path in ["/", "/about", "/api/page"] {
            assert_eq!(classes.kind(&page(path)), Kind::Accepted, "{path}");
        }
        let walked = Answer { as_expected: Some(true), ..page("/cart") };
        assert_eq!(classes.kind(&walked), Kind::Accepted);
        let data = Answer { headers: Vec::new(), ..page("/health") };
        assert_eq!(classes.kind(&data), Kind::Accepted);
    }

    #[test]
    fn a_form_s_redirect_is_its_success() {
        let expected = Answer { as_expected: Some(true), ..answer(302) };
        assert_eq!(Classes::default().kind(&expected), Kind::Accepted);
        let negative = Answer { as_expected: Some(true), ..answer(401) };
        assert_eq!(Classes::default().kind(&negative), Kind::Unauthenticated);
    }
}
