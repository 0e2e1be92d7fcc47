//! What a namespace learns of its neighbours while somebody asks many of them.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use netlink_packet_route::neighbour::NeighbourState;

use crate::backend::BackendError;
use crate::netlink::{Neighbour, NeighbourTables};

use super::failed;

/// The neighbours of a namespace, of which some were known from the beginning.
///
/// All namespaces of a host share tables of 1,024 entries for each family, in which what is younger than five seconds does not
/// make place (`gc_thresh3`, arp(7)): who asks many takes out again what has come of it.
#[derive(Debug)]
pub struct Learned {
    tables: NeighbourTables,
    known: HashSet<(u32, IpAddr)>,
}

impl Learned {
    /// From now on, in the network namespace of the calling thread.
    pub fn of_this_thread() -> Result<Learned, BackendError> {
        let looked = NeighbourTables::of_this_thread().and_then(|mut tables| Ok((tables.list()?, tables)));
        let (there, tables) = looked.map_err(|error| failed("cannot list the neighbours", error))?;
        Ok(Learned { tables, known: there.iter().map(|neighbour| (neighbour.link, neighbour.address)).collect() })
    }

    /// Takes out what has come since, as far as it is of addresses that `of` takes. Returns which addresses there were entries of,
    /// and whether each was found.
    pub fn forget(&mut self, of: impl Fn(IpAddr) -> bool) -> Result<HashMap<IpAddr, bool>, BackendError> {
        let new = |neighbour: &&Neighbour| {
            let is_known = self.known.contains(&(neighbour.link, neighbour.address));
            !is_known && neighbour.state != NeighbourState::Permanent && (of(neighbour.address) || is_search(neighbour))
        };
        let looked = self.tables.list().and_then(|there| {
            let gone: Vec<Neighbour> = there.iter().filter(new).cloned().collect();
            self.tables.delete(&gone).map(|()| there)
        });
        let there = looked.map_err(|error| failed("cannot forget neighbours", error))?;
        let is_found =
            |neighbour: &Neighbour| !matches!(neighbour.state, NeighbourState::Incomplete | NeighbourState::Failed);
        Ok(there.iter().map(|neighbour| (neighbour.address, is_found(neighbour))).collect())
    }
}

/// Whether it is a group by which neighbours are searched for, `ff02::1:ff00:0/104` (RFC 4291 section 2.7.1). It takes an entry too.
fn is_search(neighbour: &Neighbour) -> bool {
    match neighbour.address {
        IpAddr::V6(ip) => ip.octets()[..13] == [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff],
        IpAddr::V4(_) => false,
    }
}
