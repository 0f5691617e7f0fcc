//! Addresses of dependencies: a host, a port and a login that are those of the text.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [how, rest @ ..] = data else { return };
    let [user, password, any] = fuzz::parts::<3>(rest);
    let any = fuzz::text(any);
    fuzz::timed(|| {
        if let Ok(parts) = settings::address::read(&any, Some(1)) {
            assert!(!parts.host.contains(['/', '?', '@']), "{parts:?}");
        }
    });
    let (user, password) = (fuzz::text(user), fuzz::text(password));
    let all = percent_encoding::NON_ALPHANUMERIC;
    let encoded = |text: &str| percent_encoding::utf8_percent_encode(text, all).to_string();
    let port = u16::from(*how) + 1;
    let whole = format!("redis://{}:{}@a.example:{port}/0", encoded(&user), encoded(&password));
    let parts = settings::address::read(&whole, None).expect("it is sound");
    assert_eq!(parts.user.unwrap_or_default(), user);
    assert_eq!(parts.password.unwrap_or_default(), password);
    assert_eq!((parts.host.as_str(), parts.port), ("a.example", port));
});
