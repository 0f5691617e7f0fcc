//! Plain HTTP is redirected or refused.

use layers::Https;

use super::Supply;

pub(super) static SUPPLY: Supply = Supply {
    id: "https-only",
    how: "redirects plain HTTP and sets HSTS, by the word of a trusted proxy",
    its_own: &["old-tls", "certificate-expires", "certificate-expired", "certificate-not-valid"],
    declare: |supplied, asked, _| {
        let age = asked.manifest.controls.https_only.hsts.0.as_secs();
        supplied.https = Some(Https::new(asked.proto.clone(), age));
    },
    ..Supply::NOTHING
};
