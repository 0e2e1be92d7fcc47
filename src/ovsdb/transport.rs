//! The two halves of a connection that jsonrpsee's client runs on: bytes to messages and back.
//!
//! A task of its own writes, so that a server that does not read cannot keep us from reading: ovsdb-server stops
//! reading while its replies are not taken, and both sides would wait for ever.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jsonrpsee_core::client::{ReceivedMessage, TransportReceiverT, TransportSenderT};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::framing::Framer;
pub use super::wire::ProtocolError;
use super::wire::{Inbound, Ledger, PROBE};

/// How much is read at once.
const READ_SIZE: usize = 64 << 10;

/// How many replies to echo requests may wait to be written. A server sends one a probe interval.
const ANSWERS: usize = 64;

/// How many requests are joined into one write.
const BATCH: usize = 64;

/// How long what is still to be written may take once the client is gone.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a connection came to its end.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// The server closed the connection before a message was complete.
    #[error("the server closed the connection in the middle of a message")]
    Truncated,
    /// Reading or writing failed.
    #[error("the socket failed")]
    Io(#[source] Arc<io::Error>),
    /// An idle server did not answer a probe within the interval.
    #[error("the server did not answer a probe within {0:?}")]
    Silent(Duration),
    /// The peer does not speak OVSDB.
    #[error("the peer does not speak the OVSDB protocol")]
    Protocol(#[source] ProtocolError),
    /// jsonrpsee gave up for a reason of its own.
    #[error("the JSON-RPC layer gave up: {0}")]
    Rpc(String),
}

impl From<ProtocolError> for Fault {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

/// What both halves and the client know of a connection.
#[derive(Debug, Default)]
pub(super) struct Shared {
    ledger: Mutex<Ledger>,
    fault: OnceLock<Fault>,
}

impl Shared {
    /// Never held across an await.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the connection ended, if it did.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.get().cloned()
    }

    /// Keeps the first fault: later ones follow from it.
    fn record(&self, fault: Fault) -> Fault {
        self.fault.get_or_init(|| fault).clone()
    }
}

/// Where a connection reads from.
pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;
/// Where a connection writes to.
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Makes the halves of a connection and starts its writer. With `probe`, a server that is silent for that long is sent
/// an echo, and given up after as long again.
pub(super) fn open(reader: Reader, writer: Writer, probe: Option<Duration>) -> (Sender, Receiver, Arc<Shared>) {
    let shared = Arc::new(Shared::default());
    let (requests, request_queue) = mpsc::unbounded_channel();
    let (answers, answer_queue) = mpsc::channel(ANSWERS);
    let (_open, over) = oneshot::channel();
    let queues = Queues { requests: request_queue, answers: answer_queue };
    tokio::spawn(write(writer, queues, over, Arc::clone(&shared)));
    let sender = Sender { requests, shared: Arc::clone(&shared) };
    let receiver = Receiver {
        reader,
        chunk: vec![0; READ_SIZE].into_boxed_slice(),
        framer: Framer::default(),
        second: VecDeque::new(),
        answers,
        probe,
        shared: Arc::clone(&shared),
        _open,
    };
    (sender, receiver, shared)
}

/// What is to be written.
struct Queues {
    requests: mpsc::UnboundedReceiver<String>,
    answers: mpsc::Receiver<Vec<u8>>,
}

/// Writes until the connection is `over`: a peer that does not read must not keep the socket open.
async fn write(mut writer: Writer, queues: Queues, over: oneshot::Receiver<Infallible>, shared: Arc<Shared>) {
    let written = write_queues(&mut writer, queues);
    tokio::pin!(written);
    let outcome = tokio::select! {
        biased;
        outcome = &mut written => outcome,
        _ = over => match shared.fault() {
            None => timeout(FAREWELL, written).await.unwrap_or(Ok(())),
            Some(_) => return,
        }
    };
    if let Err(error) = outcome {
        shared.record(Fault::Io(Arc::new(error)));
    }
}

async fn write_queues(writer: &mut Writer, mut queues: Queues) -> io::Result<()> {
    let mut batch = Vec::new();
    loop {
        let bytes = tokio::select! {
            biased;
            Some(answer) = queues.answers.recv() => answer,
            taken = queues.requests.recv_many(&mut batch, BATCH) => match taken {
                // TLS says good-bye.
                0 => return writer.shutdown().await,
                1 => batch.pop().unwrap_or_default().into_bytes(),
                _ => std::mem::take(&mut batch).concat().into_bytes(),
            },
        };
        write_out(writer, &bytes).await?;
    }
}

async fn write_out(writer: &mut Writer, bytes: &[u8]) -> io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}

