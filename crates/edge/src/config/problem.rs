//! What stands in the way of a start.

/// Something in the manifest or on the command line that cannot work, in words.
pub type Problem = String;
