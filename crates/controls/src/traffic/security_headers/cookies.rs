//! Cookies that carry a session, and forms that another site could send in a user's name (OWASP ASVS
//! 5.0 3.3.1, 3.3.2, 3.3.4 and 3.5.1).

use model::{Answer, Finding};

use crate::surface::Surface;
use crate::surface::judging::showing;
use crate::surface::tour::TOUR;

/// A form sent as another site would: from its origin, without what proves that it was shown.
pub(super) const FORGED: &str = "a forged form";
pub(super) const HOSTILE: &str = "https://evil.example";

/// A cookie as it was set.
struct Cookie<'a> {
    name: &'a str,
    value: &'a str,
    /// In lower case.
    attributes: Vec<String>,
}

impl<'a> Cookie<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let mut parts = header.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let attributes = parts.map(|part| part.trim().to_ascii_lowercase()).collect();
        Some(Self { name: name.trim(), value: value.trim(), attributes })
    }

    fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|one| one == attribute)
    }

    fn same_site(&self) -> Option<&str> {
        self.attributes.iter().find_map(|one| one.strip_prefix("samesite="))
    }

    /// Whether it carries a session, as far as its name says, or because it is long, made up and
    /// hidden from scripts; what a page's own script must read (a token against forgery) does not,
    /// nor one that is taken away.
    fn is_session(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        let words = ["sess", "sid", "auth", "jwt", "remember", "login", "token"];
        let gone = self.value.is_empty() || self.has("max-age=0");
        let named = words.iter().any(|word| name.contains(word));
        !gone
            && !name.contains("csrf")
            && !name.contains("xsrf")
            && (named || self.is_made_up() && self.has("httponly"))
    }

    fn is_made_up(&self) -> bool {
        let has = |is: fn(&char) -> bool| self.value.chars().any(|c| is(&c));
        self.value.len() >= 20 && has(char::is_ascii_digit) && has(char::is_ascii_alphabetic)
    }
}

fn cookies(answer: &Answer) -> impl Iterator<Item = Cookie<'_>> {
    let set = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    set.filter_map(|(_, value)| Cookie::parse(value))
}

/// What the cookies of a session lack. Over plain HTTP it cannot be seen whether one is Secure behind
/// HTTPS.
pub(super) fn about_cookies(answers: &[&Answer], over_tls: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut told = Vec::new();
    for answer in answers {
        for cookie in cookies(answer).filter(Cookie::is_session) {
            if told.contains(&cookie.name) {
                continue;
            }
            told.push(cookie.name);
            let name = cookie.name;
            if !cookie.has("httponly") {
                let text = format!("the cookie {name} of a session can be read by every script");
                let fix = "set it with HttpOnly";
                findings.push(showing(Finding::fail("readable-cookie", text).fix(fix), answer));
            }
            if cookie.same_site().is_none() {
                let text = format!("the cookie {name} does not say where it may be sent from");
                let fix = "set it with SameSite=Lax, or Strict";
                findings.push(showing(Finding::warn("no-samesite", text).fix(fix), answer));
            }
            if !cookie.has("secure") && over_tls {
                let text = format!("the cookie {name} of a session is sent over plain HTTP, too");
                let fix = "set it with Secure";
                findings.push(showing(Finding::fail("no-secure", text).fix(fix), answer));
            } else if !cookie.has("secure") {
                let text = format!("the cookie {name} is set without Secure over plain HTTP");
                let fix = "see to it that it is Secure behind HTTPS";
                findings.push(showing(Finding::note("no-secure", text).fix(fix), answer));
            }
        }
    }
    findings
}

