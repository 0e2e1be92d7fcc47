//! Which lab is meant, where its file need not be at hand.

use clap::Args;

use crate::cli::failure::Failure;
use crate::lab::Lab;
use crate::model::Owner;

use super::file::LabFile;

#[derive(Debug, Clone, Args)]
pub struct Which {
    #[command(flatten)]
    file: LabFile,
    /// The lab by its name; then its file is not needed
    #[arg(long, value_name = "NAME", conflicts_with = "file", value_parser = lab_name)]
    lab: Option<Owner>,
}

/// A lab's name; `-` is no lab, but all that verbs have made.
pub fn lab_name(text: &str) -> Result<Owner, String> {
    match text.parse() {
        Ok(owner) if owner == Owner::verbs() => {
            Err("`-` is no lab; ovsns teardown takes away what verbs made".to_owned())
        }
        Ok(owner) => Ok(owner),
        Err(error) => Err(error.to_string()),
    }
}

impl Which {
    /// The lab's mark, if one was named by its file or its name.
    pub fn named(&self) -> Result<Option<Owner>, Failure> {
        if self.lab.is_some() || self.file.is_named() { self.owner().map(Some) } else { Ok(None) }
    }

    /// The lab, if its file was named.
    pub fn lab(&self) -> Result<Option<Lab>, Failure> {
        if self.file.is_named() { self.file.read().map(Some) } else { Ok(None) }
    }

    /// The lab's mark.
    pub fn owner(&self) -> Result<Owner, Failure> {
        match &self.lab {
            Some(owner) => Ok(owner.clone()),
            None => Ok(self.file.read()?.owner),
        }
    }
}
