//! VLAN tags (IEEE 802.1Q), which the kernel takes out of packets that come in, and filters that ask for them.

use super::common::cli::Cli;
use super::common::require;
use super::common::tool::{inside, link, run};
use super::pcapng::File;
use super::watching::{Watching, read, without_time};
use super::with_pair;

const TO: [u8; 6] = [2, 0, 0, 0, 0, 2];
const FROM: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// Sends frames, written in hexadecimal, through packet(7), which takes them as they are.
const SEND: &str =
    "socket(S,17,3,0)||die;$i=shift;send(S,pack('H*',$_),0,pack('Snl!SCCx8',17,0,$i,0,0,6))||die($!)for@ARGV";

/// A frame with these tags, TPID and TCI each, and an ARP request inside.
fn frame(tags: &[(u16, u16)]) -> Vec<u8> {
    let mut frame = [TO, FROM].concat();
    for (tpid, tci) in tags {
        frame.extend(tpid.to_be_bytes());
        frame.extend(tci.to_be_bytes());
    }
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend([&FROM[..], &[10, 0, 0, 1], &[0; 6], &[10, 0, 0, 9]].concat());
    frame
}

/// Sends frames as they are from `left`.
fn send(frames: &[Vec<u8>]) {
    let hex = |frame: &Vec<u8>| frame.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let frames: Vec<String> = frames.iter().map(hex).collect();
    let index = link("left", "eth0").unwrap()["ifindex"].clone();
    run(&inside("left", &format!("perl -e {SEND} {index} {}", frames.join(" "))));
}

fn samples() -> Vec<Vec<u8>> {
    let tags: [&[(u16, u16)]; 5] =
        [&[], &[(0x8100, 10)], &[(0x8100, 0x600b)], &[(0x88a8, 100), (0x8100, 20)], &[(0x8100, 0)]];
    tags.map(frame).into()
}

/// Both ends of a veth pair, what goes out of one and what comes into the other, hold each frame as it was sent.
#[test]
fn tags_are_where_they_were() {
    require!(Root);
    with_pair(|| {
        let cli = Cli::new();
        let ends = ["left", "right"].map(|netns| {
            let file = format!("/run/{netns}.pcapng");
            let filter = "ether src 02:00:00:00:00:01 and ether dst 02:00:00:00:00:02";
            let arguments = ["capture", netns, "--dev", "eth0", "--count", "5", "--filter", filter];
            let lines = Watching::ours_with(&cli, &arguments);
            (Watching::ours_with(&cli, &[&arguments[..], &["-w", &file]].concat()), lines, file)
        });
        send(&samples());
        for (written, lines, file) in ends {
            written.end();
            let seen: Vec<Vec<u8>> = File::read(&file).packets.into_iter().map(|packet| packet.bytes).collect();
            assert_eq!(seen, samples());
            let request = "ARP, Request who-has 10.0.0.9 tell 10.0.0.1, length 28";
            let tags = ["", "vlan 10, p 0, ", "vlan 11, p 3, ", "vlan 100, p 0, vlan 20, p 0, ", "vlan 0, p 0, "];
            assert_eq!(without_time(&lines.end().stdout), tags.map(|tag| format!("{tag}{request}")));
        }
    });
}

/// A filter takes what it takes in tcpdump, on its way out, where the tag is in the packet, and on its way in, where the kernel
/// has taken it out.
#[test]
fn filters_mean_what_they_mean_to_tcpdump() {
    require!(Root);
    with_pair(|| {
        let filters =
            ["vlan", "vlan 10", "vlan 12", "arp", "vlan 11 and arp", "not vlan", "vlan 100 and vlan 20", "vlan 20"];
        let last = "ether host 02:00:00:00:00:0f";
        let mut any = 0;
        for netns in ["left", "right"] {
            let pairs: Vec<(Watching, Watching)> = filters
                .iter()
                .enumerate()
                .map(|(number, filter)| {
                    // One more, by which to see that both have had all before; and nothing that the kernel says by itself.
                    let filter = format!("ether src 02:00:00:00:00:01 and ({filter}) or {last}");
                    let file = format!("/run/ours{number}.pcapng");
                    let ours = ["capture", netns, "--dev", "eth0", "-w", &file, "--filter", &filter];
                    let ours = Watching::ours_with(&Cli::new(), &ours);
                    (ours, Watching::theirs(netns, "eth0", &format!("/run/theirs{number}.pcap"), &filter))
                })
                .collect();
            let mut ending = frame(&[]);
            ending[11] = 0x0f;
            send(&[samples(), vec![ending]].concat());
            for (number, (ours, theirs)) in pairs.into_iter().enumerate() {
                theirs.prints("02:00:00:00:00:0f");
                ours.stop();
                theirs.stop();
                let expected = read(&format!("/run/theirs{number}.pcap"));
                assert_eq!(read(&format!("/run/ours{number}.pcapng")), expected, "{} in {netns}", filters[number]);
                assert!(!expected.is_empty(), "{} in {netns}", filters[number]);
                any += expected.len() - 1;
            }
        }
        assert!(any > 15, "the filters take {any} frames");
    });
}
