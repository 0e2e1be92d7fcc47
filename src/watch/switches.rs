//! What is configured in the database of Open vSwitch, and what ovs-vswitchd has made of it.

use std::time::Duration;

use crate::ovsdb::client::Options;
use crate::ovsdb::endpoint::Endpoints;
use crate::ovsdb::monitor::{MonitorRequest, TableRequest};
use crate::ovsdb::session::{Event, Session};

/// The database is asked for again so soon after it was lost, and so rarely when it stays away.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The tables and columns that say how switches are set up. Statistics, which change every few seconds, are not among them.
const WATCHED: [(&str, &[&str]); 7] = [
    ("Open_vSwitch", &["bridges", "other_config"]),
    (
        "Bridge",
        &[
            "name",
            "datapath_type",
            "external_ids",
            "fail_mode",
            "ipfix",
            "mirrors",
            "netflow",
            "other_config",
            "ports",
            "rstp_enable",
            "sflow",
            "stp_enable",
        ],
    ),
    ("Port", &["name", "external_ids", "interfaces", "other_config", "qos", "tag", "trunks", "vlan_mode"]),
    (
        "Interface",
        &[
            "name",
            "error",
            "external_ids",
            "ingress_policing_burst",
            "ingress_policing_rate",
            "mac",
            "mac_in_use",
            "mtu_request",
            "ofport",
            "options",
            "other_config",
            "type",
        ],
    ),
    (
        "Mirror",
        &[
            "name",
            "external_ids",
            "output_port",
            "output_vlan",
            "select_all",
            "select_dst_port",
            "select_src_port",
            "select_vlan",
            "snaplen",
        ],
    ),
    ("QoS", &["external_ids", "other_config", "queues", "type"]),
    ("Queue", &["other_config"]),
];

/// A session that comes back by itself.
pub(super) struct Switches {
    session: Session,
    /// The database does not answer.
    lost: bool,
}

impl Switches {
    pub fn new(endpoints: Endpoints, options: Options) -> Switches {
        let mut session = Session::new(endpoints, options, "Open_vSwitch").with_backoff(BACKOFF.0, BACKOFF.1);
        let table = |request: MonitorRequest, (name, columns): (&str, &[&str])| {
            request.table(name, TableRequest::new().columns(columns.iter().copied()))
        };
        session.watch(WATCHED.into_iter().fold(MonitorRequest::new(), table));
        Switches { session, lost: false }
    }

    /// Returns once something has changed; that the database is lost is such a thing, once.
    pub async fn next(&mut self) {
        loop {
            match self.session.next().await {
                Event::Disconnected(_) if !self.lost => {
                    self.lost = true;
                    return;
                }
                Event::Changed { .. } => {
                    self.lost = false;
                    return;
                }
                _ => {}
            }
        }
    }
}
