//! The client against a peer that does what ovsdb-server does not: cuts messages anywhere, forgets members, sends
//! strays, floods, falls silent. No outcome may be a hang or a wrong answer.

#![allow(clippy::unwrap_used, reason = "clippy knows only functions marked as tests as such")]

#[path = "common/ovsdb.rs"]
mod common;
#[path = "common/ovsdb_peer.rs"]
mod peer;

use std::error::Error as _;
use std::time::Duration;

use common::{Directory, LIMIT};
use ovsns::ovsdb::client::{Client, Options};
use ovsns::ovsdb::endpoint::Endpoints;
use ovsns::ovsdb::error::{ClientError, ConnectCause};
use ovsns::ovsdb::operation::Select;
use ovsns::ovsdb::transport::{Fault, ProtocolError};
use peer::Listener;
use serde_json::{Value, json};
use tokio::task::yield_now;

/// Times out soon, where the peer will not answer.
fn impatient() -> Options {
    Options { timeout: Duration::from_millis(50), ..Options::default() }
}

fn patient() -> Options {
    Options { timeout: LIMIT, ..Options::default() }
}

/// What becomes of a call that the peer answers with `reply`, in which ID stands for its id.
async fn call_answered(reply: &str) -> Result<Value, ClientError> {
    let (client, mut peer) = Listener::pair(&patient()).await;
    let answer = async {
        let id = peer.called("m").await;
        peer.send(&reply.replace("ID", &id.to_string())).await;
        peer
    };
    let (outcome, _peer) = tokio::join!(client.call("m", json!([])), answer);
    outcome
}

fn fault(error: &ClientError) -> &Fault {
    match error {
        ClientError::Lost { source, .. } => source,
        _ => panic!("not lost: {error:?}"),
    }
}

#[tokio::test]
async fn a_reply_may_be_cut_anywhere() {
    let (client, mut peer) = Listener::pair(&patient()).await;
    let reply = r#"{"id":ID,"result":["\"}{\\",{"é":"\u007b"}],"error":null}"#;
    for at in (0..reply.len()).filter(|at| reply.is_char_boundary(*at)) {
        let answer = async {
            let id = peer.called("m").await;
            let reply = reply.replace("ID", &id.to_string());
            let at = at.min(reply.len());
            let at = (at..).find(|at| reply.is_char_boundary(*at)).unwrap();
            peer.send(&reply[..at]).await;
            // Lets the client read the first half alone.
            for _ in 0..10 {
                yield_now().await;
            }
            peer.send(&reply[at..]).await;
        };
        let (outcome, ()) = tokio::join!(client.call("m", json!([])), answer);
        assert_eq!(outcome.unwrap(), json!(["\"}{\\", {"é": "{"}]), "cut at {at}");
    }
}

#[tokio::test]
async fn one_write_may_hold_several_messages() {
    let (client, mut peer) = Listener::pair(&patient()).await;
    let answer = async {
        let first = peer.called("a").await;
        let second = peer.called("b").await;
        let echo = r#"{"id":"echo","method":"echo","params":["x"]}"#;
        peer.send(&format!("{{\"id\":{second},\"result\":2}}{echo} \n{{\"id\":{first},\"result\":1}}")).await;
        peer.message().await.unwrap()
    };
    let (a, b, echoed) = tokio::join!(client.call("a", json!([])), client.call("b", json!([])), answer);
    assert_eq!((a.unwrap(), b.unwrap()), (json!(1), json!(2)));
    assert_eq!(echoed, json!({"id": "echo", "result": ["x"], "error": null}));
}