/// The forms that another site could send with a user's session: the same was taken without its
/// proof, from another origin, and the browser would send the cookie along.
pub(super) fn about_forms(surface: &Surface<'_>) -> Vec<Finding> {
    let all = || surface.answers.iter().copied();
    let kept_home = |cookie: Cookie<'_>| {
        cookie.is_session() && matches!(cookie.same_site(), Some("lax" | "strict"))
    };
    if all().any(|answer| cookies(answer).any(kept_home)) {
        return Vec::new();
    }
    let place = |answer: &Answer| {
        let to = answer.header("location").unwrap_or_default();
        to.chars().filter(|c| !c.is_ascii_digit()).collect::<String>()
    };
    let is_like = |one: &Answer, other: &Answer| {
        !other.is_refused_by_its_step()
            && one.request.method == other.request.method
            && one.path() == other.path()
            && one.status() == other.status()
            && place(one) == place(other)
    };
    let forged = surface.labelled(FORGED).filter(|forged| {
        all().any(|answer| answer.label == TOUR && answer.is_success() && is_like(answer, forged))
    });
    forged
        .map(|answer| {
            let text = format!(
                "{} was taken from {HOSTILE} without the form's proof: any page can send it in the \
                 name of who is logged in",
                answer.asked()
            );
            let fix = "ask for a token that only the form knows, check Origin, or set the session's \
                       cookie with SameSite=Lax";
            showing(Finding::fail("forgeable-form", text).fix(fix), answer)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::Severity;

    fn surface<'a>(trial: &crate::trials::Trial<'a>) -> Surface<'a> {
        let answers = trial.seen.iter().filter_map(|observation| match &observation.seen {
            model::Seen::Answer(answer) => Some(answer),
            _ => None,
        });
        Surface { answers: answers.collect(), trial: trial.clone() }
    }

    fn set(cookie: &str) -> Answer {
        answer(TOUR, "POST /login", 302).with("Set-Cookie", cookie)
    }

    #[test]
    fn a_session_s_cookie_is_told_from_others() {
        let causes = |cookie: &str| {
            let answer = set(cookie);
            let findings = about_cookies(&[&answer], false);
            findings.iter().map(|f| f.cause.clone()).collect::<Vec<_>>()
        };
        assert_eq!(causes("sid=1; HttpOnly; SameSite=Lax; Secure"), Vec::<String>::new());
        assert_eq!(causes("PHPSESSID=1"), ["readable-cookie", "no-samesite", "no-secure"]);
        assert_eq!(causes("session=1; httponly; samesite=none; secure"), Vec::<String>::new());
        for other in ["XSRF-TOKEN=1", "theme=dark", "sid=; Max-Age=0"] {
            assert_eq!(causes(other), Vec::<String>::new(), "{other}");
        }
        let answer = set("sid=1; HttpOnly; Secure");
        assert_eq!(about_cookies(&[&answer], false)[0].severity, Severity::Warn);
        // Its name says nothing, but what it holds does, and that scripts may not read it.
        let hidden = "Redmine=BAh7CEkiD3Nlc3Npb25faWQG; path=/; HttpOnly";
        assert_eq!(causes(hidden), ["no-samesite", "no-secure"]);
        assert_eq!(causes("lang=en; HttpOnly"), Vec::<String>::new());
        let answer = set("sid=1; HttpOnly; SameSite=Lax");
        let finding = &about_cookies(&[&answer], true)[0];
        assert_eq!((finding.cause.as_str(), finding.severity), ("no-secure", Severity::Fail));
    }

    #[test]
    fn a_form_is_forgeable_when_it_is_taken_all_the_same() {
        let judged = |cookie: &str, forged: u16| {
            let mut good = answer(TOUR, "POST /notes", 302).with("Location", "/notes/1");
            good.as_expected = Some(true);
            let mut other = answer(FORGED, "POST /notes", forged);
            if forged == 302 {
                other = other.with("Location", "/notes/2");
            }
            let answers = [set(cookie), good, other];
            let seen = main(answers.to_vec());
            let trials = crate::trials::by_trial(&seen);
            about_forms(&surface(&trials[0])).len()
        };
        assert_eq!(judged("sid=1; HttpOnly", 302), 1);
        assert_eq!(judged("sid=1; HttpOnly", 403), 0);
        assert_eq!(judged("sid=1; HttpOnly; SameSite=Lax", 302), 0, "browsers keep it home");
    }
}
