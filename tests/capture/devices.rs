//! Devices of a namespace.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{SystemTime, UNIX_EPOCH};

use super::common::cli::Cli;
use super::common::require;
use super::common::tool::{inside, run};
use super::common::traffic::{pings, within};
use super::pcapng::File;
use super::watching::{Watching, read, without_time};
use super::with_pair;

/// A bit of everything: ARP, ICMP of both versions, UDP and TCP, a port that nobody has.
fn a_bit_of_everything() {
    assert!(pings("left", "10.0.0.2") && pings("left", "fd00::2"));
    let receiver = within("right", || UdpSocket::bind("10.0.0.2:40001").unwrap());
    let sender = within("left", || UdpSocket::bind("10.0.0.1:40002").unwrap());
    sender.send_to(&[7; 100], "10.0.0.2:40001").unwrap();
    receiver.recv(&mut [0; 200]).unwrap();
    sender.send_to(&[7; 100], "10.0.0.2:40003").unwrap();
    let listener = within("right", || TcpListener::bind("[fd00::2]:40004").unwrap());
    let mut client = within("left", || TcpStream::connect("[fd00::2]:40004").unwrap());
    let mut server = listener.accept().unwrap().0;
    client.write_all(&[7; 3000]).unwrap();
    server.read_exact(&mut [0; 3000]).unwrap();
    drop(client);
    server.read_to_end(&mut Vec::new()).unwrap();
    sender.send_to(&[7], "10.0.0.2:40009").unwrap();
}

/// What is the last packet of that. What comes by itself then is not looked at.
const LAST: &str = "10.0.0.2.40009: UDP, length 1";

fn until_last(lines: Vec<String>) -> Vec<String> {
    let end = lines.iter().position(|line| line.ends_with(LAST)).expect("the last one");
    lines[..=end].to_vec()
}

/// The same packets, from our lines, from our file, and from tcpdump's: that is the proof of rings, of the writer, and of the
/// lines.
#[test]
fn lines_file_and_tcpdump_say_the_same() {
    require!(Root);
    with_pair(|| {
        let cli = Cli::new();
        // without what the kernel says of groups, whenever it likes
        let filter = "not host ff02::16";
        let arguments = ["capture", "left", "--dev", "eth0", "--filter", filter];
        let file = Watching::ours_with(&cli, &[&arguments[..], &["-w", "/run/ours.pcapng"]].concat());
        let lines = Watching::ours_with(&cli, &arguments);
        let theirs = Watching::theirs("left", "eth0", "/run/theirs.pcap", filter);
        a_bit_of_everything();
        theirs.prints("10.0.0.2.40009");
        let (file, lines) = (file.stop(), lines.stop());
        theirs.stop();
        let expected = until_last(read("/run/theirs.pcap"));
        let unreachable = |line: &String| line.contains("udp port 40003 unreachable");
        assert!(expected.len() > 15 && expected.iter().any(unreachable), "{expected:#?}");
        let written = read("/run/ours.pcapng");
        let counted = format!("ovsns: {} packets captured, 0 dropped by kernel", written.len());
        assert!(file.stderr.contains(&counted), "{file:?}");
        assert_eq!(until_last(written), expected);
        assert_eq!(until_last(without_time(&lines.stdout)), expected);
    });
}

