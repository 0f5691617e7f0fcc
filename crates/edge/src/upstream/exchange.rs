//! A request and its answer, up to the end of the answer's head.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use layers::Refusal;
use tokio::net::TcpStream;

use super::Outgoing;
use super::body::Reply;
use super::connection::Connection;
use super::head::{self, Head};
use super::pool::Pool;
use super::sending::{Broken, Sending};

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Exchange {
    on: On,
    sending: Sending<Outgoing>,
    /// Of HEAD, whose answers have no body.
    to_head: bool,
    upgrades: bool,
    /// Whether it may be sent twice: it has no body and changes nothing (RFC 9110, 9.2.1).
    safe: bool,
    /// Whether its connection is a new one: then it is not tried on another.
    fresh: bool,
    pool: Pool,
}

/// What it is sent on.
enum On {
    Open(Box<Connection>),
    /// A new one, and what is to be sent on it.
    Opening(Pin<Box<dyn Future<Output = io::Result<Box<Connection>>> + Send>>, Vec<u8>),
    Nothing,
}

impl std::fmt::Debug for On {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Open(_) => "Open",
            Self::Opening(..) => "Opening",
            Self::Nothing => "Nothing",
        })
    }
}

/// What the service made of a request.
#[derive(Debug)]
pub(crate) enum Replied {
    /// The whole answer.
    Whole(Response<Bytes>),
    /// An answer whose body is under way.
    Begun(Response<Box<Reply>>),
    /// It switched protocols: its end, and what it has already said on it.
    Switched(Response<()>, TcpStream, BytesMut),
}

impl Exchange {
    /// Begins: on a connection that was used before where there is one.
    pub(crate) fn begin(pool: &Pool, request: Request<Outgoing>, upgrades: bool) -> Self {
        let to_head = request.method() == Method::HEAD;
        let safe = request.method().is_safe() && request.body().is_end_stream() && !upgrades;
        let used = pool.used(safe);
        let fresh = used.is_none();
        let (on, sending) = match used {
            Some(mut connection) => {
                let sending = Sending::begin(request, &mut connection.outgoing);
                (On::Open(connection), sending)
            }
            None => {
                let mut outgoing = Vec::new();
                let sending = Sending::begin(request, &mut outgoing);
                (opening(pool, outgoing), sending)
            }
        };
        Self { on, sending, to_head, upgrades, safe, fresh, pool: pool.clone() }
    }

    /// Sends what can be sent. A kept connection that turns out to be closed before it took a byte is
    /// replaced by a new one; after that only what is safe is sent again, and only once.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Result<(), Refusal> {
        let On::Open(connection) = &mut self.on else { return Ok(()) };
        let Poll::Ready(Err(broken)) = self.sending.poll(connection, context) else {
            return Ok(());
        };
        match broken {
            Broken::Client => {
                let message = "the body of the request is broken";
                return Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_request", message));
            }
            Broken::Service if !connection.touched && !self.fresh => {
                self.fresh = true;
                self.on = opening(&self.pool, connection.take_outgoing());
            }
            // It may have answered before it closed.
            Broken::Service => {
                connection.drop_outgoing();
                self.sending = Sending::GivenUp;
            }
        }
        Ok(())
    }

    fn poll_open(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        if let On::Opening(opening, outgoing) = &mut self.on {
            let opened = ready!(opening.as_mut().poll(context));
            let mut connection = opened.map_err(|_| unavailable())?;
            connection.outgoing = std::mem::take(outgoing);
            self.on = On::Open(connection);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<Head, Refusal>> {
        let On::Open(connection) = &mut self.on else { return Poll::Pending };
        loop {
            let room = self.pool.added();
            let (incoming, heads) = (&mut connection.incoming, &mut connection.heads);
            match head::take(incoming, heads, self.to_head, room) {
                // What comes before the answer is for this connection only.
                Ok(Some(head)) if is_interim(&head, self.upgrades)? => {}
                Ok(Some(head)) => return Poll::Ready(Ok(head)),
                Ok(None) => match ready!(connection.poll_fill(context)) {
                    // A kept connection may end just when it is used again. Who only asked may ask
                    // once more.
                    Ok(0) | Err(_)
                        if self.safe && !self.fresh && connection.incoming.is_empty() =>
                    {
                        self.fresh = true;
                        self.on = opening(&self.pool, connection.take_outgoing());
                        return self.poll_again(context);
                    }
                    Ok(0) | Err(_) => return Poll::Ready(Err(broke_off())),
                    Ok(_) => {}
                },
                Err(why) => {
                    return Poll::Ready(Err(bad_gateway(format!(
                        "the service's answer cannot be passed on: {why}"
                    ))));
                }
            }
        }
    }

    fn poll_again(&mut self, context: &mut Context<'_>) -> Poll<Result<Head, Refusal>> {
        ready!(self.poll_open(context))?;
        self.poll_send(context)?;
        self.poll_head(context)
    }

    fn replied(&mut self, head: Head) -> Result<Replied, Refusal> {
        let On::Open(connection) = std::mem::replace(&mut self.on, On::Nothing) else {
            return Err(broke_off());
        };
        let Head { head, framing, reusable } = head;
        if head.status() == StatusCode::SWITCHING_PROTOCOLS {
            let (stream, ahead) = connection.into_parts().ok_or_else(broke_off)?;
            return Ok(Replied::Switched(head, stream, ahead));
        }
        let sending = std::mem::replace(&mut self.sending, Sending::Nothing);
        let sent = sending.is_done() && connection.has_sent();
        let given_up = matches!(sending, Sending::GivenUp);
        let mut reply = Reply {
            connection: Some(connection),
            framing,
            upload: None,
            // Who has not taken the whole request would take the next one for its rest.
            reusable: reusable && sent,
            pool: self.pool.clone(),
            failure: None,
        };
        if let Some(bytes) = reply.whole() {
            return Ok(Replied::Whole(head.map(|()| bytes)));
        }
        if !sent && !given_up {
            reply.go_on_sending(sending);
        }
        Ok(Replied::Begun(head.map(|()| Box::new(reply))))
    }
}

impl Future for Exchange {
    type Output = Result<Replied, Refusal>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.poll_open(context))?;
        self.poll_send(context)?;
        // On another connection, if it had to be.
        let head = ready!(self.poll_again(context))?;
        Poll::Ready(self.replied(head))
    }
}

fn opening(pool: &Pool, outgoing: Vec<u8>) -> On {
    On::Opening(Box::pin(Connection::open(pool.address())), outgoing)
}

/// Whether the answer itself is still to come.
fn is_interim(head: &Head, upgrades: bool) -> Result<bool, Refusal> {
    let status = head.head.status();
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return if upgrades {
            Ok(false)
        } else {
            let message = "the service switched protocols, and nobody had asked it to";
            Err(bad_gateway(message.to_owned()))
        };
    }
    Ok(status.is_informational())
}

pub(super) fn unavailable() -> Refusal {
    let message = "the service takes no connections at the moment";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", message).retry_after(1)
}

pub(super) fn broke_off() -> Refusal {
    bad_gateway("the service broke off".to_owned())
}

pub(super) fn bad_gateway(message: String) -> Refusal {
    Refusal::new(StatusCode::BAD_GATEWAY, "bad_gateway", message)
}
