//! `[supply.websocket]`: what WebSockets may do.

use layers::Quota;
use settings::supply::WebSocket;

use super::problem::Problem;
use crate::websocket::SocketLimits;

/// What a WebSocket may do.
pub(super) fn sockets(declared: &WebSocket, problems: &mut Vec<Problem>) -> SocketLimits {
    if declared.idle.0.is_zero() {
        problems.push("supply.websocket.idle: expected more than nothing, found 0s".to_owned());
    }
    let messages = declared.messages.as_ref().and_then(|text| match text.parse::<Quota>() {
        Ok(quota) => Some(quota),
        Err(why) => {
            problems.push(format!("supply.websocket.messages: {why}"));
            None
        }
    });
    let (frame, message) = (declared.max_frame.0, declared.max_message.0);
    SocketLimits { frame: frame.min(message), message, messages, idle: declared.idle.0 }
}
