use ovsns::netlink::ethtool::set_tx_checksum;
use ovsns::netlink::{Error, Netlink, link};

use crate::common::sandbox;
use crate::{make_netns, pair, run, the_link};

/// All features but the first line, which names the device.
fn features(command: &str) -> Vec<String> {
    run(command).lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn tx_off_is_what_ethtool_makes_of_it() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        host.batch([link::add_veth(pair("a", "b")), link::add_veth(pair("c", "d"))]).expect("pairs");
        let a = the_link(&mut host, "a").index;
        let fresh = features("ethtool -k a");
        assert!(host.tx_checksum(a).expect("read"));
        run("ethtool -K c tx off");
        host.request(set_tx_checksum(a, false)).expect("off");
        assert!(!host.tx_checksum(a).expect("read"));
        let off = features("ethtool -k a");
        assert_eq!(off, features("ethtool -k c"));
        for line in ["tx-checksumming: off", "	tx-tcp-segmentation: off [requested on]"] {
            assert!(off.iter().any(|feature| feature == line), "{line}: {off:?}");
        }
        assert_eq!(features("ethtool -k b"), fresh, "the other end keeps it");
        host.request(set_tx_checksum(a, false)).expect("off already");
        host.request(set_tx_checksum(a, true)).expect("on");
        assert_eq!(features("ethtool -k a"), fresh);
    });
}

#[test]
fn it_reaches_into_a_netns() {
    sandbox::run(|| async {
        let (_, mut inside) = make_netns("ns1");
        inside.request(link::add_veth(pair("a", "b"))).expect("a pair");
        let a = the_link(&mut inside, "a").index;
        inside.request(set_tx_checksum(a, false)).expect("off");
        assert!(features("ip netns exec ns1 ethtool -k a").contains(&"tx-checksumming: off".to_owned()));
    });
}

#[test]
fn what_is_fixed_or_missing_is_said() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        let lo = the_link(&mut host, "lo").index;
        let error = host.request(set_tx_checksum(lo, false)).expect_err("fixed on lo");
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        assert!(host.request(set_tx_checksum(4711, false)).expect_err("no link").is_missing());
        assert!(host.tx_checksum(4711).expect_err("no link").is_missing());
    });
}
