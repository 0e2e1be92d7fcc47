//! Bytes in, whole prefixed lines out.

use std::io::{self, Write};

/// A longer line is cut into pieces of this many bytes, each on a prefixed line of its own, so that no command can fill our memory.
const LONGEST: usize = 1 << 20;

/// Cuts one stream into lines and writes each with a prefix, in one `write`. The bytes themselves are not looked at.
pub(super) struct Lines {
    prefix: Vec<u8>,
    line: Vec<u8>,
}

impl Lines {
    /// Lines that start with `LABEL| `.
    pub(super) fn new(label: &str) -> Self {
        let prefix = format!("{label}| ").into_bytes();
        Self { line: prefix.clone(), prefix }
    }

    /// Takes the next bytes and writes the lines that they complete.
    pub(super) fn feed(&mut self, bytes: &[u8], sink: &mut dyn Write) -> io::Result<()> {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.append(piece, sink)?;
        }
        Ok(())
    }

    /// Writes what stands behind the last line end, if anything, and ends it.
    pub(super) fn finish(&mut self, sink: &mut dyn Write) -> io::Result<()> {
        if self.line.len() > self.prefix.len() { self.write(b"\n", sink) } else { Ok(()) }
    }

    /// Takes bytes of which only the last may be a line end.
    fn append(&mut self, mut piece: &[u8], sink: &mut dyn Write) -> io::Result<()> {
        while self.room() < piece.strip_suffix(b"\n").unwrap_or(piece).len() {
            let (head, tail) = piece.split_at(self.room());
            self.line.extend_from_slice(head);
            self.write(b"\n", sink)?;
            piece = tail;
        }
        self.line.extend_from_slice(piece);
        if piece.ends_with(b"\n") { self.write(b"", sink) } else { Ok(()) }
    }

    fn room(&self) -> usize {
        LONGEST - (self.line.len() - self.prefix.len())
    }

    fn write(&mut self, end: &[u8], sink: &mut dyn Write) -> io::Result<()> {
        self.line.extend_from_slice(end);
        let written = sink.write_all(&self.line).and_then(|()| sink.flush());
        self.line.truncate(self.prefix.len());
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixed(chunks: &[&[u8]]) -> Vec<u8> {
        let (mut lines, mut out) = (Lines::new("ns1"), Vec::new());
        for chunk in chunks {
            lines.feed(chunk, &mut out).unwrap();
        }
        lines.finish(&mut out).unwrap();
        out
    }

    #[test]
    fn every_line_gets_the_prefix_wherever_the_chunks_are_cut() {
        let text = b"one\n\ntwo \xff\xfe\nlast";
        for cut in 0..=text.len() {
            let (head, tail) = text.split_at(cut);
            assert_eq!(prefixed(&[head, tail]), b"ns1| one\nns1| \nns1| two \xff\xfe\nns1| last\n", "cut at {cut}");
        }
    }

    #[test]
    fn no_output_is_no_line() {
        assert_eq!(prefixed(&[]), b"");
        assert_eq!(prefixed(&[b""]), b"");
    }

    #[test]
    fn a_line_is_held_back_until_it_is_whole() {
        let (mut lines, mut out) = (Lines::new("ns1"), Vec::new());
        lines.feed(b"half", &mut out).unwrap();
        assert_eq!(out, b"");
        lines.feed(b" and half\n", &mut out).unwrap();
        assert_eq!(out, b"ns1| half and half\n");
    }

    #[test]
    fn an_endless_line_is_cut() {
        let mut exact = vec![b'x'; LONGEST];
        exact.push(b'\n');
        assert_eq!(prefixed(&[&exact]).len(), 5 + LONGEST + 1);
        let longer = vec![b'x'; 2 * LONGEST + 1];
        let out = prefixed(&[&longer]);
        let lengths: Vec<_> = out.split_inclusive(|&byte| byte == b'\n').map(|line| line.len() - 6).collect();
        assert_eq!(lengths, [LONGEST, LONGEST, 1]);
    }
}
