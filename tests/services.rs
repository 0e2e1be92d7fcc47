//! Programs that run in namespaces on their own: started, found again, started anew, and stopped with all that they have started.

#![allow(clippy::unwrap_used)] // clippy.toml spares #[test] functions alone

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::pid::wait_for_end;
use common::{sandbox, tool};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ovsns::process::Target;
use ovsns::process::service::{Action, Due, Ending, Keeper, Restart, Service, ServiceError, Services, State};

/// Longer than anything here takes; what is not there by then has failed its test.
const PATIENCE: Duration = Duration::from_secs(20);

fn keeper() -> Keeper {
    Keeper { program: env!("CARGO_BIN_EXE_ovsns").into(), arguments: vec!["keep".into()] }
}

fn directory() -> PathBuf {
    "/run/lab/run".into()
}

fn services() -> Services {
    Services::new(directory(), "/run/logs".into(), keeper())
}

fn service(name: &str, line: &str) -> Service {
    Service {
        name: name.to_owned(),
        place: "ns1".to_owned(),
        target: Some(Target::named("ns1")),
        argv: Service::shell(line),
        directory: "/".into(),
        restart: Restart::No,
    }
}

/// Runs `test` with a namespace ns1; what is left running at its end is stopped.
fn with_ns1<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send) {
    sandbox::run(|| async {
        tool::run("ip netns add ns1");
        test().await;
        services().stop_those(|_| true).await.unwrap();
    });
}

fn state(name: &str) -> State {
    let list = services().list().unwrap();
    list.into_iter().find(|status| status.service.name == name).unwrap_or_else(|| panic!("no {name}")).state
}

fn pid(name: &str) -> i32 {
    match state(name) {
        State::Runs { pid, .. } => i32::try_from(pid).unwrap(),
        ended => panic!("{name}: {ended:?}"),
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited for {what}");
        std::thread::yield_now();
    }
}

fn log(name: &str) -> String {
    fs::read_to_string(format!("/run/logs/{name}@ns1.log")).unwrap_or_default()
}

fn runs(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit_once(") ").unwrap().1.starts_with('Z'))
}

#[test]
fn it_runs_in_the_namespace_apart_from_us() {
    with_ns1(|| async {
        let line =
            "ls /sys/class/net; echo to stderr >&2; echo $OVSNS_NETNS; read line || echo no input; exec sleep 1000";
        let done = services().reconcile(&[service("web", line)], Due::Asked).await.unwrap();
        assert!(matches!(done.as_slice(), [Action::Start { .. }]), "{done:?}");
        assert_eq!(done[0].to_string(), format!("+ program web in ns1: {line}"));
        until("its output", || (log("web") == "lo\nto stderr\nns1\nno input\n").then_some(()));
        let pid = pid("web");
        assert!(tool::run("ip netns pids ns1").lines().any(|line| line == pid.to_string()));
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let session: i32 = stat.rsplit_once(") ").unwrap().1.split(' ').nth(3).unwrap().parse().unwrap();
        assert_ne!(session, nix::unistd::getsid(None).unwrap().as_raw());
        // Only the command is inside: the keeper does not keep the namespace.
        assert_eq!(tool::run("ip netns pids ns1").lines().count(), 1);
    });
}

#[test]
fn what_runs_as_it_should_is_left_alone() {
    with_ns1(|| async {
        let wanted = [service("a", "exec sleep 1000"), service("b", "exec sleep 1001")];
        services().reconcile(&wanted, Due::Asked).await.unwrap();
        let before = (pid("a"), pid("b"));
        assert_eq!(services().reconcile(&wanted, Due::Asked).await.unwrap(), []);
        assert_eq!((pid("a"), pid("b")), before);
        let changed = [service("a", "exec sleep 1000"), service("b", "exec sleep 1002")];
        let done = services().reconcile(&changed, Due::Asked).await.unwrap();
        assert!(matches!(done.as_slice(), [Action::Change { .. }]), "{done:?}");
        assert_eq!(pid("a"), before.0);
        assert!(!runs(before.1));
        let done = services().reconcile(&changed[1..], Due::Asked).await.unwrap();
        assert_eq!(done.iter().map(ToString::to_string).collect::<Vec<_>>(), ["- program a in ns1"]);
        assert!(!runs(before.0));
        assert_eq!(services().list().unwrap().len(), 1);
    });
}

