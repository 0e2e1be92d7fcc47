//! `require!(Feature, …)`: a test says what it needs of the machine.
//!
//! What is lacking makes the test end with "skipped: needs …", counted in the file that `OVSNS_TEST_SKIPS` names, or fail where
//! `OVSNS_TEST_STRICT=1` forbids skips (in the virtual machine, which has everything).

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// Something that a machine may lack. Each is found out by trying it, in a network namespace that goes away with the try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// The rights to make namespaces and devices.
    Root,
    /// `ovsdb-server` and `ovs-vswitchd` are installed.
    OpenVswitch,
    /// The kernel's own Open vSwitch datapath.
    KernelDatapath,
    /// `ip link add type bridge vlan_filtering 1`.
    VlanFiltering,
    /// 802.1Q devices on top of another device.
    VlanDevice,
    /// VXLAN devices.
    Vxlan,
    /// Geneve devices.
    Geneve,
    /// GRE devices that carry Ethernet.
    GreTap,
    /// ERSPAN devices.
    Erspan,
    /// The `netem` queueing discipline.
    Netem,
    /// The `tbf` queueing discipline.
    Tbf,
    /// Masquerading by nftables.
    NftNat,
    /// Dummy devices.
    Dummy,
    /// Bridges whose forwarding database can be limited (Linux 6.7).
    MaxLearned,
    /// Docker, with cgroups to put containers in.
    Docker,
    /// Podman, with the same.
    Podman,
    /// A network device of the hardware, which is moved about: not where the machine's users are behind it.
    PhysicalDevice,
    /// Devices of a process (`/dev/net/tun`).
    Tun,
    /// Macvlan devices.
    Macvlan,
    /// Copies by `tc` (`clsact`, `u32` and `act_mirred`).
    Mirred,
    /// The `htb` queueing discipline.
    Htb,
    /// The `hfsc` queueing discipline.
    Hfsc,
    /// Limits by `tc` (`clsact`, `u32` and `act_police`); those of Open vSwitch need it too.
    Police,
    /// Bonds.
    Bond,
    /// Python's validator of JSON Schema, and its reader of YAML.
    JsonSchema,
}

impl Feature {
    /// All of them.
    const ALL: &[Feature] = &[
        Feature::Root,
        Feature::OpenVswitch,
        Feature::KernelDatapath,
        Feature::VlanFiltering,
        Feature::VlanDevice,
        Feature::Vxlan,
        Feature::Geneve,
        Feature::GreTap,
        Feature::Erspan,
        Feature::Netem,
        Feature::Tbf,
        Feature::NftNat,
        Feature::Dummy,
        Feature::MaxLearned,
        Feature::Docker,
        Feature::Podman,
        Feature::PhysicalDevice,
        Feature::Tun,
        Feature::Macvlan,
        Feature::Mirred,
        Feature::Htb,
        Feature::Hfsc,
        Feature::Police,
        Feature::Bond,
        Feature::JsonSchema,
    ];

    /// The one that is written like this.
    pub fn named(name: &str) -> Feature {
        let found = Feature::ALL.iter().copied().find(|feature| format!("{feature:?}") == name);
        found.unwrap_or_else(|| panic!("no feature is called {name}"))
    }

