//! Database errors become stable codes: PostgreSQL's SQLSTATE (appendix A of its manual) to an HTTP
//! status, for services that speak to the database themselves.
//!
//! ```
//! let mapped = layers::sqlstate::map("23505");
//! assert_eq!((mapped.status.as_u16(), mapped.code), (409, "duplicate"));
//! ```

use http::StatusCode;

use crate::refusal::Refusal;

/// What a database error means to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapped {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: &'static str,
    /// The same request may succeed when it is sent again.
    pub retryable: bool,
}

impl From<Mapped> for Refusal {
    fn from(mapped: Mapped) -> Self {
        let refusal = Self::new(mapped.status, mapped.code, mapped.message);
        if mapped.retryable { refusal.retry_after(1) } else { refusal }
    }
}

const fn once(status: StatusCode, code: &'static str, message: &'static str) -> Mapped {
    Mapped { status, code, message, retryable: false }
}

const fn again(status: StatusCode, code: &'static str, message: &'static str) -> Mapped {
    Mapped { status, code, message, retryable: true }
}

/// The meaning of an SQLSTATE; 500 for what only a mistake of the service can cause.
pub fn map(sqlstate: &str) -> Mapped {
    use StatusCode as S;
    match sqlstate {
        "23505" | "23P01" => once(S::CONFLICT, "duplicate", "it already exists"),
        "23503" => {
            once(S::UNPROCESSABLE_ENTITY, "unknown_reference", "what it refers to is not there")
        }
        "23502" => once(S::UNPROCESSABLE_ENTITY, "missing_value", "a value is missing"),
        "23514" => once(S::UNPROCESSABLE_ENTITY, "invalid_value", "a value is not allowed"),
        "40001" | "40P01" => again(S::CONFLICT, "conflict", "somebody else was faster; try again"),
        "55P03" => again(S::SERVICE_UNAVAILABLE, "busy", "it is locked; try again"),
        "57014" => again(S::GATEWAY_TIMEOUT, "timeout", "the database took too long"),
        "25006" => again(S::SERVICE_UNAVAILABLE, "read_only", "nothing can be written now"),
        _ => match sqlstate.get(..2) {
            Some("22") => once(S::UNPROCESSABLE_ENTITY, "invalid_value", "a value is not allowed"),
            Some("08" | "53" | "57") => {
                again(S::SERVICE_UNAVAILABLE, "database_unavailable", "the database is away")
            }
            _ => once(S::INTERNAL_SERVER_ERROR, "internal_error", "something went wrong"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_their_meaning() {
        for (state, status, retryable) in [
            ("23505", 409, false),
            ("23503", 422, false),
            ("22001", 422, false),
            ("40001", 409, true),
            ("08006", 503, true),
            ("57P01", 503, true),
            ("53300", 503, true),
            ("42601", 500, false),
            ("", 500, false),
            ("é", 500, false),
        ] {
            let mapped = map(state);
            assert_eq!((mapped.status.as_u16(), mapped.retryable), (status, retryable), "{state}");
        }
    }
}
