//! Settings of a namespace's network stack: sysctl(8), through the files of proc(5).

use std::{fs, io};

use super::Error;
use super::netns::NetnsFile;

/// The value of the setting in the file at `path` (`/proc/sys/net/…`), in the namespace `netns`, as the file shows it; `None`
/// where there is no such file.
pub fn read(netns: &NetnsFile, path: &str) -> Result<Option<String>, Error> {
    // Which namespace's it is follows from the thread that opens the file.
    netns.inside(|| read_here(path))?
}

/// The same in the namespace of the calling thread.
pub fn read_here(path: &str) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(format!("read {path}"), error)),
    }
}

/// Sets it. ENOENT where there is no such setting, EINVAL where the value is none that it takes, EROFS where `/proc/sys` is
/// mounted for reading only, as in most containers.
pub fn write(netns: &NetnsFile, path: &str, value: &str) -> Result<(), Error> {
    // One write, as proc(5) wants it; never creating a file.
    let set = || {
        fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| io::Write::write_all(&mut file, value.as_bytes()))
    };
    netns.inside(set)?.map_err(|error| Error::io(format!("write `{value}` to {path}"), error))
}
