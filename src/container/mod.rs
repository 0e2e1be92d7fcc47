//! Containers of Docker and Podman, found by what their engines say and write: an answer of the API socket, or the files that
//! an engine keeps. Neither their commands nor their client libraries are needed.
//!
//! What is wanted of a container is its process: the network namespace of that is the container's.

mod api;
mod docker;
mod error;
mod files;
mod http;
mod podman;

use std::fmt;
use std::path::PathBuf;

pub use error::{Error, Tried};

/// What runs a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// Docker. Its socket is the one of `DOCKER_HOST`, else `/run/docker.sock`; its files are below `/var/lib/docker`, or the
    /// `data-root` of `/etc/docker/daemon.json`.
    Docker,
    /// Podman, run by root. Its files are below the `graphroot` and the `runroot` of containers-storage.conf(5), which
    /// `CONTAINERS_STORAGE_CONF` names; with `CONTAINER_HOST`, its socket is asked.
    Podman,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Engine::Docker => "Docker",
            Engine::Podman => "Podman",
        })
    }
}

/// A container as its engine tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// What runs it.
    pub engine: Engine,
    /// The id, 64 hexadecimal digits.
    pub id: String,
    /// The name.
    pub name: String,
    /// The engine's word for its state: `running`, `paused`, `created`, `exited` …
    pub state: String,
    /// Its first process, as long as it runs.
    pub pid: Option<u32>,
}

impl Container {
    /// The file that is its network namespace, as long as it runs.
    pub fn netns(&self) -> Option<PathBuf> {
        self.pid.map(|pid| format!("/proc/{pid}/ns/net").into())
    }
}

/// The running container of this name, id, or unique start of an id.
pub fn find(engine: Engine, name: &str) -> Result<Container, Error> {
    let found = match engine {
        Engine::Docker => docker::find(name)?,
        Engine::Podman => podman::find(name)?,
    };
    match found {
        Some(container) if container.pid.is_some() => Ok(container),
        Some(Container { name, state, .. }) => Err(Error::NotRunning { engine, name, state }),
        None => {
            let running = running(engine)?.into_iter().map(|container| container.name).collect();
            Err(Error::NoSuch { engine, name: name.to_owned(), running })
        }
    }
}

/// The running containers, the oldest first: of several that share a network namespace, the one that brought it.
pub fn running(engine: Engine) -> Result<Vec<Container>, Error> {
    let mut containers = match engine {
        Engine::Docker => docker::running()?,
        Engine::Podman => podman::running()?,
    };
    containers.retain(|container| container.pid.is_some());
    Ok(containers)
}

/// The container that is meant by `name`: the one that has it as its name or id, else the only one whose id begins with it.
fn pick(containers: Vec<Container>, name: &str) -> Result<Option<Container>, Error> {
    if let Some(exact) = containers.iter().find(|container| container.name == name || container.id == name) {
        return Ok(Some(exact.clone()));
    }
    let mut begins: Vec<Container> =
        containers.into_iter().filter(|container| !name.is_empty() && container.id.starts_with(name)).collect();
    match begins.len() {
        0 | 1 => Ok(begins.pop()),
        _ => Err(Error::Ambiguous {
            engine: begins[0].engine,
            name: name.to_owned(),
            names: begins.into_iter().map(|container| container.name).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(id: &str, name: &str) -> Container {
        let (id, name) = (id.to_owned(), name.to_owned());
        Container { engine: Engine::Docker, id, name, state: "running".to_owned(), pid: Some(1) }
    }

    #[test]
    fn a_name_goes_before_the_start_of_an_id() {
        let all = || vec![container("beef01", "one"), container("beef02", "two"), container("cafe", "beef0")];
        let picked = |name| pick(all(), name).map(|found| found.map(|container| container.name));
        assert_eq!(picked("two").unwrap().as_deref(), Some("two"));
        assert_eq!(picked("beef0").unwrap().as_deref(), Some("beef0"));
        assert_eq!(picked("beef02").unwrap().as_deref(), Some("two"));
        assert_eq!(picked("c").unwrap().as_deref(), Some("beef0"));
        assert_eq!(picked("three").unwrap(), None);
        assert_eq!(picked("").unwrap(), None);
        let Err(Error::Ambiguous { names, .. }) = picked("beef") else { panic!("two begin with it") };
        assert_eq!(names, ["one", "two"]);
    }
}
