//! Using a feature that is declared by a request or a journey.

use lab::Bench;

use crate::business::declared;
use crate::surface::Visitor;

/// Sends the declared request, with the headers of the journey's last step where both are
/// declared; or walks the journey, whose last step is the feature. Records them under the label.
pub(crate) async fn use_it(
    bench: &Bench,
    visitor: &Visitor<'_>,
    label: &str,
    request: Option<&str>,
    journey: Option<&str>,
) {
    let mut headers = Vec::new();
    if let Some((_, journey)) = journey.and_then(|name| bench.journey(Some(name))) {
        let mut walk = visitor.person();
        for (at, entry) in journey.entries.iter().enumerate() {
            let last = at + 1 == journey.entries.len();
            let label = if last && request.is_none() {
                label.to_owned()
            } else {
                format!("before {label}")
            };
            let Some((sent, _, result)) = visitor.step(&label, &mut walk, entry).await else {
                return;
            };
            headers = sent.headers;
            if result.is_err() {
                break;
            }
        }
    }
    if let Some(text) = request {
        let mut request = declared(text);
        request.headers = headers;
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        visitor.ask(label, &request).await;
    }
}
