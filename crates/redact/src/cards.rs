//! Payment cards within text: an issuer's range, one of its lengths, and Luhn's check.

use std::ops::Range;

/// The shortest and the longest card, in digits.
const LENGTHS: Range<usize> = 13..20;
/// What a card is written in, but for its last part, has at least so many digits.
const PART: usize = 3;

/// Where cards stand, from the first to the last, none within another. A card may have other
/// numbers beside it: what counts is whole groups of digits, joined by one space or dash each.
pub(crate) fn find(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let groups = groups(bytes);
    let mut found = Vec::new();
    let mut at = 0;
    while at < groups.len() {
        match longest(bytes, &groups[at..]) {
            Some((card, taken)) => {
                found.push(card);
                at += taken;
            }
            None => at += 1,
        }
    }
    found
}

/// Every run of digits.
fn groups(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length > 0 {
            groups.push(at..at + length);
        }
        at += length + 1;
    }
    groups
}

/// The longest card that begins with the first of these groups, and how many of them it takes.
fn longest(bytes: &[u8], groups: &[Range<usize>]) -> Option<(Range<usize>, usize)> {
    let first = groups.first()?;
    // The digits after a point are a fraction's.
    if let [.., before, b'.'] = &bytes[..first.start]
        && before.is_ascii_digit()
    {
        return None;
    }
    let mut best = None;
    for start in [Some(first.start), after_escape(bytes, first)].into_iter().flatten() {
        let mut digits: Vec<u32> = Vec::new();
        for (taken, group) in groups.iter().enumerate() {
            let joined = taken == 0
                || (joins(&bytes[groups[taken - 1].end..group.start])
                    && groups[taken - 1].len() >= PART);
            let from = if taken == 0 { start } else { group.start };
            if !joined || digits.len() + (group.end - from) >= LENGTHS.end {
                break;
            }
            digits.extend(bytes[from..group.end].iter().map(|byte| u32::from(byte - b'0')));
            if is_card(&digits) {
                best = Some((start..group.end, taken + 1));
            }
        }
        if best.is_some() {
            break;
        }
    }
    best
}

fn joins(between: &[u8]) -> bool {
    matches!(between, b" " | b"-" | b"+")
}

/// Where the digits begin when the first of them belong to an escape: `%20`, `\u0020`.
fn after_escape(bytes: &[u8], group: &Range<usize>) -> Option<usize> {
    let ends = |sign: &[u8], digits: usize| {
        (1..=digits).find_map(|back| {
            let begin = group.start.checked_sub(back - 1)?;
            let end = begin + digits;
            let hex = bytes.get(begin..end)?.iter().all(u8::is_ascii_hexdigit);
            (hex && bytes[..begin].ends_with(sign)).then_some(end)
        })
    };
    ends(b"%", 2).or_else(|| ends(br"\u", 4)).filter(|end| *end < group.end)
}

fn is_card(digits: &[u32]) -> bool {
    let first = |count: usize| digits.iter().take(count).fold(0, |sum, digit| sum * 10 + digit);
    let issued = match digits.len() {
        13 | 16 | 18 | 19 if first(1) == 4 => true,
        15 => matches!(first(2), 34 | 37),
        14 => matches!(first(2), 36 | 38) || matches!(first(3), 300..=305),
        16 => {
            matches!(first(2), 51..=55)
                || matches!(first(4), 2221..=2720 | 3528..=3589 | 6011)
                || matches!(first(2), 62 | 65)
        }
        17..=19 => first(2) == 62,
        _ => false,
    };
    issued && LENGTHS.contains(&digits.len()) && luhn(digits)
}

fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match at % 2 {
            0 => *digit,
            _ => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|card| &text[card]).collect()
    }

    #[test]
    fn cards_are_found_beside_other_numbers() {
        for (text, card) in [
            ("4111111111111111", "4111111111111111"),
            ("12 4111 1111 1111 1111 12/27", "4111 1111 1111 1111"),
            ("2026-11-21 378282246310005", "378282246310005"),
            ("100%4111111111111111", "4111111111111111"),
            ("%204111111111111111", "4111111111111111"),
            ("%C24111111111111111", "4111111111111111"),
            (r"\u00204111111111111111", "4111111111111111"),
            ("pan4111111111111111x", "4111111111111111"),
        ] {
            assert_eq!(found(text), [card], "{text}");
        }
    }

    #[test]
    fn other_numbers_are_none() {
        for text in ["4111111111111112", "94111111111111111", "1763719200123", "4 1 1 1", ""] {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
