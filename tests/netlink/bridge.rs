use std::process::Command;

use ovsns::netlink::bridge::{Member, Vlan, add_vlan, delete_vlan};
use ovsns::netlink::{Error, Netlink, link};

use crate::common::sandbox;
use crate::{ip_shows, json, pair, run, the_link};

#[test]
fn a_bridge_has_its_settings_from_the_start() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        host.request(link::add_bridge(link::Bridge {
            name: "br1".into(),
            mac: Some([2, 0, 0, 0, 0, 1]),
            mtu: Some(1400),
            stp: true,
            up: true,
            alias: Some("ovsns:lab".into()),
            group: 7,
            ..Default::default()
        }))
        .expect("br1");
        let theirs = ip_shows("br1");
        assert_eq!((&theirs["address"], &theirs["mtu"]), (&"02:00:00:00:00:01".into(), &1400.into()));
        assert_eq!((&theirs["ifalias"], &theirs["group"]), (&"ovsns:lab".into(), &"7".into()));
        let settings = &theirs["linkinfo"]["info_data"];
        assert_eq!((&settings["stp_state"], &settings["vlan_filtering"]), (&1.into(), &0.into()));
        let ours = the_link(&mut host, "br1").bridge.expect("bridge settings");
        assert!(ours.stp && !ours.vlan_filtering);
        assert_eq!(u64::from(ours.ageing_time), settings["ageing_time"].as_u64().expect("a number"));
        assert_eq!(ours.group_address, [1, 0x80, 0xc2, 0, 0, 0]);
        host.request(link::set("br1").stp(false).request()).expect("off");
        assert_eq!(ip_shows("br1")["linkinfo"]["info_data"]["stp_state"], 0);
    });
}

/// Where the kernel filters VLANs, checks against `bridge vlan`; where not, that each way to them says so.
#[test]
fn vlans_are_set_and_read_or_called_unsupported() {
    sandbox::run(|| async {
        run("ip link add br1 type bridge");
        run("ip link add name a type veth peer name b");
        run("ip link set dev a master br1");
        let filters = ["link", "set", "br1", "type", "bridge", "vlan_filtering", "1"];
        match Command::new("ip").args(filters).output().expect("ip starts").status.success() {
            true => vlans_work(),
            false => vlans_are_unsupported(),
        }
    });
}

fn vlans_work() {
    let mut host = Netlink::host().expect("host");
    let (br1, a) = (the_link(&mut host, "br1").index, the_link(&mut host, "a").index);
    let range = Vlan { last: 30, ..Vlan::tagged(20) };
    host.batch([
        link::set(br1).vlan_filtering(false).request(),
        link::set(br1).vlan_filtering(true).request(),
        delete_vlan(Member::Port(a), Vlan::tagged(1)),
        add_vlan(Member::Port(a), Vlan::access(10)),
        add_vlan(Member::Port(a), range),
        add_vlan(Member::Bridge(br1), Vlan::tagged(10)),
        link::add_bridge(link::Bridge { name: "br2".into(), vlan_filtering: true, ..Default::default() }),
    ])
    .expect("VLANs");
    assert_eq!(host.vlans(Some(a)).expect("read"), [(a, Vlan::access(10)), (a, range)]);
    let of_bridge = [(br1, Vlan::access(1)), (br1, Vlan::tagged(10))];
    assert_eq!(host.vlans(Some(br1)).expect("read"), of_bridge);
    assert!(host.vlans(None).expect("read").len() >= 4);
    assert!(the_link(&mut host, "br2").bridge.expect("bridge settings").vlan_filtering);
    let theirs = &json("bridge -compressvlans -j vlan show dev a")[0]["vlans"];
    assert_eq!(theirs[0], serde_json::json!({"vlan": 10, "flags": ["PVID", "Egress Untagged"]}));
    assert_eq!((&theirs[1]["vlan"], &theirs[1]["vlanEnd"]), (&20.into(), &30.into()));
    host.request(delete_vlan(Member::Port(a), range)).expect("deleted");
    assert_eq!(host.vlans(Some(a)).expect("read"), [(a, Vlan::access(10))]);
}

fn vlans_are_unsupported() {
    let mut host = Netlink::host().expect("host");
    let (br1, a) = (the_link(&mut host, "br1").index, the_link(&mut host, "a").index);
    let requests = [
        link::set(br1).vlan_filtering(true).request(),
        add_vlan(Member::Port(a), Vlan::access(10)),
        add_vlan(Member::Bridge(br1), Vlan::tagged(10)),
        link::add_bridge(link::Bridge {
            name: "br2".into(),
            vlan_filtering: true,
            alias: Some("ovsns:lab".into()),
            ..Default::default()
        }),
    ];
    for request in requests {
        let words = request.to_string();
        let error = host.request(request).expect_err(&words);
        assert!(matches!(error, Error::Unsupported { .. }), "{words}: {error:?}");
        assert_eq!(error.to_string(), format!("this kernel has no VLAN filtering of bridges, which `{words}` needs"));
    }
    assert!(matches!(host.vlans(Some(a)), Err(Error::Unsupported { .. })));
    assert!(host.link("br2").expect("an answer").is_none(), "nothing stays behind");
    // The default is no request at all, and so works everywhere.
    host.request(link::add_veth(pair("c", "d"))).expect("the connection goes on");
}
