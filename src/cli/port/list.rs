//! `list-ports` and `port-to-br`.

use clap::Args;
use serde_json::json;

use crate::backend::Scope;
use crate::model::{IfName, Key, Port, Resource, SwitchName};

use super::{device_of, no_port, port_of};
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;

#[derive(Debug, Args)]
pub struct ListPorts {
    /// The switch
    switch: SwitchName,
}

impl ListPorts {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let state = session.observe(Scope::Switch(self.switch.clone())).await?;
        if !state.contains(&Key::Switch { name: self.switch.clone() }) {
            return Err(session.no_switch(&self.switch));
        }
        let names: Vec<String> = state.resources().filter_map(device_of).map(|name| name.to_string()).collect();
        let ports: Vec<&Port> =
            state.resources().filter_map(|r| if let Resource::Port(p) = r { Some(p) } else { None }).collect();
        Ok(Report::new(names.join("\n"), json!({"switch": self.switch, "ports": ports})))
    }
}

#[derive(Debug, Args)]
pub struct PortToBr {
    /// The port: the device on the host
    port: IfName,
}

impl PortToBr {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let key = Key::Port { device: self.port.clone() };
        let state = session.observe(Scope::Keys(vec![key.clone()])).await?;
        match port_of(&state, &key) {
            Some(port) => Ok(Report::new(port.switch.as_str(), json!({"port": self.port, "switch": port.switch}))),
            None => Err(no_port(None, self.port.as_str())),
        }
    }
}
