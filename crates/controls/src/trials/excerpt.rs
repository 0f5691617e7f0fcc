//! The lines of a service's output that tell what happened: not its own probes a hundred times, and
//! the root of a trace rather than its tail.

/// The last lines, at most so many; what is repeated stands once, and the causes of a JVM's trace
/// come before everything else.
pub(super) fn telling<'a>(lines: impl Iterator<Item = &'a str>, most: usize) -> Vec<String> {
    let lines: Vec<&str> = lines.filter(|line| !line.trim().is_empty()).collect();
    let causes = causes(&lines);
    let room = most.saturating_sub(causes.len());
    let mut last = collapsed(&lines);
    last.drain(..last.len().saturating_sub(room));
    last.retain(|line| !causes.contains(line));
    causes.into_iter().chain(last).collect()
}

/// How many causes are shown: the first, which says what failed, and the last ones, which say why.
const CAUSES: usize = 4;

fn causes(lines: &[&str]) -> Vec<String> {
    let is_cause = |line: &&&str| line.trim_start().starts_with("Caused by: ");
    let mut found: Vec<String> = Vec::new();
    for line in lines.iter().filter(is_cause) {
        let line = line.trim().to_owned();
        if !found.contains(&line) {
            found.push(line);
        }
    }
    if found.len() > CAUSES {
        found.drain(1..found.len() + 1 - CAUSES);
    }
    found
}

/// Lines that differ in numbers alone and follow each other become one.
fn collapsed(lines: &[&str]) -> Vec<String> {
    let plain = |line: &str| line.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let mut all: Vec<(String, &str, usize)> = Vec::new();
    for line in lines {
        let plain = plain(line);
        match all.last_mut() {
            Some((known, last, times)) if *known == plain => {
                *last = line;
                *times += 1;
            }
            _ => all.push((plain, line, 1)),
        }
    }
    let shown = all.into_iter().map(|(_, line, times)| match times {
        1..=2 => vec![line.to_owned(); times],
        times => vec![format!("{line}  ({times} lines like this)")],
    });
    shown.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_causes_of_a_trace_come_first() {
        let trace = [
            "org.springframework.beans.BeanCreationException: cannot create bean",
            "\tat a.b.C(C.java:1)",
            "Caused by: org.hibernate.HibernateException: no dialect",
            "\t... 40 common frames omitted",
            "Caused by: java.net.ConnectException: Connection refused",
            "\t... 41 common frames omitted",
        ];
        let shown = telling(trace.into_iter(), 3);
        assert_eq!(shown[0], "Caused by: org.hibernate.HibernateException: no dialect");
        assert_eq!(shown[1], "Caused by: java.net.ConnectException: Connection refused");
        assert_eq!(shown.len(), 3);
    }

    #[test]
    fn what_is_repeated_stands_once() {
        let probes = (0..50).map(|n| format!("10:00:{n} GET /health 503")).collect::<Vec<_>>();
        let lines = std::iter::once("cannot migrate").chain(probes.iter().map(String::as_str));
        let shown = telling(lines, 20);
        assert_eq!(shown[0], "cannot migrate");
        assert_eq!(shown[1], "10:00:49 GET /health 503  (50 lines like this)");
    }
}
