//! JSON-RPC 1.0 over a unix socket: enough for ovsdb-server's transactions (RFC 7047) and the commands of ovs-appctl(8).

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use serde_json::{Deserializer, Value, json};

use super::deadline::Deadline;

/// A connection; every wait on it ends at the deadline, with [`io::ErrorKind::TimedOut`].
pub(super) struct Rpc {
    stream: UnixStream,
    deadline: Deadline,
    received: Vec<u8>,
    last_id: u64,
}

impl Rpc {
    /// Connects. A stopped daemon with a full queue makes connect(2) wait, hence the send timeout before it (unix(7), socket(7)).
    pub(super) fn connect(path: &Path, deadline: Deadline) -> io::Result<Self> {
        let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        setsockopt(&socket, sockopt::SendTimeout, &time_value(left(deadline)?))?;
        let (address, _folder) = address(path)?;
        connect(socket.as_raw_fd(), &address).map_err(|errno| timed_out(errno.into()))?;
        Ok(Self { stream: UnixStream::from(socket), deadline, received: Vec::new(), last_id: 0 })
    }

    /// Asks and waits for the answer: its `result`, or its `error` as the inner `Err`.
    pub(super) fn call(&mut self, method: &str, params: Value) -> io::Result<Result<Value, Value>> {
        let id = self.send(method, params)?;
        loop {
            let mut message = self.receive()?;
            if message["id"] == id {
                let (error, result) = (message["error"].take(), message["result"].take());
                return Ok(if error.is_null() { Ok(result) } else { Err(error) });
            }
        }
    }

    /// Asks without waiting; the answer is the request's id.
    pub(super) fn send(&mut self, method: &str, params: Value) -> io::Result<u64> {
        self.last_id += 1;
        let request = json!({ "id": self.last_id, "method": method, "params": params });
        self.stream.set_write_timeout(Some(left(self.deadline)?))?;
        self.stream.write_all(request.to_string().as_bytes()).map_err(timed_out)?;
        Ok(self.last_id)
    }

    /// The next message. They follow each other without delimiters, in pieces of any size. Each ends with a brace, and is parsed
    /// from its start only when one has come last: some answers of ovs-vswitchd are of megabytes.
    fn receive(&mut self) -> io::Result<Value> {
        loop {
            if let Some(message) = self.parse()? {
                return Ok(message);
            }
            let mut piece = [0; 16_384];
            self.stream.set_read_timeout(Some(left(self.deadline)?))?;
            match self.stream.read(&mut piece).map_err(timed_out)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.received.extend_from_slice(&piece[..read]),
            }
        }
    }

    fn parse(&mut self) -> io::Result<Option<Value>> {
        if !self.received.trim_ascii_end().ends_with(b"}") {
            return Ok(None);
        }
        let mut messages = Deserializer::from_slice(&self.received).into_iter();
        match messages.next() {
            None => Ok(None),
            Some(Err(error)) if error.is_eof() => Ok(None),
            Some(Err(error)) => Err(error.into()),
            Some(Ok(message)) => {
                self.received.drain(..messages.byte_offset());
                Ok(Some(message))
            }
        }
    }
}

/// What is left of the deadline.
fn left(deadline: Deadline) -> io::Result<Duration> {
    deadline.left().ok_or_else(|| io::ErrorKind::TimedOut.into())
}

/// At least a microsecond: zero would mean to wait for ever.
fn time_value(left: Duration) -> TimeVal {
    TimeVal::microseconds(i64::try_from(left.as_micros()).unwrap_or(i64::MAX).max(1))
}

/// A socket's timeout says EAGAIN (socket(7)).
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

/// The address of a socket. A path of 108 bytes or more does not fit (unix(7)); it is reached through its open folder, which must
/// stay open until we are connected.
fn address(path: &Path) -> io::Result<(UnixAddr, Option<File>)> {
    if let Ok(address) = UnixAddr::new(path) {
        return Ok((address, None));
    }
    let folder = File::open(path.parent().unwrap_or(Path::new("/")))?;
    let short =
        PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(path.file_name().unwrap_or_default());
    Ok((UnixAddr::new(&short)?, Some(folder)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("ovsns-rpc-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// A server that reads one request and answers with `pieces`.
    fn answering(socket: &Path, pieces: &'static [&'static str]) -> thread::JoinHandle<()> {
        let listener = UnixListener::bind(socket).unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0);
            for piece in pieces {
                stream.write_all(piece.as_bytes()).unwrap();
                stream.flush().unwrap();
            }
        })
    }

    fn ask(name: &str, pieces: &'static [&'static str]) -> io::Result<Result<Value, Value>> {
        let folder = folder(name);
        let socket = folder.join("s");
        let server = answering(&socket, pieces);
        let answer = Rpc::connect(&socket, Deadline::after(Duration::from_secs(10)))?.call("x", json!([]));
        server.join().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        answer
    }

    #[test]
    fn the_answer_is_found_among_other_messages_and_in_pieces() {
        let pieces =
            &[r#"{"id":null,"method":"update","params":["}"]}{"id"#, r#"":1,"result":{"a":"\"}"},"error":nul"#, "l}"];
        assert_eq!(ask("pieces", pieces).unwrap(), Ok(json!({ "a": "\"}" })));
    }

    #[test]
    fn a_long_answer_takes_no_long_time() {
        let folder = folder("long-answer");
        let socket = folder.join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        let text = "  1     0  02:00:00:00:00:01    7\n".repeat(1_000_000);
        let expected = text.clone();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0);
            stream.write_all(json!({"id": 1, "result": text, "error": null}).to_string().as_bytes()).unwrap();
        });
        let mut rpc = Rpc::connect(&socket, Deadline::after(Duration::from_secs(20))).unwrap();
        assert_eq!(rpc.call("fdb/show", json!([])).unwrap(), Ok(json!(expected)));
        server.join().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_error_is_told_as_one() {
        assert_eq!(ask("error", &[r#"{"id":1,"error":"no such command"}"#]).unwrap(), Err(json!("no such command")));
    }

    #[test]
    fn a_server_that_goes_away_or_talks_nonsense_is_an_error() {
        assert_eq!(ask("gone", &[r#"{"id":1,"#]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(ask("nonsense", &["}"]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_silent_server_is_left_at_the_deadline() {
        let folder = folder("silent");
        let listener = UnixListener::bind(folder.join("s")).unwrap();
        let mut rpc = Rpc::connect(&folder.join("s"), Deadline::after(Duration::from_millis(20))).unwrap();
        assert_eq!(rpc.call("x", json!([])).unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(listener);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_long_path_is_reached() {
        let folder = folder("long").join("x".repeat(100));
        std::fs::create_dir_all(&folder).unwrap();
        let inside = File::open(&folder).unwrap();
        let listener = UnixListener::bind(format!("/proc/self/fd/{}/s", inside.as_raw_fd())).unwrap();
        Rpc::connect(&folder.join("s"), Deadline::after(Duration::from_secs(10))).unwrap();
        drop(listener);
        std::fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    }
}
