//! Origins that nobody meant to allow: strangers, `null`, and look-alikes of the declared ones.

/// Each with its class: `strange`, `null` or `similar`.
pub(super) fn hostile(allowed: &[String]) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("strange", "https://evil-one.example".to_owned()),
        ("strange", "https://evil-two.example:8443".to_owned()),
        ("null", "null".to_owned()),
    ];
    for origin in allowed.iter().map(|pattern| example_of(pattern)).take(2) {
        let Some((scheme, host)) = origin.split_once("://") else { continue };
        let bare = host.split(':').next().unwrap_or(host);
        all.extend(
            [
                // A prefix comparison lets this pass.
                format!("{scheme}://{bare}.evil.example"),
                // A suffix comparison lets these pass.
                format!("{scheme}://evil{bare}"),
                format!("{scheme}://evil.{bare}"),
                // A pattern whose dots are not escaped lets this pass.
                format!("{scheme}://{}", bare.replacen('.', "x", 1)),
                // The same host, but another origin.
                format!("{scheme}://{bare}:8443"),
                format!("http://{bare}"),
            ]
            .map(|origin| ("similar", origin)),
        );
    }
    all.retain(|(_, origin)| !allowed.iter().any(|pattern| fits(pattern, origin)));
    all
}

/// An origin that a declared one stands for: `*` is any name of a host.
pub(super) fn example_of(pattern: &str) -> String {
    pattern.replace('*', "app")
}

/// Whether an origin is a declared one: the `*` of a pattern stands for one or more names.
fn fits(pattern: &str, origin: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == origin };
    let inner = origin.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    inner.is_some_and(|inner| {
        !inner.is_empty()
            && inner.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_names_and_nothing_else() {
        let pattern = "https://*.example.com";
        for (origin, is_declared) in [
            ("https://a.example.com", true),
            ("https://a.b.example.com", true),
            ("https://example.com", false),
            ("https://a.example.com.evil.example", false),
            ("http://a.example.com", false),
            ("https://evil/.example.com", false),
        ] {
            assert_eq!(fits(pattern, origin), is_declared, "{origin}");
        }
        let all = hostile(&[pattern.to_owned()]);
        assert!(all.iter().any(|(_, origin)| origin == "https://app.example.com.evil.example"));
        assert!(!all.iter().any(|(_, origin)| origin == "https://evil.app.example.com"));
    }

    #[test]
    fn no_declared_origin_is_hostile() {
        let allowed = ["https://app.example.com".to_owned(), "http://app.example.com".to_owned()];
        let all = hostile(&allowed);
        assert!(all.iter().all(|(_, origin)| !allowed.contains(origin)));
        assert!(all.iter().any(|(_, origin)| origin == "https://app.example.com.evil.example"));
        assert!(all.iter().any(|(_, origin)| origin == "https://appxexample.com"));
    }
}
