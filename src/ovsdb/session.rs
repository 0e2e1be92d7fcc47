//! A connection that comes back: it reconnects with back-off, asks again for what was monitored and locked, and tells
//! its user only what has really changed.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _, select_all};
use tokio::time::{Instant, sleep_until};

use super::client::{Client, Options};
use super::endpoint::Endpoints;
use super::error::ClientError;
use super::monitor::{Change, Monitor, MonitorError, MonitorRequest, Replica, ReplicaError, Started, Update};
use super::notification::{Notification, Notifications};
use super::schema::DatabaseSchema;
use super::value::{Uuid, ValueError};

/// Open vSwitch's back-off (lib/reconnect.h).
const SHORTEST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(8);

/// A session with one database of one server, over as many connections as it takes.
///
/// It has no task of its own: [`Session::next`] does all the work, and must be called for anything to happen.
pub struct Session {
    endpoints: Endpoints,
    options: Options,
    database: String,
    watches: Vec<Watch>,
    locks: Vec<Lock>,
    connection: Option<Connection>,
    backoff: Backoff,
    /// The call that is under way. It outlives a dropped [`Session::next`], so that it is neither lost nor repeated.
    step: Option<BoxFuture<'static, Result<Step, SessionError>>>,
    events: VecDeque<Event>,
}

/// What a call has led to.
enum Step {
    Connected(Box<Connection>),
    Asked { lock: usize, owned: bool },
    Started { watch: usize, fresh: Replica, started: Box<Started> },
}

/// What happens in a session.
#[derive(Debug)]
pub enum Event {
    /// There is a connection; monitors and locks will follow.
    Connected(Client),
    /// The connection is lost, could not be had, or was of no use. The next call of [`Session::next`] tries again.
    Disconnected(SessionError),
    /// Rows have changed; the first time, all that there are have come. Once only for each change, however often the
    /// connection was lost in between.
    Changed {
        /// What [`Session::watch`] gave.
        watch: WatchId,
        /// The rows.
        changes: Vec<Change>,
    },
    /// A lock is owned now.
    Locked(String),
    /// A lock is owned no more: stolen, or lost with the connection. After the latter it is asked for again.
    Unlocked(String),
}

/// Something that is monitored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WatchId(usize);

/// Why a connection is of no use.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A call failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The schema makes no sense.
    #[error("the schema makes no sense")]
    Schema(#[source] ValueError),
    /// What is to be monitored does not fit the schema.
    #[error(transparent)]
    Replica(Box<ReplicaError>),
    /// A monitor ended, and more than that.
    #[error(transparent)]
    Monitor(#[from] MonitorError),
}

impl From<ReplicaError> for SessionError {
    fn from(error: ReplicaError) -> Self {
        Self::Replica(error.into())
    }
}

#[derive(Debug)]
struct Connection {
    client: Client,
    schema: DatabaseSchema,
    notifications: Notifications,
}

#[derive(Debug)]
struct Watch {
    request: MonitorRequest,
    /// What is known, of the last connection too.
    replica: Option<Replica>,
    /// Where `replica` stands.
    last_txn_id: Uuid,
    monitor: Option<Monitor>,
}

#[derive(Debug)]
struct Lock {
    name: String,
    asked: bool,
    owned: bool,
}

/// How long to wait before connecting again: twice as long after each failure.
#[derive(Debug)]
struct Backoff {
    shortest: Duration,
    longest: Duration,
    delay: Duration,
    /// Since when there is a connection, or from when one may be had.
    since: Instant,
}

impl Backoff {
    fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, delay: shortest, since: Instant::now() }
    }

    /// After a failure; a connection that lasted is forgiven.
    fn fail(&mut self, connected: bool) {
        let lasted = connected && self.since.elapsed() >= self.longest;
        let delay = if lasted { Duration::ZERO } else { self.delay };
        self.since = Instant::now() + delay;
        self.delay = if lasted { self.shortest } else { (delay * 2).min(self.longest) };
    }
}

impl Session {
    /// A session that has yet to connect.
    #[must_use]
    pub fn new(endpoints: Endpoints, options: Options, database: impl Into<String>) -> Self {
        Self {
            endpoints,
            options,
            database: database.into(),
            watches: Vec::new(),
            locks: Vec::new(),
            connection: None,
            step: None,
            backoff: Backoff::new(SHORTEST_BACKOFF, LONGEST_BACKOFF),
            events: VecDeque::new(),
        }
    }

