//! Words of the shell.

use crate::model::{Container, Place};

/// Text as one word of the shell (POSIX.1 section 2.2.2).
pub fn quote(text: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | '@' | '%' | '+' | ',');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `ip`, in the namespace at `place`. Its `-n` takes names below `/run/netns` only (ip(8)).
pub(super) fn ip(place: &Place) -> String {
    match place {
        Place::Named(name) => format!("ip -n {}", quote(name.as_str())),
        _ => format!("{}ip", enter(place)),
    }
}

/// The words that run another tool in the namespace at `place`.
pub fn enter(place: &Place) -> String {
    match (place, netns_argument(place)) {
        (_, None) => String::new(),
        (Place::Named(_), Some(name)) => format!("ip netns exec {name} "),
        (_, Some(path)) => format!("nsenter --net={path} "),
    }
}

/// A namespace as ip-link(8) takes it after `netns`: a name, or a path.
pub(super) fn netns_argument(place: &Place) -> Option<String> {
    match place {
        Place::Host => None,
        Place::Named(name) => Some(quote(name.as_str())),
        Place::Pid(pid) => Some(format!("/proc/{pid}/ns/net")),
        Place::Path(path) => Some(quote(path)),
        Place::Container(container) => Some(format!("/proc/{}/ns/net", process_of(container))),
        // No tool reaches it; the command shows what is meant.
        Place::Nsid(nsid) => Some(format!("nsid:{nsid}")),
    }
}

/// The first process of a container. Both engines' commands take the same template.
pub(super) fn process_of(Container { engine, name }: &Container) -> String {
    format!("$({engine} inspect --format '{{{{.State.Pid}}}}' {name})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_stay_one_word() {
        assert_eq!(quote("OVS-1"), "OVS-1");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("$(x)"), "'$(x)'");
        assert_eq!(quote("~root"), "'~root'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn each_place_has_its_way_in() {
        for (place, expected) in [
            ("host", "ip"),
            ("ns1", "ip -n ns1"),
            ("pid:12", "nsenter --net=/proc/12/ns/net ip"),
            ("path:/run/docker/netns/a b", "nsenter --net='/run/docker/netns/a b' ip"),
            ("podman:web", "nsenter --net=/proc/$(podman inspect --format '{{.State.Pid}}' web)/ns/net ip"),
        ] {
            assert_eq!(ip(&place.parse().unwrap()), expected);
        }
    }
}
