use std::process::Command;
use std::time::{Duration, Instant};

use ovsns::netlink::{Error, Netlink, NetnsFile, Watch, link, wait_for_link};

use crate::common::sandbox;
use crate::{make_netns, pair, the_link};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

#[test]
fn a_link_is_awaited_until_it_is_up() {
    sandbox::run(|| async {
        let (ns1, mut inside) = make_netns("ns1");
        inside.request(link::add_veth(pair("a", "b"))).expect("a pair");
        let up = wait_for_link(&ns1, "a", |link| link.is_some_and(|link| link.carrier), soon());
        let others = async {
            // Only once the other future waits for events.
            tokio::task::yield_now().await;
            for command in ["-n ns1 link set dev b up", "-n ns1 link set dev a up"] {
                assert!(Command::new("ip").args(command.split(' ')).status().expect("ip starts").success());
            }
        };
        let (up, ()) = tokio::join!(up, others);
        assert!(up.expect("in time").expect("a link").carrier);
        let gone = wait_for_link(&ns1, "a", |link| link.is_none(), soon());
        let others = async { inside.request(link::delete("b")).expect("deleted") };
        let (gone, ()) = tokio::join!(gone, others);
        assert_eq!(gone.expect("in time"), None);
    });
}

#[test]
fn a_wait_ends_with_its_deadline() {
    sandbox::run(|| async {
        let host = NetnsFile::host().expect("host");
        let begin = Instant::now();
        let deadline = begin + Duration::from_millis(50);
        let error = wait_for_link(&host, "eth9", |link| link.is_some(), deadline).await.expect_err("never comes");
        assert!(matches!(error, Error::Deadline { .. }), "{error:?}");
        assert_eq!(error.to_string(), "the expected state of link eth9 did not come within the deadline");
        assert!(begin.elapsed() >= Duration::from_millis(50));
    });
}

/// More events than the socket holds: the kernel drops them and says so (ENOBUFS); what is seen is right all the same.
#[test]
fn lost_events_are_made_up_for() {
    sandbox::run(|| async {
        let host = NetnsFile::host().expect("host");
        let mut netlink = Netlink::host().expect("host");
        // The alias of a link that is down is changed without an event.
        netlink.request(link::add_veth(link::Veth { up: true, ..pair("a", "b") })).expect("a pair");
        let mut watch = Watch::open(&host).expect("a watch");
        for k in 0..2000 {
            netlink.request(link::set("a").alias(&format!("{k}")).request()).expect("an event");
        }
        let mut looks = 0;
        let seen = watch.until("the last alias", soon(), |netlink| {
            looks += 1;
            Ok(if looks == 1 { None } else { the_link(netlink, "a").alias })
        });
        assert_eq!(seen.await.expect("in time"), "1999");
        assert_eq!(looks, 2, "all events were taken at once");
        let nothing_more =
            watch.until("a further event", Instant::now() + Duration::from_millis(50), |_| Ok(None::<()>));
        assert!(matches!(nothing_more.await, Err(Error::Deadline { .. })));
    });
}
