//! One connection to an OVSDB server and the methods of RFC 7047 section 4.1.

use std::borrow::{Borrow, Cow};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use jsonrpsee_core::client::async_client::RpcService;
use jsonrpsee_core::client::{Client as Rpc, ClientBuilder, Error as RpcError, IdKind};
use jsonrpsee_core::middleware::{Notification, Request, RpcServiceBuilder, RpcServiceT};
use jsonrpsee_types::{ErrorObject, Id, ResponsePayload};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::connect::{self, Connected};
use super::endpoint::{Endpoint, Endpoints};
use super::error::{ClientError, ConnectError};
use super::operation::{Operation, OperationResult, ServerError, read_results, transact_params};
use super::tls::TlsFiles;
use super::transport::{self, Fault, Shared};
use super::value::ValueError;
use super::wire::shorten;

/// How to connect, and how long to wait.
#[derive(Debug, Clone)]
pub struct Options {
    /// Key and certificates for `ssl:` endpoints.
    pub tls: Option<TlsFiles>,
    /// How long connecting to one endpoint may take, and each call; [`Client::within`] changes it for some calls.
    pub timeout: Duration,
    /// How long the server may be silent before it is sent an echo; after as long again the connection is given up.
    /// Zero is never. Without it, as Open vSwitch has it: 5 s for `tcp:` and `ssl:`, never for `unix:`.
    pub probe_interval: Option<Duration>,
    /// How many updates of a monitor may wait to be taken, at least 1. With one more the monitor has lagged, and ends.
    pub monitor_buffer: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { tls: None, timeout: Duration::from_secs(10), probe_interval: None, monitor_buffer: 1024 }
    }
}

impl Options {
    fn probe(&self, endpoint: &Endpoint) -> Option<Duration> {
        const OVS_DEFAULT: Duration = Duration::from_secs(5); // RECONNECT_DEFAULT_PROBE_INTERVAL of lib/reconnect.h
        let default = if matches!(endpoint, Endpoint::Unix(_)) { Duration::ZERO } else { OVS_DEFAULT };
        Some(self.probe_interval.unwrap_or(default)).filter(|interval| !interval.is_zero())
    }
}

/// A request under way, for [`Client::cancel`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

/// A connection to an OVSDB server.
///
/// A clone is another handle on the same connection; calls on all of them may be under way at once. The connection
/// closes with the last handle. It must live in a tokio runtime with I/O and time enabled.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
    timeout: Duration,
}

#[derive(Debug)]
struct Inner {
    endpoint: Arc<Endpoint>,
    /// How it was connected.
    options: Options,
    /// Keeps jsonrpsee's tasks alive, and makes subscriptions, whose requests it numbers with strings.
    rpc: Rpc<RpcService>,
    /// Makes all other calls, which we number with integers: through `rpc` their ids would not be known, which
    /// `cancel` needs, and each call would set a timer in a thread that jsonrpsee starts for that.
    service: RpcService,
    shared: Arc<Shared>,
    next_id: AtomicU64,
}

impl Client {
    /// Connects to the first of `endpoints` that answers.
    ///
    /// # Errors
    /// [`ConnectError`], with every endpoint that was tried.
    pub async fn connect(endpoints: &Endpoints, options: &Options) -> Result<Self, ConnectError> {
        let Connected { endpoint, reader, writer } =
            connect::connect(endpoints, options.tls.as_ref(), options.timeout).await?;
        let (sender, receiver, shared) = transport::open(reader, writer, options.probe(&endpoint));
        let slot = Arc::new(OnceLock::new());
        let catch = Arc::clone(&slot);
        let rpc = ClientBuilder::default()
            .id_format(IdKind::String)
            .request_timeout(NEVER)
            .max_buffer_capacity_per_subscription(options.monitor_buffer.max(1))
            .set_rpc_middleware(RpcServiceBuilder::new().layer_fn(move |service: RpcService| {
                catch.get_or_init(|| service.clone());
                service
            }))
            .build_with_tokio(sender, receiver);
        let Some(service) = slot.get().cloned() else {
            unreachable!("jsonrpsee builds the middleware with the client")
        };
        let inner = Inner {
            endpoint: Arc::new(endpoint),
            options: options.clone(),
            rpc,
            service,
            shared,
            next_id: AtomicU64::new(0),
        };
        Ok(Self { inner: Arc::new(inner), timeout: options.timeout })
    }

