//! Files as the engines write them, captured from Docker 20.10 and Podman 4.3: what is told of containers where no engine runs.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::common::cli::Cli;
use super::common::{require, sandbox};

/// The containers of the captured files that ran, both called `web`, and the process that Docker noted.
const DOCKERS: &str = "00e951325e20a9ddbf7963ca12bf6da16a633ff08e2ee585b3fec9a8d65f6ca8";
const DOCKERS_PID: &str = "31863";
const PODMANS: &str = "c651db91a192fa311ee29a320178699bc3016b0fd582fad1689c86c1ebff383b";
/// One that Docker made and nobody started.
const DOCKERS_MADE: &str = "c7827a51d8f0e9431089311ac09d23bb99f9a0dfb1eeae6d86cb74ef2bc2b4b3";

/// A process in a network namespace of its own, whose parent has a container's id among its arguments, as a container's has.
struct Container {
    parent: Child,
    pid: u32,
}

impl Container {
    fn start(id: &str) -> Container {
        // the outer shell has something to do yet, and so stays; `cat` ends with its input
        let script = "unshare --net sh -c 'echo $$; exec cat'; true";
        let mut parent = Command::new("sh");
        parent.args(["-c", script, "conmon", id]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut parent = parent.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Container { parent, pid: line.trim().parse().unwrap() }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        drop(self.parent.stdin.take());
        let _ = self.parent.wait();
    }
}

fn captured(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/containers/captured").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(path: &str, text: &str) {
    std::fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn docker_wrote(pid: u32) {
    let text = captured("docker-web.json").replace(&format!("\"Pid\":{DOCKERS_PID}"), &format!("\"Pid\":{pid}"));
    assert!(text.contains(&pid.to_string()));
    write(&format!("/var/lib/docker/containers/{DOCKERS}/config.v2.json"), &text);
    write(&format!("/var/lib/docker/containers/{DOCKERS_MADE}/config.v2.json"), &captured("docker-made.json"));
}

fn podman_wrote(graphroot: &str, runroot: &str, pid: u32) {
    write(&format!("{graphroot}/overlay-containers/containers.json"), &captured("podman-containers.json"));
    write(&format!("{runroot}/overlay-containers/{PODMANS}/userdata/pidfile"), &pid.to_string());
}

fn refuses(cli: &Cli, target: &str, says: &[&str]) {
    let said = cli.fails(1, &["exec", target, "--", "true"]);
    for words in says {
        assert!(said.contains(words), "{target}: {said} does not say `{words}`");
    }
}

#[test]
fn what_runs_is_found() {
    require!(Root);
    sandbox::run_blocking(|| {
        let (docker, podman) = (Container::start(DOCKERS), Container::start(PODMANS));
        docker_wrote(docker.pid);
        podman_wrote("/var/lib/containers/storage", "/run/containers/storage", podman.pid);
        let cli = Cli::new();
        for (target, container) in
            [("docker:web", &docker), ("docker:00e95", &docker), ("podman:web", &podman), ("podman:c651d", &podman)]
        {
            let inside = cli.ok(&["exec", target, "--", "readlink", "/proc/self/ns/net"]);
            let own = std::fs::read_link(format!("/proc/{}/ns/net", container.pid)).unwrap();
            assert_eq!(inside.trim(), own.to_str().unwrap(), "{target}");
        }
        assert_eq!(cli.ok(&["list-ns"]), "docker:web\npodman:web\n");
        assert_eq!(cli.ok(&["identify", "--pid", &podman.pid.to_string()]), "podman:web\n");
        refuses(&cli, "docker:made", &["is not running: it is created", "docker start made"]);
        refuses(&cli, "podman:web2", &["is not running: it is created", "podman start web2"]);
        refuses(&cli, "podman:none", &["Podman has no container none", "these are running: web"]);
        refuses(&cli, "web", &["docker:web or podman:web"]);
    });
}

/// After a crash the files say that it runs; the number is another process's, or nobody's.
#[test]
fn what_is_written_may_be_over() {
    require!(Root);
    sandbox::run_blocking(|| {
        let other = Container::start("somebody-else's");
        let cli = Cli::new();
        for pid in [other.pid, 4_194_305] {
            docker_wrote(pid);
            podman_wrote("/var/lib/containers/storage", "/run/containers/storage", pid);
            refuses(&cli, "docker:web", &["container web of Docker is not running: it is exited"]);
            refuses(&cli, "podman:web", &["container web of Podman is not running: it is exited"]);
            assert_eq!(cli.ok(&["list-ns"]), "");
        }
    });
}

#[test]
fn an_id_has_to_be_told_from_others() {
    require!(Root);
    sandbox::run_blocking(|| {
        podman_wrote("/var/lib/containers/storage", "/run/containers/storage", 4_194_305);
        let text = captured("podman-containers.json").replace("55960ecd", "c6510ecd");
        write("/var/lib/containers/storage/overlay-containers/containers.json", &text);
        refuses(&Cli::new(), "podman:c651", &["several containers of Podman begin with c651", "web, web2"]);
    });
}

#[test]
fn the_storage_may_be_elsewhere() {
    require!(Root);
    sandbox::run_blocking(|| {
        let podman = Container::start(PODMANS);
        podman_wrote("/run/elsewhere/graph", "/run/elsewhere/run", podman.pid);
        write(
            "/run/storage.conf",
            "[storage]\ndriver = \"overlay\"\ngraphroot = \"/run/elsewhere/graph\"\nrunroot = \"/run/elsewhere/run\"\n",
        );
        refuses(
            &Cli::new(),
            "podman:web",
            &["Podman is not there: ", "/var/lib/containers/storage", "/run/podman/podman.sock"],
        );
        Cli::new().env("CONTAINERS_STORAGE_CONF", "/run/storage.conf").ok(&["exec", "podman:web", "--", "true"]);
    });
}

#[test]
fn engines_that_are_not_there() {
    require!(Root);
    sandbox::run_blocking(|| {
        let cli = Cli::new();
        refuses(
            &cli,
            "docker:web",
            &["Docker is not there: /run/docker.sock", "/var/lib/docker", "DOCKER_HOST=unix:///PATH"],
        );
        refuses(&cli, "podman:web", &["Podman is not there", "start Podman"]);
        let elsewhere = Cli::new().env("DOCKER_HOST", "tcp://192.0.2.1:2375");
        refuses(&elsewhere, "docker:web", &["tcp://192.0.2.1:2375 (DOCKER_HOST)", "unset DOCKER_HOST"]);
        // who asks for no container does not hear of it
        assert_eq!(elsewhere.ok(&["list-ns"]), "");
    });
}

#[test]
fn a_damaged_file_is_named() {
    require!(Root);
    sandbox::run_blocking(|| {
        let path = format!("/var/lib/docker/containers/{DOCKERS}/config.v2.json");
        write(&path, "{\"ID\": ");
        refuses(&Cli::new(), "docker:web", &[&path, "EOF while parsing"]);
        write(&path, "{}");
        refuses(&Cli::new(), "docker:web", &[&path, "missing field"]);
        assert_eq!(Cli::new().ok(&["list-ns"]), "");
    });
}
