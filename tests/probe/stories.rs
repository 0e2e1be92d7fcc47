//! What happens to a lab of a few namespaces.

use serde_json::Value;

use super::common::tool::{inside, run};
use super::common::traffic::{pings, silent};
use super::lab::Lab;
use super::watching::{Watching, read};

/// A lab of three namespaces with addresses of both families, and of the switch's own device.
const FILE: &str = "\
lab: campus
switches:
  b1: { ip: [10.0.0.254/24] }
namespaces:
  ns1: { ports: [ { switch: b1, ip: [10.0.0.1/24, fd00::1/64] } ] }
  ns2: { ports: [ { switch: b1, ip: [10.0.0.2/24, fd00::2/64] } ] }
  ns3: { ports: [ { switch: b1, ip: 10.0.0.3/24 } ] }
";

/// What `FILE` says, made by verbs.
fn make(lab: &Lab, options: &str) {
    lab.add_br("b1", "--ip 10.0.0.254/24");
    lab.ok("add-port b1 ns1 --ip 10.0.0.1/24 --ip fd00::1/64");
    lab.ok("add-port b1 ns2 --ip 10.0.0.2/24 --ip fd00::2/64");
    lab.ok(&format!("add-port b1 ns3 --ip 10.0.0.3/24 {options}"));
}

/// Writes a lab file, with these lines at its end, and answers its path.
fn file(more: &str) -> String {
    std::fs::write("/run/lab.yaml", format!("{FILE}{more}")).unwrap();
    "/run/lab.yaml".to_owned()
}

/// The pair of a document.
fn pair<'a>(document: &'a Value, from: &str, address: &str) -> &'a Value {
    let pairs = document["pairs"].as_array().unwrap();
    pairs
        .iter()
        .find(|pair| pair["from"] == from && pair["address"] == address)
        .unwrap_or_else(|| panic!("{from} {address}: {document}"))
}

pub fn all_reach_each_other(lab: &Lab) {
    make(lab, "");
    let file = file("");
    let expected = "     host ns1 ns2 ns3\n\
        host \\    .   .   .\n\
        ns1  .    \\   .   .\n\
        ns2  .    .   \\   .\n\
        ns3  .    .   .   \\\n\
        12/12 pairs reach each other as expected\n";
    let before = lab.inventory();
    assert_eq!(lab.ok(&format!("test {file}")), expected);
    assert_eq!(lab.ok("test --all"), expected, "without a file");
    let document = lab.json(&format!("test {file} --count 3"));
    assert_eq!(document["pairs"].as_array().unwrap().len(), 14);
    for pair in document["pairs"].as_array().unwrap() {
        assert!(pings(pair["from"].as_str().unwrap(), pair["address"].as_str().unwrap()), "{pair}");
        let rtt = pair["rtt_ms"].as_f64().unwrap();
        assert!(rtt > 0.0 && rtt < 5000.0, "{pair}");
    }
    assert_eq!(lab.json(&format!("test {file} --only ns3"))["asked"], 6);
    assert_eq!(lab.inventory(), before);
    assert!(lab.refused(2, &format!("test {file} --only ns9")).contains("no namespace ns9"));
}

pub fn who_is_down_is_told(lab: &Lab) {
    make(lab, "");
    let file = file("");
    run(&inside("ns2", "ip link set eth1-ns2 down"));
    let ran = lab.run(&format!("test {file} --wait 1.2"));
    assert_eq!(ran.code, 1, "{ran:?}");
    let row = |name: &str| ran.stdout.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert_eq!([row("ns1 "), row("ns2 ")], ["ns1  .    \\   X   .", "ns2  X    X   \\   X"]);
    for line in [
        "ns1 is to reach ns2 (10.0.0.2): nobody answers the ARP requests for 10.0.0.2",
        "  look at: ovsns show; ovsns capture ns2 --filter arp",
        "ns1 is to reach ns2 (fd00::2): nobody answers the neighbour solicitations for fd00::2",
        "ns2 is to reach ns1 (10.0.0.1): ns2 has no route to 10.0.0.1, or no address of its own to ask from",
    ] {
        assert!(ran.stdout.lines().any(|there| there == line), "no `{line}` in {}", ran.stdout);
    }
    assert!(ran.stdout.ends_with("\n6/12 pairs reach each other as expected\n"), "{}", ran.stdout);
    assert!(silent("ns1", "10.0.0.2"));

    // it comes while it is being waited for: its address is tentative at first
    run(&inside("ns2", "ip address add fd00::2/64 dev eth1-ns2"));
    run(&inside("ns2", "ip link set eth1-ns2 up"));
    lab.ok(&format!("test {file}"));

    // a namespace that is gone
    lab.ok("del-ns ns3");
    let ran = lab.run(&format!("test {file} --wait 0.5 --only ns3"));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("ns3 is to reach ns1 (10.0.0.1): ns3 cannot be entered: "), "{}", ran.stdout);
    assert!(ran.stdout.contains("  look at: ovsns list-ns\n"), "{}", ran.stdout);
    let again = lab.run(&format!("test {file} --wait 0.5")).stdout;
    assert!(again.ends_with("\n6/12 pairs reach each other as expected\n"), "{again}");
}

