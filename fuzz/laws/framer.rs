//! Messages come out of a stream the same, however it is cut. Held by the fuzz target, and by the ordinary tests for the
//! files in `fuzz/corpus/framer`.

use ovsns::ovsdb::framing::Framer;

/// Takes `bytes` for a stream.
pub fn hold(bytes: &[u8]) {
    let whole = messages([bytes]);
    assert_eq!(messages(bytes.chunks(1)), whole);
    for cut in [bytes.len() / 3, bytes.len() / 2] {
        assert_eq!(messages([&bytes[..cut], &bytes[cut..]]), whole);
    }
}

/// The messages up to the end or the first fault, and whether there was one.
fn messages<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let mut framer = Framer::default();
    let mut found = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next() {
                Ok(Some(message)) => found.push(message),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}
