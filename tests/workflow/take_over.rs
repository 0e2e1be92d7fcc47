//! Sharing a physical interface: the host's addresses move to the switch and back, and a connection goes on meanwhile.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::common::running::Running;
use super::common::tool::{inside, json, link, run};
use super::common::traffic::within;
use super::lab::Lab;

const PATIENCE: Duration = Duration::from_secs(30);
const MAC: &str = "02:00:00:00:00:09";

/// A host whose only way out is `eth0`; its other end, in `world`, stands for the rest of the world.
fn uplink(lab: &Lab) {
    lab.ok("add-ns world");
    run("ip link add eth0 type veth peer name world0 netns world");
    run(&inside("world", "ip link set dev world0 up"));
    // a cable has no checksums to be computed later
    run(&inside("world", "ethtool -K world0 tx off"));
    run(&inside("world", "ip address add 192.0.2.1/24 dev world0"));
    run(&inside("world", "ip address add 2001:db8::1/64 dev world0 nodad"));
    for command in [
        &format!("ip link set dev eth0 address {MAC} up"),
        "ip address add 192.0.2.5/24 dev eth0",
        "ip address add 192.0.2.6/24 dev eth0",
        "ip address add 2001:db8::5/64 dev eth0 nodad",
        "ip route add default via 192.0.2.1 dev eth0 metric 100 proto static",
        "ip route add 10.5.0.0/16 dev eth0",
        "ip route add 10.6.0.0/16 via 10.5.0.1 dev eth0",
        "ip -6 route add default via 2001:db8::1 dev eth0",
    ] {
        run(command);
    }
    lab.add_br("br0", "");
}

/// The addresses and routes of the host on `device`, in their order, as `ip` shows them.
fn belongings(device: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for link in json(&format!("ip -j address show dev {device}")).as_array().unwrap() {
        let addresses = link["addr_info"].as_array().into_iter().flatten();
        let asked_for = addresses.filter(|address| address["scope"] == "global");
        lines.extend(asked_for.map(|address| format!("{}/{}", address["local"], address["prefixlen"])));
    }
    for family in ["-4", "-6"] {
        for route in json(&format!("ip -j {family} route show dev {device}")).as_array().unwrap() {
            let told = ["dst", "gateway", "protocol", "metric", "prefsrc"].map(|name| route[name].to_string());
            lines.extend((route["dst"] != "fe80::/64").then(|| told.join(" ")));
        }
    }
    lines
}

/// A connection from the host to the world, which sends back what it gets.
struct Connection {
    stream: TcpStream,
    echo: JoinHandle<()>,
}

impl Connection {
    fn open(address: &str) -> Connection {
        let listener = within("world", || TcpListener::bind((address, 0)).unwrap());
        let target = listener.local_addr().unwrap();
        let echo = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = vec![0; 1 << 16];
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                stream.write_all(&buffer[..read]).unwrap();
            }
        });
        let stream = TcpStream::connect_timeout(&target, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Connection { stream, echo }
    }

    /// Sends something there and back.
    fn goes_on(&mut self) {
        let sent: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
        for part in sent.chunks(10_000) {
            self.stream.write_all(part).unwrap();
            let mut received = vec![0; part.len()];
            self.stream.read_exact(&mut received).expect("the connection goes on");
            assert!(received == part, "what came back is something else");
        }
    }

    fn end(self) {
        drop(self.stream);
        self.echo.join().unwrap();
    }
}

fn start(lab: &Lab, words: &str) -> Running {
    Running::start(lab.cli.command(&words.split_whitespace().collect::<Vec<_>>()))
}

/// Waits until the run waits for a confirmation: the socket is there, and so are the addresses.
fn until_in_effect() {
    let deadline = Instant::now() + PATIENCE;
    let waits = || {
        let files = std::fs::read_dir("/run/ovsns").into_iter().flatten().flatten();
        let socket = files.into_iter().any(|file| file.file_name().to_str().unwrap().starts_with("confirm-"));
        socket && belongings("br0").len() == 9
    };
    while !waits() {
        assert!(Instant::now() < deadline, "nothing waits for a confirmation: {:?}", belongings("br0"));
        std::thread::yield_now();
    }
}

