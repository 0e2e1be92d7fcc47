//! What one run works with: the backends, the engine, and where to say things.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::backend::kernel::{self, Kernel};
use crate::backend::linux_bridge::LinuxBridge;
use crate::backend::nat::Nft;
use crate::backend::tree::Trees;
use crate::backend::{Backend, BackendSet, Fault, Progress, Scope, Stage};
use crate::engine::{Engine, Interrupted, Lock};
use crate::model::{BackendName, Datapath, Entry, Key, Resource, State, Switch, SwitchName};
use crate::ovsdb::client::{Client, Options};
use crate::ovsdb::endpoint::Endpoints;
use crate::ovsdb::error::{Attempt, ConnectCause, ConnectError};
use crate::ovsdb::tls::{CaCert, TlsError, TlsFiles};
use crate::watch::Sources;

use super::change::Change;
use super::failure::{Failure, PRIVILEGE_HINT, chain};
use super::global::{Choice, Global};
use super::output::Output;

pub use crate::backend::kernel::seen::{self, SeenAddress, SeenDevice, SeenNeighbour, SeenRoute, SeenWay};
pub use crate::backend::kernel::{
    Counted, Kept, Learned, OfContainer, UnnamedNetns, Wanted, canonical, counters, features as kernel_features,
    file as netns_file, identify, inside, inventory, is_podmans, keepers, names as namespaces, owner,
};
pub use crate::backend::linux_bridge::fdb as linux_fdb;
pub use crate::backend::nat::{Filters, Obstacle, Remedy, filters, is_possible as nat};
pub use crate::backend::ovs::{Interface, OFPP_LOCAL, Ovs};

/// Where ovs-vsctl(8) looks for the database by itself.
const RUN_DIRECTORIES: [&str; 2] = ["/run/openvswitch", "/var/run/openvswitch"];
/// Where the journal and the lock are, unless `OVSNS_RUNDIR` says otherwise.
const OWN_RUN_DIRECTORY: &str = "/run/ovsns";

/// Where `ip netns` has its names (ip-netns(8)).
pub const RUN_DIRECTORY: &str = "/run/netns";

/// Open vSwitch, as far as this run has it.
pub enum OvsDatabase {
    /// It answers.
    Ready(Arc<Ovs>, Client),
    /// It does not, for this reason.
    Absent(String),
    /// It was not asked: `--backend linux`.
    Unused,
}

/// What one run works with.
pub struct Session<'a> {
    pub engine: Engine,
    pub output: &'a Output,
    pub global: &'a Global,
    pub ovs: OvsDatabase,
    /// A hangup is no reason to stop any more.
    stays_without_terminal: Arc<AtomicBool>,
}

/// Where the journal and the lock are.
pub fn run_directory() -> PathBuf {
    std::env::var_os("OVSNS_RUNDIR").map_or_else(|| OWN_RUN_DIRECTORY.into(), PathBuf::from)
}