/// The half that sends.
pub(super) struct Sender {
    requests: mpsc::UnboundedSender<String>,
    shared: Arc<Shared>,
}

impl Sender {
    fn enqueue(&self, message: &str) -> Result<(), Fault> {
        let translated = self.shared.ledger().outbound(message).map_err(|error| {
            Fault::Protocol(ProtocolError::Json { reason: error.to_string(), message: message.to_owned() })
        })?;
        self.requests.send(translated).map_err(|_| Fault::Closed)
    }
}

impl TransportSenderT for Sender {
    type Error = Fault;

    fn send(&mut self, message: String) -> impl Future<Output = Result<(), Fault>> + Send {
        let sent = self.enqueue(&message).map_err(|fault| self.shared.record(fault));
        std::future::ready(sent)
    }
}

/// The half that receives.
pub(super) struct Receiver {
    reader: Reader,
    chunk: Box<[u8]>,
    framer: Framer,
    /// The second of two messages that one of the server's became.
    second: VecDeque<Vec<u8>>,
    answers: mpsc::Sender<Vec<u8>>,
    probe: Option<Duration>,
    shared: Arc<Shared>,
    /// Tells the writer, by being dropped, that the connection is over.
    _open: oneshot::Sender<Infallible>,
}

impl TransportReceiverT for Receiver {
    type Error = Fault;

    async fn receive(&mut self) -> Result<ReceivedMessage, Fault> {
        match self.next_message().await {
            Ok(message) => Ok(ReceivedMessage::Bytes(message)),
            Err(fault) => Err(self.shared.record(fault)),
        }
    }
}

impl Receiver {
    async fn next_message(&mut self) -> Result<Vec<u8>, Fault> {
        loop {
            if let Some(message) = self.second.pop_front() {
                return Ok(message);
            }
            let Some(message) = self.framer.next().map_err(ProtocolError::from)? else {
                self.fill().await?;
                continue;
            };
            if let Some(message) = self.take(&message)? {
                return Ok(message);
            }
        }
    }

    fn take(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let inbound = self.shared.ledger().inbound(message)?;
        match inbound {
            Inbound::Deliver(message) => return Ok(Some(message)),
            Inbound::DeliverBoth(first, second) => {
                self.second.push_back(second);
                return Ok(Some(first));
            }
            Inbound::Answer(answer) => self.answer(answer)?,
            Inbound::Drop => {}
        }
        Ok(None)
    }

    /// Hands `bytes` to the writer, without waiting for it.
    fn answer(&self, bytes: Vec<u8>) -> Result<(), Fault> {
        self.answers.try_send(bytes).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ProtocolError::EchoFlood.into(),
            mpsc::error::TrySendError::Closed(_) => Fault::Closed,
        })
    }

    async fn fill(&mut self) -> Result<(), Fault> {
        let read = match self.probe {
            Some(interval) => self.read_probing(interval).await?,
            None => self.reader.read(&mut self.chunk).await,
        };
        let length = match read {
            Ok(length) => length,
            // TLS without a good-bye, as when the server is killed. Where a message ends is known without it.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(Fault::Io(Arc::new(error))),
        };
        if length > 0 {
            self.framer.push(&self.chunk[..length]);
            return Ok(());
        }
        Err(if self.framer.is_mid_message() { Fault::Truncated } else { Fault::Closed })
    }

    /// Reads; after `interval` of silence it sends an echo, after as long again it gives up.
    async fn read_probing(&mut self, interval: Duration) -> Result<io::Result<usize>, Fault> {
        if let Ok(read) = timeout(interval, self.reader.read(&mut self.chunk)).await {
            return Ok(read);
        }
        self.answer(PROBE.as_bytes().to_vec())?;
        timeout(interval, self.reader.read(&mut self.chunk)).await.map_err(|_| Fault::Silent(interval))
    }
}
