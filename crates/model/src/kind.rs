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
}

impl Default for Classes {
    fn default() -> Self {
        Self {
            limited: vec![429],
            limited_text: None,
            unauthenticated: vec![401],
            unauthenticated_text: None,
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
            0..300 => Kind::Accepted,
            300..400 => Kind::Redirected,
            404 | 405 => Kind::Absent,
            400..500 => Kind::Refused,
            _ => Kind::Failed,
        }
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
    fn a_form_s_redirect_is_its_success() {
        let expected = Answer { as_expected: Some(true), ..answer(302) };
        assert_eq!(Classes::default().kind(&expected), Kind::Accepted);
        let negative = Answer { as_expected: Some(true), ..answer(401) };
        assert_eq!(Classes::default().kind(&negative), Kind::Unauthenticated);
    }
}
