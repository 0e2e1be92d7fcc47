use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Pid;
use ovsns::netlink::{Error, Netlink, NetnsDir, NetnsFile, Status, link, wait_for_link};

use crate::common::sandbox;
use crate::{json, make_netns, pair, run};

fn ip_netns_list() -> Vec<String> {
    run("ip netns list").lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn a_netns_is_born_with_its_mark() {
    sandbox::run(|| async {
        let dir = NetnsDir::default();
        assert_eq!(dir.list().expect("no directory, no names"), [""; 0]);
        dir.create("ns1", |inside| inside.request(link::set("lo").up().alias("ovsns:lab").request())).expect("ns1");
        assert_eq!(ip_netns_list(), ["ns1"]);
        let lo = json("ip -n ns1 -j link show dev lo");
        assert_eq!(lo[0]["ifalias"], "ovsns:lab");
        assert!(lo[0]["flags"].as_array().expect("flags").iter().any(|flag| flag == "UP"));
        assert_eq!(dir.status("ns1").expect("a status"), Status::Live);
    });
}

#[test]
fn ours_and_those_of_ip_are_the_same_thing() {
    sandbox::run(|| async {
        let dir = NetnsDir::default();
        run("ip netns add theirs");
        make_netns("ours");
        assert_eq!(dir.list().expect("names"), ["ours", "theirs"]);
        assert_eq!(dir.status("theirs").expect("a status"), Status::Live);
        dir.delete("theirs").expect("ours deletes theirs");
        run("ip netns delete ours");
        assert_eq!(dir.list().expect("names"), [""; 0]);
        assert_eq!(ip_netns_list(), [""; 0]);
    });
}

#[test]
fn deleting_what_is_gone_succeeds() {
    sandbox::run(|| async {
        let dir = NetnsDir::default();
        dir.delete("ns1").expect("no directory");
        make_netns("ns1");
        dir.delete("ns1").expect("there");
        dir.delete("ns1").expect("gone");
        assert_eq!(dir.status("ns1").expect("a status"), Status::Missing);
        assert!(matches!(dir.open("ns1"), Err(Error::NetnsMissing { .. })));
    });
}

#[test]
fn a_failed_preparation_leaves_no_name() {
    sandbox::run(|| async {
        let dir = NetnsDir::default();
        let error = dir.create("ns1", |inside| inside.request(link::set("eth9").up().request())).expect_err("no eth9");
        assert!(error.is_missing(), "{error}");
        assert_eq!(dir.status("ns1").expect("a status"), Status::Missing);
    });
}

#[test]
fn a_stale_file_is_told_from_a_netns() {
    sandbox::run(|| async {
        let dir = NetnsDir::default();
        fs::create_dir("/run/netns").expect("the directory");
        fs::write("/run/netns/ns1", "").expect("a stale file");
        assert_eq!(dir.status("ns1").expect("a status"), Status::Stale);
        assert!(matches!(dir.open("ns1"), Err(Error::NotNetns { .. })));
        let error = dir.create("ns1", |_| Ok(())).expect_err("taken");
        assert!(matches!(error, Error::NetnsExists { .. }) && error.is_exists(), "{error}");
        dir.delete("ns1").expect("a stale file goes");
        make_netns("ns1");
        assert!(matches!(NetnsFile::open(Path::new("/proc/self/ns/mnt")), Err(Error::NotNetns { .. })));
    });
}

#[test]
fn of_twenty_that_make_the_same_netns_one_succeeds() {
    sandbox::run(|| async {
        let make = || NetnsDir::default().create("ns1", |_| Ok(()));
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..20).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        let (made, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(made.len(), 1);
        assert!(refused.iter().all(|result| matches!(result, Err(Error::NetnsExists { .. }))));
        let (netns, _) = made.into_iter().next().expect("one").expect("made");
        assert!(netns.is_same(&NetnsDir::default().open("ns1").expect("the name")).expect("identities"));
        assert_eq!(run("grep -c /run/netns/ns1 /proc/thread-self/mountinfo").trim(), "1", "mounted once");
    });
}

/// Between making the file and mounting on it, a netns looks like a stale file; who took it for one would delete it.
#[test]
fn a_netns_in_the_making_is_not_taken_for_stale() {
    sandbox::run(|| async {
        let dir = NetnsDir::default();
        make_netns("ns0");
        let lock = fs::File::open("/run/netns").expect("the directory");
        let lock = Flock::lock(lock, FlockArg::LockExclusive).expect("the lock that `ip netns add` takes");
        fs::write("/run/netns/ns1", "").expect("the file");
        let inode = fs::metadata("/run/netns").expect("the directory").ino();
        thread::scope(|scope| {
            let status = scope.spawn(|| dir.status("ns1").expect("a status"));
            let deadline = Instant::now() + Duration::from_secs(10);
            while !is_awaited(inode) && !status.is_finished() {
                assert!(Instant::now() < deadline, "neither waits nor answers");
                thread::yield_now();
            }
            run("mount --bind /run/netns/ns0 /run/netns/ns1");
            drop(lock);
            assert_eq!(status.join().expect("no panic"), Status::Live);
        });
    });
}

/// Whether somebody waits for a lock on this inode: a line with an arrow in /proc/locks (proc_locks(5)).
fn is_awaited(inode: u64) -> bool {
    let locks = fs::read_to_string("/proc/locks").expect("locks");
    locks.lines().any(|line| line.contains("-> FLOCK") && line.contains(&format!(":{inode} ")))
}

#[test]
fn an_open_netns_outlives_its_name() {
    sandbox::run(|| async {
        let (netns, mut inside) = make_netns("ns1");
        NetnsDir::default().delete("ns1").expect("the name goes");
        inside.request(link::add_veth(pair("a", "b"))).expect("the connection works");
        let mut other = Netlink::open(&netns).expect("it can be entered");
        assert!(other.link("a").expect("an answer").is_some());
    });
}

#[test]
fn namespaces_are_told_apart_by_identity() {
    sandbox::run(|| async {
        let (netns, _) = make_netns("ns1");
        let host = NetnsFile::host().expect("the host's");
        let mut child = Command::new("sleep").arg("60").spawn().expect("a child in the sandbox");
        let of_child = NetnsFile::of_process(Pid::from_raw(child.id() as i32)).expect("the child's");
        child.kill().and_then(|()| child.wait()).expect("the child ends");
        assert!(host.is_same(&of_child).expect("identities"));
        assert!(!host.is_same(&netns).expect("identities"));
        assert!(
            netns
                .inside(NetnsFile::host)
                .expect("a look inside")
                .expect("its own")
                .is_same(&netns)
                .expect("identities")
        );
        assert!(NetnsFile::host().expect("the host's").is_same(&host).expect("identities"), "this thread stayed");
    });
}

/// A mount namespace that was made in between: a container, a service.
#[test]
fn names_come_and_go_in_other_mount_namespaces_too() {
    sandbox::run(|| async {
        make_netns("ns0");
        let unshare = ["--mount", "--propagation", "slave", "sleep", "60"];
        let mut bystander = Command::new("unshare").args(unshare).spawn().expect("starts");
        let of = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", bystander.id())).expect("alive");
        let deadline = Instant::now() + Duration::from_secs(10);
        // `unshare` has done its work once the process is `sleep`.
        while of("comm") != "sleep\n" {
            assert!(Instant::now() < deadline, "unshare did not come to sleep");
            thread::yield_now();
        }
        make_netns("ns1");
        assert!(of("mountinfo").contains("/run/netns/ns1"));
        NetnsDir::default().delete("ns1").expect("deleted");
        assert!(!of("mountinfo").contains("/run/netns/ns1"));
        bystander.kill().and_then(|()| bystander.wait()).expect("the bystander ends");
    });
}

#[test]
fn a_netns_that_nothing_keeps_ends() {
    sandbox::run(|| async {
        let (netns, inside) = make_netns("ns1");
        let mut host = Netlink::host().expect("host");
        let peer = link::VethPeer { name: "b".into(), netns: Some(netns.clone()), ..Default::default() };
        host.request(link::add_veth(link::Veth { peer, ..pair("a", "b") })).expect("a pair");
        drop((netns, inside));
        NetnsDir::default().delete("ns1").expect("deleted");
        let deadline = Instant::now() + Duration::from_secs(10);
        let host = NetnsFile::host().expect("the host's");
        wait_for_link(&host, "a", |link| link.is_none(), deadline).await.expect("the pair goes with it");
    });
}

#[test]
fn another_directory_works_too() {
    sandbox::run(|| async {
        let dir = NetnsDir::new("/run/elsewhere/netns");
        dir.create("ns1", |_| Ok(())).expect("ns1");
        assert_eq!(dir.list().expect("names"), ["ns1"]);
        assert_eq!(NetnsDir::default().status("ns1").expect("a status"), Status::Missing);
        dir.delete("ns1").expect("deleted");
    });
}
