//! Docker and Podman in a sandbox: data, sockets and networks of their own, one small image.
//!
//! They run in the namespaces of the thread that starts them, which must be a sandbox: `/run` and `/var/lib` are empty there.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::pid::wait_for_end;

/// How long a daemon may take to be there, or to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a container runs if nobody ends it, in seconds: nothing is left for ever where a test is killed.
const LIFE: &str = "300";

/// An engine; dropping it takes away its containers, and ends it.
pub struct Engine {
    program: &'static str,
    daemon: Option<Child>,
    /// What outlived a dockerd that was killed.
    orphans: Vec<i32>,
    directory: tempfile::TempDir,
    cgroup: String,
}

impl Engine {
    /// A Docker that makes no bridge and no rules of its own, at its usual socket.
    pub fn docker() -> Engine {
        // not the first one in PATH: dockerd and its client are of one version
        let mut docker = Engine::new("/usr/bin/docker");
        docker.start_daemon();
        docker.import();
        docker
    }

    /// A Podman with its data where root's is.
    pub fn podman() -> Engine {
        let podman = Engine::new("podman");
        // nofile: the default fails where CAP_SYS_RESOURCE is missing. There is no systemd to ask for cgroups and logs
        let configuration = "[containers]\ndefault_ulimits = [\"nofile=1024:4096\", \"nproc=4096:4096\"]\n\
            [network]\nnetwork_backend = \"netavark\"\n\
            [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"runc\"\n";
        std::fs::write(podman.directory.path().join("containers.conf"), configuration).unwrap();
        podman.import();
        podman
    }

    fn new(program: &'static str) -> Engine {
        show_cgroups();
        cover_etc();
        let directory = tempfile::Builder::new().prefix("engine-").tempdir().unwrap();
        let name = directory.path().file_name().unwrap().to_str().unwrap();
        Engine { program, daemon: None, orphans: Vec::new(), cgroup: format!("/ovsns-{name}"), directory }
    }

