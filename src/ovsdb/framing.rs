//! Cuts the byte stream of an OVSDB connection into JSON objects.
//!
//! RFC 7047 section 4 puts JSON-RPC objects one after another with no delimiter, so an object ends where its braces
//! balance. The framer looks at each byte once, however the stream is cut into reads: a parser that starts again on
//! each read takes quadratic time on a large `monitor` reply.

/// The largest message that is taken from a peer, in bytes, unless [`Framer::with_limit`] says otherwise.
pub const DEFAULT_LIMIT: usize = 256 << 20;

/// Why a byte stream is no sequence of JSON objects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// Something other than a JSON object stands where a message should start.
    #[error("expected '{{' at the start of a message, found {}", describe(*.found))]
    NotAnObject {
        /// The first byte that is neither white space nor `{`.
        found: u8,
    },
    /// A message is larger than the limit.
    #[error("a message exceeds the limit of {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

fn describe(byte: u8) -> String {
    if byte.is_ascii_graphic() { format!("'{}'", char::from(byte)) } else { format!("byte 0x{byte:02x}") }
}

/// Where the scan stands within the current message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the opening brace.
    Between,
    /// Inside the object, outside strings.
    Structure,
    /// Inside a string.
    String,
    /// Inside a string, after a backslash.
    Escape,
}

/// Collects bytes and hands out whole JSON objects.
///
/// It finds where an object ends and no more: whether the object is valid JSON is for the parser to say.
#[derive(Debug)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Where the current message starts in `buffer`.
    start: usize,
    /// Up to where `buffer` has been looked at.
    scanned: usize,
    depth: usize,
    place: Place,
    limit: usize,
}

impl Default for Framer {
    fn default() -> Self {
        Self::with_limit(DEFAULT_LIMIT)
    }
}

