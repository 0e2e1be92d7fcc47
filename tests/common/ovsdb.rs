//! A private ovsdb-server in a temporary directory, and on demand an ovs-vswitchd on it. Both end with their owner.

#![allow(dead_code, reason = "each test crate uses a part of it")]
#![allow(clippy::unwrap_used, reason = "clippy knows only functions marked as tests as such")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use ovsns::ovsdb::client::{Client, Options};
use ovsns::ovsdb::endpoint::Endpoints;

/// Open vSwitch's own schema, of the Debian package openvswitch-common.
pub const VSWITCH_SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// How long anything may take here.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A new, empty directory, removed on drop.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ovsdb-{}-{count}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A child that is killed, by its own handle, and reaped on drop.
pub struct Process(Child);

impl Process {
    pub fn spawn(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal by the name that kill(1) has for it.
    pub fn signal(&self, name: &str) {
        run(Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()));
    }

    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Waits until `condition` gives something, looking again every few milliseconds.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not within {LIMIT:?}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// A private ovsdb-server.
pub struct Server {
    process: Option<Process>,
    arguments: Vec<String>,
    pub directory: Directory,
}

impl Server {
    /// A server of an empty Open_vSwitch database on a unix socket.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with more arguments; `DIR` in them stands for the server's directory.
    pub fn start_with(arguments: &[&str]) -> Self {
        let directory = Directory::new();
        run(Command::new("ovsdb-tool").arg("create").arg(directory.join("conf.db")).arg(VSWITCH_SCHEMA));
        let name = directory.path().to_str().unwrap();
        let arguments = arguments.iter().map(|argument| argument.replace("DIR", name)).collect();
        let mut server = Self { process: None, arguments, directory };
        server.launch();
        server
    }

    /// Starts the process, again after [`Server::stop`], and waits until it answers.
    pub fn launch(&mut self) {
        let dir = &self.directory;
        let mut command = Command::new("ovsdb-server");
        command.arg(dir.join("conf.db")).arg(format!("--remote=punix:{}", self.socket().display()));
        command.arg(format!("--unixctl={}", dir.join("ovsdb.ctl").display())).args(&self.arguments);
        command.arg(format!("--log-file={}", dir.join("ovsdb.log").display()));
        command.args(["--no-chdir", "-vconsole:off", "-vfile:dbg"]).env("OVS_RUNDIR", dir.path());
        self.process = Some(Process::spawn(&mut command));
        let socket = self.socket();
        wait_for("ovsdb-server", || std::os::unix::net::UnixStream::connect(&socket).ok());
    }

    /// Kills the process; the database stays.
    pub fn stop(&mut self) {
        self.process = None;
        let _ = std::fs::remove_file(self.socket());
    }

    pub fn process(&self) -> &Process {
        self.process.as_ref().unwrap()
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.join("db.sock")
    }

    pub fn endpoints(&self) -> Endpoints {
        format!("unix:{}", self.socket().display()).parse().unwrap()
    }

    pub async fn connect(&self) -> Client {
        Client::connect(&self.endpoints(), &Options::default()).await.unwrap()
    }

    /// Runs `ovs-appctl` on the server.
    pub fn appctl(&self, arguments: &[&str]) -> String {
        let control = self.directory.join("ovsdb.ctl");
        let output = run(Command::new("ovs-appctl").arg("-t").arg(control).args(arguments));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `ovs-vsctl` on the server, without waiting for ovs-vswitchd.
    pub fn vsctl(&self, arguments: &[&str]) -> String {
        let database = format!("--db=unix:{}", self.socket().display());
        let output =
            run(Command::new("ovs-vsctl").args([database.as_str(), "--no-wait", "--timeout=20"]).args(arguments));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The TCP port that the server listens on for `--remote=ptcp:0:127.0.0.1` or `pssl`, as its log names it.
    pub fn port(&self) -> u16 {
        let log = self.directory.join("ovsdb.log");
        wait_for("the port in ovsdb-server's log", || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let line = text.lines().find_map(|line| line.split("listening on port ").nth(1).map(str::to_owned))?;
            line.trim().parse().ok()
        })
    }
}

/// An ovs-vswitchd with the userspace datapath in network and mount namespaces of its own.
pub struct Vswitchd {
    process: Process,
    control: PathBuf,
}

impl Vswitchd {
    /// Starts it on `server`, with the `Open_vSwitch` row that it wants.
    pub fn start(server: &Server) -> Self {
        server.vsctl(&["init"]);
        let dir = &server.directory;
        let control = dir.join("vswitchd.ctl");
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "ovs-vswitchd"]).arg(format!("unix:{}", server.socket().display()));
        command.arg(format!("--unixctl={}", control.display())).env("OVS_RUNDIR", dir.path());
        command.arg(format!("--log-file={}", dir.join("vswitchd.log").display()));
        command.args(["--disable-system", "--no-chdir", "-vconsole:off"]);
        let process = Process::spawn(&mut command);
        wait_for("ovs-vswitchd", || control.exists().then_some(()));
        Self { process, control }
    }

    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Runs `ovs-appctl` on it.
    pub fn appctl(&self, arguments: &[&str]) -> String {
        let output = run(Command::new("ovs-appctl").arg("-t").arg(&self.control).args(arguments));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Vswitchd {
    /// A plain kill would leave its devices to the end of the namespace.
    fn drop(&mut self) {
        self.process.signal("CONT");
        let _ = Command::new("ovs-appctl").arg("-t").arg(&self.control).args(["exit", "--cleanup"]).output();
        let process = &mut self.process;
        wait_for("the end of ovs-vswitchd", || (!process.is_running()).then_some(()));
    }
}
