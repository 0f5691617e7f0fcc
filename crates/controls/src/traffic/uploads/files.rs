//! Files that ought to be refused, each one property away from a good one.

use client::Request;
use settings::controls::Uploads;

pub(super) const WRONG_CONTENT: &str = "a script that says it is a picture";
pub(super) const WRONG_TYPE: &str = "a page with its own type";
pub(super) const DOUBLE: &str = "a page named like a picture";
pub(super) const TRAVERSAL: &str = "a name that leads upwards";
pub(super) const TOO_LARGE: &str = "too large";
pub(super) const BOMB: &str = "a picture that says it is enormous";
pub(super) const EMPTY: &str = "empty";
/// The name under which a file would be found outside its folder.
pub(super) const ESCAPED: &str = "seaworthy-escaped.png";

/// What each case is found as when it is accepted.
pub(super) const EXPECTED: [(&str, &str); 7] = [
    (WRONG_CONTENT, "accepts-wrong-content"),
    (WRONG_TYPE, "accepts-wrong-type"),
    (DOUBLE, "accepts-wrong-content"),
    (TRAVERSAL, "keeps-traversal"),
    (TOO_LARGE, "accepts-too-large"),
    (BOMB, "accepts-bombs"),
    (EMPTY, "accepts-empty"),
];

/// The labels of all bad files.
pub(super) const LABELS: &[&str] =
    &[WRONG_CONTENT, WRONG_TYPE, DOUBLE, TRAVERSAL, TOO_LARGE, BOMB, EMPTY];

const BOUNDARY: &str = "seaworthy-boundary-7d1f";
/// The first bytes of the known types.
const MAGIC: [(&str, &str, &[u8]); 4] = [
    ("image/png", "png", b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", "jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"),
    ("image/gif", "gif", b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"),
    ("application/pdf", "pdf", b"%PDF-1.4\n%%EOF\n"),
];
const PAGE: &[u8] = b"<!doctype html><script>alert(1)</script>";

/// A file as a browser sends it.
#[derive(Debug, Clone)]
pub(super) struct File {
    name: String,
    kind: String,
    content: Vec<u8>,
}

impl File {
    fn new(name: &str, kind: &str, content: impl Into<Vec<u8>>) -> Self {
        Self { name: name.to_owned(), kind: kind.to_owned(), content: content.into() }
    }

    /// The same file under another name, with its suffix.
    pub(super) fn named(mut self, name: &str) -> Self {
        let suffix = self.name.rsplit('.').next().unwrap_or_default();
        self.name = format!("{name}.{suffix}");
        self
    }

    /// The request that carries it in a field of `multipart/form-data` (RFC 7578).
    pub(super) fn post(&self, request: &Request, settings: &Uploads) -> Request {
        let fields = settings.fields.iter().map(|(name, value)| {
            let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"");
            format!("{head}\r\n\r\n{value}\r\n")
        });
        let mut body = fields.collect::<String>();
        body.push_str(&format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n\
             Content-Type: {}\r\n\r\n",
            settings.field, self.name, self.kind
        ));
        let mut body = body.into_bytes();
        body.extend_from_slice(&self.content);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        request.clone().header("Content-Type", &kind).body(body)
    }
}

/// A picture of one point, complete with its checks.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&[8, 0, 0, 0, 0]);
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let packed = std::io::Write::write_all(&mut packer, &[0, 0]).and_then(|()| packer.finish());
    let mut all = MAGIC[0].2.to_vec();
    for (name, content) in
        [(b"IHDR", header), (b"IDAT", packed.unwrap_or_default()), (b"IEND", Vec::new())]
    {
        let mut check = flate2::Crc::new();
        check.update(name);
        check.update(&content);
        all.extend_from_slice(&u32::try_from(content.len()).unwrap_or(0).to_be_bytes());
        all.extend_from_slice(name);
        all.extend_from_slice(&content);
        all.extend_from_slice(&check.sum().to_be_bytes());
    }
    all
}

fn first_kind(settings: &Uploads) -> (&'static str, &'static str, &'static [u8]) {
    let accepted = |kind: &str| settings.accepts.iter().any(|accepted| accepted == kind);
    MAGIC.into_iter().find(|(kind, ..)| accepted(kind)).unwrap_or(MAGIC[0])
}

/// A file that must be accepted.
pub(super) fn good(settings: &Uploads) -> File {
    let (kind, suffix, magic) = first_kind(settings);
    let content = if kind == "image/png" { png(1, 1) } else { magic.to_vec() };
    File::new(&format!("picture.{suffix}"), kind, content)
}

/// The good one and every bad one.
pub(super) fn cases(settings: &Uploads) -> Vec<(&'static str, File)> {
    let (kind, suffix, magic) = first_kind(settings);
    let fine = good(settings);
    let mut large = fine.content.clone();
    large.resize(usize::try_from(settings.max.0).unwrap_or(0) + 64 * 1024, 0);
    let mut all = vec![
        (super::GOOD, fine.clone()),
        (WRONG_CONTENT, File::new(&format!("picture.{suffix}"), kind, PAGE)),
        (WRONG_TYPE, File::new("page.html", "text/html", PAGE)),
        (DOUBLE, File::new(&format!("page.html.{suffix}"), kind, PAGE)),
        (TRAVERSAL, File::new(&format!("../{ESCAPED}"), kind, fine.content.clone())),
        (TOO_LARGE, File::new(&format!("large.{suffix}"), kind, large)),
        (EMPTY, File::new(&format!("empty.{suffix}"), kind, Vec::new())),
    ];
    if magic == MAGIC[0].2 {
        all.push((BOMB, File::new("bomb.png", kind, png(60_000, 60_000))));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_expected_and_every_expectation_tried() {
        let cases = cases(&Uploads::default());
        let labels: Vec<_> = cases.iter().map(|(label, _)| *label).collect();
        for (label, _) in EXPECTED {
            assert!(labels.contains(&label), "{label}");
            assert!(LABELS.contains(&label), "{label}");
        }
        assert_eq!(labels.len(), EXPECTED.len() + 1);
    }

    #[test]
    fn a_picture_is_one() {
        let picture = png(1, 1);
        assert_eq!(&picture[..8], MAGIC[0].2);
        assert!(picture.ends_with(b"IEND\xaeB\x60\x82"));
    }
}