pub fn tags_keep_apart(lab: &Lab) {
    lab.add_br("b1", "");
    lab.ok("add-port b1 ns1 --ip 10.0.0.1/24 --ip fd00::1/64 --tag 10");
    lab.ok("add-port b1 ns2 --ip 10.0.0.2/24 --ip fd00::2/64 --tag 10");
    lab.ok("add-port b1 ns3 --ip 10.0.0.3/24 --tag 20");
    let file = |expect: &str| {
        let text = FILE.replace("  b1: { ip: [10.0.0.254/24] }", "  b1: {}");
        let text =
            text.replace("fd00::1/64] }", "fd00::1/64], tag: 10 }").replace("fd00::2/64] }", "fd00::2/64], tag: 10 }");
        let text = text.replace("10.0.0.3/24 }", "10.0.0.3/24, tag: 20 }");
        std::fs::write("/run/lab.yaml", format!("{text}{expect}")).unwrap();
        "/run/lab.yaml".to_owned()
    };
    let plain = file("");
    let ran = lab.run(&format!("test {plain} --wait 1"));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.stdout.contains("\n  look at: on b1 veth-ns1 is in VLAN 10, and veth-ns3 is in VLAN 20\n"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.ends_with("\n2/6 pairs reach each other as expected\n"), "{}", ran.stdout);
    assert!(silent("ns1", "10.0.0.3"));

    let apart = file(
        "expect:\n  - { from: ns3, to: [ns1, ns2], reach: false }\n  - { from: [ns1, ns2], to: ns3, reach: false }\n",
    );
    let said = lab.ok(&format!("test {apart} --wait 1"));
    assert!(said.ends_with("6/6 pairs are as expected: 2 reach each other, 4 do not\n"), "{said}");

    // a leak is found
    lab.ok("set-port b1 ns3 --tag 10");
    let ran = lab.run(&format!("test {apart} --wait 1 --json"));
    assert_eq!(ran.code, 1, "{ran:?}");
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let leak = pair(&document, "ns3", "10.0.0.1");
    assert_eq!(
        (&leak["expected"], &leak["reached"], &leak["reason"]),
        (&false.into(), &true.into(), &"it answers".into())
    );
    assert_eq!(pair(&document, "ns1", "fd00::2")["reached"], true);
    assert!(pings("ns3", "10.0.0.1"));
}

pub fn checksums_are_right(lab: &Lab) {
    make(lab, "");
    let file = file("");
    let device = run(&inside("ns2", "ip -o link show dev eth1-ns2"));
    assert!(device.contains("eth1-ns2"));
    let watching =
        Watching::theirs("ns2", "eth1-ns2", "/run/seen.pcap", "icmp or (icmp6 and (ip6[40] == 128 or ip6[40] == 129))");
    lab.ok(&format!("test {file}"));
    // to and from three others by IPv4 and one by IPv6, requests and replies
    watching.lines(3 * 4 + 4);
    watching.stop();
    let lines = read("/run/seen.pcap");
    assert!(lines.len() >= 16, "{lines:?}");
    let told = run("tcpdump -v -n -r /run/seen.pcap");
    for word in ["wrong", "bad", "incorrect"] {
        assert!(!told.contains(word), "{told}");
    }
    assert!(told.contains("[icmp6 sum ok]"), "{told}");
}

pub fn a_document_for_build_servers(lab: &Lab) {
    make(lab, "");
    let file = file("expect: [ { from: ns1, to: ns3, reach: false } ]\n");
    let ran = lab.run(&format!("test {file} --wait 1 --junit /run/result.xml"));
    assert_eq!(ran.code, 1, "{ran:?}");
    let text = std::fs::read_to_string("/run/result.xml").unwrap();
    let mut reader = quick_xml::reader::Reader::from_str(&text);
    let (mut cases, mut failures) = (0, Vec::new());
    loop {
        use quick_xml::events::Event;
        match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::Start(element) | Event::Empty(element) => match element.name().as_ref() {
                "testcase" => cases += 1,
                "failure" => {
                    let message = element.try_get_attribute("message").unwrap().unwrap();
                    failures.push(message.value.into_owned());
                }
                _ => {}
            },
            _ => {}
        }
    }
    assert_eq!((cases, failures), (14, vec!["it answers".to_owned()]), "{text}");
    let refused = lab.run(&format!("test {file} --junit /nowhere/result.xml"));
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("cannot write /nowhere/result.xml"), "{}", refused.stderr);
}
