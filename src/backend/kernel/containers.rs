//! Containers as ways to network namespaces.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use crate::backend::{BackendError, Fault};
use crate::container::{self, Error as ContainerError};
use crate::model::{Container, Engine};
use crate::netlink::Error;

/// What this run knows of containers: it asks for each once, as long as its process is there.
#[derive(Default)]
pub struct Containers {
    pids: BTreeMap<Container, u32>,
    running: Option<Vec<Container>>,
}

impl Containers {
    /// The file that is the network namespace of `container`; `None` where it does not run.
    pub fn path(&mut self, container: &Container) -> Result<Option<PathBuf>, Error> {
        let path = |pid: &u32| PathBuf::from(format!("/proc/{pid}/ns/net"));
        if let Some(path) = self.pids.get(container).map(path).filter(|path| path.exists()) {
            return Ok(Some(path));
        }
        self.pids.remove(container);
        match container::find(engine(container.engine), container.name.as_str()) {
            Ok(found) => {
                self.pids.extend(found.pid.map(|pid| (container.clone(), pid)));
                Ok(found.netns())
            }
            Err(error) if is_none(&error) => Ok(None),
            Err(error) => {
                Err(Error::Io { action: format!("find container {container}"), source: io::Error::other(error) })
            }
        }
    }

    /// The running containers of all engines that answer, the oldest first.
    pub fn running(&mut self) -> Vec<Container> {
        if let Some(running) = &self.running {
            return running.clone();
        }
        let found = running();
        self.pids.extend(found.iter().filter_map(|(name, found)| Some((name.clone(), found.pid?))));
        let running: Vec<Container> = found.into_iter().map(|(name, _)| name).collect();
        self.running.insert(running).clone()
    }
}

/// Whether there is no such container, or none that runs.
fn is_none(error: &ContainerError) -> bool {
    use ContainerError::{Absent, NoSuch, NotRunning};
    matches!(error, NotRunning { .. } | NoSuch { .. } | Absent { .. })
}

fn engine(engine: Engine) -> container::Engine {
    match engine {
        Engine::Docker => container::Engine::Docker,
        Engine::Podman => container::Engine::Podman,
    }
}

/// The running containers of all engines that answer, each with the name by which we write it.
pub fn running() -> Vec<(Container, container::Container)> {
    let of = |engine_name: Engine| {
        let found = container::running(engine(engine_name)).unwrap_or_else(|error| {
            tracing::debug!(%error, "no containers");
            Vec::new()
        });
        found.into_iter().filter_map(move |found| Some((written(engine_name, &found)?, found)))
    };
    Engine::ALL.into_iter().flat_map(of).collect()
}

/// None where the engine gave a name that we do not take.
fn written(engine: Engine, found: &container::Container) -> Option<Container> {
    Some(Container { engine, name: found.name.parse().ok()? })
}

/// The container that is meant by `wanted`, by the name that its engine gives it. Fails where it does not run.
pub fn find(wanted: &Container) -> Result<Container, BackendError> {
    match container::find(engine(wanted.engine), wanted.name.as_str()) {
        Ok(found) => Ok(written(wanted.engine, &found).unwrap_or_else(|| wanted.clone())),
        Err(error) => Err(failed(wanted, error)),
    }
}

/// The containers of any engine that are called `name` and run: what somebody means, perhaps, who names no engine.
pub fn called(name: &str) -> Vec<Container> {
    let of = |engine_name: Engine| {
        let found = container::find(engine(engine_name), name).ok().filter(|found| found.name == name);
        found.and_then(|found| written(engine_name, &found))
    };
    Engine::ALL.into_iter().filter_map(of).collect()
}

fn failed(wanted: &Container, error: ContainerError) -> BackendError {
    let Container { engine, name } = wanted;
    let title = engine.title();
    let hint = match &error {
        ContainerError::NotRunning { name, .. } => Some(format!("start it: {engine} start {name}")),
        ContainerError::NoSuch { running, .. } if running.is_empty() => {
            Some(format!("no container of {title} is running: {engine} ps --all lists what there is"))
        }
        ContainerError::NoSuch { running, .. } => Some(format!("these are running: {}", running.join(", "))),
        ContainerError::Ambiguous { .. } => Some("name the one that is meant".to_owned()),
        ContainerError::Absent { .. } => Some(format!(
            "start {title}, or say where it is ({}); pid:PID reaches any process",
            match engine {
                Engine::Docker => "DOCKER_HOST=unix:///PATH",
                Engine::Podman => "CONTAINER_HOST=unix:///PATH, CONTAINERS_STORAGE_CONF=FILE",
            }
        )),
        ContainerError::Elsewhere { variable, .. } => {
            Some(format!("its containers are on another host; for those of this one: unset {variable}"))
        }
        ContainerError::Refused { .. } | ContainerError::Senseless { .. } | ContainerError::Unreadable { .. } => None,
    };
    let fault = if error.is_denied() { Fault::Denied } else { Fault::Refused };
    // What is denied has a hint of its own.
    let hint = hint.filter(|_| fault != Fault::Denied);
    BackendError { what: format!("cannot reach container {name}"), fault, hint, source: Some(error.into()) }
}
