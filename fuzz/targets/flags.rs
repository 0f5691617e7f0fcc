//! Flags: a broken source changes nothing, a good one makes shares between 0 and 100.
#![no_main]

use layers::{Flags, Setting};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [first, second, key] = fuzz::parts::<3>(data);
    let flags = Flags::new(["a", "b"].map(|name| (name.to_owned(), Setting::plain(false))));
    let key = fuzz::text(key);
    for source in [first, second] {
        let (before, version) = (flags.all(), flags.version());
        match fuzz::timed(|| flags.load(&fuzz::text(source))) {
            Ok(unknown) => {
                assert!(flags.version() > version);
                assert!(unknown.iter().all(|name| name != "a" && name != "b"), "{unknown:?}");
            }
            Err(why) => {
                assert!(!why.is_empty());
                assert_eq!((flags.all(), flags.version()), (before, version));
            }
        }
        for (name, flag) in flags.all() {
            let now = flag.now();
            assert!((0.0..=100.0).contains(&now.share), "{now:?}");
            let found = flags.evaluate(&name, &key).expect("it is known");
            assert_eq!(Some(found), flags.evaluate(&name, &key), "it is steady");
            assert!(now.on || !found.on);
            assert!(now.share > 0.0 || !found.on);
            assert!(!now.on || now.share < 100.0 || found.on);
        }
    }
});