    /// Waits `shortest` after the first failure, then twice as long each time, up to `longest`; without this, 1 s and
    /// 8 s.
    #[must_use]
    pub fn with_backoff(mut self, shortest: Duration, longest: Duration) -> Self {
        self.backoff = Backoff::new(shortest, longest);
        self
    }

    /// Keeps a copy of some tables from now on, with the best method that the server has.
    pub fn watch(&mut self, request: MonitorRequest) -> WatchId {
        self.watches.push(Watch { request, replica: None, last_txn_id: Uuid::ZERO, monitor: None });
        WatchId(self.watches.len() - 1)
    }

    /// Wants a lock from now on (RFC 7047 section 4.1.8).
    pub fn lock(&mut self, name: impl Into<String>) {
        self.locks.push(Lock { name: name.into(), asked: false, owned: false });
    }

    /// The copy as of the last [`Event::Changed`]; it stays while there is no connection. `None` before the first.
    #[must_use]
    pub fn replica(&self, watch: WatchId) -> Option<&Replica> {
        self.watches.get(watch.0)?.replica.as_ref()
    }

    /// The connection, if there is one, for calls of any kind.
    #[must_use]
    pub fn client(&self) -> Option<&Client> {
        self.connection.as_ref().map(|connection| &connection.client)
    }

    /// Waits for the next event. It may be called again after it was dropped half-way, and nothing is lost.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            if let Err(error) = self.advance().await {
                self.disconnect(error);
            }
        }
    }

    /// Does the next thing that there is to do, which may be to wait for the server.
    async fn advance(&mut self) -> Result<(), SessionError> {
        if self.step.is_none() {
            self.step = self.begin();
        }
        let Some(step) = &mut self.step else {
            return self.listen().await;
        };
        let outcome = step.await;
        self.step = None;
        self.finish(outcome?)
    }

    /// The next call to make, if any.
    fn begin(&self) -> Option<BoxFuture<'static, Result<Step, SessionError>>> {
        let Some(connection) = &self.connection else {
            let (endpoints, options) = (self.endpoints.clone(), self.options.clone());
            return Some(connect(endpoints, options, self.database.clone(), self.backoff.since).boxed());
        };
        let client = connection.client.clone();
        if let Some(at) = self.locks.iter().position(|lock| !lock.asked) {
            let name = self.locks[at].name.clone();
            return Some(async move { Ok(Step::Asked { lock: at, owned: client.lock(&name).await? }) }.boxed());
        }
        let at = self.watches.iter().position(|watch| watch.monitor.is_none())?;
        let Watch { request, last_txn_id, .. } = &self.watches[at];
        let (request, since, database) = (request.clone(), *last_txn_id, self.database.clone());
        let fresh = Replica::new(&connection.schema, &request);
        // A copy under another schema cannot be continued.
        let same = |fresh: &Replica| self.watches[at].replica.as_ref().is_some_and(|old| old.has_columns_of(fresh));
        let since = if fresh.as_ref().is_ok_and(same) { since } else { Uuid::ZERO };
        let start = async move {
            let fresh = fresh?;
            let started = start(&client, &database, &request, since).await?.into();
            Ok(Step::Started { watch: at, fresh, started })
        };
        Some(start.boxed())
    }

    fn finish(&mut self, step: Step) -> Result<(), SessionError> {
        match step {
            Step::Connected(connection) => {
                self.backoff.since = Instant::now();
                self.events.push_back(Event::Connected(connection.client.clone()));
                self.connection = Some(*connection);
            }
            Step::Asked { lock: at, owned } => {
                let lock = &mut self.locks[at];
                (lock.asked, lock.owned) = (true, owned);
                self.events.extend(owned.then(|| Event::Locked(lock.name.clone())));
            }
            Step::Started { watch: at, fresh, started } => {
                let changes = self.watches[at].begin(fresh, *started)?;
                self.events.push_back(Event::Changed { watch: WatchId(at), changes });
            }
        }
        Ok(())
    }

    fn disconnect(&mut self, error: SessionError) {
        self.backoff.fail(self.connection.take().is_some());
        self.step = None;
        for watch in &mut self.watches {
            watch.monitor = None;
        }
        self.events.push_back(Event::Disconnected(error));
        for lock in &mut self.locks {
            self.events.extend(lock.owned.then(|| Event::Unlocked(lock.name.clone())));
            (lock.asked, lock.owned) = (false, false);
        }
    }

    /// Takes the next update or notification.
    async fn listen(&mut self) -> Result<(), SessionError> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let notified = connection.notifications.next().map(Heard::Notification).boxed();
        let updated = self.watches.iter_mut().enumerate().filter_map(|(at, watch)| {
            let monitor = watch.monitor.as_mut()?;
            Some(monitor.next().map(move |outcome| Heard::Update(at, outcome)).boxed())
        });
        // Updates first: they may have come before the connection ended, which the notifications tell.
        let (heard, ..) = select_all(updated.chain([notified])).await;
        match heard {
            Heard::Notification(Some(notification)) => self.notice(&notification),
            Heard::Notification(None) => return Err(connection.client.disconnected("notifications").into()),
            Heard::Update(at, outcome) => {
                let changes = self.watches[at].take(outcome)?;
                let event = Event::Changed { watch: WatchId(at), changes };
                self.events.extend(self.watches[at].monitor.is_some().then_some(event));
            }
        }
        Ok(())
    }

    fn notice(&mut self, notification: &Notification) {
        let (name, owned) = match notification {
            Notification::Locked(name) => (name, true),
            Notification::Stolen(name) => (name, false),
            Notification::Other { .. } => return,
        };
        for lock in self.locks.iter_mut().filter(|lock| lock.name == *name) {
            lock.owned = owned;
            let event = if owned { Event::Locked } else { Event::Unlocked };
            self.events.push_back(event(name.clone()));
        }
    }
}