impl<'a> Session<'a> {
    /// Finds out which backends there are. An Open vSwitch that does not run is an error only where it was asked for.
    pub async fn open(global: &'a Global, output: &'a Output) -> Result<Session<'a>, Failure> {
        let ovs = match global.backend {
            Choice::Linux => OvsDatabase::Unused,
            Choice::Ovs | Choice::Auto => database(global).await?,
        };
        let progress = Progress::default();
        let kernel = Kernel::new(global.timeout).progress(progress.clone());
        let mut backends: Vec<Arc<dyn Backend>> = vec![Arc::new(kernel), Arc::<Nft>::default()];
        if let OvsDatabase::Ready(ovs, _) = &ovs {
            backends.push(ovs.clone());
        }
        if global.backend != Choice::Ovs {
            backends.push(Arc::new(LinuxBridge::default().progress(progress.clone())));
        }
        let engine = Engine::new(BackendSet::new(backends)).reporting(progress).journal_in(run_directory());
        Ok(Session { engine, output, global, ovs, stays_without_terminal: Arc::default() })
    }

    /// What the spanning trees of either kind of switch have come to.
    pub async fn spanning_trees(&self) -> Result<Trees, Failure> {
        let trees = LinuxBridge::default().trees()?;
        match &self.ovs {
            OvsDatabase::Ready(ovs, _) => Ok(trees.and(ovs.trees().await?)),
            OvsDatabase::Absent(_) | OvsDatabase::Unused => Ok(trees),
        }
    }

    /// What there is within `scope`.
    pub async fn observe(&self, scope: Scope) -> Result<State, Failure> {
        Ok(self.engine.observe(&scope).await?)
    }

    /// Before a change: the privilege, the lock, and what an interrupted run left behind. Nothing of it before a `--dry-run`.
    pub async fn begin(&self, change: &Change) -> Result<Option<Lock>, Failure> {
        Ok(self.begin_within(change, self.global.timeout).await?.0)
    }

    /// The same, where another run may take so long. Returns the interrupted run too.
    pub async fn begin_within(
        &self,
        change: &Change,
        patience: Duration,
    ) -> Result<(Option<Lock>, Option<Interrupted>), Failure> {
        if !change.applies() {
            return Ok((None, None));
        }
        check_privileges()?;
        self.stop_on_signals();
        let (lock, interrupted) = self.engine.begin(patience).await?;
        if let Some(Interrupted { pid, command, .. }) = &interrupted {
            self.output.note(&format!("took back what `{command}` (pid {pid}) had begun when it was interrupted"));
        }
        Ok((lock, interrupted))
    }

    /// Lets SIGINT, SIGTERM and SIGHUP end the run, with everything undone.
    fn stop_on_signals(&self) {
        use tokio::signal::unix::{SignalKind, signal};
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            let Ok(mut signal) = signal(kind) else { continue };
            let (stop, stays) = (self.engine.stop(), self.stays_without_terminal.clone());
            tokio::spawn(async move {
                while signal.recv().await.is_some() {
                    if kind != SignalKind::hangup() || !stays.load(Ordering::Relaxed) {
                        stop.request();
                    }
                }
            });
        }
    }

    /// A change that goes back unless it is confirmed is in effect. From here on the run outlives its terminal.
    pub fn wait_for_confirmation(&self, within: Duration) {
        self.stays_without_terminal.store(true, Ordering::Relaxed);
        let seconds = within.as_secs_f32();
        self.output.note(&format!("done; unless `ovsns confirm` comes within {seconds} s, everything goes back"));
    }

    /// The switch of this name. Fails where there is none, and says what may be the matter.
    pub async fn switch(&self, name: &SwitchName) -> Result<(Entry, Switch), Failure> {
        let key = Key::Switch { name: name.clone() };
        let state = self.observe(Scope::Keys(vec![key.clone()])).await?;
        match state.get(&key).map(|entry| (entry.clone(), entry.resource.clone())) {
            Some((entry, Resource::Switch(switch))) => Ok((entry, switch)),
            _ => Err(self.no_switch(name)),
        }
    }

    /// There is no such switch on any backend that was looked at.
    pub fn no_switch(&self, name: &SwitchName) -> Failure {
        let failure = match (&self.ovs, self.global.backend) {
            (OvsDatabase::Absent(why), _) => {
                let what = format!("there is no switch {name}: no Linux bridge has this name, and {why}");
                return Failure::new(what).hint("if it is one of Open vSwitch, start that: ovsns ovs start");
            }
            (_, Choice::Auto) => Failure::new(format!("there is no switch {name}")),
            (_, choice) => {
                let backend = choice.name().map_or("auto", BackendName::as_str);
                Failure::new(format!("there is no switch {name} on backend {backend}"))
            }
        };
        failure.hint(format!("ovsns list-br lists the switches; ovsns add-br {name} makes one"))
    }

    /// The backend for a switch that does not exist yet, and why that one if nobody asked for it.
    pub fn backend_for_new(&self) -> (BackendName, Option<String>) {
        match (self.global.backend.name(), &self.ovs) {
            (Some(name), _) => (name, None),
            (None, OvsDatabase::Ready(_, client)) => {
                let why = format!("is on Open vSwitch, whose database answers at {}", client.endpoint());
                (BackendName::Ovs, Some(why))
            }
            (None, OvsDatabase::Absent(why)) => (BackendName::Linux, Some(format!("is on the Linux bridge: {why}"))),
            (None, OvsDatabase::Unused) => (BackendName::Linux, None),
        }
    }

    /// The datapath for a new switch of Open vSwitch where the user leaves the choice, and why.
    pub async fn datapath_for_new(&self) -> Result<(Datapath, &'static str), Failure> {
        let OvsDatabase::Ready(ovs, _) = &self.ovs else { return Ok((Datapath::System, "")) };
        let types = ovs.datapath_types().await?;
        let has = |wanted: Datapath| types.iter().any(|kind| kind == wanted.as_str());
        let module = crate::daemon::has_kernel_datapath();
        if module && (types.is_empty() || has(Datapath::System)) {
            Ok((Datapath::System, "the kernel's datapath"))
        } else {
            Ok((
                Datapath::Netdev,
                "the userspace datapath (netdev), since ovs-vswitchd finds no kernel module openvswitch",
            ))
        }
    }

    /// Whether the inside of a new port has to compute its checksums itself: the userspace datapath does not look at what a
    /// veth leaves to its hardware, unless it was told to (facts of ovs-vswitchd.conf.db(5), `userspace-tso-enable`).
    pub async fn tx_checksum(&self, switch: &Switch) -> Result<Option<bool>, Failure> {
        match (&self.ovs, switch.datapath) {
            (OvsDatabase::Ready(ovs, _), Some(Datapath::Netdev)) => {
                Ok(if ovs.computes_checksums().await? { None } else { Some(false) })
            }
            _ => Ok(None),
        }
    }

    /// The database as ovs-vsctl's `--db`, unless ovs-vsctl finds it by itself.
    pub fn explain_db(&self) -> Option<&str> {
        self.global.db.as_deref()
    }
}

