//! The API that Docker has, and that Podman speaks too: what of it tells of containers
//! (<https://docs.docker.com/reference/api/engine/>, `GET /containers/json` and `GET /containers/{id}/json`).

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::http;
use super::{Container, Engine, Error, Tried};

/// An engine behind its socket.
pub struct Api {
    engine: Engine,
    socket: PathBuf,
}

/// Why a question was not answered.
pub enum ApiError {
    /// Nobody listens, or answers.
    Silent(io::Error),
    /// It was answered, by what is no answer to it.
    Answered(Error),
}

/// Asks at the first of `sockets` that answers. `Err` where one answers with an error; `Ok(Err)` where none answers.
pub fn first_answer<T>(
    engine: Engine,
    sockets: &[PathBuf],
    question: impl Fn(&Api) -> Result<T, ApiError>,
) -> Result<Result<T, Vec<Tried>>, Error> {
    let mut tried = Vec::new();
    for socket in sockets {
        match question(&Api { engine, socket: socket.clone() }) {
            Ok(answer) => return Ok(Ok(answer)),
            Err(ApiError::Answered(error)) => return Err(error),
            Err(ApiError::Silent(why)) => tried.push(Tried { path: socket.clone(), why }),
        }
    }
    Ok(Err(tried))
}

impl Api {
    /// The container of this name, id, or unique start of an id, whatever its state.
    pub fn find(&self, name: &str) -> Result<Option<Container>, ApiError> {
        let target = format!("/containers/{}/json", escaped(name));
        match self.get(&target)? {
            None => Ok(None),
            Some(answer) => self.container(&answer).map(Some).ok_or_else(|| self.senseless(&target)),
        }
    }

    /// The running containers, the oldest first.
    pub fn running(&self) -> Result<Vec<Container>, ApiError> {
        let target = "/containers/json";
        let answer = self.get(target)?;
        let mut listed: Vec<Value> = answer.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
        // Docker lists the newest first, and says when in whole seconds.
        listed.reverse();
        listed.sort_by_key(|container| container["Created"].as_i64());
        let mut containers = Vec::with_capacity(listed.len());
        for container in &listed {
            let id = container["Id"].as_str().ok_or_else(|| self.senseless(target))?;
            // The list has no process ids. One that has gone meanwhile is none.
            containers.extend(self.find(id)?);
        }
        Ok(containers)
    }

    /// What an inspection tells.
    fn container(&self, answer: &Value) -> Option<Container> {
        let state = &answer["State"];
        let pid = state["Pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
        Some(Container {
            engine: self.engine,
            id: answer["Id"].as_str()?.to_owned(),
            name: answer["Name"].as_str()?.trim_start_matches('/').to_owned(),
            state: state["Status"].as_str()?.to_owned(),
            pid: pid.filter(|pid| *pid > 0 && state["Running"] == true),
        })
    }

    /// The document at `target`; `None` where there is none.
    fn get(&self, target: &str) -> Result<Option<Value>, ApiError> {
        let answer = http::get(&self.socket, target).map_err(ApiError::Silent)?;
        let document = serde_json::from_slice::<Value>(&answer.body);
        match (answer.status, document) {
            (404, _) => Ok(None),
            (200, Ok(document)) => Ok(Some(document)),
            (200, Err(error)) => Err(self.senseless_since(target, error)),
            (status, document) => {
                let message = document.ok().and_then(|document| document["message"].as_str().map(str::to_owned));
                let message = message.unwrap_or_else(|| "nothing that we understand".to_owned());
                Err(ApiError::Answered(Error::Refused { engine: self.engine, status, message }))
            }
        }
    }

    fn senseless(&self, target: &str) -> ApiError {
        self.senseless_since(target, "a field is missing")
    }

    fn senseless_since(&self, target: &str, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ApiError {
        let what = format!("the answer of {} to GET {target} at {}", self.engine, self.socket.display());
        ApiError::Answered(Error::Senseless { what, source: why.into() })
    }
}

/// The socket that `address` (`unix:///run/docker.sock`) names; `None` for those of other hosts.
pub fn unix_socket(address: &str) -> Option<PathBuf> {
    address.strip_prefix("unix://").filter(|path| !path.is_empty()).map(|path| Path::new(path).to_owned())
}

/// The sockets that `variable` names, or `usual` ones.
pub fn sockets(engine: Engine, variable: &'static str, usual: &[&str]) -> Result<Vec<PathBuf>, Error> {
    match std::env::var(variable) {
        Ok(address) if !address.is_empty() => match unix_socket(&address) {
            Some(socket) => Ok(vec![socket]),
            None => Err(Error::Elsewhere { engine, variable, address }),
        },
        _ => Ok(usual.iter().map(PathBuf::from).collect()),
    }
}

/// A name as a part of a path (RFC 3986 section 2.1).
fn escaped(name: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_one_part_of_the_path() {
        assert_eq!(escaped("web-1_a.b"), "web-1_a.b");
        assert_eq!(escaped("../images?x"), "..%2Fimages%3Fx");
    }

    #[test]
    fn sockets_of_other_hosts_are_none() {
        assert_eq!(unix_socket("unix:///run/docker.sock"), Some("/run/docker.sock".into()));
        for elsewhere in ["tcp://10.0.0.1:2375", "ssh://host", "unix://", "/run/docker.sock"] {
            assert_eq!(unix_socket(elsewhere), None, "{elsewhere}");
        }
    }
}