/// What came first.
enum Heard {
    Notification(Option<Notification>),
    Update(usize, Result<Update, MonitorError>),
}

impl Watch {
    /// Brings the copy up to where a new monitor starts, and tells what has changed.
    fn begin(&mut self, mut fresh: Replica, started: Started) -> Result<Vec<Change>, SessionError> {
        let Started { monitor, first, found } = started;
        let changes = match &mut self.replica {
            Some(replica) if found => replica.apply(&first.tables).inspect_err(|_| self.last_txn_id = Uuid::ZERO)?,
            replica => {
                let all = fresh.apply(&first.tables)?;
                let changes = replica.as_ref().map_or(all, |old| old.changes_to(&fresh));
                *replica = Some(fresh);
                changes
            }
        };
        self.last_txn_id = first.last_txn_id.unwrap_or(Uuid::ZERO);
        self.monitor = Some(monitor);
        Ok(changes)
    }

    /// Applies an update. If some are lost, or one does not fit, the monitor is dropped, to be started again.
    fn take(&mut self, outcome: Result<Update, MonitorError>) -> Result<Vec<Change>, SessionError> {
        let update = match outcome {
            Ok(update) => update,
            Err(MonitorError::Lagged | MonitorError::Cancelled) => {
                self.monitor = None;
                return Ok(Vec::new());
            }
            Err(error) => return Err(error.into()),
        };
        let applied = self.replica.as_mut().map_or(Ok(Vec::new()), |replica| replica.apply(&update.tables));
        match applied {
            Ok(changes) => {
                self.last_txn_id = update.last_txn_id.unwrap_or(Uuid::ZERO);
                Ok(changes)
            }
            Err(error) => {
                tracing::warn!(%error, "a copy of the database is read again");
                (self.monitor, self.last_txn_id) = (None, Uuid::ZERO);
                Ok(Vec::new())
            }
        }
    }
}

async fn connect(
    endpoints: Endpoints,
    options: Options,
    database: String,
    from: Instant,
) -> Result<Step, SessionError> {
    sleep_until(from).await;
    let client = Client::connect(&endpoints, &options).await.map_err(ClientError::from)?;
    // Before any lock is asked for, so that no answer is missed.
    let notifications = client.notifications().await?;
    let schema = client.get_schema(&database).await?;
    let schema = DatabaseSchema::from_json(&schema).map_err(SessionError::Schema)?;
    Ok(Step::Connected(Connection { client, schema, notifications }.into()))
}

/// Starts a monitor with the best method that the server has. `monitor` serves only a request without conditions.
async fn start(client: &Client, database: &str, request: &MonitorRequest, since: Uuid) -> Result<Started, ClientError> {
    match client.monitor_cond_since(database, request, since).await {
        Err(error) if error.is_unknown_method() => {}
        outcome => return outcome,
    }
    match client.monitor_cond(database, request).await {
        Err(error) if error.is_unknown_method() && !request.is_conditional() => {}
        outcome => return outcome,
    }
    client.monitor(database, request).await
}
