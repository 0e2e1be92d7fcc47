//! A peer in place of ovsdb-server, for what the real one will not do: it says exactly what a test has it say.

#![allow(dead_code, reason = "each test crate uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "clippy knows only functions marked as tests as such")]

use std::path::PathBuf;

use ovsns::ovsdb::client::{Client, Options};
use ovsns::ovsdb::endpoint::{Endpoint, Endpoints};
use ovsns::ovsdb::framing::Framer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use super::common::{Directory, LIMIT};

/// Where a peer listens.
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
    _directory: Directory,
}

impl Listener {
    pub fn new() -> Self {
        let directory = Directory::new();
        let path = directory.join("db.sock");
        Self { listener: UnixListener::bind(&path).unwrap(), path, _directory: directory }
    }

    pub fn endpoints(&self) -> Endpoints {
        Endpoint::Unix(self.path.clone()).into()
    }

    pub async fn accept(&self) -> Peer {
        let accepted = timeout(LIMIT, self.listener.accept()).await.expect("no connection in time");
        Peer { stream: accepted.unwrap().0, framer: Framer::default() }
    }

    /// A client and the peer that it is connected to.
    pub async fn pair(options: &Options) -> (Client, Peer) {
        let listener = Self::new();
        let client = Client::connect(&listener.endpoints(), options).await.unwrap();
        let peer = listener.accept().await;
        (client, peer)
    }
}

/// The server's end of a connection.
pub struct Peer {
    stream: UnixStream,
    framer: Framer,
}

impl Peer {
    /// The next message of the client's, or `None` if it closed the connection.
    pub async fn message(&mut self) -> Option<Value> {
        let mut chunk = vec![0; 64 << 10];
        loop {
            if let Some(message) = self.framer.next().unwrap() {
                return Some(serde_json::from_slice(&message).unwrap());
            }
            let length = timeout(LIMIT, self.stream.read(&mut chunk)).await.expect("no message in time").ok()?;
            if length == 0 {
                return None;
            }
            self.framer.push(&chunk[..length]);
        }
    }

    /// The `id` of the next message, which must call `method`.
    pub async fn called(&mut self, method: &str) -> Value {
        let message = self.message().await.expect("the client closed the connection");
        assert_eq!(message["method"], method);
        message["id"].clone()
    }

    pub async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    pub async fn send_if_open(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.write_all(text.as_bytes()).await
    }

    pub async fn reply(&mut self, id: &Value, result: Value) {
        self.send(&json!({"id": id, "result": result, "error": null}).to_string()).await;
    }

    /// Answers the next message, which must call `method`.
    pub async fn answer(&mut self, method: &str, result: Value) {
        let id = self.called(method).await;
        self.reply(&id, result).await;
    }
}
