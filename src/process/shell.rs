//! An interactive shell inside a namespace, with the namespace's name in its prompt.

use std::convert::Infallible;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{self, Uid};

use super::command::{prepare, replace};
use super::{ExecError, Target, User};

/// Prompts name the variable, not its value: a namespace may have `$(…)` in its name, and shells expand a prompt once, not twice.
const SH_PROMPT: &str = "[$OVSNS_NETNS] \\$ ";
/// zsh expands `%` and, without PROMPT_SUBST, no parameters; see `zsh_prompt`.
const ZSH_REST: &str = "%m%# ";
/// fish: keep the user's prompt, and put the namespace before it.
const FISH_PROMPT: &str = "functions --copy fish_prompt ovsns_fish_prompt; \
    function fish_prompt; echo -n \"[$OVSNS_NETNS] \"; ovsns_fish_prompt; end";

/// Replaces this process by an interactive shell inside `target`: with `user` that user's login shell, else `$SHELL`, the login shell of the
/// caller, `/bin/sh`.
///
/// The prompt shows the namespace: bash and fish keep the user's own prompt behind it; sh, dash, ksh and zsh take ours from the environment
/// unless a start-up file sets another. To be called before any other thread runs.
///
/// # Errors
///
/// Returns only if the shell was not run, as [`super::exec`] does.
pub fn shell(target: &Target, user: Option<&User>) -> Result<Infallible, ExecError> {
    let shell = choose(user);
    let mut command = prepare(target, user, &[OsString::from(&shell)])?;
    // Lives until the shell has replaced us, which inherits it.
    let _start_up = decorate(&mut command, &shell, target)
        .map_err(|source| ExecError::Enter { action: "preparing the shell's prompt".to_owned(), source })?;
    replace(command, target, user)
}

fn choose(user: Option<&User>) -> PathBuf {
    let from_environment = || env::var_os("SHELL").filter(|shell| !shell.is_empty()).map(PathBuf::from);
    let from_passwd = || unistd::User::from_uid(Uid::current()).ok().flatten().map(|entry| entry.shell);
    let found = match user {
        Some(user) => Some(user.shell().clone()),
        None => from_environment().or_else(from_passwd),
    };
    found.filter(|shell| !shell.as_os_str().is_empty()).unwrap_or_else(|| "/bin/sh".into())
}

/// Makes the shell show the namespace in its prompt, each kind in its own way. The file returned must be open when the shell starts.
fn decorate(command: &mut Command, shell: &Path, target: &Target) -> io::Result<Option<File>> {
    match shell.file_name().and_then(OsStr::to_str) {
        Some("bash" | "rbash") => {
            let start_up = bash_start_up()?;
            command.arg("--rcfile").arg(format!("/proc/self/fd/{}", start_up.as_raw_fd()));
            return Ok(Some(start_up));
        }
        Some("zsh") => command.env("PS1", zsh_prompt(target.label())),
        Some("fish") => command.args(["--init-command", FISH_PROMPT]),
        _ => command.env("PS1", SH_PROMPT),
    };
    Ok(None)
}

/// A start-up file in memory for bash, inherited by it under the same number. bash reads /etc/bash.bashrc, where its build has one, by itself
/// before it; the file closes its own descriptor, so that no command inherits it.
fn bash_start_up() -> io::Result<File> {
    let descriptor: OwnedFd = memfd_create("ovsns-bashrc", MFdFlags::empty())?;
    let mut file = File::from(descriptor);
    let text = bash_text(file.as_raw_fd());
    file.write_all(text.as_bytes())?;
    Ok(file)
}

fn bash_text(descriptor: i32) -> String {
    format!("exec {descriptor}<&-\n[ -r ~/.bashrc ] && . ~/.bashrc\nPS1='[$OVSNS_NETNS] '\"$PS1\"\n")
}

fn zsh_prompt(label: &str) -> String {
    format!("[{}] {ZSH_REST}", label.replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decorated(shell: &str) -> Command {
        let mut command = Command::new(shell);
        decorate(&mut command, Path::new(shell), &Target::named("100%")).unwrap();
        command
    }

    fn prompt(command: &Command) -> Option<&OsStr> {
        command.get_envs().find(|(name, _)| *name == "PS1").and_then(|(_, value)| value)
    }

    #[test]
    fn each_kind_of_shell_is_told_in_its_own_way() {
        assert_eq!(decorated("/bin/bash").get_args().next(), Some(OsStr::new("--rcfile")));
        assert_eq!(decorated("/usr/bin/fish").get_args().next(), Some(OsStr::new("--init-command")));
        assert_eq!(prompt(&decorated("/bin/zsh")), Some(OsStr::new("[100%%] %m%# ")));
        assert_eq!(prompt(&decorated("/bin/dash")), Some(OsStr::new(SH_PROMPT)));
    }

    #[test]
    fn a_user_gets_the_users_own_shell() {
        assert_eq!(choose(Some(&User::find("54321:1").unwrap())), Path::new("/bin/sh"));
    }
}
