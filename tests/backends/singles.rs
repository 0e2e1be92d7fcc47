//! What holds of one backend only.

use ovsns::backend::Backend;
use ovsns::backend::kernel::Kernel;
use ovsns::backend::linux_bridge::LinuxBridge;
use ovsns::model::{Address, Datapath, Device, End, Entry, Interface, Link, Place, Port, Resource, Switch};
use ovsns::plan::{Plan, Step};

use super::common::{require, sandbox, tool};
use super::fixture::ours;
use super::kernel::{DEADLINE, end, name, pair, place};
use super::{kernel, linux, ovs};

fn device(up: bool) -> Entry {
    Entry::unmarked(Resource::Device(Device::new(Place::Host, name("v1"), up)))
}

/// The device is somebody else's: only its state is changed, and it stays when it is no longer wanted.
#[test]
fn the_state_of_a_device_is_set() {
    require!(Root);
    sandbox::run(async || {
        let fixture = kernel::fixture();
        let is_up = || tool::link("host", "v1").unwrap()["flags"].as_array().unwrap().iter().any(|flag| flag == "UP");
        tool::run("ip link add v1 type veth peer name v2");
        fixture.create(&device(true)).await;
        assert!(is_up());
        let seen = fixture.observe(&device(true)).await.unwrap();
        assert_eq!(device(true).over(&seen), seen);
        let Resource::Device(full) = &seen.resource else { panic!("{seen:?}") };
        assert_eq!(full.mtu, Some(1500));
        let smaller = Entry::unmarked(Resource::Device(Device {
            mtu: Some(1400),
            mac: "02:00:00:00:00:07".parse().ok(),
            ..full.clone()
        }));
        fixture.step(Step::Modify { before: seen.clone(), after: smaller.clone() }).await;
        let shown = tool::link("host", "v1").unwrap();
        assert_eq!((shown["mtu"].as_u64(), shown["address"].as_str()), (Some(1400), Some("02:00:00:00:00:07")));
        assert_eq!(fixture.observe(&smaller).await, Some(smaller.clone()));
        fixture.step(Step::Modify { before: smaller, after: seen }).await;
        let change = Step::Modify { before: device(true), after: device(false) };
        fixture.step(change.clone()).await;
        assert!(!is_up());
        fixture.step(change.inverse()).await;
        assert!(is_up());
        fixture.step(Step::Delete(device(true))).await;
        assert!(is_up());
        tool::run("ip link delete v1");
        let gone = fixture.backend.apply(&[Step::Create(device(true))]).await.unwrap_err();
        assert_eq!(gone.applied, 0);
    });
}

/// What a backend cannot express, it says before anything is done, and what could.
#[test]
fn what_cannot_be_is_said_at_once() {
    require!(Root, OpenVswitch);
    sandbox::run(async || {
        let ovs = ovs::fixture().await;
        let Resource::Switch(plain) = (ovs.switch)("sw1").resource else { unreachable!("a switch") };
        let filtering = Entry::unmarked(Resource::Switch(Switch { vlan_filtering: Some(true), ..plain }));
        let error = ovs.backend.check(&filtering).unwrap_err();
        assert_eq!(
            error.to_string(),
            "vlan_filtering of switch sw1 is not possible on backend ovs: Open vSwitch always looks at VLAN tags"
        );
        let Resource::Switch(plain) = (ovs.switch)("sw1").resource else { unreachable!("a switch") };
        let both = Switch { stp: Some(true), rstp: Some(true), ..plain };
        let error = ovs.backend.check(&Entry::unmarked(Resource::Switch(both))).unwrap_err().to_string();
        assert_eq!(error, "stp and rstp of switch sw1 is not possible on backend ovs: a switch speaks one of the two");
        let Resource::Port(plain) = (ovs.port)("sw1", "p1").resource else { unreachable!("a port") };
        let alone = Resource::Port(Port { interface: Interface::Patch(name("p1")), ..plain });
        let error = ovs.backend.check(&Entry::unmarked(alone)).unwrap_err();
        assert!(error.to_string().ends_with("a patch cable has two ends"), "{error}");
        let Resource::Switch(plain) = linux::switch("br1").resource else { unreachable!("a switch") };
        let rapid = Resource::Switch(Switch { rstp: Some(true), ..plain.clone() });
        let error = LinuxBridge::default().check(&Entry::unmarked(rapid)).unwrap_err();
        assert!(error.to_string().starts_with("rstp of switch br1 is not possible on backend linux"), "{error}");
        assert!(error.hint.unwrap().contains("mstpd"));
        let netdev = Resource::Switch(Switch { datapath: Some(Datapath::Netdev), ..plain });
        let error = LinuxBridge::default().check(&Entry::unmarked(netdev)).unwrap_err();
        assert!(
            error.to_string().starts_with("datapath netdev of switch br1 is not possible on backend linux"),
            "{error}"
        );
        assert_eq!(error.hint.as_deref(), Some("Open vSwitch can: --backend ovs"));
        let Resource::Port(plain) = linux::port("br1", "v1").resource else { unreachable!("a port") };
        let with_id = Resource::Port(Port { iface_id: Some("vm".into()), ..plain });
        let error = LinuxBridge::default().check(&Entry::unmarked(with_id)).unwrap_err();
        assert!(error.to_string().starts_with("iface-id vm of port v1 is not possible on backend linux"), "{error}");
        let Resource::Port(plain) = linux::port("br1", "v1").resource else { unreachable!("a port") };
        let patch = Resource::Port(Port { interface: Interface::Patch(name("v2")), ..plain });
        let error = LinuxBridge::default().check(&Entry::unmarked(patch)).unwrap_err();
        assert!(error.to_string().starts_with("patch to v2 of port v1 is not possible on backend linux"), "{error}");
        assert!(error.hint.unwrap().contains("veth pair"));

        let kernel = Kernel::new(DEADLINE);
        let unseen = Place::Nsid(3);
        let address = Address::new(unseen.clone(), name("e1"), "10.0.0.1/24".parse().unwrap(), false);
        let link = Link::new(end("host", "v1"), End::new(unseen, name("e1")));
        for resource in [Resource::Address(address), Resource::Link(link)] {
            let error = kernel.check(&Entry::unmarked(resource)).unwrap_err().to_string();
            assert!(error.contains("in namespace nsid:3 is not possible"), "{error}");
        }
        let device = Resource::Device(Device::new(place("n1"), name("e1"), true));
        kernel.check(&Entry::unmarked(device)).unwrap();
    });
}

