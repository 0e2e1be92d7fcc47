//! The user that a command runs as, when it shall not be root.

use std::ffi::CString;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use nix::unistd::{self, Gid, Uid, getgrouplist};
use rustix::process as id;
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::ExecError;

/// A user with all groups, looked up before any namespace is entered: in there the directory service of the host may be out of reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    name: String,
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    home: PathBuf,
    shell: PathBuf,
}

impl User {
    /// Looks up `NAME`, `UID`, and either with `:GROUP` or `:GID`, as chroot(1) reads `--userspec`. A UID that no user of the system has
    /// needs a group with it; it gets no supplementary groups, and `/` as its home.
    ///
    /// # Errors
    ///
    /// [`ExecError::Unknown`], [`ExecError::NoGroup`] or [`ExecError::Lookup`].
    pub fn find(spec: &str) -> Result<Self, ExecError> {
        let (user, group) = spec.split_once(':').map_or((spec, None), |(user, group)| (user, Some(group)));
        let gid = group.map(find_group).transpose()?;
        match (find_entry(user)?, number(user)) {
            (Some(entry), _) => Self::from_entry(entry, gid),
            (None, Some(uid)) => Self::unlisted(uid, gid.ok_or(ExecError::NoGroup { uid })?),
            (None, None) => Err(ExecError::Unknown { kind: "user", name: user.to_owned() }),
        }
    }

    fn from_entry(entry: unistd::User, gid: Option<Gid>) -> Result<Self, ExecError> {
        let gid = gid.unwrap_or(entry.gid);
        let failed = |source: io::Error| ExecError::Lookup { name: entry.name.clone(), source };
        let name = CString::new(entry.name.as_str()).map_err(|error| failed(error.into()))?;
        let groups = getgrouplist(&name, gid).map_err(|errno| failed(errno.into()))?;
        Ok(Self {
            uid: entry.uid.as_raw(),
            gid: gid.as_raw(),
            groups: groups.into_iter().map(Gid::as_raw).collect(),
            // passwd(5): an empty field means /bin/sh.
            shell: if entry.shell.as_os_str().is_empty() { "/bin/sh".into() } else { entry.shell },
            home: entry.dir,
            name: entry.name,
        })
    }

    fn unlisted(uid: u32, gid: Gid) -> Result<Self, ExecError> {
        let gid = gid.as_raw();
        Ok(Self { name: uid.to_string(), uid, gid, groups: vec![gid], home: "/".into(), shell: "/bin/sh".into() })
    }

    /// The login shell.
    pub(super) fn shell(&self) -> &PathBuf {
        &self.shell
    }

    /// What login(1) sets: `HOME`, `USER`, `LOGNAME`, `SHELL`.
    pub(super) fn set_environment(&self, command: &mut Command) {
        command.env("HOME", &self.home).env("USER", &self.name).env("LOGNAME", &self.name).env("SHELL", &self.shell);
    }

    /// Gives the calling thread this user's credentials: groups first, the uid last, since it takes the right to change the others.
    /// Real, effective and saved ids all change, so that there is no way back.
    pub(super) fn become_user(&self) -> Result<(), ExecError> {
        let groups: Vec<_> = self.groups.iter().map(|&gid| id::Gid::from_raw(gid)).collect();
        let (uid, gid) = (id::Uid::from_raw(self.uid), id::Gid::from_raw(self.gid));
        set_thread_groups(&groups).map_err(|error| self.refused("CAP_SETGID", error))?;
        set_thread_res_gid(gid, gid, gid).map_err(|error| self.refused("CAP_SETGID", error))?;
        set_thread_res_uid(uid, uid, uid).map_err(|error| self.refused("CAP_SETUID", error))
    }

    fn refused(&self, capability: &'static str, error: rustix::io::Errno) -> ExecError {
        let errno = nix::errno::Errno::from_raw(error.raw_os_error());
        ExecError::call(format!("running as user {}", self.name), capability, errno)
    }
}

/// The entry of a user given by name or, where no user has that name, by UID.
fn find_entry(user: &str) -> Result<Option<unistd::User>, ExecError> {
    let failed = |errno: nix::errno::Errno| ExecError::Lookup { name: user.to_owned(), source: errno.into() };
    if user.is_empty() {
        return Ok(None);
    }
    let entry = unistd::User::from_name(user).map_err(failed)?;
    match (entry, number(user)) {
        (None, Some(uid)) => unistd::User::from_uid(Uid::from_raw(uid)).map_err(failed),
        (entry, _) => Ok(entry),
    }
}

/// The GID of a group given by name or by number.
fn find_group(group: &str) -> Result<Gid, ExecError> {
    let failed = |errno: nix::errno::Errno| ExecError::Lookup { name: group.to_owned(), source: errno.into() };
    match (unistd::Group::from_name(group).map_err(failed)?, number(group)) {
        (Some(entry), _) => Ok(entry.gid),
        (None, Some(gid)) => Ok(Gid::from_raw(gid)),
        (None, None) => Err(ExecError::Unknown { kind: "group", name: group.to_owned() }),
    }
}

/// A UID or GID. The highest number is none: setresuid(2) takes it as "leave as it is", which would keep root.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|&id| id != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_and_by_uid() {
        let by_name = User::find("daemon").unwrap();
        assert_eq!(by_name, User::find(&by_name.uid.to_string()).unwrap());
        assert_eq!((by_name.uid, by_name.gid, by_name.groups.as_slice()), (1, 1, [1].as_slice()));
    }

    #[test]
    fn the_group_after_the_colon_replaces_the_users_own() {
        let user = User::find("daemon:7777").unwrap();
        assert_eq!((user.uid, user.gid, user.groups.as_slice()), (1, 7777, [7777].as_slice()));
        assert_eq!(User::find("daemon:root").unwrap().gid, 0);
    }

    #[test]
    fn an_unlisted_uid_needs_a_group() {
        assert!(matches!(User::find("54321"), Err(ExecError::NoGroup { uid: 54321 })));
        let user = User::find("54321:54322").unwrap();
        assert_eq!((user.uid, user.gid, user.groups.as_slice()), (54321, 54322, [54322].as_slice()));
    }

    #[test]
    fn a_bad_user_or_group_is_named() {
        assert_eq!(User::find("no-such-user").unwrap_err().to_string(), "no user \"no-such-user\" on this system");
        assert_eq!(User::find("").unwrap_err().to_string(), "no user \"\" on this system");
        assert_eq!(
            User::find("root:no-such-group").unwrap_err().to_string(),
            "no group \"no-such-group\" on this system"
        );
        assert!(matches!(User::find("-1"), Err(ExecError::Unknown { .. })));
    }

    #[test]
    fn minus_one_is_no_id() {
        assert!(matches!(User::find("4294967295:0"), Err(ExecError::Unknown { kind: "user", .. })));
        assert!(matches!(User::find("root:4294967295"), Err(ExecError::Unknown { kind: "group", .. })));
    }
}
