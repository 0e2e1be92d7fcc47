//! Translates between jsonrpsee's JSON-RPC 2.0 and OVSDB's JSON-RPC 1.0 (RFC 7047 section 4), one message at a time.
//!
//! | direction | OVSDB | jsonrpsee | here |
//! |---|---|---|---|
//! | out | refuses unknown members | always sends `jsonrpc` | left out |
//! | out | `params` is an array, a notification has `"id": null` | may leave out either | put in |
//! | in | `result` and `error`, one of them null or missing | a null `error` does not parse | the null one is dropped |
//! | in | `error` is a string or an object | wants `code` and `message` | wrapped, the original in `data` |
//! | in | no `jsonrpc` | wants it | put in |
//! | in | the server sends `echo` requests | a client serves no requests | answered here |
//! | in | `update` has `[monitor-id, …]` | wants `{subscription, result}` | wrapped, the original in `result` |
//! | in | the reply to `monitor` is the initial contents | wants the subscription's id | the id, then the contents as first update |
//! | in | a reply that nobody waits for | ends the connection | dropped |

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

/// The method under which jsonrpsee gets every notification that is no update of one of its subscriptions, with
/// `{"method": …, "params": […]}` as its parameters.
pub(super) const NOTIFICATION: &str = "notification";

/// What a subscription gets as "method" of its first item, the reply to the `monitor` request itself.
pub(super) const INITIAL: &str = "initial";

/// The `id` of our own probes. jsonrpsee's are numbers, or strings of digits.
const PROBE_ID: &str = "\"probe\"";

/// Where the `id` of an echo that follows a `cancel` starts; the cancelled request's id comes behind it.
const BARRIER_PREFIX: &str = "\"after-cancel-";

/// A probe of an idle server (RFC 7047 section 4.1.11).
pub(super) const PROBE: &str = r#"{"id":"probe","method":"echo","params":[]}"#;

/// What the peer sent that no OVSDB server sends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The stream is no sequence of JSON objects.
    #[error(transparent)]
    Framing(#[from] super::framing::FramingError),
    /// A message is no JSON, or its members are not those of JSON-RPC.
    #[error("a message is not JSON-RPC 1.0 ({reason}): {message}")]
    Json {
        /// The parser's words.
        reason: String,
        /// The message, shortened.
        message: String,
    },
    /// A message is neither a request nor a reply.
    #[error("a message has neither 'method' nor 'id': {0}")]
    Purposeless(String),
    /// The server could not tell which request it refused.
    #[error("the server refused a request without saying which: {0}")]
    Unattributed(String),
    /// The server sends echo requests faster than it takes the replies.
    #[error("the server floods the connection with echo requests")]
    EchoFlood,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// The parameters of a subscription, which [`Ledger::outbound`] unwraps: no other request has an object there.
#[derive(Deserialize, serde::Serialize)]
pub(super) struct SubscriptionParams<'a> {
    /// The monitor's id.
    pub monitor: Cow<'a, str>,
    /// The real parameters.
    #[serde(borrow)]
    pub params: &'a RawValue,
}

impl jsonrpsee_core::traits::ToRpcParams for SubscriptionParams<'_> {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        to_raw_value(&self).map(Some)
    }
}

/// What to do with a message from the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inbound {
    /// Hand it to jsonrpsee.
    Deliver(Vec<u8>),
    /// Hand both to jsonrpsee, in this order.
    DeliverBoth(Vec<u8>, Vec<u8>),
    /// Send it back to the server.
    Answer(Vec<u8>),
    /// Nothing.
    Drop,
}

/// What a request that waits for its reply was.
#[derive(Debug)]
enum Awaited {
    Call,
    /// A subscription, with its monitor's id as JSON.
    Monitor(String),
    /// The end of a subscription, with its monitor's id as JSON.
    MonitorCancel(String),
}

/// What one connection has under way: the translation of a reply depends on what was asked.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By the request's id as JSON.
    awaited: HashMap<String, Awaited>,
    /// The ids, as JSON, of monitors that are jsonrpsee subscriptions.
    monitors: HashSet<String>,
}

impl Ledger {
    /// Translates a message of jsonrpsee's into what goes to the server.
    ///
    /// # Errors
    /// Where jsonrpsee's message is not as this module knows it.
    pub(super) fn outbound(&mut self, message: &str) -> Result<String, serde_json::Error> {
        let envelope: Envelope = serde_json::from_str(message)?;
        let method = envelope.method.unwrap_or_default();
        let mut params = envelope.params.map_or("[]", RawValue::get);
        let Some(id) = envelope.id.map(RawValue::get) else {
            return Ok(with_barrier(&method, params));
        };
        let awaited = if params.starts_with('{') {
            let subscription: SubscriptionParams = serde_json::from_str(params)?;
            params = subscription.params.get();
            Awaited::Monitor(json_string(&subscription.monitor))
        } else if method == "monitor_cancel" {
            Awaited::MonitorCancel(sole(params)?.to_owned())
        } else {
            Awaited::Call
        };
        self.awaited.insert(id.to_owned(), awaited);
        Ok(request(id, &method, params))
    }

