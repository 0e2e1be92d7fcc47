//! Deleting links: `ip link del`.

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};

use super::create::group_of_its_own;
use super::{Device, set};
use crate::netlink::error::Error;
use crate::netlink::request::{Netlink, Request};

/// `ip link del DEV`. Either end of a veth pair takes the other along.
///
/// One link costs the kernel 14 to 20 ms (it waits for readers): many go by [`Netlink::delete_links`], by
/// [`delete_group`], or with their namespace.
pub fn delete(device: impl Into<Device>) -> Request {
    let device = device.into();
    Request::new(format!("link del {device}"), 0, RouteNetlinkMessage::DelLink(device.message()))
}

/// `ip link del group GROUP`: all links of the namespace that are in the group, in one go. A group without links is ENODEV.
pub fn delete_group(group: u32) -> Request {
    Request::new(format!("link del group {group}"), 0, delete_group_message(group))
}

pub(super) fn delete_group_message(group: u32) -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::Group(group));
    RouteNetlinkMessage::DelLink(message)
}

impl Netlink {
    /// Deletes these links in one go, at a hundredth of the cost of one by one; what is gone already is success.
    ///
    /// They are gathered in a group of their own, and the group is deleted. On failure all are still there.
    pub fn delete_links(&mut self, devices: impl IntoIterator<Item = Device>) -> Result<(), Error> {
        let group = group_of_its_own();
        let mut gathered = false;
        for result in self.each(devices.into_iter().map(|device| set(device).group(group).request()).collect())? {
            match result {
                Ok(()) => gathered = true,
                Err(error) if error.is_missing() => {}
                Err(error) => return Err(error),
            }
        }
        if !gathered {
            return Ok(());
        }
        match self.request(delete_group(group)) {
            Err(error) if !error.is_missing() => Err(error),
            _ => Ok(()),
        }
    }
}
