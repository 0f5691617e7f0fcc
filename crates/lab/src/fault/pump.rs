//! One direction of a connection, under whatever fault is in force.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::{Direction, Fault, Kind, spin};

/// How a direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    InOrder,
    Reset,
}

const CHUNK: usize = 64 * 1024;
/// Pieces below this belong to a conversation, in which the next one is soon to come; in a bulk
/// transfer, looking for it would only cost processor time.
const CONVERSATION: usize = 8 * 1024;
/// How many delayed bytes are held before reading stops.
const HELD: usize = 4 * 1024 * 1024;

/// Moves bytes from one stream to the other until the end of the first.
pub(super) async fn pump(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    counter: &AtomicU64,
    direction: Direction,
    faults: watch::Receiver<Fault>,
) -> Ended {
    let mut pump = Pump { from, to, counter, direction, faults, buffer: vec![0; CHUNK] };
    loop {
        let kind = pump.kind();
        let step = match kind {
            Kind::Refuse | Kind::Reset => return Ended::Reset,
            Kind::Hang => {
                if pump.faults.changed().await.is_err() {
                    return Ended::Reset;
                }
                continue;
            }
            Kind::Latency { delay, jitter } => pump.later(delay, jitter).await,
            other => pump.pass(other).await,
        };
        match step {
            Step::FaultChanged => {}
            Step::Ended => {
                if let Kind::SlowClose { delay } = pump.kind() {
                    sleep(delay).await;
                }
                let _ = pump.to.shutdown().await;
                return Ended::InOrder;
            }
            Step::Broken => return Ended::Reset,
        }
    }
}

enum Step {
    FaultChanged,
    Ended,
    Broken,
}

struct Pump<'a> {
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    counter: &'a AtomicU64,
    direction: Direction,
    faults: watch::Receiver<Fault>,
    buffer: Vec<u8>,
}

impl Pump<'_> {
    /// The fault that concerns this direction.
    fn kind(&mut self) -> Kind {
        let fault = *self.faults.borrow_and_update();
        let always = matches!(fault.kind, Kind::Refuse | Kind::Reset | Kind::Hang);
        let ours = fault.direction == Direction::Both || fault.direction == self.direction;
        if always || ours { fault.kind } else { Kind::Nothing }
    }

    /// Passes bytes on as they come, until the fault changes.
    async fn pass(&mut self, kind: Kind) -> Step {
        let mut left = match kind {
            Kind::Cut { after } => after,
            _ => u64::MAX,
        };
        loop {
            let size = match kind {
                Kind::Slice { size, .. } => size.clamp(1, CHUNK),
                Kind::Bandwidth { bytes_per_second } => {
                    usize::try_from(bytes_per_second / 20).unwrap_or(CHUNK).clamp(1, CHUNK)
                }
                _ => CHUNK,
            };
            let size = size.min(usize::try_from(left).unwrap_or(CHUNK));
            let read = tokio::select! {
                biased;
                changed = self.faults.changed() => {
                    return if changed.is_ok() { Step::FaultChanged } else { Step::Broken };
                }
                read = self.from.read(&mut self.buffer[..size]) => read,
            };
            let count = match read {
                Ok(0) => return Step::Ended,
                Ok(count) => count,
                Err(_) => return Step::Broken,
            };
            if self.to.write_all(&self.buffer[..count]).await.is_err() {
                return Step::Broken;
            }
            self.counter.fetch_add(count as u64, Ordering::Relaxed);
            if count < CONVERSATION {
                spin::traffic();
            }
            left -= count as u64;
            if left == 0 {
                return Step::Broken;
            }
            match kind {
                Kind::Slice { pause, .. } => sleep(pause).await,
                Kind::Bandwidth { bytes_per_second } => {
                    let seconds = count as f64 / bytes_per_second.max(1) as f64;
                    sleep(Duration::from_secs_f64(seconds)).await;
                }
                _ => {}
            }
        }
    }

    /// Passes bytes on later, in order. Reading goes on meanwhile, so only latency is added.
    async fn later(&mut self, delay: Duration, jitter: Duration) -> Step {
        let mut held: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
        let mut size = 0;
        let mut ended = false;
        let mut last = Instant::now();
        loop {
            if ended && held.is_empty() {
                return Step::Ended;
            }
            let due = held.front().map(|(due, _)| *due);
            tokio::select! {
                biased;
                () = sleep_until(due.unwrap_or(last)), if due.is_some() => {
                    if self.release(&mut held, &mut size).await.is_err() {
                        return Step::Broken;
                    }
                }
                changed = self.faults.changed() => {
                    // What was on the way arrives before anything else happens.
                    while !held.is_empty() {
                        if self.release(&mut held, &mut size).await.is_err() {
                            return Step::Broken;
                        }
                    }
                    return if changed.is_ok() { Step::FaultChanged } else { Step::Broken };
                }
                read = self.from.read(&mut self.buffer), if !ended && size < HELD => match read {
                    Ok(0) => ended = true,
                    Ok(count) => {
                        let more = jitter.mul_f64(fastrand::f64());
                        last = last.max(Instant::now() + delay + more);
                        held.push_back((last, self.buffer[..count].to_vec()));
                        size += count;
                    }
                    Err(_) => return Step::Broken,
                },
            }
        }
    }

    async fn release(
        &mut self,
        held: &mut VecDeque<(Instant, Vec<u8>)>,
        size: &mut usize,
    ) -> io::Result<()> {
        let Some((_, bytes)) = held.pop_front() else { return Ok(()) };
        *size -= bytes.len();
        self.to.write_all(&bytes).await?;
        self.counter.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}
