//! Marks that were damaged on the way: UTF-8 that somebody read as Mac Roman or Windows-1252.

/// The marks that are looked for, in the order in which longer ones come first.
const MARKS: [char; 16] =
    ['✅', '❌', '⚠', '⏳', '🟢', '🟡', '🟠', '🔴', '☑', '✔', '✓', '✗', '✘', '🚧', '🔄', '⛔'];

/// What Mac Roman makes of the bytes from 0x80 on.
const MAC_ROMAN: &str = "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø¿¡¬√ƒ≈∆«»…\u{a0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{f8ff}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ";
/// What Windows-1252 makes of the bytes from 0x80 to 0x9f; from there on it is Latin-1.
const WINDOWS_1252: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// The text with its damaged marks mended. Everything else stays as it is.
pub(crate) fn mended(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut out = text.to_owned();
    for mark in MARKS {
        for damaged in [damaged(mark, mac_roman), damaged(mark, windows_1252)] {
            out = out.replace(&damaged, &mark.to_string());
            // Mac Roman's apple, with which every emoji begins, is lost more often than not.
            if let Some(rest) = damaged.strip_prefix('\u{f8ff}') {
                out = out.replace(rest, &mark.to_string());
            }
        }
        // The bold kinds: ⚠️ and ☑️ end with a selector of their own.
        for read in [mac_roman, windows_1252] {
            let selector = damaged('\u{fe0f}', read);
            out = out.replace(&format!("{mark}{selector}"), &mark.to_string());
        }
    }
    out
}

fn damaged(mark: char, read: fn(u8) -> char) -> String {
    let mut bytes = [0; 4];
    mark.encode_utf8(&mut bytes).bytes().map(read).collect()
}

fn mac_roman(byte: u8) -> char {
    table(MAC_ROMAN, byte)
}

fn windows_1252(byte: u8) -> char {
    if byte >= 0xa0 { char::from(byte) } else { table(WINDOWS_1252, byte) }
}

fn table(all: &str, byte: u8) -> char {
    let at = usize::from(byte).checked_sub(0x80);
    at.and_then(|at| all.chars().nth(at)).unwrap_or(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_marks_are_mended() {
        assert_eq!(mended("- ‚úÖ **CORS**"), "- ✅ **CORS**");
        assert_eq!(mended("‚ö†Ô∏è Partial"), "⚠ Partial");
        assert_eq!(mended("‚ùå Missing"), "❌ Missing");
        assert_eq!(mended("Load ‚è≥"), "Load ⏳");
        assert_eq!(mended("üü° READY"), "🟡 READY");
        assert_eq!(mended("âœ… done"), "✅ done");
        assert_eq!(mended("café – naïve"), "café – naïve");
    }
}