/// What to say of a namespace `name` that is not there: it may be a container of that name that is meant.
pub fn container_instead(name: &str) -> Option<String> {
    let ways: Vec<String> = kernel::containers_called(name).iter().map(ToString::to_string).collect();
    match ways.as_slice() {
        [] => None,
        [way] => Some(format!("there is a container {name}: {way} is its namespace")),
        _ => Some(format!("there are several containers {name}: say which one, {}", ways.join(" or "))),
    }
}

/// Whether there is a Linux bridge of this name, also where `--backend ovs` leaves that side out.
pub async fn is_linux_bridge(name: &SwitchName) -> Result<bool, Failure> {
    let key = Key::Switch { name: name.clone() };
    Ok(!LinuxBridge::default().observe(&Scope::Keys(vec![key])).await?.is_empty())
}

/// Lets `sources` tell of changes in the database.
pub fn watch_switches(sources: &mut Sources, global: &Global) -> Result<(), Failure> {
    sources.watch_switches(endpoints(global)?, options(global)?);
    Ok(())
}

fn options(global: &Global) -> Result<Options, Failure> {
    Ok(Options { tls: tls(global)?, timeout: global.timeout, ..Options::default() })
}

/// Connects to the database.
async fn database(global: &Global) -> Result<OvsDatabase, Failure> {
    let endpoints = endpoints(global)?;
    let options = options(global)?;
    let asked_for = global.db.is_some() || global.backend == Choice::Ovs;
    match Client::connect(&endpoints, &options).await {
        Ok(client) => {
            let ovs = Ovs::new(client.clone(), global.timeout);
            Ok(OvsDatabase::Ready(Arc::new(ovs), client))
        }
        Err(error) if error.is_absent() && !asked_for => Ok(OvsDatabase::Absent(absent(&error))),
        Err(error) => Err(unreachable_database(&error, global)),
    }
}