    /// The same connection, with another deadline for the calls made through this handle. Give a `transact` with a
    /// `wait` in it more than the `wait`'s own timeout.
    #[must_use]
    pub fn within(&self, timeout: Duration) -> Self {
        Self { inner: Arc::clone(&self.inner), timeout }
    }

    /// A new connection to the same place, made in the same way; this one stays what it is.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect_again(&self) -> Result<Self, ConnectError> {
        let endpoints = Endpoints::from(Endpoint::clone(&self.inner.endpoint));
        Self::connect(&endpoints, &self.inner.options).await
    }

    /// Where the connection leads.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }

    /// Whether the connection stands, as far as is known.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.inner.rpc.is_connected()
    }

    /// The databases of the server (section 4.1.1); `_Server`, about the server itself, is one of them.
    ///
    /// # Errors
    /// [`ClientError`], as for every call below.
    pub async fn list_dbs(&self) -> Result<Vec<String>, ClientError> {
        let names = self.call("list_dbs", json!([])).await?;
        serde_json::from_value(names.clone()).map_err(|_| self.senseless("list_dbs", "an array of strings", &names))
    }

    /// The schema of a database (section 4.1.2), as JSON.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get_schema(&self, database: &str) -> Result<Value, ClientError> {
        self.call("get_schema", json!([database])).await
    }

    /// Carries out operations, all or none (section 4.1.3), and gives each one's result.
    ///
    /// # Errors
    /// [`ClientError::Transact`] where the server refused; the others leave unknown whether it was carried out. When
    /// the deadline passes, or the future is dropped, the server is asked to cancel it.
    pub async fn transact(
        &self,
        database: &str,
        operations: &[Operation],
    ) -> Result<Vec<OperationResult>, ClientError> {
        self.transact_as(self.request_id(), database, operations).await
    }

    /// [`Client::transact`] under an id from [`Client::request_id`], so that it can be cancelled.
    ///
    /// # Errors
    /// As [`Client::transact`]; once cancelled, [`ClientError::Refused`] with the error "canceled".
    pub async fn transact_as(
        &self,
        id: RequestId,
        database: &str,
        operations: &[Operation],
    ) -> Result<Vec<OperationResult>, ClientError> {
        let reply = self.request(id, "transact", &transact_params(database, operations)).await?;
        Ok(read_results(operations, &reply)?)
    }

    /// An id for a request to come, unique on this connection.
    #[must_use]
    pub fn request_id(&self) -> RequestId {
        RequestId(self.inner.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Asks the server to give up a request (section 4.1.4). It may be done before it hears of it: the request's own
    /// answer tells, and comes in any case.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn cancel(&self, id: RequestId) -> Result<(), ClientError> {
        let sent = timeout(self.timeout, self.inner.service.notification(cancel(id))).await;
        let outcome = sent.map_err(|_| self.timed_out("cancel"))?;
        outcome.map(drop).map_err(|error| self.failed("cancel", error))
    }

    /// Asks for a lock (section 4.1.8): whether it is owned now. If not, a `locked` notification tells when it is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn lock(&self, name: &str) -> Result<bool, ClientError> {
        self.take_lock("lock", name).await
    }

    /// Takes a lock, from its owner if it has one (section 4.1.8), who gets a `stolen` notification.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn steal(&self, name: &str) -> Result<bool, ClientError> {
        self.take_lock("steal", name).await
    }

    async fn take_lock(&self, method: &str, name: &str) -> Result<bool, ClientError> {
        let reply = self.call(method, json!([name])).await?;
        reply["locked"].as_bool().ok_or_else(|| self.senseless(method, "a member 'locked'", &reply))
    }

    /// Gives a lock back, or the wish for it (section 4.1.8).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn unlock(&self, name: &str) -> Result<(), ClientError> {
        self.call("unlock", json!([name])).await.map(drop)
    }

    /// Sends values there and back (section 4.1.11).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn echo(&self, values: &[Value]) -> Result<Value, ClientError> {
        self.request(self.request_id(), "echo", values).await
    }

    /// Tells the server whether we can handle databases that come and go (ovsdb-server(7) section 4.1.16); without it
    /// the server drops the connection when they do, and does not answer cancelled requests.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn set_db_change_aware(&self, aware: bool) -> Result<(), ClientError> {
        self.call("set_db_change_aware", json!([aware])).await.map(drop)
    }

    /// Calls any method. `params` is an array, or null for an empty one; another value is put into one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn call(&self, method: &str, params: impl Borrow<Value>) -> Result<Value, ClientError> {
        let params = match params.borrow() {
            Value::Array(params) => params.as_slice(),
            Value::Null => &[],
            other => std::slice::from_ref(other),
        };
        self.request(self.request_id(), method, params).await
    }

    async fn request(&self, id: RequestId, method: &str, params: &[Value]) -> Result<Value, ClientError> {
        let reply = self.request_raw(id, method, params).await?;
        // It is JSON already: only nesting beyond serde_json's 128 levels fails.
        serde_json::from_str(reply.get()).map_err(|error| {
            let excerpt = Value::from(shorten(reply.get().as_bytes()));
            tracing::debug!(%error, method, "a reply was not taken");
            self.senseless(method, "JSON of at most 128 levels", &excerpt)
        })
    }

    async fn request_raw(&self, id: RequestId, method: &str, params: &[Value]) -> Result<Box<RawValue>, ClientError> {
        // A `Value` can always be written.
        let params = to_raw_value(params).unwrap_or_default();
        let request = Request::borrowed(method, Some(&params), Id::Number(id.0));
        let mut call = Pending { client: self, id, answered: false };
        let outcome = timeout(self.timeout, self.inner.service.call(request)).await;
        let outcome = outcome.map_err(|_| self.timed_out(method))?;
        call.answered = true;
        match outcome.map_err(|error| self.failed(method, error))?.into_response().into_inner().payload {
            ResponsePayload::Success(result) => Ok(result.into_owned()),
            ResponsePayload::Error(error) => Err(self.refused(method, &error)),
        }
    }

    /// jsonrpsee's client, for subscriptions.
    pub(super) fn rpc(&self) -> &Rpc<RpcService> {
        &self.inner.rpc
    }

    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// An id for a monitor to come, unique on this connection (ovsdb-server(7) section 4.1.5).
    pub(super) fn monitor_id(&self) -> String {
        format!("monitor-{}", self.request_id().0)
    }

    pub(super) fn timed_out(&self, method: &str) -> ClientError {
        ClientError::TimedOut {
            endpoint: Arc::clone(&self.inner.endpoint),
            method: method.to_owned(),
            after: self.timeout,
        }
    }

    /// What jsonrpsee's error says of a call.
    pub(super) fn failed(&self, method: &str, error: RpcError) -> ClientError {
        match error {
            RpcError::Call(error) => self.refused(method, &error),
            error => self.lost(method, error.to_string()),
        }
    }

    pub(super) fn disconnected(&self, method: &str) -> ClientError {
        self.lost(method, "it is gone".to_owned())
    }

    pub(super) fn senseless_because(&self, method: &str, source: ValueError) -> ClientError {
        ClientError::Senseless { endpoint: Arc::clone(&self.inner.endpoint), method: method.to_owned(), source }
    }

    fn senseless(&self, method: &str, wanted: &'static str, found: &Value) -> ClientError {
        self.senseless_because(method, ValueError::expected(wanted, found))
    }

    fn refused(&self, method: &str, error: &ErrorObject<'_>) -> ClientError {
        let original = error.data().map_or("null", RawValue::get);
        let words = serde_json::from_str(original).ok().as_ref().and_then(ServerError::from_json);
        let source = words.unwrap_or_else(|| ServerError { error: original.to_owned(), details: None, syntax: None });
        ClientError::Refused { endpoint: Arc::clone(&self.inner.endpoint), method: method.to_owned(), source }
    }

    /// The transport knows why the connection ended; jsonrpsee's words are only for an end of its own making.
    fn lost(&self, method: &str, words: String) -> ClientError {
        let source = self.inner.shared.fault().unwrap_or(Fault::Rpc(words));
        ClientError::Lost { endpoint: Arc::clone(&self.inner.endpoint), method: method.to_owned(), source }
    }
}

/// A call under way. If it is given up, by its deadline or because its future is dropped, the server is told, so that
/// a transaction that still waits there does not come into effect later.
struct Pending<'a> {
    client: &'a Client,
    id: RequestId,
    answered: bool,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.answered {
            // Without waiting: it goes into jsonrpsee's queue at once, or not at all if that is full.
            let _ = self.client.inner.service.notification(cancel(self.id)).now_or_never();
        }
    }
}

/// jsonrpsee's own deadline for calls, which ours always precede.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

fn cancel(id: RequestId) -> Notification<'static> {
    let params = to_raw_value(&[id.0]).ok().map(Cow::Owned);
    Notification::new("cancel".into(), params)
}
