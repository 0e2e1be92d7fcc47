//! Where a device is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Container, NameError, NetnsName};

/// A network namespace: the host's own, one with a name, or one that is reached through a process, a path or a container.
///
/// Written `host`, `ns1`, `pid:1234`, `path:/run/docker/netns/1a2b` or `docker:web`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Place {
    /// The namespace that ovsns itself runs in.
    Host,
    /// A name below `/run/netns` (ip-netns(8)).
    Named(NetnsName),
    /// The namespace of a process.
    Pid(u32),
    /// A file that is a namespace, by its absolute path.
    Path(String),
    /// That of a container, by the name that its engine knows it by.
    Container(Container),
    /// A namespace that no file and no process leads to, by the number that the host's namespace has for it
    /// (`ip netns list-id`).
    Nsid(i32),
}

impl Place {
    /// A short word for the names of devices: the name, also of a container, `pid1234`, or the last part of the path.
    pub fn label(&self) -> String {
        match self {
            Place::Host => "host".to_owned(),
            Place::Named(name) => for_device(name.as_str()),
            Place::Pid(pid) => format!("pid{pid}"),
            Place::Nsid(nsid) => format!("nsid{nsid}"),
            Place::Container(container) => container.name.to_string(),
            Place::Path(path) => {
                let last = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or("netns");
                for_device(last)
            }
        }
    }

    /// The name, for a namespace that has one.
    pub fn name(&self) -> Option<&NetnsName> {
        match self {
            Place::Named(name) => Some(name),
            _ => None,
        }
    }
}

/// Text with `_` in place of what no device's name may hold.
fn for_device(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ':' | '%') || c.is_whitespace() || c.is_control() { '_' } else { c }).collect()
}

impl FromStr for Place {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Place, NameError> {
        let refuse = |reason: &str| NameError { what: "namespace", name: text.to_owned(), reason: reason.to_owned() };
        if text == "host" {
            return Ok(Place::Host);
        }
        if let Some(pid) = text.strip_prefix("pid:") {
            let pid = pid.parse().ok().filter(|pid| *pid > 0);
            return pid.map(Place::Pid).ok_or_else(|| refuse("names no process id; write `pid:1234`"));
        }
        if let Some(path) = text.strip_prefix("path:") {
            if !path.starts_with('/') {
                return Err(refuse("has a path that is not absolute; write `path:/proc/1234/ns/net`"));
            }
            return Ok(Place::from_path(path));
        }
        if let Some(nsid) = text.strip_prefix("nsid:") {
            let nsid = nsid.parse().ok().filter(|nsid| *nsid >= 0);
            return nsid.map(Place::Nsid).ok_or_else(|| refuse("names no namespace id; `ip netns list-id` lists them"));
        }
        if let Some(container) = Container::parse(text) {
            return container.map(Place::Container);
        }
        if let Some((prefix, _)) = text.split_once(':') {
            let reason = format!("starts with `{prefix}:`, which is none of `pid:`, `path:`, `docker:`, `podman:`");
            return Err(NameError { what: "namespace", name: text.to_owned(), reason });
        }
        text.parse().map(Place::Named)
    }
}

impl Place {
    /// The plainest way to write the namespace at `path`, so that one namespace is not two keys.
    fn from_path(path: &str) -> Place {
        if let Some(Ok(name)) = path.strip_prefix("/run/netns/").map(str::parse) {
            return Place::Named(name);
        }
        let pid = path.strip_prefix("/proc/").and_then(|rest| rest.strip_suffix("/ns/net")).map(str::parse);
        match pid {
            Some(Ok(pid)) => Place::Pid(pid),
            _ => Place::Path(path.to_owned()),
        }
    }
}

impl TryFrom<String> for Place {
    type Error = NameError;
    fn try_from(text: String) -> Result<Place, NameError> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> String {
        place.to_string()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Host => f.write_str("host"),
            Place::Named(name) => name.fmt(f),
            Place::Pid(pid) => write!(f, "pid:{pid}"),
            Place::Path(path) => write!(f, "path:{path}"),
            Place::Container(container) => container.fmt(f),
            Place::Nsid(nsid) => write!(f, "nsid:{nsid}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_gives_devices_its_name() {
        assert_eq!("docker:web".parse::<Place>().unwrap().label(), "web");
    }

    #[test]
    fn one_namespace_is_written_one_way() {
        for (text, written) in [
            ("host", "host"),
            ("ns1", "ns1"),
            ("pid:12", "pid:12"),
            ("path:/proc/12/ns/net", "pid:12"),
            ("path:/run/netns/ns1", "ns1"),
            ("path:/run/docker/netns/ab", "path:/run/docker/netns/ab"),
            ("docker:web", "docker:web"),
            ("podman:web-1", "podman:web-1"),
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), written);
        }
        for bad in ["pid:", "pid:0", "pid:x", "path:relative", "dev:eth0", "docker:", "podman:a/b", ""] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }
}