impl Framer {
    /// Makes a framer that refuses messages of more than `limit` bytes.
    pub fn with_limit(limit: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, scanned: 0, depth: 0, place: Place::Between, limit }
    }

    /// Takes over what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether bytes of an unfinished message are held: a stream that ends now ends too early.
    pub fn is_mid_message(&self) -> bool {
        self.place != Place::Between
    }

    /// The next whole object, or `None` until more bytes are pushed.
    ///
    /// # Errors
    ///
    /// [`FramingError`]; the stream is of no use from then on.
    #[allow(clippy::should_implement_trait, reason = "the outcome is a Result of an Option, not an iterator's item")]
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, FramingError> {
        if self.place == Place::Between && !self.find_start()? {
            return Ok(None);
        }
        let found = self.find_end();
        if self.scanned - self.start > self.limit {
            return Err(FramingError::TooLarge { limit: self.limit });
        }
        Ok(found.then(|| self.cut()))
    }

    /// Skips white space up to the opening brace of the next message.
    fn find_start(&mut self) -> Result<bool, FramingError> {
        let rest = &self.buffer[self.scanned..];
        let Some(at) = rest.iter().position(|byte| !byte.is_ascii_whitespace()) else {
            self.buffer.clear();
            (self.start, self.scanned) = (0, 0);
            return Ok(false);
        };
        if rest[at] != b'{' {
            return Err(FramingError::NotAnObject { found: rest[at] });
        }
        self.start = self.scanned + at;
        self.scanned = self.start;
        self.place = Place::Structure;
        Ok(true)
    }

    /// Scans on; true when `scanned` stands just behind the closing brace.
    fn find_end(&mut self) -> bool {
        let (mut place, mut depth) = (self.place, self.depth);
        let mut ended = false;
        let rest = &self.buffer[self.scanned..];
        let mut seen = rest.len();
        for (at, &byte) in rest.iter().enumerate() {
            match (place, byte) {
                (Place::String, b'\\') => place = Place::Escape,
                (Place::String, b'"') => place = Place::Structure,
                (Place::String, _) => {}
                (Place::Escape, _) => place = Place::String,
                (_, b'"') => place = Place::String,
                (_, b'{') => depth += 1,
                (_, b'}') => {
                    depth -= 1;
                    if depth == 0 {
                        (ended, seen) = (true, at + 1);
                        break;
                    }
                }
                _ => {}
            }
        }
        self.scanned += seen;
        (self.place, self.depth) = (place, depth);
        ended
    }

    /// Takes the message `start..scanned` out of the buffer.
    fn cut(&mut self) -> Vec<u8> {
        self.place = Place::Between;
        if self.start == 0 && self.scanned == self.buffer.len() {
            self.scanned = 0;
            return std::mem::take(&mut self.buffer);
        }
        let message = self.buffer[self.start..self.scanned].to_vec();
        self.start = self.scanned;
        self.forget_consumed();
        message
    }

    /// Gives back the room of consumed messages, at an amortised cost of one copy a byte.
    fn forget_consumed(&mut self) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
        } else if self.start > self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
        } else {
            return;
        }
        self.scanned -= self.start;
        self.start = 0;
        if self.buffer.is_empty() {
            self.scanned = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages with everything that has broken other framers: escaped quotes, braces in strings, a backslash before
    /// the closing quote, unicode, nesting, no gap and white space between.
    const STREAM: &str = "{\"a\":\"\\\"}{\"}{\"b\":\"\\\\\"} \n{\"c\":{\"d\":[{},{\"e\":\"é\\u007d{\"}]}}\r\n\t{}";
    const PARTS: [&str; 4] =
        ["{\"a\":\"\\\"}{\"}", "{\"b\":\"\\\\\"}", "{\"c\":{\"d\":[{},{\"e\":\"é\\u007d{\"}]}}", "{}"];

    fn drain(framer: &mut Framer, into: &mut Vec<String>) {
        while let Some(message) = framer.next().unwrap() {
            into.push(String::from_utf8(message).unwrap());
        }
    }

    fn cut(pieces: &[&[u8]]) -> Vec<String> {
        let (mut framer, mut messages) = (Framer::default(), Vec::new());
        for piece in pieces {
            framer.push(piece);
            drain(&mut framer, &mut messages);
        }
        assert!(!framer.is_mid_message());
        messages
    }

    #[test]
    fn splits_at_every_pair_of_positions() {
        let bytes = STREAM.as_bytes();
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                assert_eq!(cut(&[&bytes[..first], &bytes[first..second], &bytes[second..]]), PARTS);
            }
        }
    }

    #[test]
    fn accepts_one_byte_at_a_time() {
        assert_eq!(cut(&STREAM.as_bytes().chunks(1).collect::<Vec<_>>()), PARTS);
    }

    #[test]
    fn messages_of_whole_pages_need_no_further_byte() {
        // A reader that waits for "less than a full buffer" blocks on exactly n × 4096 bytes.
        for pages in 1..4 {
            let message = format!("{{\"x\":\"{}\"}}", "y".repeat(pages * 4096 - 8));
            assert_eq!(message.len(), pages * 4096);
            assert_eq!(cut(&message.as_bytes().chunks(4096).collect::<Vec<_>>()), [message]);
        }
    }

    #[test]
    fn refuses_what_is_no_object() {
        for (text, found) in [("[1]", b'['), ("  x", b'x'), ("{}}", b'}'), ("\0", 0), ("\u{feff}{}", 0xef)] {
            let mut framer = Framer::default();
            framer.push(text.as_bytes());
            let error = loop {
                match framer.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{text:?} was taken"),
                    Err(error) => break error,
                }
            };
            assert_eq!(error, FramingError::NotAnObject { found });
        }
        assert_eq!(
            FramingError::NotAnObject { found: 0 }.to_string(),
            "expected '{' at the start of a message, found byte 0x00"
        );
    }

    #[test]
    fn limits_the_size_of_a_message_not_of_the_stream() {
        let mut framer = Framer::with_limit(10);
        let mut messages = Vec::new();
        for _ in 0..100 {
            framer.push(b"{\"a\":123} ");
            drain(&mut framer, &mut messages);
        }
        assert_eq!(messages.len(), 100);
        framer.push(b"{\"a\":\"");
        assert_eq!(framer.next(), Ok(None));
        framer.push(b"12345");
        assert_eq!(framer.next(), Err(FramingError::TooLarge { limit: 10 }));
    }

    #[test]
    fn knows_an_unfinished_message() {
        let mut framer = Framer::default();
        framer.push(b" {\"a\":");
        assert_eq!(framer.next(), Ok(None));
        assert!(framer.is_mid_message());
    }

    #[test]
    fn consumed_messages_give_their_room_back() {
        let mut framer = Framer::default();
        for _ in 0..10_000 {
            framer.push(b"{\"a\":1}{\"b\"");
            framer.next().unwrap().unwrap();
            framer.push(b":2}");
            assert!(framer.next().unwrap().is_none() || framer.place == Place::Between);
            while framer.next().unwrap().is_some() {}
        }
        assert!(framer.buffer.capacity() < 1024);
    }

    #[test]
    fn large_messages_take_linear_time() {
        // 8 MiB in reads of 64 KiB: each byte is looked at once, so `scanned` never goes back.
        let message = format!("{{\"x\":\"{}\"}}", "y".repeat(8 << 20));
        let mut framer = Framer::default();
        let mut last = 0;
        for piece in message.as_bytes().chunks(64 << 10) {
            framer.push(piece);
            if let Some(whole) = framer.next().unwrap() {
                assert_eq!(whole.len(), message.len());
                return;
            }
            assert!(framer.scanned > last);
            last = framer.scanned;
        }
        panic!("the message did not end");
    }
}
