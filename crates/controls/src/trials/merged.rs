//! The same cause under several faults is one finding.

use model::Finding;

/// One finding for each cause and subject. What was seen under several faults alike is told once:
/// "while database was refused, reset or cut, POST /orders did not answer in time".
pub(crate) fn merged(findings: Vec<Finding>) -> Vec<Finding> {
    let mut groups: Vec<(Finding, Vec<Told>)> = Vec::new();
    for finding in findings {
        let told = Told::of(&finding.witness);
        let same = |(known, _): &&mut (Finding, Vec<Told>)| {
            (&known.subject, &known.cause) == (&finding.subject, &finding.cause)
        };
        match groups.iter_mut().find(same) {
            Some((_, all)) => Told::add(all, told),
            None => groups.push((finding, vec![told])),
        }
    }
    groups.sort_by(|(one, _), (other, _)| {
        (&one.subject, &one.cause).cmp(&(&other.subject, &other.cause))
    });
    let join = |all: Vec<Told>| all.iter().map(Told::words).collect::<Vec<_>>().join("; ");
    groups.into_iter().map(|(finding, all)| Finding { witness: join(all), ..finding }).collect()
}

/// A witness: under which faults, and what was seen.
struct Told {
    /// `while database was`; empty where the witness is of another form.
    lead: String,
    faults: Vec<String>,
    seen: String,
}

impl Told {
    fn of(witness: &str) -> Self {
        let parts = || {
            let (lead, seen) = witness.split_once(", ")?;
            let (lead, fault) = lead.rsplit_once(' ')?;
            let of_a_fault = lead.starts_with("while ") && lead.ends_with(" was");
            of_a_fault.then(|| (lead.to_owned(), vec![fault.to_owned()], seen.to_owned()))
        };
        let (lead, faults, seen) =
            parts().unwrap_or_else(|| (String::new(), Vec::new(), witness.to_owned()));
        Self { lead, faults, seen }
    }

    fn add(all: &mut Vec<Self>, told: Self) {
        match all.iter_mut().find(|known| known.lead == told.lead && known.seen == told.seen) {
            Some(known) => {
                for fault in told.faults {
                    if !known.faults.contains(&fault) {
                        known.faults.push(fault);
                    }
                }
            }
            None => all.push(told),
        }
    }

    fn words(&self) -> String {
        match self.faults.as_slice() {
            [] => self.seen.clone(),
            [fault] => format!("{} {fault}, {}", self.lead, self.seen),
            [first @ .., last] => {
                format!("{} {} or {last}, {}", self.lead, first.join(", "), self.seen)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_alike_is_told_once() {
        let finding = |witness: &str| Finding::fail("hangs", witness).about("database");
        let all = vec![
            finding("while database was refused, GET / did not answer in time, the limit is 2 s"),
            finding("while database was reset, GET / was answered 500"),
            finding("while database was cut, GET / did not answer in time, the limit is 2 s"),
            finding("while database was cut, GET / did not answer in time, the limit is 2 s"),
            Finding::fail("dies", "it exited, and stayed away").about("database"),
        ];
        let found = merged(all);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].witness, "it exited, and stayed away");
        let expected = "while database was refused or cut, GET / did not answer in time, the limit is \
                        2 s; while database was reset, GET / was answered 500";
        assert_eq!(found[1].witness, expected);
    }
}
