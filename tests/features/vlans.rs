//! VLANs: which frames pass where, and with which tags.

use super::common::traffic::{pings, silent};
use super::lab::Lab;

super::features! {
    ovs: access_ports(OpenVswitch);
    linux: access_ports(VlanFiltering);
}

/// Who has one tag does not hear the other.
fn access_ports(lab: &Lab) {
    lab.add_br("sw1", "");
    for (netns, tag) in [("ns1", 10), ("ns2", 10), ("ns3", 20)] {
        lab.ok(&format!("add-port sw1 {netns} --tag {tag} --ip 10.0.0.{}/24", &netns[2..]));
    }
    assert!(pings("ns1", "10.0.0.2"));
    assert!(silent("ns1", "10.0.0.3"));
}
