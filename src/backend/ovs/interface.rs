//! What a port is made of, as columns of table Interface.

use std::collections::BTreeMap;

use crate::model::{Interface, Tunnel};
use crate::ovsdb::operation::{Condition, Mutate, Mutation, Operation, Update};
use crate::ovsdb::row::{Row, RowError};
use crate::ovsdb::value::{Atom, Datum, Uuid};

/// `type` of an Interface that is one end of a patch cable.
pub const PATCH: &str = "patch";
/// `options` key of such an Interface: the name of the other end.
const PEER: &str = "peer";
/// `type` of an Interface whose device ovs-vswitchd makes.
const INTERNAL: &str = "internal";

/// What the row says. A patch cable without another end, or with one that we could not name, is like a port whose device is gone.
pub fn read(row: &Row) -> Result<Interface, RowError> {
    let options = row.map::<String, String>("options")?;
    Ok(match row.one::<String>("type")?.as_str() {
        PATCH => options.get(PEER).and_then(|peer| peer.parse().ok()).map_or(Interface::System, Interface::Patch),
        INTERNAL => {
            let mtu = row.optional::<i64>("mtu_request")?;
            Interface::Internal { mtu: mtu.and_then(|mtu| mtu.try_into().ok()) }
        }
        other => {
            let options: BTreeMap<String, String> = options.into_iter().collect();
            Tunnel::from_options(other, &options).map_or(Interface::System, Interface::Tunnel)
        }
    })
}

/// The columns of a new row.
pub fn columns(interface: &Interface) -> Vec<(&'static str, Datum)> {
    match interface {
        Interface::System => Vec::new(),
        Interface::Patch(_) | Interface::Tunnel(_) => {
            let kind = interface.tunnel().map_or(PATCH, Tunnel::interface_type);
            vec![("type", kind.into()), ("options", Datum::map(options(interface)))]
        }
        Interface::Internal { mtu } => vec![("type", INTERNAL.into()), ("mtu_request", mtu_request(*mtu))],
    }
}

fn mtu_request(mtu: Option<u32>) -> Datum {
    Datum::set(mtu.map(|mtu| Atom::Integer(mtu.into())))
}

fn options(interface: &Interface) -> Vec<(&'static str, String)> {
    match interface {
        Interface::Patch(peer) => vec![(PEER, peer.to_string())],
        Interface::Tunnel(tunnel) => tunnel.options(),
        Interface::System | Interface::Internal { .. } => Vec::new(),
    }
}

/// The operation that turns the row from `old` to `new`, which is of the same type. Options that we know nothing of stay.
pub fn change(old: &Interface, new: &Interface, row: Uuid) -> Option<Operation> {
    if old == new {
        return None;
    }
    if let Interface::Internal { mtu } = new {
        let update = Update::table_rows("Interface").filter(Condition::uuid(row));
        return Some(update.with("mtu_request", mtu_request(*mtu)).into());
    }
    // `insert` keeps an existing value: delete the keys first.
    let keys = if new.tunnel().is_some() { Tunnel::option_keys() } else { &[PEER] };
    let mutate = Mutate::table_rows("Interface").filter(Condition::uuid(row));
    let mutate = mutate.with(Mutation::delete("options", Datum::set(keys.iter().copied())));
    Some(mutate.with(Mutation::insert("options", Datum::map(options(new)))).into())
}
