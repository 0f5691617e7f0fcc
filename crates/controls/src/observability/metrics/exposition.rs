//! The text format of Prometheus, as far as counting needs it.

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    /// What stands between the braces.
    pub(super) labels: String,
    value: f64,
}

impl Sample {
    /// Whether its name says that it is about requests that the service was sent. What counts scrapes
    /// does not (`promhttp_metric_handler_requests_total` grows by one with each look).
    pub(super) fn is_about_requests(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        let says = ["http", "request", "route", "endpoint"].iter().any(|word| name.contains(word));
        let other = ["promhttp", "scrape", "client", "outbound", "upstream"];
        says && !other.iter().any(|word| name.contains(word))
    }

    /// Whether a label has this status, or its class, for a value.
    pub(super) fn is_labelled_with(&self, status: u16) -> bool {
        let class = status / 100;
        let outcome = match class {
            4 => "client_error",
            5 => "server_error",
            _ => "",
        };
        let values = self.labels.split('"').skip(1).step_by(2).map(str::to_ascii_lowercase);
        let mut values = values.filter(|value| !value.is_empty());
        values.any(|value| {
            value == status.to_string()
                || value == format!("{class}xx")
                || value == outcome
                || value == "error"
        })
    }
}

/// Every sample; lines that are none are passed over.
pub(super) fn parse(text: &str) -> Vec<Sample> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect()
}

fn sample(line: &str) -> Option<Sample> {
    let line = without_exemplar(line.trim());
    let (name, labels, rest) = match line.split_once('{') {
        Some((name, rest)) => {
            let (labels, rest) = rest.rsplit_once('}')?;
            (name, labels, rest)
        }
        None => {
            let (name, rest) = line.split_once(' ')?;
            (name, "", rest)
        }
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    if name.is_empty() || !name.chars().all(legal) {
        return None;
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels: labels.to_owned(), value })
}

/// What follows ` # {` outside of quotes is an exemplar (OpenMetrics 1.0).
fn without_exemplar(line: &str) -> &str {
    let outside = |at: &usize| line[..*at].matches('"').count().is_multiple_of(2);
    let found = line.match_indices(" # {").map(|(at, _)| at).find(outside);
    found.map_or(line, |at| &line[..at])
}

fn growth(before: &[Sample], sample: &Sample) -> f64 {
    let known =
        before.iter().find(|known| known.name == sample.name && known.labels == sample.labels);
    sample.value - known.map_or(0.0, |known| known.value)
}

/// The samples that grew.
pub(super) fn increased<'a>(before: &[Sample], after: &'a [Sample]) -> Vec<&'a Sample> {
    after.iter().filter(|sample| growth(before, sample) > 0.0).collect()
}

/// The samples, of this name where one is given and else of those that are about requests, that grew
/// by exactly this many.
pub(super) fn grown<'a>(
    before: &[Sample],
    after: &'a [Sample],
    name: Option<&str>,
    by: usize,
) -> Vec<&'a Sample> {
    let fits = |sample: &&Sample| {
        name.map_or_else(|| sample.is_about_requests(), |name| sample.name == name)
            && (growth(before, sample) - by as f64).abs() < 0.5
    };
    after.iter().filter(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read() {
        let text = "# HELP a b\na 1\nb{c=\"d}e\",f=\"g\"} 2.5 1700000000\nnot a sample\n<p>\n";
        let all = parse(text);
        assert_eq!(all.len(), 2, "{all:?}");
        assert_eq!((all[1].labels.as_str(), all[1].value), ("c=\"d}e\",f=\"g\"", 2.5));
    }

    #[test]
    fn what_counts_something_else_is_no_request_counter() {
        let about = |text: &str| parse(text)[0].is_about_requests();
        for good in ["http_server_requests_seconds_count 1", "app_requests_total 1"] {
            assert!(about(good), "{good}");
        }
        for other in [
            "promhttp_metric_handler_requests_total 1",
            "hikaricp_connections_usage_seconds_count 1",
        ] {
            assert!(!about(other), "{other}");
        }
    }

    #[test]
    fn a_status_is_a_whole_value_of_a_label() {
        let labelled = |labels: &str| parse(&format!("a{{{labels}}} 1"))[0].is_labelled_with(404);
        for good in ["status=\"404\"", "code=\"4xx\"", "outcome=\"CLIENT_ERROR\""] {
            assert!(labelled(good), "{good}");
        }
        assert!(!labelled("id=\"14040\"") && !labelled("status=\"200\""));
    }

    #[test]
    fn exemplars_are_no_part_of_a_sample() {
        let text = "a_total{x=\"a # {b\"} 4 # {trace_id=\"f\"} 1.0\nb_total 2 # {id=\"g\"} 1";
        let all = parse(text);
        assert_eq!((all[0].labels.as_str(), all[0].value), ("x=\"a # {b\"", 4.0));
        assert_eq!((all[1].name.as_str(), all[1].value), ("b_total", 2.0));
    }

    #[test]
    fn growth_is_by_series() {
        let (before, after) = (parse("a{x=\"1\"} 1"), parse("a{x=\"1\"} 4\na{x=\"2\"} 3"));
        assert_eq!(grown(&before, &after, Some("a"), 3).len(), 2);
        assert_eq!(grown(&before, &after, None, 3).len(), 0, "its name says nothing of requests");
        assert_eq!(grown(&before, &after, Some("b"), 3).len(), 0);
    }
}
