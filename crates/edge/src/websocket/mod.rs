//! WebSockets that pass through (RFC 6455): bounded, asked now and then whether anybody is there,
//! and closed with a reason when the edge drains or a caller's token expires.

mod frames;

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use layers::Quota;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep, sleep_until};

use self::frames::{Broken, Frames, Largest, PING, close};

/// What a WebSocket may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SocketLimits {
    /// The largest frame of a client, in bytes.
    pub(crate) frame: u64,
    /// The largest message of a client, in bytes.
    pub(crate) message: u64,
    /// How many messages a client may send; as many as it likes without.
    pub(crate) messages: Option<Quota>,
    /// After so long without a word from the client it is asked whether it is there; after as long
    /// again without an answer it is left.
    pub(crate) idle: Duration,
}

impl Default for SocketLimits {
    fn default() -> Self {
        let megabytes = 16 * 1024 * 1024;
        let idle = Duration::from_secs(60);
        Self { frame: megabytes, message: megabytes, messages: None, idle }
    }
}

/// Why a WebSocket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// One of the two closed it.
    Closed,
    /// The edge drains (1001).
    GoingAway,
    /// Its token has expired (1008).
    Expired,
    /// It was idle (1001).
    Idle,
    /// A message was too large (1009).
    TooLarge,
    /// There were too many messages (1008).
    TooMany,
    /// It was no WebSocket any more (1002).
    Broken,
}

impl Ended {
    /// For logs and metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::GoingAway => "going_away",
            Self::Expired => "token_expired",
            Self::Idle => "idle",
            Self::TooLarge => "message_too_large",
            Self::TooMany => "too_many_messages",
            Self::Broken => "broken",
        }
    }

    /// RFC 6455, 7.4.1.
    fn goodbye(self) -> Option<Vec<u8>> {
        let (code, reason) = match self {
            Self::Closed => return None,
            Self::GoingAway => (1001, "going away"),
            Self::Idle => (1001, "idle"),
            Self::Expired => (1008, "the token has expired"),
            Self::TooMany => (1008, "too many messages"),
            Self::TooLarge => (1009, "the message is too large"),
            Self::Broken => (1002, "this is no frame"),
        };
        Some(close(code, reason))
    }
}

/// So long a frame under way may take to its end before a goodbye, and a client to answer one.
const COURTESY: Duration = Duration::from_secs(1);
const LEAST_ROOM: usize = 2 * 1024;
const MOST_ROOM: usize = 64 * 1024;

/// When the client was heard last.
struct Heard {
    began: Instant,
    /// Milliseconds after that.
    last: AtomicU64,
}

impl Heard {
    fn now() -> Self {
        Self { began: Instant::now(), last: AtomicU64::new(0) }
    }

    fn again(&self) {
        let after = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(after, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.began + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }
}

/// Where pieces are read: small for the many that say little, larger for those that fill it.
struct Room(Vec<u8>);

impl Room {
    fn new() -> Self {
        Self(vec![0; LEAST_ROOM])
    }

    async fn read(&mut self, from: &mut (impl AsyncRead + Unpin)) -> usize {
        // Broken off is the end, too.
        from.read(&mut self.0).await.unwrap_or(0)
    }

