//! A private Open vSwitch for one test: `ovsdb-server` and `ovs-vswitchd` with a database, sockets and logs in a directory of their own.
//!
//! Both run in the namespaces of the thread that starts them, which should be a sandbox: with the userspace datapath there can
//! be one `ovs-vswitchd` in a network namespace, since each wants a tap device called `ovs-netdev`.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use super::require::{Feature, has};

/// The schema of the Debian package openvswitch-common.
const VSWITCH_SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";
/// How long a daemon may take to be there, on a slow machine that emulates its processor.
const STARTUP: Duration = Duration::from_secs(60);

/// A running Open vSwitch; dropping it ends both processes.
pub struct Ovs {
    directory: tempfile::TempDir,
    server: Daemon,
    vswitchd: Mutex<Option<Daemon>>,
    /// The namespace that it runs in; `None`: that of the thread.
    netns: Option<String>,
}

impl Ovs {
    /// Starts both daemons, with the kernel datapath where there is one, and returns when `ovs-vswitchd` has taken up the database.
    pub fn start() -> Ovs {
        let mut ovs = Ovs::database_only();
        ovs.start_vswitchd();
        ovs
    }

    /// Starts both daemons in the namespace `netns`: another host, whose switches are all of the userspace datapath.
    pub fn start_in(netns: &str) -> Ovs {
        let mut ovs = Ovs { netns: Some(netns.to_owned()), ..Ovs::database_only() };
        ovs.start_vswitchd();
        ovs
    }

    /// Starts `ovsdb-server` alone: a system whose `ovs-vswitchd` is dead.
    pub fn database_only() -> Ovs {
        Ovs::database_of(|_| {})
    }

    /// The same, with a schema that `older` has changed.
    pub fn database_of(older: impl FnOnce(&mut serde_json::Value)) -> Ovs {
        let directory = tempfile::Builder::new().prefix("ovs-").tempdir().unwrap();
        let mut schema = serde_json::from_str(&std::fs::read_to_string(VSWITCH_SCHEMA).unwrap()).unwrap();
        older(&mut schema);
        let file = directory.path().join("vswitch.ovsschema");
        std::fs::write(&file, schema.to_string()).unwrap();
        succeed(Command::new("ovsdb-tool").arg("create").arg(directory.path().join("conf.db")).arg(file));
        let server = Ovs::server(directory.path());
        let ovs = Ovs { directory, server, vswitchd: Mutex::default(), netns: None };
        ovs.vsctl(&["--no-wait", "init"]);
        ovs
    }

    fn server(run_dir: &Path) -> Daemon {
        let database = run_dir.join("conf.db");
        let remote = format!("--remote=punix:{}", run_dir.join("db.sock").display());
        // TLS as Debian's service has it: with what `ovs-vsctl set-ssl` puts into the database
        let tls = ["private-key", "certificate", "ca-cert"]
            .map(|option| format!("--{option}=db:Open_vSwitch,SSL,{}", option.replace('-', "_")));
        let mut arguments = vec![database.as_os_str(), OsStr::new(&remote), OsStr::new("--pidfile")];
        arguments.extend(tls.iter().map(OsStr::new));
        // logged once the sockets listen (ovsdb/ovsdb-server.c, main)
        Daemon::start(run_dir, None, "ovsdb-server", &arguments, "ovsdb-server (Open vSwitch)")
    }

    /// `kill -9` for `ovsdb-server`, and another one on the same database.
    pub fn restart_server(&mut self) {
        self.kill_server();
        self.start_server();
    }

    /// `kill -9` for `ovsdb-server`; returns when it is gone.
    pub fn kill_server(&mut self) {
        self.server.end();
    }

    /// Another one on the same database, after `kill_server`.
    pub fn start_server(&mut self) {
        let _ = std::fs::remove_file(self.socket());
        self.server = Ovs::server(self.directory.path());
    }

    /// The directory of the sockets, what `OVS_RUNDIR` should say.
    pub fn run_dir(&self) -> &Path {
        self.directory.path()
    }

    /// The database's socket.
    pub fn socket(&self) -> PathBuf {
        self.run_dir().join("db.sock")
    }

    /// The database's socket as `--db` takes it.
    pub fn remote(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    /// `Bridge.datapath_type` of a switch that forwards on this machine.
    pub fn datapath_type(&self) -> &'static str {
        if has(Feature::KernelDatapath) { "system" } else { "netdev" }
    }

    /// `program` with the environment that points it at this Open vSwitch.
    pub fn command(&self, program: &str) -> Command {
        command(self.run_dir(), program)
    }

