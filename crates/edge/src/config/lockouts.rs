//! `[[supply.lockouts]]`: which log-ins are guarded, and what a failure looks like.

use http::StatusCode;
use layers::{AccountPlace, LockoutRule, Patience};
use settings::supply::Lockout;

use super::features::route;
use super::problem::Problem;

/// The rules, in their order.
pub(super) fn lockouts(declared: &[Lockout], problems: &mut Vec<Problem>) -> Vec<LockoutRule> {
    let mut rules: Vec<LockoutRule> = Vec::new();
    for lockout in declared {
        let at = format!("supply.lockouts {:?}", lockout.name);
        let mut wrong = |why: &str| problems.push(format!("{at}: {why}"));
        if lockout.name.is_empty() || lockout.name.contains(|c: char| !c.is_ascii_graphic()) {
            wrong("expected a name without spaces");
        }
        if rules.iter().any(|rule| rule.name == lockout.name) {
            wrong("there are two of this name");
        }
        let account = match lockout.account.strip_prefix("header:").map(str::parse) {
            None if lockout.account.is_empty() => {
                wrong("expected an account such as email or header:X-User, found none");
                AccountPlace::Body(String::new())
            }
            None => AccountPlace::Body(lockout.account.clone()),
            Some(Ok(name)) => AccountPlace::Header(name),
            Some(Err(_)) => {
                wrong("expected header: and a header's name in its account");
                AccountPlace::Body(String::new())
            }
        };
        let mut failed = Vec::new();
        for code in &lockout.failed {
            match StatusCode::from_u16(*code) {
                Ok(status) => failed.push(status),
                Err(_) => wrong("expected status codes in failed"),
            }
        }
        let known = [&lockout.failed_text, &lockout.failed_location];
        if failed.is_empty() && known.iter().all(|text| text.as_ref().is_none_or(String::is_empty))
        {
            wrong(
                "expected failed, failed_text or failed_location: nothing says what a failure is",
            );
        }
        if lockout.delay_after == 0 || lockout.lock_after == 0 {
            wrong("expected at least 1 in delay_after and lock_after");
        }
        if lockout.lock.0.is_zero() {
            wrong("expected more than nothing in lock");
        }
        rules.push(LockoutRule {
            name: lockout.name.clone(),
            route: route(&lockout.route),
            account,
            failed,
            failed_text: lockout.failed_text.clone().filter(|text| !text.is_empty()),
            failed_location: lockout.failed_location.clone().filter(|text| !text.is_empty()),
            patience: Patience {
                delay_after: lockout.delay_after.max(1),
                lock_after: lockout.lock_after.max(1),
                lock: lockout.lock.0,
                forget: lockout.forget.0,
            },
        });
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<LockoutRule>, String) {
        let text = format!("[service]\nname=\"a\"\nstart=\"a {{port}}\"\n{text}");
        let manifest = settings::parse(&text).expect("it is good").manifest;
        let mut problems = Vec::new();
        let rules = lockouts(&manifest.supply.lockouts, &mut problems);
        (rules, problems.join("\n"))
    }

    #[test]
    fn rules_are_read_and_everything_that_is_wrong_is_told() {
        let good =
            "[[supply.lockouts]]\nname=\"log-in\"\nroute=\"POST /login\"\naccount=\"email\"\n";
        let (rules, problems) = read(good);
        assert_eq!(problems, "");
        assert_eq!(rules[0].patience, Patience::default());
        assert_eq!(rules[0].failed, [StatusCode::UNAUTHORIZED]);
        let (_, problems) = read(&format!(
            "{good}{good}failed=[]\ndelay_after=0\n[[supply.lockouts]]\nname=\"a b\"\nroute=\"/\"\naccount=\"header:a b\"\nfailed=[9]\nlock=\"0s\"\n"
        ));
        assert_eq!(problems.lines().count(), 8, "{problems}");
    }
}
