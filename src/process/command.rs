//! The command itself: prepared in a namespace, then either put in this process's place or spawned.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::{ExecError, NETNS_VARIABLE, Target, User};

/// Replaces this process by `argv` inside `target`, as `user` where one is given. Signals and the exit status are then the command's own.
///
/// To be called before any other thread runs: they would end without notice.
///
/// # Errors
///
/// Returns only if the command was not run; [`ExecError::exit_status`] says the status to exit with. The calling thread may by then
/// be inside the namespace: report, and end.
pub fn exec(target: &Target, user: Option<&User>, argv: &[OsString]) -> Result<Infallible, ExecError> {
    let command = prepare(target, user, argv)?;
    replace(command, target, user)
}

/// The command with its environment, not yet in the namespace.
pub(super) fn prepare(target: &Target, user: Option<&User>, argv: &[OsString]) -> Result<Command, ExecError> {
    let (program, arguments) = argv.split_first().ok_or(ExecError::NoCommand)?;
    let mut command = Command::new(program);
    command.args(arguments).env(NETNS_VARIABLE, target.label());
    if let Some(user) = user {
        user.set_environment(&mut command);
    }
    Ok(command)
}

/// Moves the calling thread into the namespace and gives it the user's credentials.
pub(super) fn enter(target: &Target, user: Option<&User>) -> Result<(), ExecError> {
    target.enter()?;
    user.map_or(Ok(()), User::become_user)
}

/// Enters the namespace and executes `command` there, in this process's place.
pub(super) fn replace(mut command: Command, target: &Target, user: Option<&User>) -> Result<Infallible, ExecError> {
    enter(target, user)?;
    let error = command.exec();
    Err(ExecError::exec(&command.get_program().to_owned(), error))
}
