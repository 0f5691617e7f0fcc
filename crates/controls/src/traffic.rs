//! What comes in over HTTP.

pub(crate) mod api_versions;
pub(crate) mod body_limits;
pub(crate) mod compression;
pub(crate) mod cors;
pub(crate) mod https_only;
pub(crate) mod input_validation;
pub(crate) mod pagination;
pub(crate) mod security_headers;
pub(crate) mod uploads;
