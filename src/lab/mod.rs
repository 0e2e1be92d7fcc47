//! The user's file, as what should be on the host: read, checked as a whole, expanded.
//!
//! ```text
//! text ──yaml, toml──▶ tree ──vars──▶ tree ──shape, fields──▶ tree ──build──▶ Lab ──state──▶ State
//! ```
//!
//! What is wrong is told all at once, each mistake with its place (see [`Mistakes`]). Nothing here asks the system.

mod build;
mod count;
mod export;
mod fields;
mod format;
mod mistake;
mod names;
mod parts;
mod schema;
mod shape;
mod source;
mod state;
mod text;
mod toml;
mod topology;
mod tree;
mod trunk;
mod vars;
mod write;
mod yaml;

use std::collections::BTreeMap;

pub use export::{Export, export};
pub use format::format;
pub use mistake::{Mistake, Mistakes};
pub use parts::{
    Command, Expectation, Expected, Inside, Lab, LabBond, LabLink, LabMirror, LabNat, LabPort, LabQos, LabSwitch,
    LabTunnel, LabVlan, LinkEnd, Namespace, Partner, Policed, Program, Restart, Stp, Trunk, TrunkEnd, Uplink, Worse,
};
pub use schema::schema;
pub use source::{Format, Source, Span};
pub use state::Facts;
pub use topology::{TOPOLOGIES, topology};
pub use write::write;

use mistake::{Found, Wrong};
use vars::Given;

/// The longest file that is read, in bytes.
pub const FILE_MAX: usize = 4 << 20;

/// Reads a lab. `vars` are the variables of the command line; `env` tells those of the environment.
///
/// # Errors
///
/// Everything that is wrong with the file.
pub fn read(
    source: &Source,
    format: Format,
    vars: &BTreeMap<String, String>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Lab, Mistakes> {
    let mut found = Found::default();
    let lab = read_into(source, format, &Given { set: vars, env }, &mut found);
    match lab {
        Some(lab) if found.is_empty() => Ok(lab),
        _ => Err(found.into_mistakes(source)),
    }
}

fn read_into(source: &Source, format: Format, given: &Given<'_>, found: &mut Found) -> Option<Lab> {
    if source.text.len() > FILE_MAX {
        let wrong = Wrong::new(format!("the file has {} bytes; at most {FILE_MAX} are read", source.text.len()));
        found.add(&(0..0), wrong.hint("for many namespaces alike take a range: `h[1-1000]`"));
        return None;
    }
    let mut root = match format {
        Format::Yaml => yaml::parse(&source.text, found),
        Format::Toml => toml::parse(&source.text, found),
    }?;
    vars::replace(&mut root, given, found);
    shape::check(&root, &shape::Shape::Object(&fields::LAB), found);
    build::lab(&root, found)
}