#[test]
fn what_has_ended_is_started_again_as_it_is_due() {
    with_ns1(|| async {
        // Each ends when its file is there, with the status that stands in it.
        let line = |name: &str| format!("while ! test -s /run/{name}; do sleep 0.01; done; exit $(cat /run/{name})");
        let wanted: Vec<Service> = [("no", Restart::No), ("failing", Restart::OnFailure), ("always", Restart::Always)]
            .map(|(name, restart)| Service { restart, ..service(name, &line(name)) })
            .to_vec();
        services().reconcile(&wanted, Due::Asked).await.unwrap();
        for (status, asked, unasked) in [("3", 3, 2), ("0", 1, 1)] {
            for service in &wanted {
                fs::write(format!("/run/{}", service.name), status).unwrap();
                let ending = Ending::Status(status.parse().unwrap());
                until("its end", || (state(&service.name) == State::Ended { ending }).then_some(()));
            }
            assert_eq!(services().actions(&wanted, Due::Unasked).unwrap().len(), unasked, "{status}");
            assert_eq!(services().actions(&wanted, Due::Asked).unwrap().len(), asked, "{status}");
            for service in &wanted {
                fs::remove_file(format!("/run/{}", service.name)).unwrap();
            }
            let done = services().reconcile(&wanted, Due::Asked).await.unwrap();
            assert!(done.iter().all(|action| matches!(action, Action::Restart { .. })), "{done:?}");
        }
        kill(Pid::from_raw(pid("always")), Signal::SIGKILL).unwrap();
        until("its end", || (state("always") == State::Ended { ending: Ending::Signal(9) }).then_some(()));
    });
}

#[test]
fn a_namespace_made_anew_gets_its_program_too() {
    with_ns1(|| async {
        let wanted = [service("web", "exec sleep 1000")];
        services().reconcile(&wanted, Due::Asked).await.unwrap();
        let before = pid("web");
        tool::run("ip netns del ns1");
        // Where there is none, nothing can be done about it.
        assert_eq!(services().actions(&wanted, Due::Unasked).unwrap(), []);
        tool::run("ip netns add ns1");
        let done = services().reconcile(&wanted, Due::Unasked).await.unwrap();
        assert!(matches!(done.as_slice(), [Action::Move { .. }]), "{done:?}");
        assert!(!runs(before));
        assert_eq!(tool::run("ip netns pids ns1").trim(), pid("web").to_string());
    });
}

#[test]
fn a_stop_ends_all_that_it_has_started_and_nothing_else() {
    with_ns1(|| async {
        // A child in its session, a daemon that left the session, and one that does not listen to SIGTERM.
        let line = "sleep 1001 & echo $!; setsid sleep 1002 & echo $!; \
                    (trap '' TERM; while :; do sleep 1003; done) & echo $!; trap 'echo told; exit 0' TERM; wait";
        services().reconcile(&[service("web", line)], Due::Asked).await.unwrap();
        let others = std::process::Command::new("ip").args(["netns", "exec", "ns1", "sleep", "1004"]).spawn();
        let mut others = others.unwrap();
        let pids: Vec<i32> = until("three pids", || {
            let lines: Vec<i32> = log("web").lines().map(|line| line.parse().unwrap()).collect();
            (lines.len() == 3).then_some(lines)
        });
        let begin = Instant::now();
        services().stop_those(|_| true).await.unwrap();
        assert!(pids.iter().all(|pid| !runs(*pid)), "{pids:?}");
        assert!(log("web").ends_with("told\n"), "{}", log("web"));
        assert!(begin.elapsed() > Duration::from_secs(4), "SIGKILL came too early");
        assert_eq!(others.try_wait().unwrap(), None);
        others.kill().unwrap();
        others.wait().unwrap();
        assert!(services().list().unwrap().is_empty());
        // Again: there is nothing to stop.
        assert!(services().stop_those(|_| true).await.unwrap().is_empty());
    });
}