    /// Makes it larger where a piece has filled it.
    fn fit(&mut self, count: usize) {
        if count == self.0.len() && count < MOST_ROOM {
            self.0.resize(count * 2, 0);
        }
    }
}

/// Joins the two ends. `ahead` is what the service has already said; `end` is ready when the edge has
/// a reason to end it.
pub(crate) async fn relay(
    client: impl AsyncRead + AsyncWrite,
    service: impl AsyncRead + AsyncWrite,
    ahead: BytesMut,
    limits: SocketLimits,
    end: impl Future<Output = Ended>,
) -> Ended {
    let (client_reads, client_writes) = tokio::io::split(client);
    let (service_reads, service_writes) = tokio::io::split(service);
    let heard = Heard::now();
    let mut up = pin!(upwards(client_reads, service_writes, limits, &heard));
    let mut down = Downwards {
        service: service_reads,
        client: client_writes,
        frames: Frames::new(Largest { frame: u64::MAX, message: u64::MAX }),
    };
    let ended = {
        let mut going = pin!(down.pass(&ahead, limits.idle, &heard, end));
        tokio::select! {
            ended = &mut up => match ended {
                // What the service still says is passed on.
                Ended::Closed => {
                    let _ = tokio::time::timeout(COURTESY, &mut going).await;
                    return Ended::Closed;
                }
                broken => broken,
            },
            ended = &mut going => ended,
        }
    };
    if let Some(goodbye) = ended.goodbye() {
        let _ = tokio::time::timeout(COURTESY, down.leave(&goodbye)).await;
        // The client says goodbye too, which the service is told; who says nothing is left. One that
        // broke the rules is not listened to any more.
        if matches!(ended, Ended::GoingAway | Ended::Expired | Ended::Idle) {
            let _ = tokio::time::timeout(COURTESY, up).await;
        }
    }
    let _ = down.client.shutdown().await;
    ended
}

/// From the client to the service, until the client has said everything or breaks the rules.
async fn upwards<C: AsyncRead, S: AsyncWrite>(
    mut client: ReadHalf<C>,
    mut service: WriteHalf<S>,
    limits: SocketLimits,
    heard: &Heard,
) -> Ended {
    let mut frames = Frames::new(Largest { frame: limits.frame, message: limits.message });
    let (mut room, mut due, began) = (Room::new(), 0, Instant::now());
    loop {
        let count = room.read(&mut client).await;
        if count == 0 {
            break;
        }
        heard.again();
        let piece = &room.0[..count];
        let seen = match frames.follow(piece) {
            Ok(seen) => seen,
            Err(Broken::TooLarge) => return Ended::TooLarge,
            Err(Broken::NoFrame) => return Ended::Broken,
        };
        if let Some(quota) = &limits.messages {
            let now = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            for _ in 0..seen.messages {
                match quota.conforms(due, now) {
                    Ok(next) => due = next,
                    Err(_) => return Ended::TooMany,
                }
            }
        }
        if service.write_all(piece).await.is_err() {
            break;
        }
        room.fit(count);
    }
    let _ = service.shutdown().await;
    Ended::Closed
}

/// From the service to the client.
struct Downwards<C, S> {
    service: ReadHalf<S>,
    client: WriteHalf<C>,
    frames: Frames,
}

impl<C: AsyncWrite, S: AsyncRead> Downwards<C, S> {
    /// Until the service has said everything, or there is another reason to end.
    async fn pass(
        &mut self,
        ahead: &[u8],
        idle: Duration,
        heard: &Heard,
        end: impl Future<Output = Ended>,
    ) -> Ended {
        if self.write(ahead).await.is_err() {
            return Ended::Closed;
        }
        let (mut room, mut end) = (Room::new(), pin!(end));
        // When it was asked, and when it had been heard last before.
        let mut asked: Option<(Instant, Instant)> = None;
        loop {
            let last = heard.last();
            asked = asked.filter(|(_, before)| *before == last);
            let again = asked.map_or(last, |(at, _)| at) + idle;
            let count = tokio::select! {
                count = room.read(&mut self.service) => match count {
                    0 => return Ended::Closed,
                    count => count,
                },
                ended = &mut end => return ended,
                () = sleep_until(again) => {
                    if heard.last() != last {
                        continue;
                    }
                    if asked.is_some() {
                        return Ended::Idle;
                    }
                    if !self.frames.is_between() {
                        // Within a frame nothing can be said; it is tried again soon.
                        sleep(Duration::from_millis(50)).await;
                    } else if self.client.write_all(&PING).await.is_err() {
                        return Ended::Closed;
                    } else {
                        asked = Some((Instant::now(), last));
                    }
                    continue;
                }
            };
            if self.write(&room.0[..count]).await.is_err() {
                return Ended::Closed;
            }
            room.fit(count);
        }
    }

    async fn write(&mut self, piece: &[u8]) -> std::io::Result<()> {
        // What a service says that is no frame is its own business, and passes.
        let _ = self.frames.follow(piece);
        self.client.write_all(piece).await
    }

    /// Says goodbye where a frame has ended.
    async fn leave(&mut self, goodbye: &[u8]) -> std::io::Result<()> {
        let mut room = Room::new();
        while !self.frames.is_between() {
            let count = room.read(&mut self.service).await;
            if count == 0 {
                return Ok(());
            }
            let seen = self.frames.follow(&room.0[..count]);
            let whole = seen.ok().and_then(|seen| seen.whole);
            self.client.write_all(&room.0[..whole.unwrap_or(count)]).await?;
            if whole.is_some() {
                break;
            }
        }
        self.client.write_all(goodbye).await?;
        self.client.flush().await
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};
    use tokio::sync::oneshot;

    use super::*;

