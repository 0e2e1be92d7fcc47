use super::*;

fn out(ledger: &mut Ledger, message: &str) -> String {
    ledger.outbound(message).unwrap()
}

fn take(ledger: &mut Ledger, message: &str) -> Inbound {
    ledger.inbound(message.as_bytes()).unwrap()
}

fn delivered(json: &str) -> Inbound {
    Inbound::Deliver(json.as_bytes().to_vec())
}

/// A ledger with request 1 under way.
fn asked() -> Ledger {
    let mut ledger = Ledger::default();
    out(&mut ledger, r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[]}"#);
    ledger
}

/// A ledger with monitor "m-1", its reply taken.
fn monitoring() -> Ledger {
    let mut ledger = Ledger::default();
    let subscribe =
        r#"{"jsonrpc":"2.0","id":"0","method":"monitor","params":{"monitor":"m-1","params":["db","m-1",{}]}}"#;
    assert_eq!(out(&mut ledger, subscribe), r#"{"id":"0","method":"monitor","params":["db","m-1",{}]}"#);
    let reply = take(&mut ledger, r#"{"id":"0","result":{"T":{}},"error":null}"#);
    let first = br#"{"jsonrpc":"2.0","method":"update","params":{"subscription":"m-1","result":{"method":"initial","params":{"T":{}}}}}"#;
    let id = br#"{"jsonrpc":"2.0","id":"0","result":"m-1"}"#;
    assert_eq!(reply, Inbound::DeliverBoth(id.to_vec(), first.to_vec()));
    ledger
}

#[test]
fn requests_lose_their_version_and_have_an_array() {
    let mut ledger = Ledger::default();
    let message = r#"{"jsonrpc":"2.0","id":1,"method":"a\"b"}"#;
    assert_eq!(out(&mut ledger, message), r#"{"id":1,"method":"a\"b","params":[]}"#);
    let message = r#"{"jsonrpc":"2.0","method":"note","params":[1]}"#;
    assert_eq!(out(&mut ledger, message), r#"{"id":null,"method":"note","params":[1]}"#);
}

#[test]
fn replies_lose_what_is_null_or_missing() {
    let success = delivered(r#"{"jsonrpc":"2.0","id":1,"result":{"a":null}}"#);
    for reply in [
        r#"{"id":1,"result":{"a":null},"error":null}"#,
        r#"{"error":null,"result":{"a":null},"id":1}"#,
        r#"{"id":1,"result":{"a":null}}"#,
        r#"{"id":1,"result":{"a":null},"surprise":1}"#,
    ] {
        assert_eq!(take(&mut asked(), reply), success);
    }
    let nothing = delivered(r#"{"jsonrpc":"2.0","id":1,"result":null}"#);
    assert_eq!(take(&mut asked(), r#"{"id":1,"result":null,"error":null}"#), nothing);
}

/// Points 4 and 5: an error comes as string or object, with or without a `result`.
#[test]
fn errors_are_wrapped_whatever_they_are() {
    for error in [r#""unknown method""#, r#"{"error":"e","details":"d"}"#, r#"[{"error":"e"}]"#, "false"] {
        let wrapped =
            format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":-32000,"message":"OVSDB error","data":{error}}}}}"#);
        for result in ["", r#","result":null"#, r#","result":{}"#] {
            let reply = format!(r#"{{"id":1{result},"error":{error}}}"#);
            assert_eq!(take(&mut asked(), &reply), delivered(&wrapped));
        }
    }
}

#[test]
fn a_reply_is_taken_once() {
    let mut ledger = asked();
    assert_ne!(take(&mut ledger, r#"{"id":1,"result":1}"#), Inbound::Drop);
    assert_eq!(take(&mut ledger, r#"{"id":1,"result":1}"#), Inbound::Drop);
    assert_eq!(take(&mut ledger, r#"{"id":"1","result":1}"#), Inbound::Drop);
    assert_eq!(take(&mut ledger, r#"{"id":"probe","result":[]}"#), Inbound::Drop);
}

/// Point 6.
#[test]
fn requests_are_answered() {
    for (request, answer) in [
        (r#"{"id":"echo","method":"echo","params":[1,"}"]}"#, r#"{"id":"echo","result":[1,"}"],"error":null}"#),
        (r#"{"id":0,"method":"echo"}"#, r#"{"id":0,"result":[],"error":null}"#),
        (r#"{"id":0,"method":"dance","params":[]}"#, r#"{"id":0,"result":null,"error":"unknown method"}"#),
    ] {
        let expected = Inbound::Answer(answer.as_bytes().to_vec());
        assert_eq!(take(&mut Ledger::default(), request), expected);
    }
}

#[test]
fn updates_go_to_their_subscription() {
    let mut ledger = monitoring();
    let update = r#"{"id":null,"method":"update3","params":["m-1","t",{}]}"#;
    let wrapped = r#"{"jsonrpc":"2.0","method":"update","params":{"subscription":"m-1","result":{"method":"update3","params":["m-1","t",{}]}}}"#;
    assert_eq!(take(&mut ledger, update), delivered(wrapped));
}

#[test]
fn other_notifications_go_to_the_reader_of_all() {
    let mut ledger = monitoring();
    for (message, method, params) in [
        (r#"{"id":null,"method":"locked","params":["l"]}"#, "locked", r#"["l"]"#),
        (r#"{"method":"x"}"#, "x", "[]"),
        (r#"{"method":"update","params":[null,{}]}"#, "update", "[null,{}]"),
        (r#"{"method":"update2","params":["m-2",{}]}"#, "update2", r#"["m-2",{}]"#),
    ] {
        let wrapped = format!(
            r#"{{"jsonrpc":"2.0","method":"notification","params":{{"method":"{method}","params":{params}}}}}"#
        );
        assert_eq!(take(&mut ledger, message), delivered(&wrapped));
    }
}

#[test]
fn a_cancelled_monitor_is_no_subscription_any_more() {
    let mut ledger = monitoring();
    out(&mut ledger, r#"{"jsonrpc":"2.0","id":"1","method":"monitor_cancel","params":["m-1"]}"#);
    assert!(ledger.monitors.contains(r#""m-1""#), "updates may come up to the reply");
    take(&mut ledger, r#"{"id":"1","result":{},"error":null}"#);
    assert!(ledger.monitors.is_empty());

    let mut ledger = monitoring();
    let end = r#"{"jsonrpc":"2.0","method":"monitor_canceled","params":{"subscription":"m-1","error":["m-1"]}}"#;
    assert_eq!(take(&mut ledger, r#"{"id":null,"method":"monitor_canceled","params":["m-1"]}"#), delivered(end));
    assert!(ledger.monitors.is_empty());
}

/// Point 13: Open vSwitch 3.1 does not answer a cancelled request.
#[test]
fn a_cancelled_request_is_answered_in_any_case() {
    let cancel = r#"{"jsonrpc":"2.0","method":"cancel","params":[1]}"#;
    let barrier = r#"{"id":"after-cancel-1","result":[],"error":null}"#;
    let canceled = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"OVSDB error","data":"canceled"}}"#;

    let mut ledger = asked();
    let sent = r#"{"id":null,"method":"cancel","params":[1]}{"id":"after-cancel-1","method":"echo","params":[]}"#;
    assert_eq!(out(&mut ledger, cancel), sent);
    assert_eq!(take(&mut ledger, barrier), delivered(canceled));
    assert!(ledger.awaited.is_empty());

    let mut ledger = asked();
    out(&mut ledger, cancel);
    assert_ne!(take(&mut ledger, r#"{"id":1,"result":[]}"#), Inbound::Drop, "it was done already");
    assert_eq!(take(&mut ledger, barrier), Inbound::Drop);
}

#[test]
fn nonsense_ends_the_connection() {
    let error = |message: &[u8]| Ledger::default().inbound(message).unwrap_err().to_string();
    assert_eq!(error(b"{}"), "a message has neither 'method' nor 'id': {}");
    assert_eq!(
        error(br#"{"id":null,"error":"bad"}"#),
        r#"the server refused a request without saying which: {"id":null,"error":"bad"}"#
    );
    for message in [&b"{\"id\":1,}"[..], b"{\"id\":1,\"id\":1}", b"{\"id\":\"\xff\"}", b"{\"method\":1}"] {
        assert!(error(message).starts_with("a message is not JSON-RPC 1.0 ("));
    }
    assert!(error(&[b"{\"x\":\"".as_slice(), &[b'y'; 9999]].concat()).len() < 400);
}