pub fn a_connection_survives_a_take_over(lab: &Lab) {
    uplink(lab);
    let before = belongings("eth0");
    assert_eq!(before.len(), 9, "{before:?}");
    let own_mac = link("host", "br0").unwrap()["address"].clone();
    let said = lab.refused(1, "add-port br0 dev:eth0");
    assert!(said.contains("192.0.2.5/24, 192.0.2.6/24, 2001:db8::5/64") && said.contains("--take-over"), "{said}");
    assert!(said.contains("default via 192.0.2.1"), "{said}");
    let mut connections = ["192.0.2.1", "2001:db8::1"].map(Connection::open);
    connections.iter_mut().for_each(Connection::goes_on);

    let taking = start(lab, "add-port br0 dev:eth0 --take-over");
    until_in_effect();
    connections.iter_mut().for_each(Connection::goes_on);
    assert_eq!(lab.ok("confirm"), "confirmed: it stays\n");
    let ended = taking.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("unless `ovsns confirm` comes within 60 s"), "{ended:?}");
    assert_eq!(belongings("br0"), before);
    assert_eq!(belongings("eth0"), Vec::<String>::new());
    assert_eq!(link("host", "br0").unwrap()["address"], MAC);
    let shown = lab.ok("show br0");
    assert!(shown.contains("lent to br0: 192.0.2.5/24, 192.0.2.6/24, 2001:db8::5/64\n"), "{shown}");
    for vlan in ["--tag 10", "--trunks 10,20", "--tag 10 --trunks 20"] {
        let said = lab.refused(1, &format!("set-port br0 dev:eth0 {vlan}"));
        assert!(said.contains("192.0.2.5/24") && said.contains("cut off") && said.contains("--force"), "{said}");
    }
    lab.ok("add-port br0 ns1 --ip 192.0.2.77/24");
    lab.ok("exec ns1 -- ping -c1 -w20 192.0.2.1");
    lab.ok("exec ns1 -- ping -c1 -w20 192.0.2.5");
    let said = lab.refused(1, "confirm");
    assert!(said.contains("nothing waits for a confirmation"), "{said}");

    lab.ok("del-port br0 dev:eth0");
    connections.iter_mut().for_each(Connection::goes_on);
    assert_eq!(belongings("eth0"), before);
    assert_eq!(belongings("br0"), Vec::<String>::new());
    assert_eq!(link("host", "br0").unwrap()["address"], own_mac);
    assert!(link("host", "eth0").unwrap()["ifalias"].is_null());
    connections.into_iter().for_each(Connection::end);
    run("ip link delete eth0");
}

pub fn without_a_confirmation_it_goes_back(lab: &Lab) {
    uplink(lab);
    let before = belongings("eth0");
    let mut connection = Connection::open("192.0.2.1");
    let said = lab.refused(1, "add-port br0 dev:eth0 --take-over --confirm 0.2s");
    assert!(said.contains("nobody confirmed the change within 0.2 s; everything is as it was"), "{said}");
    assert_eq!(belongings("eth0"), before);
    connection.goes_on();
    // who cannot wait for it
    let taking = start(lab, "add-port br0 dev:eth0 --take-over");
    until_in_effect();
    lab.ok("confirm --undo");
    let ended = taking.end();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(belongings("eth0"), before);
    let taking = start(lab, "add-port br0 dev:eth0 --take-over");
    until_in_effect();
    taking.signal(Signal::SIGINT);
    assert_eq!(taking.end().code, 1);
    assert_eq!(belongings("eth0"), before);
    connection.goes_on();
    connection.end();
    run("ip link delete eth0");
}

pub fn a_take_over_outlives_its_terminal_but_not_its_time(lab: &Lab) {
    uplink(lab);
    let before = belongings("eth0");
    let taking = start(lab, "add-port br0 dev:eth0 --take-over");
    until_in_effect();
    // the session has gone; somebody comes back by another one
    taking.signal(Signal::SIGHUP);
    assert_eq!(lab.ok("confirm"), "confirmed: it stays\n");
    assert_eq!(taking.end().code, 0);
    assert_eq!(belongings("br0"), before);
    lab.ok("del-port br0 dev:eth0");
    // nobody comes back
    let taking = start(lab, "add-port br0 dev:eth0 --take-over --confirm 2s");
    until_in_effect();
    taking.signal(Signal::SIGHUP);
    assert_eq!(taking.end().code, 1);
    assert_eq!(belongings("eth0"), before);
    run("ip link delete eth0");
}

pub fn a_take_over_that_is_killed_is_taken_back(lab: &Lab) {
    uplink(lab);
    let before = belongings("eth0");
    let taking = start(lab, "add-port br0 dev:eth0 --take-over");
    until_in_effect();
    taking.kill();
    let said = lab.run("confirm");
    assert_eq!(said.code, 1, "nobody hears it: {said:?}");
    lab.ok("gc --yes");
    assert_eq!(belongings("eth0"), before);
    lab.ok("add-port br0 dev:eth0 --take-over --yes");
    assert_eq!(belongings("br0"), before);
    // a switch that goes gives back too
    lab.ok("del-br br0");
    assert_eq!(belongings("eth0"), before);
    run("ip link delete eth0");
}

