//! The database file: made where there is none, converted where it is of another schema.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::deadline::Deadline;
use super::programs::Programs;
use super::record::{Holder, holder};
use super::{DaemonError, Layout, Stage, leftovers, tool};

/// Makes the database ready for an ovsdb-server, which must not run yet.
pub(super) fn prepare(layout: &Layout, programs: &Programs, deadline: Deadline) -> Result<(), DaemonError> {
    let (path, lock) = (layout.database(), layout.database_lock());
    match holder(&lock)? {
        Holder::Process(pid) => return Err(DaemonError::DatabaseInUse { path, pid }),
        Holder::Nobody => leftovers::remove(&lock)?,
        Holder::NoFile => {}
    }
    let tool = Tool { programs, deadline };
    if !path.exists() {
        return tool.create(&path);
    }
    if tool.needs_conversion(&path)? { tool.convert(&path) } else { Ok(()) }
}

/// ovsdb-tool(1).
struct Tool<'a> {
    programs: &'a Programs,
    deadline: Deadline,
}

impl Tool<'_> {
    fn run(&self, arguments: &[&str], path: &Path, more: &[&Path]) -> Result<String, DaemonError> {
        let mut command = Command::new(&self.programs.ovsdb_tool);
        command.args(arguments).arg(path).args(more);
        let ended = tool::run(&mut command, Stage::Tool("ovsdb-tool"), self.deadline)?;
        ended.output(format!("ovsdb-tool {} {}", arguments.join(" "), path.display()))
    }

    /// Made under another name, so that a half-made database is never taken for one.
    fn create(&self, path: &Path) -> Result<(), DaemonError> {
        let new = path.with_extension("db.new");
        leftovers::remove(&new)?;
        self.run(&["create"], &new, &[&self.programs.schema])?;
        // ovsdb-tool keeps a lock file for the name that it was given.
        leftovers::remove(&path.with_file_name(".conf.db.new.~lock~"))?;
        fs::rename(&new, path).map_err(|source| DaemonError::file("making", path, source))
    }

    fn needs_conversion(&self, path: &Path) -> Result<bool, DaemonError> {
        Ok(self.run(&["needs-conversion"], path, &[&self.programs.schema])? == "yes")
    }

    /// Converts in place (ovsdb-tool itself writes a copy and renames it), after keeping the old one: columns that the installed schema does
    /// not have are dropped, as when Open vSwitch was downgraded.
    fn convert(&self, path: &Path) -> Result<(), DaemonError> {
        let version = self.run(&["db-version"], path, &[])?;
        let backup = path.with_extension(format!("db.backup-{version}"));
        fs::copy(path, &backup).map_err(|source| DaemonError::file("writing", &backup, source))?;
        self.run(&["convert"], path, &[&self.programs.schema]).map(drop)
    }
}

/// The version of the schema that the database is made with.
pub(super) fn schema_version(programs: &Programs, deadline: Deadline) -> Result<String, DaemonError> {
    Tool { programs, deadline }.run(&["schema-version"], &programs.schema, &[])
}