    /// Runs `ovs-vsctl` and returns what it printed.
    ///
    /// # Panics
    ///
    /// If it fails, with what it said.
    pub fn vsctl(&self, arguments: &[&str]) -> String {
        let output = succeed(self.command("ovs-vsctl").arg("--timeout=60").args(arguments));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `ovs-appctl` on its ovs-vswitchd.
    pub fn appctl(&self, arguments: &[&str]) -> String {
        let output = self.command("ovs-appctl").args(arguments).output().unwrap();
        assert!(output.status.success(), "ovs-appctl {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Adds a switch that forwards on this machine.
    pub fn add_br(&self, name: &str) {
        let datapath = format!("datapath_type={}", self.datapath_type());
        self.vsctl(&["add-br", name, "--", "set", "Bridge", name, &datapath]);
    }

    /// Starts `ovs-vswitchd`, again after `kill_vswitchd`.
    pub fn start_vswitchd(&mut self) {
        self.run_vswitchd();
    }

    /// `kill -9` for `ovs-vswitchd`, and another one on the same database.
    pub fn restart_vswitchd(&self) {
        self.vswitchd.lock().unwrap().take().expect("ovs-vswitchd runs");
        self.run_vswitchd();
    }

    fn run_vswitchd(&self) {
        let remote = self.remote();
        let mut arguments = vec![OsStr::new(&remote), OsStr::new("--pidfile")];
        if self.datapath_type() == "netdev" || self.netns.is_some() {
            arguments.push(OsStr::new("--disable-system"));
        }
        // logged when it runs, which is before it has read the database
        let ready = "ovs-vswitchd (Open vSwitch)";
        let vswitchd = Daemon::start(self.run_dir(), self.netns.as_deref(), "ovs-vswitchd", &arguments, ready);
        *self.vswitchd.lock().unwrap() = Some(vswitchd);
        // a change that ovs-vsctl waits for: it returns when cur_cfg has caught up with next_cfg
        self.vsctl(&["set", "Open_vSwitch", ".", "external_ids:system-id=ovsns-test"]);
        self.vsctl(&["remove", "Open_vSwitch", ".", "external_ids", "system-id"]);
    }

    /// `kill -9` for `ovs-vswitchd`; returns when it is gone.
    pub fn kill_vswitchd(&mut self) {
        self.vswitchd.lock().unwrap().take().expect("ovs-vswitchd runs");
    }

    /// Stops `ovs-vswitchd` in its tracks (SIGSTOP): alive, and answering nobody.
    pub fn stop_vswitchd(&self) {
        self.vswitchd.lock().unwrap().as_ref().expect("ovs-vswitchd runs").stop();
    }

    /// Lets a stopped `ovs-vswitchd` go on.
    pub fn continue_vswitchd(&self) {
        self.vswitchd.lock().unwrap().as_ref().expect("ovs-vswitchd runs").go_on();
    }

    /// Stops `ovsdb-server` in its tracks: connections are accepted, and nothing is answered.
    pub fn stop_server(&self) {
        self.server.stop();
    }

    /// Lets a stopped `ovsdb-server` go on.
    pub fn continue_server(&self) {
        self.server.go_on();
    }

    /// The process ids of `ovsdb-server` and, while it runs, `ovs-vswitchd`.
    pub fn pids(&self) -> Vec<u32> {
        {
            let vswitchd = self.vswitchd.lock().unwrap();
            std::iter::once(&self.server).chain(vswitchd.as_ref()).map(|daemon| daemon.child.id()).collect()
        }
    }
}

/// A child process that logs to its standard error; dropping it kills it and waits for its end.
struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts `program` and returns when its log holds `ready`.
    ///
    /// setpriv: the process ends with the thread that started it, also where that ends without dropping anything.
    fn start(run_dir: &Path, netns: Option<&str>, program: &str, arguments: &[&OsStr], ready: &'static str) -> Daemon {
        let mut setpriv = match netns {
            None => command(run_dir, "setpriv"),
            // it becomes setpriv by exec: the child is the daemon itself
            Some(netns) => {
                let mut nsenter = command(run_dir, "nsenter");
                nsenter.arg(format!("--net=/run/netns/{netns}")).args(["--", "setpriv"]);
                nsenter
            }
        };
        setpriv.args(["--pdeathsig", "KILL", "--", program, "-vconsole:info"]).args(arguments);
        let mut child = setpriv.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = child.stderr.take().unwrap();
        let daemon = Daemon { child };
        let lines = follow(BufReader::new(log), ready);
        if let Err(end) = lines.recv_timeout(STARTUP) {
            panic!("{program} did not come up ({end}); what it logged went to standard error");
        }
        daemon
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    /// Returns once the process has stopped: the signal alone only asks for it.
    fn stop(&self) {
        kill(self.pid(), Signal::SIGSTOP).unwrap();
        waitpid(self.pid(), Some(WaitPidFlag::WUNTRACED)).unwrap();
    }

    fn go_on(&self) {
        kill(self.pid(), Signal::SIGCONT).unwrap();
    }
}

impl Daemon {
    /// SIGKILL, so that there is nothing to wait long for; it may have ended by itself already.
    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads a log to its end, so that the daemon never blocks on a full pipe; the receiver hears of the line that holds `ready`.
/// Until then, lines go to standard error.
fn follow(log: impl BufRead + Send + 'static, ready: &'static str) -> Receiver<()> {
    let (found, receiver) = channel();
    std::thread::spawn(move || {
        let mut waiting = true;
        for line in log.lines().map_while(Result::ok) {
            if waiting && line.contains(ready) {
                waiting = false;
                // nobody listens any more if the test gave up
                let _ = found.send(());
            } else if waiting {
                eprintln!("{line}");
            }
        }
    });
    receiver
}

fn command(run_dir: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    for variable in ["OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR"] {
        command.env(variable, run_dir);
    }
    command
}

/// Runs a command that must succeed.
fn succeed(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {:?}, signal {:?}: {said}",
        output.status.code(),
        output.status.signal()
    );
    output
}
