//! Points 1 to 8: messages, replies, probes.

use super::*;

#[tokio::test]
async fn point_01_messages_have_no_delimiter_and_come_in_any_pieces() {
    let (_server, client) = start().await;
    // From one byte to beyond what is read at once, all under way at the same time.
    let texts: Vec<_> = (0..18).map(|power| json!("}\"{".repeat(1 << power))).collect();
    let echoes = join_all(texts.iter().map(|text| client.echo(std::slice::from_ref(text)))).await;
    for (text, echo) in texts.iter().zip(echoes) {
        assert_eq!(&echo.unwrap()[0], text);
    }
}

#[tokio::test]
async fn point_02_what_is_sent_is_strict_json() {
    let (server, client) = start().await;
    let awkward: String = ('\u{1}'..'\u{20}').chain("\"\\/\u{7f}\u{80}é\u{2028}\u{ffff}😀".chars()).collect();
    assert_eq!(client.echo(&[json!(awkward)]).await.unwrap(), json!([awkward]));
    // Malformed JSON ends the connection.
    for malformed in ["{\"id\":0,}", "{\"id\":\"\u{1}\"}", "[]x"] {
        let mut stream = UnixStream::connect(server.socket()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        assert_eq!(talk(&mut stream, malformed, 1), [json!(null); 0], "{malformed}");
    }
    assert!(client.is_connected());
}

#[tokio::test]
async fn point_03_replies_are_matched_by_id() {
    let (_server, client) = start().await;
    let waiting = [wait_for_nothing(Duration::from_millis(300)), Operation::Comment("slow".into())];
    let slow = async { (client.transact(DATABASE, &waiting).await, Instant::now()) };
    let quick = async { (client.echo(&[json!("quick")]).await, Instant::now()) };
    let ((slow, slow_at), (quick, quick_at)) = tokio::join!(slow, quick);
    assert_eq!(quick.unwrap(), json!(["quick"]));
    assert!(quick_at < slow_at, "the waiting transaction is overtaken");
    assert!(slow.unwrap_err().server_error().unwrap().error.contains("timed out"));
}

#[tokio::test]
async fn point_04_a_reply_may_lack_its_result_or_have_a_null_error() {
    let (server, client) = start().await;
    let mut stream = UnixStream::connect(server.socket()).unwrap();
    let sent = r#"{"id":0,"method":"nonsense","params":[]}{"id":1,"method":"list_dbs","params":[]}"#;
    let replies = talk(&mut stream, sent, 2);
    assert!(replies[0]["result"].is_null() && !replies[0]["error"].is_null(), "{replies:?}");
    assert!(replies[1].as_object().unwrap().get("error").is_some_and(Value::is_null), "{replies:?}");
    assert!(client.call("nonsense", json!([])).await.unwrap_err().is_unknown_method());
    assert!(client.call("list_dbs", json!([])).await.unwrap().is_array());
}

#[tokio::test]
async fn point_05_an_error_is_a_string_or_an_object() {
    let (_server, client) = start().await;
    let error = client.call("nonsense", json!([])).await.unwrap_err();
    let words = error.server_error().unwrap();
    assert_eq!((words.error.as_str(), &words.details), ("unknown method", &None));
    let error = client.get_schema("nonsense").await.unwrap_err();
    let words = error.server_error().unwrap();
    assert_eq!(words.error, "unknown database");
    assert!(words.details.is_some() && words.syntax.is_some(), "{words:?}");
}

/// A server that probes each connection on TCP after a second, the least that it accepts.
fn probing_server() -> Server {
    let server = Server::start_with(&["--remote=db:Open_vSwitch,Open_vSwitch,manager_options"]);
    let manager = ["--id=@m", "create", "Manager", "target=\"ptcp:0:127.0.0.1\"", "inactivity_probe=1000"];
    server.vsctl(&["init"]);
    server.vsctl(&[&manager[..], &["--", "set", "Open_vSwitch", ".", "manager_options=@m"]].concat());
    server
}

#[tokio::test]
async fn point_06_an_echo_request_is_answered_while_waiting_for_a_reply() {
    let server = probing_server();
    let endpoints = format!("tcp:127.0.0.1:{}", server.port()).parse().unwrap();
    // Without probes of ours, nothing but answers keeps the connection.
    let options = Options { probe_interval: Some(Duration::ZERO), ..Options::default() };
    let client = Client::connect(&endpoints, &options).await.unwrap();
    let error = refusal(&client, vec![wait_for_nothing(Duration::from_millis(3500))]).await;
    assert!(error.is_timed_out(), "{error:?}");
    assert!(client.list_dbs().await.is_ok());
}

#[test]
fn point_07_an_unanswered_probe_is_followed_by_a_disconnect() {
    let server = probing_server();
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let messages = talk(&mut stream, "", 1);
    assert_eq!((&messages[0]["method"], &messages[0]["id"]), (&json!("echo"), &json!("echo")));
    let probed = Instant::now();
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0, "the server gives up");
    let after = probed.elapsed();
    assert!(after > Duration::from_millis(500) && after < Duration::from_secs(10), "{after:?}");
}

#[tokio::test]
async fn point_08_a_stopped_server_is_noticed_and_a_session_comes_back() {
    let (server, client) = start().await;
    let options = Options { probe_interval: Some(Duration::from_millis(500)), ..Options::default() };
    let (shortest, longest) = (Duration::from_millis(10), Duration::from_millis(100));
    let mut session = Session::new(server.endpoints(), options, DATABASE).with_backoff(shortest, longest);
    let watch = session.watch(MonitorRequest::new().table("Bridge", TableRequest::new().columns(["name"])));
    session.lock("l");
    let mut event = async || timeout(LIMIT, session.next()).await.unwrap();
    assert!(matches!(event().await, Event::Connected(_)));
    assert!(matches!(event().await, Event::Locked(_)));
    assert!(matches!(event().await, Event::Changed { .. }));
    server.process().signal("STOP");
    let error = loop {
        if let Event::Disconnected(error) = event().await {
            break error;
        }
    };
    server.process().signal("CONT");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "the server did not answer a probe within 500ms");
    // Monitors and locks are replayed.
    transact(&client, add_bridge("br0")).await;
    let (mut locked, mut seen) = (false, false);
    while !locked || !seen {
        match event().await {
            Event::Locked(_) => locked = true,
            Event::Changed { changes, .. } => seen |= !changes.is_empty(),
            _ => {}
        }
    }
    assert_eq!(session.replica(watch).unwrap().rows("Bridge").count(), 1);
}
