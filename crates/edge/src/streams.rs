//! The streams of an HTTP/2 connection: how many are open, and whether a client takes what it asked
//! for. On HTTP/1.1 the connection itself shows that; here a client may leave one answer lying while
//! it goes on with others, and each answer that lies costs memory.

use std::cell::RefCell;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use tokio::time::{Instant, Sleep, sleep};

/// What is known of the streams of one connection.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    open: AtomicUsize,
    /// How many there have been.
    all: AtomicU64,
}

impl Activity {
    /// How many there have been, and whether one is open.
    pub(crate) fn now(&self) -> (u64, bool) {
        (self.all.load(Ordering::Relaxed), self.open.load(Ordering::Relaxed) > 0)
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Stream {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.all.fetch_add(1, Ordering::Relaxed);
        Stream { activity: Arc::clone(self), turn: Arc::default() }
    }
}

/// One that is open.
#[derive(Debug)]
pub(crate) struct Stream {
    activity: Arc<Activity>,
    turn: Arc<Turn>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.activity.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whose turn it is.
#[derive(Debug, Default)]
struct Turn {
    client: AtomicBool,
    /// How often it has changed.
    changes: AtomicU64,
}

impl Turn {
    fn is(&self, client: bool) {
        self.client.store(client, Ordering::Relaxed);
        self.changes.fetch_add(1, Ordering::Relaxed);
    }
}

thread_local! {
    /// Of the stream that is just being polled, when its answer begins.
    static BEGUN: RefCell<Option<Arc<Turn>>> = const { RefCell::new(None) };
}

pin_project_lite::pin_project! {
    /// The body of an answer on a stream.
    pub(crate) struct Taken<B> {
        #[pin]
        body: B,
        stream: Stream,
    }
}

impl<B> Taken<B> {
    /// From here on the client is to take what it asked for.
    pub(crate) fn new(body: B, stream: Stream) -> Self {
        stream.turn.is(true);
        BEGUN.set(Some(Arc::clone(&stream.turn)));
        Self { body, stream }
    }
}

impl<B: Body<Data = Bytes>> Body for Taken<B>
where
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        // It is asked for more only when the client has room for it; what comes is to be taken.
        let frame = this.body.poll_frame(context);
        this.stream.turn.is(frame.is_ready());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Runs the streams of a connection, each until its client has taken nothing for so long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Streams {
    pub(crate) taken_within: Duration,
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
{
    fn execute(&self, stream: F) {
        let longest = self.taken_within;
        tokio::spawn(Patient { stream, longest, turn: None, since: None, timer: None });
    }
}

pin_project_lite::pin_project! {
    /// A stream that is given up when its client takes nothing.
    struct Patient<F> {
        #[pin]
        stream: F,
        longest: Duration,
        turn: Option<Arc<Turn>>,
        // Since when it has been the client's turn, and after how many changes.
        since: Option<(Instant, u64)>,
        timer: Option<Pin<Box<Sleep>>>,
    }
}

impl<F: Future> Future for Patient<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        BEGUN.set(None);
        if this.stream.poll(context).is_ready() {
            return Poll::Ready(());
        }
        if let Some(begun) = BEGUN.take() {
            *this.turn = Some(begun);
        }
        let Some(turn) = this.turn else { return Poll::Pending };
        if !turn.client.load(Ordering::Relaxed) {
            *this.since = None;
            return Poll::Pending;
        }
        let changes = turn.changes.load(Ordering::Relaxed);
        let since = match *this.since {
            Some((since, before)) if before == changes => since,
            _ => Instant::now(),
        };
        *this.since = Some((since, changes));
        let longest = *this.longest;
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(longest)));
        if timer.deadline() != since + longest {
            timer.as_mut().reset(since + longest);
        }
        timer.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;

    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    /// A stream whose client takes a piece every so many seconds, of a service that gives one as often.
    async fn lives(client: u64, service: u64) -> bool {
        let activity = Arc::<Activity>::default();
        let (tell, ended) = tokio::sync::oneshot::channel();
        let stream = activity.begin();
        let future = async move {
            let pieces = futures_util::stream::unfold(0, move |number| async move {
                tokio::time::sleep(Duration::from_secs(service)).await;
                let piece = Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"a")));
                (number < 5).then_some((piece, number + 1))
            });
            let mut body = std::pin::pin!(Taken::new(StreamBody::new(pieces), stream));
            while let Some(Ok(_)) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
                tokio::time::sleep(Duration::from_secs(client)).await;
            }
            let _ = tell.send(());
        };
        Streams { taken_within: Duration::from_secs(60) }.execute(future);
        let lived = ended.await.is_ok();
        assert_eq!(activity.now(), (1, false));
        lived
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_client_that_takes_nothing_is_given_up() {
        assert!(lives(50, 0).await, "a slow client");
        assert!(lives(0, 500).await, "a slow service");
        assert!(lives(50, 100).await);
        assert!(!lives(61, 0).await, "a client that takes nothing");
        let whole =
            Taken::new(http_body_util::Full::new(Bytes::new()), Arc::<Activity>::default().begin());
        assert!(whole.collect().await.is_ok());
    }
}
