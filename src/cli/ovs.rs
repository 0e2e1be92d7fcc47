//! `ovs start`, `ovs stop`, `ovs status`.

use clap::Args;

use super::failure::Failure;
use super::global::Global;
use super::output::{Output, Report};

#[derive(Debug, Args)]
pub struct Ovs {}

impl Ovs {
    pub async fn run(&self, _global: &Global, _output: &Output) -> Result<Report, Failure> {
        Err(Failure::new("not there yet"))
    }
}