#[tokio::test]
async fn whole_pages_do_not_block() {
    for pages in 1..=17 {
        let frame = r#"{"id":0,"result":"","error":null}"#.len();
        let text = "x".repeat(pages * 4096 - frame);
        let reply = format!(r#"{{"id":ID,"result":"{text}","error":null}}"#);
        assert_eq!(call_answered(&reply).await.unwrap(), json!(text));
    }
}

#[tokio::test]
async fn members_may_be_missing_or_many() {
    assert_eq!(call_answered(r#"{"id":ID,"result":1}"#).await.unwrap(), json!(1));
    assert_eq!(call_answered(r#"{"error":null,"id":ID,"result":{},"x":[{}]}"#).await.unwrap(), json!({}));
    for error in [r#"{"id":ID,"error":"no"}"#, r#"{"id":ID,"error":{"error":"no"},"result":null}"#] {
        assert_eq!(call_answered(error).await.unwrap_err().server_error().unwrap().error, "no");
    }
}

#[tokio::test]
async fn stray_replies_are_dropped() {
    let strays = r#"{"id":77,"result":1}{"id":"0","result":2}{"id":{"a":1},"error":"x"}{"id":ID,"result":3}{"id":ID,"result":4}"#;
    assert_eq!(call_answered(strays).await.unwrap(), json!(3));
}

#[tokio::test]
async fn notifications_that_nobody_reads_are_dropped() {
    let noise =
        r#"{"method":"update","params":["m",{}],"id":null}{"method":"locked","params":["l"]}{"id":ID,"result":3}"#;
    assert_eq!(call_answered(noise).await.unwrap(), json!(3));
}

#[tokio::test]
async fn the_end_of_a_connection_has_its_reason() {
    for (sent, words) in [
        ("", "the server closed the connection"),
        (r#"{"id":ID,"result":"#, "the server closed the connection in the middle of a message"),
        ("HTTP/1.1 400 Bad Request\r\n", "the peer does not speak the OVSDB protocol"),
        (r#"{"id":ID,"result":nul}"#, "the peer does not speak the OVSDB protocol"),
        (r#"{"result":1}"#, "the peer does not speak the OVSDB protocol"),
    ] {
        let (client, mut peer) = Listener::pair(&patient()).await;
        let answer = async {
            let id = peer.called("m").await;
            peer.send(&sent.replace("ID", &id.to_string())).await;
            drop(peer);
        };
        let (outcome, ()) = tokio::join!(client.call("m", json!([])), answer);
        let error = outcome.unwrap_err();
        assert!(error.to_string().starts_with("lost the connection to unix:"), "{error}");
        assert_eq!(error.source().unwrap().to_string(), words);
        assert!(error.is_disconnect() && !client.is_connected());
        // A call after the end has the same reason.
        assert_eq!(client.call("m", json!([])).await.unwrap_err().source().unwrap().to_string(), words);
    }
}

#[tokio::test]
async fn a_deadline_passes_and_the_server_is_told() {
    let (client, mut peer) = Listener::pair(&impatient()).await;
    let error = client.transact("db", &[Select::from_table("T").into()]).await.unwrap_err();
    assert!(error.is_timeout());
    assert!(error.to_string().ends_with("did not answer 'transact' within 50ms"), "{error}");
    let id = peer.called("transact").await;
    let cancel = peer.message().await.unwrap();
    assert_eq!(cancel, json!({"id": null, "method": "cancel", "params": [id]}));
    // The answer comes after all: it harms nobody.
    peer.reply(&id, json!([{"rows": []}])).await;
    let barrier = peer.called("echo").await;
    peer.reply(&barrier, json!([])).await;
    let patient = client.within(LIMIT);
    let (outcome, ()) = tokio::join!(patient.call("m", json!([])), peer.answer("m", json!(1)));
    assert_eq!(outcome.unwrap(), json!(1));
}

#[tokio::test]
async fn a_monitor_that_is_not_answered_times_out() {
    let (client, _peer) = Listener::pair(&impatient()).await;
    let error = client.monitor("db", &Default::default()).await.unwrap_err();
    assert!(error.to_string().ends_with("did not answer 'monitor' within 50ms"), "{error}");
}

/// A server that does not read must not keep us from reading: it may wait for us.
#[tokio::test]
async fn reading_goes_on_while_writing_cannot() {
    let (client, mut peer) = Listener::pair(&patient()).await;
    let large = json!(["x".repeat(8 << 20)]);
    let small = json!([]);
    let answer = async {
        // Both requests are under way; the second cannot be read before the first, so its answer is made up.
        peer.send(r#"{"id":"e","method":"echo","params":[]}"#).await;
        for _ in 0..50 {
            yield_now().await;
        }
        peer.send(r#"{"id":1,"result":"early"}"#).await;
        for _ in 0..50 {
            yield_now().await;
        }
        let first = peer.called("large").await;
        peer.reply(&first, json!("late")).await;
    };
    let (large, small, ()) = tokio::join!(client.call("large", large), client.call("small", small), answer);
    assert_eq!((large.unwrap(), small.unwrap()), (json!("late"), json!("early")));
}

#[tokio::test]
async fn a_flood_of_echo_requests_ends_the_connection() {
    let (client, mut peer) = Listener::pair(&patient()).await;
    let flood = async {
        // 1,000 replies of 8 KiB are more than the socket and the queue hold.
        let echo = format!(r#"{{"id":"e","method":"echo","params":["{}"]}}"#, "x".repeat(8 << 10));
        for _ in 0..1000 {
            if peer.send_if_open(&echo).await.is_err() {
                break;
            }
        }
        peer
    };
    let (outcome, _peer) = tokio::join!(client.call("m", json!([])), flood);
    assert!(matches!(fault(&outcome.unwrap_err()), Fault::Protocol(ProtocolError::EchoFlood)));
}

/// Point 8: the server is probed when idle, and given up when it does not answer.
#[tokio::test]
async fn a_silent_server_is_probed_then_given_up() {
    let interval = Duration::from_millis(250);
    let (client, mut peer) = Listener::pair(&Options { probe_interval: Some(interval), ..patient() }).await;
    for _ in 0..3 {
        let id = peer.called("echo").await;
        assert_eq!(id, json!("probe"));
        peer.reply(&id, json!([])).await;
    }
    assert!(client.is_connected());
    peer.called("echo").await;
    let error = client.call("m", json!([])).await.unwrap_err();
    assert!(matches!(fault(&error), Fault::Silent(after) if *after == interval));
    assert_eq!(error.source().unwrap().to_string(), "the server did not answer a probe within 250ms");
}

#[tokio::test]
async fn replies_too_large_are_refused_not_swallowed() {
    let deep = format!(r#"{{"id":ID,"result":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let error = call_answered(&deep).await.unwrap_err();
    assert!(matches!(error, ClientError::Senseless { .. }), "{error:?}");
}

#[tokio::test]
async fn what_was_tried_is_named() {
    let directory = Directory::new();
    let path = directory.join("db.sock");
    let endpoints = format!("unix:{}", path.display()).parse().unwrap();
    let error = Client::connect(&endpoints, &patient()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot connect to unix:{}", path.display()));
    assert_eq!(error.source().unwrap().to_string(), "No such file or directory (os error 2)");
    assert!(error.is_absent());

    let endpoints = format!("unix:{},tcp:127.0.0.1:1,ssl:[::1]:1", path.display()).parse().unwrap();
    let error = Client::connect(&endpoints, &patient()).await.unwrap_err();
    let words = "No such file or directory (os error 2)), nor to tcp:127.0.0.1:1 (Connection refused (os error 111))";
    assert!(error.to_string().contains(words), "{error}");
    assert!(error.to_string().contains("nor to ssl:[::1]:1 (TLS needs a private key"), "{error}");
    assert!(error.source().is_none() && !error.is_absent());
}

#[tokio::test]
async fn the_next_endpoint_is_tried() {
    let listener = Listener::new();
    let endpoints = format!("unix:/nonexistent/db.sock,{}", listener.endpoints()).parse().unwrap();
    let client = Client::connect(&endpoints, &patient()).await.unwrap();
    assert_eq!(client.endpoint().to_string(), listener.endpoints().to_string());
}

/// A non-blocking connect does not wait for room in the backlog: many processes at once would fail.
#[tokio::test]
async fn a_full_backlog_is_waited_for() {
    let (listener, _directory, endpoints) = full_listener().await;
    let options = patient();
    let connect = Client::connect(&endpoints, &options);
    let accept = tokio::task::spawn_blocking(move || (listener.accept().unwrap(), listener));
    let (second, _accepted) = tokio::join!(connect, accept);
    assert!(second.is_ok(), "{second:?}");
}

#[tokio::test]
async fn a_full_backlog_is_not_waited_for_for_ever() {
    let (_listener, _directory, endpoints) = full_listener().await;
    let error = Client::connect(&endpoints, &impatient()).await.unwrap_err();
    assert!(matches!(error.attempts[0].cause, ConnectCause::TimedOut(_)), "{error:?}");
}

/// A listener with the smallest backlog, of one connection, and that taken.
async fn full_listener() -> (std::os::unix::net::UnixListener, Directory, Endpoints) {
    use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
    let directory = Directory::new();
    let path = directory.join("db.sock");
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(std::os::fd::AsRawFd::as_raw_fd(&socket), &UnixAddr::new(&path).unwrap()).unwrap();
    listen(&socket, Backlog::new(0).unwrap()).unwrap();
    let endpoints = format!("unix:{}", path.display()).parse().unwrap();
    drop(Client::connect(&endpoints, &patient()).await.unwrap());
    (socket.into(), directory, endpoints)
}