/// A transaction for all, and one more where a name goes and comes again: ovs-vswitchd would not notice in one.
#[test]
fn a_batch_is_one_transaction_of_ovs() {
    require!(Root, OpenVswitch);
    sandbox::run(async || {
        let fixture = ovs::fixture().await;
        let rounds = || {
            let ovs = fixture.ovs.as_ref().unwrap();
            ovs.vsctl(&["get", "Open_vSwitch", ".", "next_cfg"]).trim().parse::<u32>().unwrap()
        };
        let below =
            [(fixture.switch)("sw1"), pair(("host", "v1"), ("host", "v2")), pair(("host", "v3"), ("host", "v4"))];
        fixture
            .upon(&below, async || {
                let before = rounds();
                let ports = ["v1", "v2", "v3", "v4"].map(|device| (fixture.port)("sw1", device));
                let plan = Plan { steps: ports.iter().cloned().map(Step::Create).collect() };
                fixture.backend.apply(&plan.steps).await.unwrap();
                assert_eq!(rounds() - before, 1);
                let again = [Step::Delete(ports[0].clone()), Step::Create(ports[0].clone())];
                fixture.backend.apply(&again).await.unwrap();
                assert_eq!(rounds() - before, 3);
                // nothing to do, nothing sent
                fixture.backend.apply(&plan.steps).await.unwrap();
                assert_eq!(rounds() - before, 3);
                fixture.backend.apply(&plan.inverse().steps).await.unwrap();
                assert_eq!(rounds() - before, 4);
            })
            .await;
    });
}

/// Ports of the userspace datapath go together: their sockets are held while they do, and let go in the end.
#[test]
fn ports_that_go_together_leave_no_socket() {
    require!(Root, OpenVswitch);
    sandbox::run(async || {
        let fixture = ovs::fixture().await;
        // column 5 is the device that a socket is bound to
        let sockets = |indexes: &[String]| {
            let table = std::fs::read_to_string("/proc/thread-self/net/packet").unwrap();
            let bound = |line: &&str| indexes.iter().any(|index| line.split_whitespace().nth(4) == Some(index));
            table.lines().filter(bound).count()
        };
        let (below, hundred) = ovs::hundred();
        fixture
            .upon(&below, async || {
                let index = |n| tool::link("host", &format!("v{n}")).unwrap()["ifindex"].to_string();
                let indexes: Vec<String> = (0..hundred.len()).map(index).collect();
                let plan = Plan { steps: hundred.iter().cloned().map(Step::Create).collect() };
                fixture.backend.apply(&plan.steps).await.unwrap();
                assert_eq!(sockets(&indexes), hundred.len());
                fixture.backend.apply(&plan.inverse().steps).await.unwrap();
                // On a busy machine ovs-vswitchd takes longer than it is waited for.
                let deadline = std::time::Instant::now() + DEADLINE;
                while sockets(&indexes) > 0 {
                    assert!(std::time::Instant::now() < deadline, "{} sockets are still there", sockets(&indexes));
                    std::thread::park_timeout(std::time::Duration::from_millis(2));
                }
                // and they come back as if nothing had been
                fixture.create(&hundred[0]).await;
                fixture.is_in_effect(&hundred[0]).await;
                fixture.delete(&hundred[0]).await;
            })
            .await;
    });
}