    struct Joined {
        client: DuplexStream,
        service: DuplexStream,
        end: Option<oneshot::Sender<Ended>>,
        ended: tokio::task::JoinHandle<Ended>,
    }

    fn join(limits: SocketLimits) -> Joined {
        let (client, near) = duplex(1 << 20);
        let (service, far) = duplex(1 << 20);
        let (end, told) = oneshot::channel();
        let local = async move {
            let end = async { told.await.unwrap_or(Ended::Closed) };
            relay(near, far, BytesMut::new(), limits, end).await
        };
        let ended = tokio::spawn(local);
        Joined { client, service, end: Some(end), ended }
    }

    async fn read(stream: &mut DuplexStream, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        stream.read_exact(&mut bytes).await.expect("it comes");
        bytes
    }

    const HELLO: &[u8] = &[0x81, 2, b'h', b'i'];
    const MASKED: &[u8] = &[0x81, 0x82, 1, 2, 3, 4, b'i', b'k'];

    #[tokio::test]
    async fn a_goodbye_waits_for_the_end_of_a_frame_and_the_service_hears_the_answer() {
        let mut joined = join(SocketLimits::default());
        joined.client.write_all(MASKED).await.expect("sent");
        assert_eq!(read(&mut joined.service, MASKED.len()).await, MASKED);
        joined.service.write_all(&HELLO[..3]).await.expect("sent");
        assert_eq!(read(&mut joined.client, 3).await, &HELLO[..3]);
        joined.end.take().expect("once").send(Ended::GoingAway).expect("told");
        tokio::task::yield_now().await;
        joined.service.write_all(&[HELLO[3], 0x81, 1]).await.expect("sent");
        assert_eq!(read(&mut joined.client, 1).await, &HELLO[3..]);
        let goodbye = close(1001, "going away");
        assert_eq!(read(&mut joined.client, goodbye.len()).await, goodbye);
        let answer = [0x88, 0x80, 0, 0, 0, 0];
        joined.client.write_all(&answer).await.expect("sent");
        assert_eq!(read(&mut joined.service, answer.len()).await, answer);
        drop(joined.client);
        assert_eq!(joined.ended.await.expect("it ends"), Ended::GoingAway);
    }

    #[tokio::test]
    async fn who_breaks_the_rules_is_told_which_and_the_service_sees_nothing_of_it() {
        let limits = SocketLimits { message: 100, ..SocketLimits::default() };
        let mut joined = join(limits);
        joined.client.write_all(&[0x82, 0x80 | 126, 1, 0, 1, 2, 3, 4]).await.expect("sent");
        let goodbye = close(1009, "the message is too large");
        assert_eq!(read(&mut joined.client, goodbye.len()).await, goodbye);
        assert_eq!(joined.ended.await.expect("it ends"), Ended::TooLarge);
        let mut rest = Vec::new();
        joined.service.read_to_end(&mut rest).await.expect("it ends");
        assert_eq!(rest, b"");
        let limits = SocketLimits { messages: "2/min".parse().ok(), ..SocketLimits::default() };
        let mut joined = join(limits);
        for _ in 0..3 {
            joined.client.write_all(MASKED).await.expect("sent");
        }
        assert_eq!(joined.ended.await.expect("it ends"), Ended::TooMany);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_silent_is_asked_once_and_then_left() {
        let limits = SocketLimits { idle: Duration::from_secs(10), ..SocketLimits::default() };
        let mut joined = join(limits);
        let began = Instant::now();
        assert_eq!(read(&mut joined.client, 2).await, PING);
        assert_eq!(began.elapsed().as_secs(), 10);
        let pong = [0x8a, 0x80, 0, 0, 0, 0];
        joined.client.write_all(&pong).await.expect("sent");
        assert_eq!(read(&mut joined.client, 2).await, PING);
        assert_eq!(began.elapsed().as_secs(), 20);
        let goodbye = close(1001, "idle");
        assert_eq!(read(&mut joined.client, goodbye.len()).await, goodbye);
        assert_eq!(began.elapsed().as_secs(), 30);
        assert_eq!(joined.ended.await.expect("it ends"), Ended::Idle);
    }

    #[tokio::test]
    async fn what_either_says_last_arrives() {
        let mut joined = join(SocketLimits::default());
        joined.service.write_all(HELLO).await.expect("sent");
        joined.service.shutdown().await.expect("shut");
        assert_eq!(read(&mut joined.client, HELLO.len()).await, HELLO);
        assert_eq!(joined.ended.await.expect("it ends"), Ended::Closed);
    }
}
