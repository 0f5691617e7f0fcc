//! Which names are those of secrets, and which only hold such a word: `className`, `discarded`.

/// A name that holds one of these, however it is put together, is a secret's.
const WITHIN: &[&str] = &[
    "passw",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
    "session",
    "cookie",
    "credential",
    "csrf",
    "phone",
    "cvv",
    "cvc",
    "iban",
];
/// These are parts of other words, too, and count where a word begins or ends with them.
const AT_AN_END: &[&str] = &["otp", "ssn", "card"];
/// Words that do and are something else.
const OTHERS: &[&str] =
    &["discard", "wildcard", "postcard", "scorecard", "cardinal", "cardio", "cardboard"];

/// Whether what bears this name is secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let joined: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    WITHIN.iter().any(|word| joined.contains(word))
        || words(name).iter().any(|word| at_an_end(word))
}

fn at_an_end(word: &str) -> bool {
    let ends = AT_AN_END.iter().any(|one| word.starts_with(one) || word.ends_with(one));
    ends && !OTHERS.iter().any(|other| word.starts_with(other))
}

/// `userSSN_last4` is `user`, `ssn`, `last4`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for letter in name.chars() {
        let begins = letter.is_ascii_uppercase() && small;
        if begins || !letter.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(letter.to_ascii_lowercase());
        }
        small = letter.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether this number says how many there are: `prompt_tokens: 512`. A single token may be a number.
pub(crate) fn is_count(name: &str, value: &str) -> bool {
    let number = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let last = words(name).pop().unwrap_or_default();
    number && ["tokens", "sessions", "cookies", "secrets", "cards", "count"].contains(&&*last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_others() {
        for name in [
            "password",
            "DB_PASSWORD",
            "x-api-key",
            "apiKey",
            "accessToken",
            "card",
            "cardNumber",
            "credit_card",
            "creditcard",
            "userSSN_last4",
            "ssn",
            "otp",
            "otpCode",
            "totp",
            "set-cookie",
            "connect.session",
            "my_iban",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "className",
            "classname",
            "footprint",
            "discarded",
            "cardinality",
            "wildcard",
            "processName",
            "path",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn counts_are_no_secrets() {
        assert!(is_count("prompt_tokens", "512") && is_count("maxTokens", "4.5"));
        assert!(!is_count("token", "482913") && !is_count("tokens", "a1"));
    }
}
