//! The ways in which a capture ends that are not of its own choosing.

use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use super::common::cli::Cli;
use super::common::require;
use super::common::tool::run;
use super::common::traffic::pings;
use super::pcapng::File;
use super::watching::{Watching, read};
use super::with_pair;

/// `mount -t tmpfs`, of 256 KiB: more than is kept in memory before it is written, and less than what comes.
const SMALL: &str = "mount -t tmpfs -o size=256k tmpfs /run/small";

#[test]
fn a_full_disk_ends_it_with_a_valid_file() {
    require!(Root);
    with_pair(|| {
        std::fs::create_dir("/run/small").unwrap();
        run(SMALL);
        let arguments = ["capture", "left", "--dev", "eth0", "--filter", "icmp", "-w", "/run/small/x.pcapng"];
        let watching = Watching::ours_with(&Cli::new(), &arguments);
        // 1,000 requests and answers of 1,400 bytes
        run("ip netns exec left ping -q -c 1000 -i 0.001 -s 1400 10.0.0.2");
        let ended = watching.end();
        assert_eq!(ended.code, 1, "{ended:?}");
        for words in
            ["cannot write /run/small/x.pcapng: No space left on device", "hint: what was written until then is whole"]
        {
            assert!(ended.stderr.contains(words), "{ended:?}");
        }
        let packets = File::read("/run/small/x.pcapng").packets.len();
        assert!((100..200).contains(&packets), "{packets} packets of 1.4 KB in 256 KiB");
        assert!(ended.stderr.contains(&format!("ovsns: {packets} packets captured")), "{ended:?}");
        assert_eq!(read("/run/small/x.pcapng").len(), packets);
        run("umount /run/small");
    });
}

#[test]
fn a_disk_that_is_full_already() {
    require!(Root);
    with_pair(|| {
        let ended = Cli::new().run(&["capture", "left", "--dev", "eth0", "-w", "/dev/full"]);
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.stderr.contains("cannot write /dev/full: No space left on device"), "{ended:?}");
    });
}

/// One device goes: the others are watched on. The last one goes: that is the end.
#[test]
fn devices_that_go() {
    require!(Root);
    with_pair(|| {
        run("ip -n left link add eth1 type veth peer name eth2");
        run("ip -n left link set eth1 up");
        run("ip -n left link set eth2 up");
        let arguments = ["capture", "left", "--dev", "eth0", "--dev", "eth1", "--filter", "icmp"];
        let watching = Watching::ours_with(&Cli::new(), &arguments);
        run("ip -n left link delete eth1");
        assert!(pings("left", "10.0.0.2"));
        watching.lines(2);
        // down and up again is no end
        run("ip -n left link set eth0 down");
        run("ip -n left link set eth0 up");
        assert!(pings("left", "10.0.0.2"));
        watching.lines(4);
        assert!(pings("left", "10.0.0.2"));
        run("ip -n left link delete eth0");
        let ended = watching.end();
        assert_eq!((ended.code, ended.stdout.lines().count()), (0, 6), "{ended:?}");
        assert!(ended.stderr.contains("6 packets captured"), "{ended:?}");
    });
}

#[test]
fn a_namespace_that_goes() {
    require!(Root);
    with_pair(|| {
        let watching = Watching::ours(&Cli::new(), "capture left --dev eth0 --json -w /run/x.pcapng");
        // the other end keeps the device's last packets company; the namespace itself lives as long as its name
        run("ip netns delete left");
        run("ip -n right link delete eth0");
        let ended = watching.end();
        assert_eq!(ended.code, 0, "{ended:?}");
        let said: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(said["ended_by"], "no device left");
    });
}

/// What is piped can be seen while it is captured, and not only at the end.
#[test]
fn a_pipe_is_live() {
    require!(Root);
    with_pair(|| {
        let mut ours = Cli::new().command(&["capture", "left", "--dev", "eth0", "--filter", "icmp", "-w", "-"]);
        let (reader, writer) = std::io::pipe().unwrap();
        ours.stdout(writer);
        let ours = Watching::begin(ours);
        let mut tcpdump = Command::new("tcpdump");
        tcpdump.args(["-l", "-n", "-r", "-"]).stdin(reader).stdout(Stdio::piped());
        let tcpdump = Watching::begin(tcpdump);
        ours.says("capturing");
        for number in 1..=2 {
            assert!(pings("left", "10.0.0.2"));
            tcpdump.lines(number * 2);
        }
        ours.stop();
        assert_eq!(tcpdump.end().code, 0);
    });
}

/// Nobody reads any more: there is no packet to find that out by, and yet it ends.
#[test]
fn a_reader_that_goes() {
    require!(Root);
    with_pair(|| {
        for arguments in [&["capture", "left", "-w", "-"][..], &["capture", "left"]] {
            let mut ours = Cli::new().command(arguments);
            let (reader, writer) = std::io::pipe().unwrap();
            ours.stdout(writer);
            let ours = Watching::begin(ours);
            ours.says("capturing");
            drop(reader);
            let ended = ours.end();
            assert_eq!(ended.code, 0, "{ended:?}");
        }
    });
}

/// Nobody reads, and the pipe is full: a signal ends it all the same.
#[test]
fn a_reader_that_sleeps() {
    require!(Root);
    with_pair(|| {
        let mut ours = Cli::new().command(&["capture", "left", "--dev", "eth0", "-w", "-", "--timeout", "1"]);
        let (reader, writer) = std::io::pipe().unwrap();
        ours.stdout(writer);
        let ours = Watching::begin(ours);
        ours.says("capturing");
        run("ip netns exec left ping -q -c 200 -i 0.001 -s 1400 10.0.0.2");
        ours.signal(Signal::SIGTERM);
        let ended = ours.end();
        assert_eq!(ended.code, 5, "{ended:?}");
        assert!(ended.stderr.contains("nobody reads what the capture writes"), "{ended:?}");
        drop(reader);
    });
}

#[test]
fn each_signal_ends_it_well() {
    require!(Root);
    with_pair(|| {
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            let watching = Watching::ours(&Cli::new(), "capture left --dev eth0 -w /run/x.pcapng");
            assert!(pings("left", "10.0.0.2"));
            watching.signal(signal);
            let ended = watching.end();
            assert_eq!(ended.code, 0, "{signal}: {ended:?}");
            let file = File::read("/run/x.pcapng");
            assert!(file.packets.len() >= 2 && file.statistics.len() == 1, "{signal}: {file:?}");
        }
    });
}
