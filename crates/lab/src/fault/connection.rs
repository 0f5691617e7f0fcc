//! One connection through the proxy, from its beginning to its end.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::watch;

use super::pump::{Ended, pump};
use super::{Counters, Direction, Fault, Kind, Upstream};

/// Carries bytes both ways until both sides have ended or a fault ends them.
pub(super) async fn carry(
    mut client: TcpStream,
    upstream: Upstream,
    counters: Arc<Counters>,
    mut faults: watch::Receiver<Fault>,
) {
    // While everything hangs, a new connection is accepted by the kernel and gets no further.
    while faults.borrow_and_update().kind == Kind::Hang {
        if faults.changed().await.is_err() {
            return;
        }
    }
    if matches!(faults.borrow().kind, Kind::Reset | Kind::Refuse) {
        let _ = client.set_zero_linger();
        return;
    }
    let Ok(mut server) = upstream.connect().await else {
        let _ = client.set_zero_linger();
        return;
    };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let ended = {
        let ((client_in, client_out), (server_in, server_out)) = (client.split(), server.split());
        let up = pump(client_in, server_out, &counters.up, Direction::Up, faults.clone());
        let down = pump(server_in, client_out, &counters.down, Direction::Down, faults);
        tokio::pin!(up, down);
        tokio::select! {
            ended = &mut up => match ended {
                Ended::InOrder => down.await,
                Ended::Reset => Ended::Reset,
            },
            ended = &mut down => match ended {
                Ended::InOrder => up.await,
                Ended::Reset => Ended::Reset,
            },
        }
    };
    if ended == Ended::Reset {
        let _ = client.set_zero_linger();
        let _ = server.set_zero_linger();
    }
}
