//! Text is compressed for those who ask.

use super::Supply;

pub(super) static SUPPLY: Supply = Supply {
    id: "compression",
    how: "compresses text for those who ask",
    its_own: &["broken-encoding", "not-cacheable"],
    declare: |supplied, _, _| supplied.compress = true,
    ..Supply::NOTHING
};
