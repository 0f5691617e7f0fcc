//! Origins that nobody meant to allow: strangers, `null`, and look-alikes of the declared ones.

/// Each with its class: `strange`, `null` or `similar`.
pub(super) fn hostile(allowed: &[String]) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("strange", "https://evil-one.example".to_owned()),
        ("strange", "https://evil-two.example:8443".to_owned()),
        ("null", "null".to_owned()),
    ];
    for origin in allowed.iter().take(2) {
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
    all.retain(|(_, origin)| !allowed.contains(origin));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_declared_origin_is_hostile() {
        let allowed = ["https://app.example.com".to_owned(), "http://app.example.com".to_owned()];
        let all = hostile(&allowed);
        assert!(all.iter().all(|(_, origin)| !allowed.contains(origin)));
        assert!(all.iter().any(|(_, origin)| origin == "https://app.example.com.evil.example"));
        assert!(all.iter().any(|(_, origin)| origin == "https://appxexample.com"));
    }
}