/// Both ends of a patch cable in one transaction: that one is in effect without an error. One end alone is as it should be, too;
/// one that leads to a switch of another kind of datapath is not.
#[test]
fn both_ends_of_a_patch_are_made_in_one_transaction() {
    require!(Root, OpenVswitch);
    sandbox::run(async || {
        let fixture = ovs::fixture().await;
        let vsctl = |words: &[&str]| fixture.ovs.as_ref().unwrap().vsctl(words).trim().to_owned();
        let rounds = || vsctl(&["get", "Open_vSwitch", ".", "next_cfg"]).parse::<u32>().unwrap();
        let end = |switch: &str, device: &str, peer: &str| {
            let Resource::Port(plain) = (fixture.port)(switch, device).resource else { unreachable!("a port") };
            ours(Resource::Port(Port { interface: Interface::Patch(name(peer)), ..plain }))
        };
        fixture
            .upon(&[(fixture.switch)("sw1"), (fixture.switch)("sw2")], async || {
                let before = rounds();
                let cable = [end("sw1", "p1", "p2"), end("sw2", "p2", "p1")];
                fixture.backend.apply(&cable.clone().map(Step::Create)).await.unwrap();
                assert_eq!(rounds() - before, 1);
                for device in ["p1", "p2"] {
                    let ofport: i64 = vsctl(&["get", "Interface", device, "ofport"]).parse().unwrap();
                    assert!(ofport > 0);
                    assert_eq!(vsctl(&["get", "Interface", device, "error"]), "[]");
                }
                fixture.step(Step::Delete(cable[1].clone())).await;
                fixture.step(Step::Delete(cable[0].clone())).await;
                fixture.step(Step::Create(cable[0].clone())).await;
                assert!(vsctl(&["get", "Interface", "p1", "error"]).contains("No usable peer"));
                fixture.step(Step::Create(cable[1].clone())).await;
                assert_eq!(vsctl(&["get", "Interface", "p1", "error"]), "[]");
                vsctl(&["add-port", "sw2", "p3", "--", "set", "Interface", "p3", "type=internal"]);
                let error = fixture.backend.apply(&[Step::Create(end("sw1", "p4", "p3"))]).await.unwrap_err();
                assert!(error.source.source.unwrap().to_string().contains("No usable peer"));
                vsctl(&["del-port", "p3", "--", "del-port", "p4"]);
                fixture.backend.apply(&cable.map(Step::Delete)).await.unwrap();
            })
            .await;
    });
}

/// What others keep in the maps that we write to stays: `external_ids`, `other_config`.
#[test]
fn what_others_wrote_into_a_row_stays() {
    require!(Root, OpenVswitch);
    sandbox::run(async || {
        let fixture = ovs::fixture().await;
        let vsctl = |words: &[&str]| fixture.ovs.as_ref().unwrap().vsctl(words);
        let switch = (fixture.switch)("sw1");
        fixture
            .upon(&[switch.clone(), pair(("host", "v1"), ("host", "v2"))], async || {
                let port = (fixture.port)("sw1", "v1");
                fixture.create(&port).await;
                vsctl(&["set", "Bridge", "sw1", "other_config:mcast-snooping-table-size=99", "external_ids:theirs=1"]);
                vsctl(&["set", "Interface", "v1", "external_ids:theirs=2", "other_config:theirs=3"]);
                let mut changed = switch.clone();
                let Resource::Switch(new) = &mut changed.resource else { unreachable!("a switch") };
                new.mac = Some("02:00:00:00:00:01".parse().unwrap());
                new.stp = Some(true);
                let before = fixture.see(&switch).await;
                fixture.step(Step::Modify { after: changed.over(&before), before }).await;
                let before = fixture.see(&port).await;
                let Resource::Port(plain) = port.resource.clone() else { unreachable!("a port") };
                let after = ours(Resource::Port(Port { iface_id: Some("vm".into()), ..plain })).over(&before);
                fixture.step(Step::Modify { before, after }).await;
                let get = |table, row, column| vsctl(&["get", table, row, column]).trim().to_owned();
                assert_eq!(get("Bridge", "sw1", "other_config:mcast-snooping-table-size"), "\"99\"");
                assert_eq!(get("Bridge", "sw1", "external_ids:theirs"), "\"1\"");
                assert_eq!(get("Interface", "v1", "external_ids:theirs"), "\"2\"");
                assert_eq!(get("Interface", "v1", "other_config:theirs"), "\"3\"");
                assert_eq!(get("Interface", "v1", "external_ids:iface-id"), "vm");
            })
            .await;
    });
}