#[test]
fn several_devices_go_into_one_file() {
    require!(Root);
    with_pair(|| {
        run("ip -n left link add eth1 type veth peer name eth1 netns right");
        for netns in ["left", "right"] {
            run(&inside(netns, "ip link set eth1 addrgenmode none up"));
        }
        run(&inside("left", "ip address add 10.0.1.1/24 dev eth1"));
        run(&inside("right", "ip address add 10.0.1.2/24 dev eth1"));
        let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        let watching =
            Watching::ours_with(&Cli::new(), &["capture", "left", "-w", "/run/x.pcapng", "--filter", "icmp"]);
        assert!(watching.says("capturing").contains("lo, eth0, eth1 of left"));
        for address in ["10.0.0.2", "10.0.1.2", "10.0.0.1", "10.0.1.2"] {
            assert!(pings("left", address));
        }
        watching.stop();
        let file = File::read("/run/x.pcapng");
        let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        // the kernel sends what is for itself through lo, and each packet is seen there once
        assert_eq!(file.counts(), [("lo", 2), ("eth0", 2), ("eth1", 4)]);
        for interface in &file.interfaces {
            assert_eq!((interface.link, interface.tsresol, interface.snaplen), (1, 9, 262_144));
            assert_eq!((interface.description.as_str(), interface.filter.as_deref()), ("netns left", Some("icmp")));
        }
        assert_eq!(file.statistics, [(0, 2, 0, 2), (1, 2, 0, 2), (2, 4, 0, 4)].map(on_lo_twice));
        let times: Vec<u64> = file.packets.iter().map(|packet| packet.time).collect();
        assert!(
            times.is_sorted() && before <= times[0] && *times.last().unwrap() <= after,
            "{before} {times:?} {after}"
        );
        let directions: Vec<u32> =
            file.packets.iter().filter(|packet| packet.interface == 1).map(|p| p.flags).collect();
        assert_eq!(directions, [0b00010, 0b00101], "out, then in to this host");
    });
}

/// What goes through lo is received there twice, on its way out and on its way in, and taken once.
fn on_lo_twice((interface, received, dropped, taken): (u32, u64, u64, u64)) -> (u32, u64, u64, u64) {
    (interface, if interface == 0 { received * 2 } else { received }, dropped, taken)
}

#[test]
fn lines_of_several_devices_say_which() {
    require!(Root);
    with_pair(|| {
        let watching = Watching::ours_with(&Cli::new(), &["capture", "left", "--filter", "icmp", "--count", "4"]);
        assert!(pings("left", "10.0.0.2") && pings("left", "10.0.0.1"));
        let lines = without_time(&watching.end().stdout);
        let begins: Vec<String> = lines.iter().map(|line| line.chars().take(13).collect()).collect();
        assert_eq!(begins, ["eth0 Out IP 1", "eth0 In  IP 1", "lo In  IP 10.", "lo In  IP 10."], "{lines:?}");
    });
}

/// Times are those of the time zone, as in tcpdump.
#[test]
fn times_are_local() {
    require!(Root);
    with_pair(|| {
        // five hours east of Greenwich, in the words of POSIX.1, section 8.3
        let now = || run("env TZ=XXX-5 date +%H:%M").trim().to_owned();
        let (arguments, before) = (["capture", "left", "--dev", "eth0", "--filter", "icmp", "--count", "1"], now());
        let watching = Watching::ours_with(&Cli::new().env("TZ", "XXX-5"), &arguments);
        assert!(pings("left", "10.0.0.2"));
        let (said, after) = (watching.end().stdout, now());
        assert!(said.starts_with(&before) || said.starts_with(&after), "{said} between {before} and {after}");
    });
}

