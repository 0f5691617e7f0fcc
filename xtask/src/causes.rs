//! The causes of a control are listed on its page. Whoever else names one – the fixtures' defects, the
//! cases, what the edge cannot mend – names one of those.

use crate::{defects, prover, root};

/// The names that no page lists.
pub(crate) fn unlisted() -> Result<Vec<String>, String> {
    let mut named: Vec<(String, String, String)> = Vec::new();
    for fixture in prover::fixtures(None)? {
        for defect in defects::read(&fixture)? {
            let place = format!("{}/defects.toml, {}", prover::name(&fixture), defect.name);
            let control = defect.control().to_owned();
            for cause in std::iter::once(&defect.cause).chain(&defect.also) {
                named.push((control.clone(), cause.clone(), place.clone()));
            }
        }
    }
    for supply in edge::supply::ALL {
        for cause in supply.its_own {
            let place = format!("edge/src/supply, {}", supply.id);
            named.push((supply.id.to_owned(), (*cause).to_owned(), place));
        }
    }
    let cases = root().join("cases");
    for (control, cause, case) in crate::cases::causes(&cases)? {
        named.push((control, cause, format!("cases/{case}")));
    }
    let is_listed = |(control, cause, _): &(String, String, String)| {
        let card = controls::find(control).map(controls::Control::card);
        card.is_some_and(|card| card.page.contains(&format!("`{cause}`")))
    };
    let wrong = named.into_iter().filter(|one| !is_listed(one));
    Ok(wrong
        .map(|(control, cause, place)| format!("{place}: the page of {control} lists no `{cause}`"))
        .collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_cause_that_is_named_is_on_its_page() {
        assert_eq!(super::unlisted(), Ok(Vec::new()));
    }
}