    /// A shell command that succeeds where the feature is there.
    fn probe(self) -> &'static str {
        match self {
            Feature::Root => "true",
            Feature::OpenVswitch => "ovsdb-server --version && ovs-vswitchd --version && ovs-vsctl --version",
            // without the module, the first one says so after a failed modprobe
            Feature::KernelDatapath => {
                "(modprobe -q openvswitch || true) && ovs-dpctl add-dp probe && ovs-dpctl del-dp probe"
            }
            Feature::VlanFiltering => "ip link add probe type bridge vlan_filtering 1",
            Feature::VlanDevice => {
                "ip link add probe type veth peer name probe2 && ip link add link probe name probe3 type vlan id 5"
            }
            Feature::Vxlan => "ip link add probe type vxlan id 5 dstport 4789 local 127.0.0.1",
            Feature::Geneve => "ip link add probe type geneve id 5 remote 127.0.0.1",
            Feature::GreTap => "ip link add probe type gretap local 127.0.0.1 remote 127.0.0.2",
            Feature::Erspan => {
                "ip link add probe type erspan seq key 5 local 127.0.0.1 remote 127.0.0.2 erspan_ver 1 erspan 1"
            }
            Feature::Netem => "tc qdisc add dev lo root netem delay 1ms",
            Feature::Tbf => "tc qdisc add dev lo root tbf rate 1mbit burst 10k latency 10ms",
            Feature::NftNat => {
                "nft 'add table ip probe; add chain ip probe nat { type nat hook postrouting priority 100; }; \
                 add rule ip probe nat masquerade'"
            }
            Feature::Dummy => "ip link add probe type dummy",
            Feature::MaxLearned => "uname -r | awk -F. '{ exit !($1 > 6 || $1 == 6 && $2 >= 7) }'",
            Feature::Docker => {
                "test -n \"$(ls /sys/fs/cgroup)\" && dockerd --version && /usr/bin/docker --version && runc --version && \
                 test -x /bin/busybox"
            }
            Feature::Podman => {
                "test -n \"$(ls /sys/fs/cgroup)\" && podman --version && conmon --version && runc --version && \
                 test -x /bin/busybox"
            }
            // the machine of tests/vm has a share of the host's, and nobody works over its network
            Feature::PhysicalDevice => "test -d /vmshare && test -e /sys/class/net/eth0/device",
            Feature::Tun => "ip tuntap add probe mode tun",
            Feature::Macvlan => {
                "ip link add probe type veth peer name probe2 && ip link add link probe name probe3 type macvlan"
            }
            Feature::Mirred => {
                "tc qdisc add dev lo clsact && \
                 tc filter add dev lo ingress u32 match u32 0 0 action mirred egress mirror dev lo"
            }
            Feature::Htb => "tc qdisc add dev lo root htb default 1",
            Feature::Hfsc => "tc qdisc add dev lo root hfsc default 1",
            Feature::Police => {
                "tc qdisc add dev lo clsact && tc filter add dev lo ingress u32 match u32 0 0 \
                 action police rate 1mbit burst 10k conform-exceed drop/continue"
            }
            Feature::Bond => "ip link add probe type bond",
            Feature::JsonSchema => "python3 -c 'import jsonschema, yaml'",
        }
    }

    fn is_there(self) -> bool {
        static KNOWN: Mutex<BTreeMap<Feature, bool>> = Mutex::new(BTreeMap::new());
        // held while probing: tests that run side by side ask for the same
        *KNOWN.lock().unwrap().entry(self).or_insert_with(|| {
            let script = format!("{{ {}; }} >/dev/null 2>&1", self.probe());
            let mut probe = Command::new("unshare");
            probe.args(["--net", "--", "sh", "-c", &script]).stdin(Stdio::null()).stderr(Stdio::null());
            probe.status().is_ok_and(|status| status.success())
        })
    }
}

/// Whether the machine has `feature`, for a test that takes one of two ways.
pub fn has(feature: Feature) -> bool {
    feature.is_there()
}

/// Ends the test unless the machine has all the features named.
macro_rules! require {
    ($($feature:ident),+ $(,)?) => {{
        fn here() {}
        let needs = [$($crate::common::require::Feature::$feature),+];
        if $crate::common::require::lacks(&needs, ::std::any::type_name_of_val(&here)) {
            return;
        }
    }};
}
pub(crate) use require;

/// Whether something of `needs` is missing, after having said and counted it. `here` is the path of a function within the test.
///
/// # Panics
///
/// If something is missing and `OVSNS_TEST_STRICT=1`.
pub fn lacks(needs: &[Feature], here: &str) -> bool {
    let missing: Vec<_> = needs.iter().copied().filter(|feature| !feature.is_there()).collect();
    if missing.is_empty() {
        return false;
    }
    let (binary, test) = test_of(here);
    assert!(
        std::env::var_os("OVSNS_TEST_STRICT").is_none_or(|v| v != "1"),
        "{test} needs {missing:?}, and skips are forbidden"
    );
    println!("skipped: needs {missing:?}");
    if let Some(file) = std::env::var_os("OVSNS_TEST_SKIPS") {
        let mut skips = OpenOptions::new().create(true).append(true).open(file).unwrap();
        // one write: several test binaries may append at once
        skips.write_all(format!("{binary}::{test} needs {missing:?}\n").as_bytes()).unwrap();
    }
    true
}

/// The test binary and the test's name as libtest prints it, from the path of a function within the test: `ovs::vlan::tags::here`
/// and `ovs::vlan::tags::{{closure}}::here` are both `("ovs", "vlan::tags")`.
pub fn test_of(here: &str) -> (&str, &str) {
    let path = here.strip_suffix("::here").unwrap_or(here);
    let path = path.split("::{{closure}}").next().unwrap_or(path);
    path.split_once("::").unwrap_or(("", path))
}
