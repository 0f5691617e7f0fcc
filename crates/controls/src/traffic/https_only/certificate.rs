//! Reading the end of a certificate's validity: just enough of DER (ITU-T X.690) for that.

/// The second (Unix time) after which it is not valid any more.
pub(super) fn not_after(der: &[u8]) -> Option<i64> {
    let (_, certificate, _) = element(der)?;
    let (_, mut body, _) = element(certificate)?;
    // version, serial number, signature algorithm, issuer: then the validity.
    for _ in 0..6 {
        let (tag, content, rest) = element(body)?;
        body = rest;
        if tag == 0x30
            && let Some((first, _, second)) = element(content)
            && matches!(first, 0x17 | 0x18)
        {
            let (kind, until, _) = element(second)?;
            return time(kind, std::str::from_utf8(until).ok()?);
        }
    }
    None
}

/// The tag, the content and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..0x80 => (usize::from(first), rest),
        _ => {
            let count = usize::from(first & 0x7f);
            if count > 4 || rest.len() < count {
                return None;
            }
            let length = rest[..count].iter().fold(0, |all, byte| all << 8 | usize::from(*byte));
            (length, &rest[count..])
        }
    };
    (rest.len() >= length).then(|| (tag, &rest[..length], &rest[length..]))
}

/// UTCTime (`YYMMDDHHMMSSZ`) or GeneralizedTime (`YYYYMMDDHHMMSSZ`).
fn time(kind: u8, text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z')?;
    let (year, rest) = match kind {
        0x17 => {
            let year: i64 = text.get(..2)?.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        _ => (text.get(..4)?.parse().ok()?, text.get(4..)?),
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<i64>().ok();
    let (month, day) = (part(0)?, part(2)?);
    let days = days_since_1970(year, month, day);
    Some(days * 86_400 + part(4)? * 3600 + part(6)? * 60 + part(8)?)
}

/// Days between 1970-01-01 and a date of the Gregorian calendar (Howard Hinnant's method).
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_time_are_read() {
        assert_eq!(time(0x17, "261121000000Z"), Some(1_795_219_200));
        assert_eq!(time(0x18, "20261121000000Z"), Some(1_795_219_200));
        assert_eq!(time(0x17, "700101000001Z"), Some(1));
    }

    #[test]
    fn bytes_that_are_no_certificate_are_none() {
        assert_eq!(not_after(b""), None);
        assert_eq!(not_after(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(not_after(&[0x30, 3, 0x30, 1, 0]), None);
    }
}