    /// Returns when dockerd answers.
    fn start_daemon(&mut self) {
        let log = std::fs::File::create(self.directory.path().join("dockerd.log")).unwrap();
        let mut dockerd = Command::new("dockerd");
        dockerd.args(["--iptables=false", "--bridge=none", "--live-restore", "--cgroup-parent", &self.cgroup]);
        dockerd.env_remove("DOCKER_HOST").stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.daemon = Some(dockerd.spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while !self.output(&["version"]).status.success() {
            let log = || std::fs::read_to_string(self.directory.path().join("dockerd.log")).unwrap();
            assert!(Instant::now() < deadline, "dockerd did not come up: {}", log());
        }
    }

    /// `kill -9` for dockerd, and with it for its containerd. The containers run on.
    pub fn kill_daemon(&mut self) {
        let ids = self.ok(&["ps", "--quiet", "--no-trunc"]);
        let shims = processes().filter(|(_, words)| ids.lines().any(|id| words.contains(id)));
        self.orphans = shims.map(|(pid, _)| pid).collect();
        let containerd = std::fs::read_to_string("/run/docker/containerd/containerd.pid").unwrap();
        let mut daemon = self.daemon.take().expect("dockerd runs");
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        wait_for_end(containerd.trim().parse().unwrap());
    }

    /// Stops dockerd in its tracks (SIGSTOP), or lets it go on: its socket takes calls, and answers none.
    pub fn stop_daemon(&self, stop: bool) {
        let pid = self.daemon.as_ref().expect("dockerd runs").id();
        let signal = if stop { Signal::SIGSTOP } else { Signal::SIGCONT };
        kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
    }

    /// Runs the engine's command, which must succeed, and returns what it printed.
    pub fn ok(&self, words: &[&str]) -> String {
        let output = self.output(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {words:?}: {said}", self.program);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Starts a container that does nothing, with these options, and returns its first process.
    pub fn run(&self, name: &str, options: &str) -> u32 {
        let mut words = vec!["run", "--detach", "--name", name, "--cgroup-parent", &self.cgroup];
        words.extend(options.split_whitespace());
        self.ok(&[words.as_slice(), &["bb:1", "/bin/sleep", LIFE]].concat());
        self.pid(name)
    }

    /// The first process of a running container.
    pub fn pid(&self, name: &str) -> u32 {
        self.ok(&["inspect", "--format", "{{.State.Pid}}", name]).parse().unwrap()
    }

    /// The environment variable and value with which the engine's own command finds its configuration.
    pub fn environment(&self) -> (&'static str, String) {
        ("CONTAINERS_CONF", self.directory.path().join("containers.conf").display().to_string())
    }

    fn output(&self, words: &[&str]) -> Output {
        let (variable, value) = self.environment();
        let mut command = Command::new(self.program);
        command.args(words).env(variable, value).env_remove("DOCKER_HOST").stdin(Stdio::null());
        command.output().unwrap_or_else(|error| panic!("{}: {error}", self.program))
    }

    /// An image of a shell and what it takes to sleep and to ping.
    fn import(&self) {
        let root = self.directory.path().join("root");
        std::fs::create_dir_all(root.join("bin")).unwrap();
        std::fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
        for name in ["sh", "sleep", "ping", "ip"] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).unwrap();
        }
        let tar = self.directory.path().join("root.tar");
        let made = Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&tar).arg(".").status().unwrap();
        assert!(made.success());
        self.ok(&["import", tar.to_str().unwrap(), "bb:1"]);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let is_docker = self.program != "podman";
        for shim in std::mem::take(&mut self.orphans) {
            for pid in processes().map(|(pid, _)| pid).filter(|pid| parent(*pid) == Some(shim)).chain([shim]) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
                wait_for_end(pid);
            }
        }
        // twice: one whose network another shares goes after that one
        for _ in 0..2 {
            let ids = self.output(&["ps", "--all", "--quiet"]).stdout;
            let ids = String::from_utf8_lossy(&ids).into_owned();
            let words = ["rm", "--force"].into_iter().chain((!is_docker).then_some("--time=0"));
            let words: Vec<&str> = words.chain(ids.split_whitespace()).collect();
            let _ = self.output(&words);
        }
        if let Some(mut daemon) = self.daemon.take() {
            // SIGTERM, so that it ends its containerd
            let _ = kill(Pid::from_raw(daemon.id().try_into().unwrap()), Signal::SIGTERM);
            let _ = daemon.wait();
        }
        let _ = umount2("/run/netns", MntFlags::MNT_DETACH);
        remove_cgroups(&self.cgroup);
    }
}

/// All processes, and their command lines.
fn processes() -> impl Iterator<Item = (i32, String)> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?)))
}

fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The sysfs of the sandbox lies over the machine's, in which the cgroups are mounted.
fn show_cgroups() {
    let is_empty = std::fs::read_dir("/sys/fs/cgroup").unwrap().next().is_none();
    if is_empty {
        umount2("/sys", MntFlags::MNT_DETACH).unwrap();
    }
}

/// The engines write a key and a directory there; what they write goes with the sandbox.
fn cover_etc() {
    let upper = Path::new("/run/etc/upper");
    if upper.exists() {
        return;
    }
    std::fs::create_dir_all(upper).unwrap();
    std::fs::create_dir_all("/run/etc/work").unwrap();
    let options = Some("lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work");
    mount(Some("overlay"), "/etc", Some("overlay"), MsFlags::empty(), options).expect("an overlay on /etc");
}

/// Of every hierarchy; the engines leave the directory that they were given.
fn remove_cgroups(name: &str) {
    let mounts = std::fs::read_to_string("/proc/thread-self/mounts").unwrap();
    let mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    for root in mounts.filter(|fields| fields[2].starts_with("cgroup")).map(|fields| fields[1].to_owned()) {
        remove_tree(&Path::new(&root).join(name.trim_start_matches('/')));
    }
}

/// A cgroup can be removed once the cgroups in it and its processes are gone; the files in it are not there to be removed.
fn remove_tree(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
        remove_tree(&entry.path());
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::fs::remove_dir(directory).is_err() && directory.exists() && Instant::now() < deadline {
        std::thread::yield_now();
    }
}
