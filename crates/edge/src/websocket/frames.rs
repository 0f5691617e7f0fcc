//! Where the frames of a WebSocket begin and end (RFC 6455, 5.2), without looking into them: what
//! extensions make of their payloads passes untouched.

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// The frame, or the message that it is a part of, is larger than is allowed.
    TooLarge,
    /// It has a length that no frame may have.
    NoFrame,
}

/// The largest frame and message, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Largest {
    pub(super) frame: u64,
    pub(super) message: u64,
}

/// Follows the frames of one direction.
#[derive(Debug)]
pub(super) struct Frames {
    largest: Largest,
    head: [u8; 14],
    /// How much of the next head is there.
    known: usize,
    /// How much of the payload is still to come.
    left: u64,
    /// How large the present message is so far, in payload that was announced.
    message: u64,
}

/// What was seen in a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Seen {
    /// Up to where it is whole frames; nothing where none ends in it.
    pub(super) whole: Option<usize>,
    /// How many messages ended in it.
    pub(super) messages: u32,
    /// Whether there was a frame that says goodbye.
    pub(super) close: bool,
}

impl Frames {
    pub(super) fn new(largest: Largest) -> Self {
        Self { largest, head: [0; 14], known: 0, left: 0, message: 0 }
    }

    /// Whether the next byte begins a frame.
    pub(super) fn is_between(&self) -> bool {
        self.known == 0 && self.left == 0
    }

    /// Follows a piece, however it was cut.
    ///
    /// # Errors
    /// When a frame in it may not be passed on.
    pub(super) fn follow(&mut self, mut piece: &[u8]) -> Result<Seen, Broken> {
        let length = piece.len();
        let mut seen = Seen::default();
        while !piece.is_empty() {
            if self.left > 0 {
                let take = usize::try_from(self.left).unwrap_or(usize::MAX).min(piece.len());
                piece = &piece[take..];
                self.left -= take as u64;
            } else {
                self.head[self.known] = piece[0];
                self.known += 1;
                piece = &piece[1..];
                if self.known < 2 || self.known < self.head_length() {
                    continue;
                }
                self.begin(&mut seen)?;
            }
            if self.left == 0 {
                seen.whole = Some(length - piece.len());
            }
        }
        Ok(seen)
    }

    /// How long a head is, by its first two bytes.
    fn head_length(&self) -> usize {
        let mask = if self.head[1] & 0x80 == 0 { 0 } else { 4 };
        let extended = match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + mask
    }

    /// A whole head has come.
    fn begin(&mut self, seen: &mut Seen) -> Result<(), Broken> {
        let (last, kind) = (self.head[0] & 0x80 != 0, self.head[0] & 0x0f);
        let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        self.left = match self.head[1] & 0x7f {
            126 => number(&self.head[2..4]),
            127 => number(&self.head[2..10]),
            short => u64::from(short),
        };
        self.known = 0;
        if self.left >> 63 != 0 {
            return Err(Broken::NoFrame);
        }
        if self.left > self.largest.frame {
            return Err(Broken::TooLarge);
        }
        // Those that control stand between the parts of a message.
        if kind & 0x08 != 0 {
            seen.close |= kind == CLOSE;
            return if self.left > 125 || !last { Err(Broken::NoFrame) } else { Ok(()) };
        }
        self.message = self.message.saturating_add(self.left);
        if self.message > self.largest.message {
            return Err(Broken::TooLarge);
        }
        if last {
            seen.messages += 1;
            self.message = 0;
        }
        Ok(())
    }
}

const CLOSE: u8 = 8;

/// A frame that says goodbye, as a server sends it: unmasked.
pub(super) fn close(code: u16, reason: &str) -> Vec<u8> {
    let [high, low] = code.to_be_bytes();
    let reason = &reason.as_bytes()[..reason.len().min(123)];
    let length = u8::try_from(reason.len() + 2).unwrap_or(2);
    [&[0x80 | CLOSE, length, high, low], reason].concat()
}

/// A frame that asks whether anybody is there.
pub(super) const PING: [u8; 2] = [0x89, 0];

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: Largest = Largest { frame: 1 << 20, message: 1 << 20 };

    fn frame(first: u8, masked: bool, length: usize) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = vec![first];
        match length {
            0..126 => frame.push(mask | length as u8),
            126..65536 => {
                frame.push(mask | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(vec![7; if masked { 4 } else { 0 }]);
        frame.extend(vec![9; length]);
        frame
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let parts = [
            frame(0x81, true, 5),
            frame(0x82, false, 126),
            frame(0x01, true, 70_000),
            frame(0x89, true, 0),
            frame(0x80, true, 200),
            frame(0xc1, false, 0),
            close(1000, "bye"),
        ];
        let all = parts.concat();
        let ends: Vec<usize> = parts
            .iter()
            .scan(0, |sum, part| {
                *sum += part.len();
                Some(*sum)
            })
            .collect();
        for size in [1, 2, 3, 7, 100, 5000, all.len()] {
            let (mut frames, mut at, mut found, mut messages) =
                (Frames::new(LARGE), 0, Vec::new(), 0);
            let mut said = false;
            for piece in all.chunks(size) {
                let seen = frames.follow(piece).expect("sound");
                found.extend(seen.whole.map(|whole| at + whole));
                at += piece.len();
                messages += seen.messages;
                said |= seen.close;
                assert_eq!(frames.is_between(), ends.contains(&at), "{size} {at}");
            }
            assert!(found.iter().all(|end| ends.contains(end)), "{size}: {found:?}");
            assert_eq!(found.last(), Some(&all.len()));
            assert_eq!((messages, said), (4, true), "{size}");
        }
    }

    #[test]
    fn what_is_too_large_is_found_at_its_head() {
        let small = Largest { frame: 100, message: 150 };
        let follow = |bytes: &[u8]| Frames::new(small).follow(bytes);
        assert_eq!(follow(&frame(0x81, true, 101)[..8]), Err(Broken::TooLarge));
        assert!(follow(&frame(0x81, true, 100)).is_ok());
        let two = [frame(0x01, true, 100), frame(0x80, true, 51)].concat();
        assert_eq!(follow(&two), Err(Broken::TooLarge), "together they are one message");
        let each = [frame(0x81, true, 100), frame(0x81, true, 100)].concat();
        assert!(follow(&each).is_ok(), "each is one");
        let endless = [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
        assert_eq!(follow(&endless), Err(Broken::NoFrame));
        assert_eq!(follow(&frame(0x89, true, 126)[..8]), Err(Broken::TooLarge));
        assert_eq!(Frames::new(LARGE).follow(&frame(0x89, true, 126)), Err(Broken::NoFrame));
    }
}
