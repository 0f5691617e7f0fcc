//! Which variables are changed how, and what is expected then. Pure.

use settings::{Expectation, Manifest, Port, Variable};

/// One start with one variable changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) variable: String,
    /// `absent`, `empty`, or `malformed (value, why)`.
    pub(super) method: String,
    pub(super) value: Option<String>,
    pub(super) expected: Expectation,
}

/// Every case that the manifest promises something about.
pub(super) fn cases(manifest: &Manifest) -> Vec<Case> {
    let all = manifest.environment.iter().flat_map(|(name, variable)| of(name, variable));
    all.filter(|case| case.expected != Expectation::Any).collect()
}

fn of(name: &str, variable: &Variable) -> Vec<Case> {
    let case = |method: &str, value: Option<&str>, expected| Case {
        variable: name.to_owned(),
        method: method.to_owned(),
        value: value.map(str::to_owned),
        expected,
    };
    let mut all = Vec::new();
    // A variable that is not even set in the lab is absent already.
    if variable.value.is_some() || variable.required {
        all.push(case("absent", None, variable.when_absent()));
    }
    all.push(case("empty", Some(""), variable.when_empty()));
    for wrong in variable.malformed_values() {
        let method = if variable.is_secret() {
            format!("malformed ({})", wrong.why)
        } else {
            format!("malformed ({:?}, {})", wrong.value, wrong.why)
        };
        all.push(case(&method, Some(&wrong.value), variable.when_malformed()));
    }
    all
}

/// What is expected of a case that was tried.
pub(super) fn expectation(manifest: &Manifest, variable: &str, method: &str) -> Expectation {
    let Some(declared) = manifest.environment.get(variable) else { return Expectation::Any };
    match method {
        "absent" => declared.when_absent(),
        "empty" => declared.when_empty(),
        _ => declared.when_malformed(),
    }
}

/// Whether a variable carries the port: without it a service may rightly listen elsewhere.
pub(super) fn carries_the_port(manifest: &Manifest, variable: &str) -> bool {
    let by_name = matches!(&manifest.service.port, Some(Port::Env(name)) if name == variable);
    let declared = manifest.environment.get(variable);
    let by_value = declared.and_then(|declared| declared.value.as_deref());
    by_name || by_value.is_some_and(|value| value.contains("{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_absent_empty_and_malformed_by_its_type() {
        let text = r#"
[service]
name = "a"
start = "a"
port = 80
[environment.KEY]
type = "secret"
min_length = 8
[environment.LEVEL]
type = "enum"
values = ["a", "b"]
required = false
[environment.SIZE]
type = "int"
value = "5"
required = false
malformed = "any"
"#;
        let manifest = settings::parse(text).expect("it is good").manifest;
        let cases = cases(&manifest);
        let names: Vec<_> =
            cases.iter().map(|c| (c.variable.as_str(), c.method.as_str())).collect();
        assert_eq!(
            names,
            [
                ("KEY", "absent"),
                ("KEY", "empty"),
                ("KEY", "malformed (shorter than its smallest length)"),
                ("LEVEL", "malformed (\"seaworthy-unknown\", not one of its values)"),
                ("SIZE", "absent"),
            ]
        );
        assert_eq!(cases[4].expected, Expectation::Starts);
        assert_eq!(expectation(&manifest, "SIZE", "malformed: x"), Expectation::Any);
    }
}