#[test]
fn it_ends_when_it_was_told_to() {
    require!(Root);
    with_pair(|| {
        let cli = Cli::new();
        let watching =
            Watching::ours_with(&cli, &["capture", "right", "--dev", "eth0", "--filter", "icmp", "--count", "3"]);
        assert!(pings("left", "10.0.0.2") && pings("left", "10.0.0.2"));
        let ended = watching.end();
        assert_eq!((ended.code, ended.stdout.lines().count()), (0, 3));
        assert!(ended.stderr.contains("3 packets captured, 0 dropped by kernel"), "{ended:?}");
        let ended = cli.run(&["capture", "right", "--seconds", "0.2"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.stderr.contains(" captured, 0 dropped by kernel"), "{ended:?}");
    });
}

/// What came until the signal is in the file, also what the kernel had not handed over yet.
#[test]
fn nothing_is_lost_at_the_end() {
    require!(Root);
    with_pair(|| {
        for _ in 0..5 {
            let arguments = ["capture", "left", "--filter", "icmp", "-w", "/run/x.pcapng"];
            let watching = Watching::ours_with(&Cli::new(), &arguments);
            assert!(pings("left", "10.0.0.2"));
            watching.stop();
            assert_eq!(read("/run/x.pcapng").len(), 2);
        }
    });
}

#[test]
fn as_much_of_each_packet_as_asked_for() {
    require!(Root);
    with_pair(|| {
        let arguments =
            ["capture", "right", "--dev", "eth0", "--filter", "icmp", "--snaplen", "40", "--count", "2", "-w"];
        let watching = Watching::ours_with(&Cli::new(), &[&arguments[..], &["/run/x.pcapng"]].concat());
        assert!(pings("left", "10.0.0.2"));
        watching.end();
        let file = File::read("/run/x.pcapng");
        assert_eq!(
            file.packets.iter().map(|packet| (packet.bytes.len(), packet.length)).collect::<Vec<_>>(),
            [(40, 98); 2]
        );
        assert_eq!(file.interfaces[0].snaplen, 40);
    });
}

#[test]
fn a_document_holds_the_packets() {
    require!(Root);
    with_pair(|| {
        let arguments = ["capture", "left", "--dev", "eth0", "--filter", "icmp", "--count", "2", "--json"];
        let watching = Watching::ours_with(&Cli::new(), &arguments);
        assert!(pings("left", "10.0.0.2"));
        let said: serde_json::Value = serde_json::from_str(&watching.end().stdout).unwrap();
        assert_eq!((&said["captured"], &said["dropped"], &said["ended_by"]), (&2.into(), &0.into(), &"count".into()));
        let packets = said["packets"].as_array().unwrap();
        assert_eq!((packets[0]["direction"].as_str(), packets[1]["direction"].as_str()), (Some("out"), Some("in")));
        assert!(packets[0]["summary"].as_str().unwrap().starts_with("IP 10.0.0.1 > 10.0.0.2: ICMP echo request"));
        assert_eq!((&packets[0]["length"], &packets[0]["device"]), (&98.into(), &"eth0".into()));

        let arguments = ["capture", "left", "--dev", "eth0", "--count", "1", "--json", "-w", "/run/x.pcapng"];
        let watching = Watching::ours_with(&Cli::new(), &arguments);
        assert!(pings("left", "10.0.0.2"));
        let said: serde_json::Value = serde_json::from_str(&watching.end().stdout).unwrap();
        assert_eq!((&said["captured"], &said["file"]), (&1.into(), &"/run/x.pcapng".into()));
    });
}

/// A perl(1) that holds a device which carries plain IP: TUNSETIFF with IFF_TUN and IFF_NO_PI (linux/if_tun.h).
const TUN: &str =
    r#"open F,"+<","/dev/net/tun";$r=pack("a16S","tun0",0x1001);ioctl(F,0x400454ca,$r)||die $!;warn "there";sleep"#;

/// It has no Ethernet header, in the file and in the filter.
#[test]
fn a_device_without_ethernet() {
    require!(Root, Tun);
    with_pair(|| {
        let mut perl = std::process::Command::new("ip");
        perl.args(["netns", "exec", "left", "perl", "-e", TUN]);
        let holder = Watching::start(perl, "there");
        run("ip -n left address add 10.0.9.1/24 dev tun0");
        run("ip -n left link set tun0 up");
        let arguments = ["capture", "left", "--dev", "tun0", "--filter", "icmp and dst 10.0.9.2", "--count", "1"];
        let lines = Watching::ours_with(&Cli::new(), &arguments);
        let file = Watching::ours_with(&Cli::new(), &[&arguments[..], &["-w", "/run/x.pcapng"]].concat());
        assert!(!super::common::tool::succeeds(&inside("left", "ping -n -c1 -W1 10.0.9.2")));
        file.end();
        let lines = without_time(&lines.end().stdout);
        assert!(lines[0].starts_with("IP 10.0.9.1 > 10.0.9.2: ICMP echo request"), "{lines:?}");
        assert_eq!(lines, read("/run/x.pcapng"));
        assert_eq!(File::read("/run/x.pcapng").interfaces[0].link, 101);
        holder.kill();
    });
}

/// What is explained is a command that shows the same.
#[test]
fn what_is_explained_is_tcpdump() {
    require!(Root);
    with_pair(|| {
        let arguments = ["capture", "left", "--dev", "eth0", "--filter", "icmp or arp", "--count", "2", "--explain"];
        let said = Cli::new().ok(&arguments);
        assert_eq!(said, "# capture left\nip netns exec left tcpdump -n -i eth0 -c 2 'icmp or arp'\n");
        assert_eq!(Cli::new().ok(&["capture", "left", "--dry-run"]), "nothing to do\n");
    });
}
