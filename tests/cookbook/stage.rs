//! Where recipes are played: a sandbox, and in it what the reader is supposed to have.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::socket::{Shutdown, shutdown};

use super::common::ovs::Ovs;
use super::common::require::{Feature, has};
use super::common::traffic::within;
use super::page::Recipe;

/// Longer than anything on the page takes.
const PATIENCE: &str = "120";

/// A host with a card `eth0` that leads to a router, and behind it a host 198.51.100.7: both are in the namespace `world`.
const ETH0: &str = "\
ip netns add world
ip link add eth0 type veth peer name wire netns world
ip address add 192.0.2.2/24 dev eth0
ip link set eth0 up
ip -n world link set lo up
ip -n world address add 192.0.2.1/24 dev wire
ip -n world address add 198.51.100.7/32 dev lo
ip -n world link set wire up
ip route add default via 192.0.2.1
";

/// Devices that the stage brings, whose names are no choice of the recipe.
pub const DEVICES: [&str; 2] = ["eth0", "wire"];

/// A machine without the kernel's datapath has to be told so by hand, as the page says.
const NETDEV: &str = "\
ovs-vsctl() {
    if [ \"$1\" = add-br ]; then
        command ovs-vsctl \"$@\" -- set bridge \"$2\" datapath_type=netdev
    else
        command ovs-vsctl \"$@\"
    fi
}
";

pub struct Stage {
    pub ovs: Option<Ovs>,
    process: Option<Process>,
}

impl Stage {
    /// What a recipe and those that it goes on from want.
    pub fn of(recipes: &[&Recipe]) -> Stage {
        let wants = |name: &str| recipes.iter().any(|recipe| recipe.stage.as_deref() == Some(name));
        let on_ovs = recipes.iter().any(|recipe| recipe.by_hand.contains("ovs-vsctl"));
        let process = wants("process").then(Process::start);
        let stage = Stage { ovs: on_ovs.then(Ovs::start), process };
        stage.run("ip link set lo up");
        if wants("eth0") {
            stage.run(ETH0);
        }
        stage
    }

    /// Types `script` into a shell that stops at the first command that fails.
    pub fn run(&self, script: &str) {
        let mut shell = Command::new("timeout");
        shell.args(["--signal=KILL", PATIENCE, "bash", "-eu", "-o", "pipefail", "-c"]);
        let prelude = if has(Feature::KernelDatapath) { "" } else { NETDEV };
        shell.arg(format!("{prelude}{script}"));
        self.surround(&mut shell);
        let output = shell.output().unwrap();
        let (said, printed) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
        assert!(output.status.success(), "{script}\n{}: {printed}{said}", output.status);
    }

    /// The built command in the path, the private Open vSwitch, and the process that the page speaks of.
    fn surround(&self, shell: &mut Command) {
        let binary = Path::new(env!("CARGO_BIN_EXE_ovsns")).parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        shell.stdin(Stdio::null()).env("PATH", path).env_remove("OVSNS_BACKEND").env_remove("OVSNS_DB");
        match &self.ovs {
            Some(ovs) => shell.env("OVS_RUNDIR", ovs.run_dir()),
            None => shell.env_remove("OVS_RUNDIR"),
        };
        if let Some(process) = &self.process {
            shell.env("pid", process.0.id().to_string());
        }
    }
}

/// Runs `body` while somebody listens where `serves` (`ns1:80`) says, and greets whoever comes.
pub fn serving(serves: Option<&str>, body: impl FnOnce()) {
    let Some(serves) = serves else { return body() };
    let (netns, port) = serves.split_once(':').unwrap();
    let port: u16 = port.parse().unwrap();
    let listener = within(netns, || TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap());
    // accept(2) ends with its socket
    let ender = listener.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // a client may have gone again
                let _ = { stream }.write_all(b"hello\n");
            }
        });
        let _end = Ended(ender);
        body();
    });
}

/// Makes the listener's accept(2) fail, also where a check has panicked.
struct Ended(TcpListener);

impl Drop for Ended {
    fn drop(&mut self) {
        shutdown(self.0.as_raw_fd(), Shutdown::Both).unwrap();
    }
}

/// A process in a network namespace of its own, ended with the stage.
struct Process(Child);

impl Process {
    fn start() -> Process {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"]).stdin(Stdio::null());
        let child = command.spawn().unwrap();
        let netns = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net"));
        let deadline = Instant::now() + Duration::from_secs(30);
        while netns(&child.id().to_string()).unwrap() == netns("thread-self").unwrap() {
            assert!(Instant::now() < deadline, "unshare does not come to it");
            std::thread::yield_now();
        }
        Process(child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