/// What the switch had of its own stays with it.
pub fn a_switch_keeps_its_own_addresses(lab: &Lab) {
    uplink(lab);
    lab.ok("set-br br0 --ip 10.77.0.1/24");
    run("ip route add 10.78.0.0/16 via 10.77.0.9");
    let (uplink, own) = (belongings("eth0"), belongings("br0"));
    lab.ok("add-port br0 dev:eth0 --take-over --yes");
    lab.ok("del-port br0 dev:eth0");
    assert_eq!((belongings("eth0"), belongings("br0")), (uplink, own));
    run("ip link delete eth0");
}

/// A leased address has to be renewed by somebody, and name servers are known by the device.
pub fn what_the_user_has_to_see_to_is_said(lab: &Lab) {
    uplink(lab);
    run("ip address del 192.0.2.6/24 dev eth0");
    run("ip address add 192.0.2.6/24 dev eth0 valid_lft 1000 preferred_lft 1000");
    let index = link("host", "eth0").unwrap()["ifindex"].to_string();
    std::fs::create_dir_all("/run/systemd/netif/links").unwrap();
    std::fs::write(format!("/run/systemd/netif/links/{index}"), "ADMIN_STATE=configured\nDNS=192.0.2.53 192.0.2.54\n")
        .unwrap();
    let took = lab.run("add-port br0 dev:eth0 --take-over --yes");
    assert_eq!(took.code, 0, "{took:?}");
    for note in [
        "the configuration of the distribution still gives eth0 its addresses",
        "192.0.2.6/24 is leased: let the DHCP client renew it on br0, not on eth0",
        "resolvectl dns br0 192.0.2.53 192.0.2.54",
    ] {
        assert!(took.stderr.contains(note), "{note}: {took:?}");
    }
    assert!(belongings("br0").contains(&"\"192.0.2.6\"/24".to_owned()), "{:?}", belongings("br0"));
    lab.ok("del-port br0 dev:eth0");
    assert!(belongings("eth0").contains(&"\"192.0.2.6\"/24".to_owned()), "{:?}", belongings("eth0"));
    run("ip link delete eth0");
}

pub fn the_parent_of_a_macvlan_is_refused(lab: &Lab) {
    uplink(lab);
    run("ip link add link eth0 name mac0 type macvlan");
    let said = lab.refused(1, "add-port br0 dev:eth0 --take-over --yes");
    assert!(said.contains("macvlan mac0 is on it"), "{said}");
    run("ip link delete eth0");
}

pub fn a_part_of_a_bond_is_refused(lab: &Lab) {
    uplink(lab);
    run("ip link add bond0 type bond");
    run("ip link set eth0 down");
    run("ip link set eth0 master bond0");
    let said = lab.refused(1, "add-port br0 dev:eth0 --take-over --yes");
    assert!(said.contains("it belongs to bond bond0") && said.contains("dev:bond0"), "{said}");
    run("ip link delete eth0");
    run("ip link delete bond0");
}

pub fn an_uplink_that_cannot_be_shared_is_refused(lab: &Lab) {
    uplink(lab);
    run("ip route add 10.99.0.0/16 nexthop via 192.0.2.1 nexthop via 192.0.2.2");
    let said = lab.refused(1, "add-port br0 dev:eth0 --take-over --yes");
    assert!(said.contains("10.99.0.0/16 has several next hops"), "{said}");
    run("ip route delete 10.99.0.0/16");
    // a sysfs in which it is wireless
    run("mount -t tmpfs tmpfs /sys/class/net");
    std::fs::create_dir_all("/sys/class/net/eth0/phy80211").unwrap();
    let said = lab.refused(1, "add-port br0 dev:eth0 --take-over --yes");
    assert!(said.contains("it is wireless") && said.contains("ovsns nat"), "{said}");
    run("umount /sys/class/net");
    lab.add_br("br1", "");
    lab.ok("add-port br1 dev:eth0 --take-over --yes");
    let said = lab.refused(1, "add-port br0 dev:eth0 --take-over --yes");
    assert!(said.contains("it is a port of switch br1"), "{said}");
    let said = lab.refused(2, "add-port br0 dev:eth0 --confirm 5");
    assert!(said.contains("--take-over"), "{said}");
    lab.ok("del-port br1 dev:eth0");
    run("ip link delete eth0");
}