    /// Translates a message of the server's into what jsonrpsee understands.
    ///
    /// # Errors
    /// [`ProtocolError`]: the connection is of no more use.
    pub(super) fn inbound(&mut self, message: &[u8]) -> Result<Inbound, ProtocolError> {
        let envelope: Envelope = serde_json::from_slice(message)
            .map_err(|error| ProtocolError::Json { reason: error.to_string(), message: shorten(message) })?;
        match (&envelope.method, envelope.id) {
            (Some(method), Some(id)) => Ok(Inbound::Answer(answer(id.get(), method, envelope.params))),
            (Some(method), None) => Ok(self.notification(method, envelope.params.map_or("[]", RawValue::get))),
            (None, Some(id)) => Ok(self.reply(id.get(), envelope.result, envelope.error)),
            (None, None) if envelope.error.is_some() => Err(ProtocolError::Unattributed(shorten(message))),
            (None, None) => Err(ProtocolError::Purposeless(shorten(message))),
        }
    }

    fn notification(&mut self, method: &str, params: &str) -> Inbound {
        let monitor = serde_json::from_str::<Vec<&RawValue>>(params).ok().and_then(|params| params.first().copied());
        let (name, json) = (json_string(method), params);
        match monitor.map(RawValue::get).filter(|id| self.monitors.contains(*id)) {
            Some(id) if method == "monitor_canceled" => {
                self.monitors.remove(id);
                deliver(&[
                    r#"{"jsonrpc":"2.0","method":"#,
                    &name,
                    r#","params":{"subscription":"#,
                    id,
                    r#","error":"#,
                    json,
                    "}}",
                ])
            }
            Some(id) if method.starts_with("update") => Inbound::Deliver(update(id, method, json)),
            _ => deliver(&[
                r#"{"jsonrpc":"2.0","method":""#,
                NOTIFICATION,
                r#"","params":{"method":"#,
                &name,
                r#","params":"#,
                json,
                "}}",
            ]),
        }
    }

    fn reply(&mut self, id: &str, result: Option<&RawValue>, error: Option<&RawValue>) -> Inbound {
        if let Some(cancelled) = cancelled_before(id) {
            // ovsdb-server works off a session's messages in order, so a reply to the cancelled request would have
            // come before this one. Open vSwitch 3.1 sends none.
            return match self.awaited.remove(cancelled) {
                Some(_) => failure(cancelled, r#""canceled""#),
                None => Inbound::Drop,
            };
        }
        let Some(awaited) = self.awaited.remove(id) else {
            if id != PROBE_ID {
                tracing::debug!(id, "dropped a reply that nobody waits for");
            }
            return Inbound::Drop;
        };
        match (error, awaited) {
            (Some(error), _) => failure(id, error.get()),
            (None, Awaited::Monitor(monitor)) => {
                let first = update(&monitor, INITIAL, result.map_or("null", RawValue::get));
                let reply = success(id, &monitor);
                self.monitors.insert(monitor);
                Inbound::DeliverBoth(reply, first)
            }
            (None, awaited) => {
                if let Awaited::MonitorCancel(monitor) = awaited {
                    self.monitors.remove(&monitor);
                }
                Inbound::Deliver(success(id, result.map_or("null", RawValue::get)))
            }
        }
    }
}

/// A notification, and behind a `cancel` an echo whose reply tells that the server has worked it off.
fn with_barrier(method: &str, params: &str) -> String {
    let notification = request("null", method, params);
    match sole(params) {
        Ok(id) if method == "cancel" && id.parse::<u64>().is_ok() => {
            let barrier = format!("{BARRIER_PREFIX}{id}\"");
            notification + &request(&barrier, "echo", "[]")
        }
        _ => notification,
    }
}

/// The id, as JSON, of the cancelled request that the echo with `id` follows.
fn cancelled_before(id: &str) -> Option<&str> {
    id.strip_prefix(BARRIER_PREFIX)?.strip_suffix('"')
}

/// The only element of an array, as JSON.
fn sole(params: &str) -> Result<&str, serde_json::Error> {
    serde_json::from_str::<[&RawValue; 1]>(params).map(|[element]| element.get())
}

fn request(id: &str, method: &str, params: &str) -> String {
    [r#"{"id":"#, id, r#","method":"#, &json_string(method), r#","params":"#, params, "}"].concat()
}

/// RFC 7047 section 4.1.11: an echo is answered with its parameters. Nothing else is asked of a client.
fn answer(id: &str, method: &str, params: Option<&RawValue>) -> Vec<u8> {
    let (result, error) = match method {
        "echo" => (params.map_or("[]", RawValue::get), "null"),
        _ => ("null", r#""unknown method""#),
    };
    concat(&[r#"{"id":"#, id, r#","result":"#, result, r#","error":"#, error, "}"])
}

fn success(id: &str, result: &str) -> Vec<u8> {
    concat(&[r#"{"jsonrpc":"2.0","id":"#, id, r#","result":"#, result, "}"])
}

fn failure(id: &str, error: &str) -> Inbound {
    let start = r#","error":{"code":-32000,"message":"OVSDB error","data":"#;
    deliver(&[r#"{"jsonrpc":"2.0","id":"#, id, start, error, "}}"])
}

fn update(monitor: &str, method: &str, params: &str) -> Vec<u8> {
    concat(&[
        r#"{"jsonrpc":"2.0","method":"update","params":{"subscription":"#,
        monitor,
        r#","result":{"method":""#,
        method,
        r#"","params":"#,
        params,
        "}}}",
    ])
}

fn deliver(parts: &[&str]) -> Inbound {
    Inbound::Deliver(concat(parts))
}

fn concat(parts: &[&str]) -> Vec<u8> {
    parts.concat().into_bytes()
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The start of a message, for an error text.
pub(super) fn shorten(message: &[u8]) -> String {
    const LONGEST: usize = 200;
    let text = String::from_utf8_lossy(&message[..message.len().min(LONGEST)]);
    if message.len() > LONGEST { format!("{text}…") } else { text.into_owned() }
}

#[cfg(test)]
mod tests;