#[test]
fn what_cannot_start_is_told_and_leaves_all_as_it_was() {
    with_ns1(|| async {
        let before = [service("a", "exec sleep 1000"), service("b", "exec sleep 1001")];
        services().reconcile(&before, Due::Asked).await.unwrap();
        let kept = pid("a");
        let missing = Service { argv: vec!["no-such-program".into(), "x".into()], ..service("web", "") };
        let wanted = [before[0].clone(), missing, service("c", "exec sleep 1002")];
        let error = services().reconcile(&wanted, Due::Asked).await.unwrap_err();
        let said = "web in ns1 did not start (`no-such-program x`): no-such-program: command not found";
        assert_eq!(error.to_string(), said);
        let names: Vec<String> = services().list().unwrap().into_iter().map(|status| status.service.name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(pid("a"), kept);
        pid("b");
        let nowhere = Service { target: Some(Target::named("ns2")), place: "ns2".to_owned(), ..service("d", "exit 0") };
        let error = services().reconcile(&[nowhere], Due::Asked).await.unwrap_err();
        assert!(error.to_string().contains("no network namespace at /run/netns/ns2"), "{error}");
        let lost = Service { directory: "/no/such".into(), ..service("d", "exit 0") };
        let error = services().reconcile(&[lost], Due::Asked).await.unwrap_err();
        assert!(error.to_string().contains("no directory /no/such"), "{error}");
    });
}

#[test]
fn a_program_that_fails_at_once_is_told_with_its_last_words() {
    with_ns1(|| async {
        let error =
            services().reconcile(&[service("web", "echo first; echo port in use >&2; exit 3")], Due::Asked).await;
        let error = error.unwrap_err();
        assert!(matches!(&error, ServiceError::Failed { ending: Ending::Status(3), .. }), "{error:?}");
        assert!(error.to_string().starts_with("web in ns1 ended with status 3 at once"), "{error}");
        assert_eq!(error.last_lines(), ["first", "port in use"]);
        assert!(services().list().unwrap().is_empty());
        // One that has done what it was to do has not failed, and is not done again.
        let once = [service("once", "echo done")];
        services().reconcile(&once, Due::Asked).await.unwrap();
        assert_eq!(services().reconcile(&once, Due::Asked).await.unwrap(), []);
        assert_eq!(log("once"), "done\n");
    });
}

#[test]
fn a_keeper_that_is_killed_leaves_its_program_to_be_found() {
    with_ns1(|| async {
        let wanted = [service("web", "sleep 1001 & echo $!; wait")];
        services().reconcile(&wanted, Due::Asked).await.unwrap();
        let command = pid("web");
        let child: i32 = until("a pid", || log("web").trim().parse().ok());
        let keeper = parent(command);
        kill(Pid::from_raw(keeper), Signal::SIGKILL).unwrap();
        wait_for_end(keeper);
        assert_eq!(services().reconcile(&wanted, Due::Asked).await.unwrap(), []);
        assert_eq!(pid("web"), command);
        services().stop_those(|_| true).await.unwrap();
        assert!(!runs(command) && !runs(child));
    });
}

/// A run that is killed as soon as it has written the record, or a little later: the next one finds what there is.
#[test]
fn a_start_that_is_killed_at_any_moment_is_found_by_the_next() {
    with_ns1(|| async {
        for steps in 0..12 {
            let wanted = [service("web", "exec sleep 1000")];
            let mut starting = std::pin::pin!(async { services().reconcile(&wanted, Due::Asked).await });
            // Dropped after so many turns of the runtime: nothing more is done by this run.
            for _ in 0..steps {
                tokio::select! {
                    biased;
                    _ = &mut starting => break,
                    () = tokio::task::yield_now() => {}
                }
            }
            let count = || tool::run("ip netns pids ns1").lines().count();
            services().reconcile(&wanted, Due::Asked).await.unwrap();
            let command = pid("web");
            until("one process", || (count() == 1).then_some(()));
            assert_eq!(pid("web"), command);
            services().stop_those(|_| true).await.unwrap();
            assert_eq!(count(), 0);
        }
    });
}

/// Where the keeper gets hold of a record that is not its own any more, it does nothing.
#[test]
fn a_keeper_that_comes_too_late_starts_nothing() {
    with_ns1(|| async {
        let wanted = [service("web", "exec sleep 1000")];
        services().reconcile(&wanted, Due::Asked).await.unwrap();
        let path = directory().join("web@ns1.json");
        let record = fs::read_to_string(&path).unwrap();
        for token in ["another", ""] {
            keep(&path, token);
            assert_eq!(fs::read_to_string(&path).unwrap(), record);
        }
        keep(Path::new("/run/none.json"), "any");
        assert_eq!(tool::run("ip netns pids ns1").lines().count(), 1);
    });
}

fn keep(path: &Path, token: &str) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ovsns"));
    assert!(command.arg("keep").arg(path).env("OVSNS_RUN", token).status().unwrap().success());
}

fn parent(pid: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}