fn absent(error: &ConnectError) -> String {
    format!("no Open vSwitch database answers ({})", chain(error).join(": "))
}

fn unreachable_database(error: &ConnectError, global: &Global) -> Failure {
    let no_keys = |attempt: &Attempt| matches!(attempt.cause, ConnectCause::Tls(TlsError::NotConfigured));
    if error.attempts.iter().all(no_keys) {
        return Failure::usage(error.to_string()).hint(TLS_HINT);
    }
    let timed_out = error.attempts.iter().any(|attempt| matches!(attempt.cause, ConnectCause::TimedOut(_)));
    let denied = error.attempts.iter().any(|attempt| {
        matches!(&attempt.cause, ConnectCause::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied)
    });
    let fault = match (timed_out, denied) {
        (true, _) => Fault::Deadline(Stage::Socket, global.timeout),
        (_, true) => Fault::Denied,
        _ => Fault::Unreachable,
    };
    let failure = Failure::from(crate::backend::BackendError {
        what: "no Open vSwitch database answers".to_owned(),
        fault,
        hint: (!denied).then(|| {
            "start Open vSwitch (ovsns ovs start, or systemctl start openvswitch-switch), name another database with \
             --db, or use the Linux bridge with --backend linux"
                .to_owned()
        }),
        source: None,
    });
    let mut failure = failure;
    failure.causes.extend(chain(error));
    failure
}

/// The database that was asked for, or those that ovs-vsctl would find.
fn endpoints(global: &Global) -> Result<Endpoints, Failure> {
    let text = match (&global.db, std::env::var("OVS_RUNDIR")) {
        (Some(db), _) => db.clone(),
        (None, Ok(directory)) if !directory.is_empty() => format!("unix:{directory}/db.sock"),
        (None, _) => default_sockets(),
    };
    text.parse().map_err(|error| Failure::usage(format!("`{text}` names no OVSDB server")).cause(error))
}

/// `/var/run` is a link to `/run` almost everywhere: then trying both says the same thing twice.
fn default_sockets() -> String {
    let real = |path: &str| std::fs::canonicalize(Path::new(path).parent().unwrap_or(Path::new("/"))).ok();
    let mut directories = RUN_DIRECTORIES.to_vec();
    directories.dedup_by_key(|path| real(path));
    directories.iter().map(|path| format!("unix:{path}/db.sock")).collect::<Vec<_>>().join(",")
}

fn tls(global: &Global) -> Result<Option<TlsFiles>, Failure> {
    match (&global.private_key, &global.certificate, &global.ca_cert) {
        (None, None, None) => Ok(None),
        (Some(private_key), Some(certificate), Some(ca_cert)) => Ok(Some(TlsFiles {
            private_key: private_key.clone(),
            certificate: certificate.clone(),
            ca_cert: CaCert::File(ca_cert.clone()),
        })),
        _ => Err(Failure::usage("only a part of what TLS takes is given").hint(TLS_HINT)),
    }
}

const TLS_HINT: &str = "an ssl: database takes all of --private-key, --certificate and --ca-cert";

/// Bits of `CapEff` (linux/capability.h), and what they are called.
const CAPABILITIES: [(u32, &str); 2] = [(12, "CAP_NET_ADMIN"), (21, "CAP_SYS_ADMIN")];

/// The capabilities that a change takes and this process lacks.
pub fn missing_capabilities() -> Vec<&'static str> {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(u64::MAX);
    CAPABILITIES.into_iter().filter(|(bit, _)| effective >> bit & 1 == 0).map(|(_, name)| name).collect()
}

pub fn check_privileges() -> Result<(), Failure> {
    let missing = missing_capabilities();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("not permitted: this takes {}", missing.join(" and "))).hint(PRIVILEGE_HINT))
}
