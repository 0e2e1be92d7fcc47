//! A change that goes back by itself unless somebody who can still reach the host says that it may stay.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::journal::{make_directory, netns_id};
use super::{EngineError, JournalError};

/// What is said over the socket.
const STAYS: &[u8] = b"stay";
const GOES_BACK: &[u8] = b"back";

/// Where a run waits to be told that its change may stay: a socket beside the journal. The run holds the lock meanwhile, and
/// its journal stays: if it is killed, the next run takes the change back.
#[derive(Debug)]
pub struct Confirmation {
    listener: UnixListener,
    path: PathBuf,
    within: Duration,
}

/// What became of a request to [`Confirmation::tell`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The run that waits was told.
    Heard,
    /// No run waits.
    NobodyWaits,
}

impl Confirmation {
    /// Waits at the socket in `directory`, for `within` from the moment at which the change is in effect.
    pub(super) fn open(directory: &Path, within: Duration) -> Result<Confirmation, EngineError> {
        make_directory(directory)?;
        let path = path(directory);
        let failed = |source| JournalError::Io { path: path.clone(), source };
        let listener = UnixListener::bind(&path).map_err(failed)?;
        Ok(Confirmation { listener, path, within })
    }

    /// Takes away what a run that was killed while it waited has left. Whoever calls it holds the lock: nobody waits.
    pub(super) fn discard(directory: &Path) -> Result<(), JournalError> {
        let path = path(directory);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(JournalError::Io { path, source }),
            _ => Ok(()),
        }
    }

    /// Returns once somebody has said that the change may stay; the answer goes to them when the returned stream is written to.
    pub(super) async fn wait(&self) -> Result<UnixStream, EngineError> {
        match tokio::time::timeout(self.within, self.heard()).await {
            Ok(Some(stream)) => Ok(stream),
            Ok(None) => Err(EngineError::SentBack),
            Err(_) => Err(EngineError::NotConfirmed { within: self.within }),
        }
    }

    /// Who says that it may stay; `None` where it is to go back.
    async fn heard(&self) -> Option<UnixStream> {
        loop {
            let Ok((mut stream, _)) = self.listener.accept().await else { continue };
            let mut word = [0; 4];
            match stream.read_exact(&mut word).await {
                Ok(_) if word == STAYS => return Some(stream),
                Ok(_) if word == GOES_BACK => return None,
                // Somebody who has nothing to say.
                _ => {}
            }
        }
    }

    /// Tells the run that waits in `directory`, if one does, whether its change may stay, and waits until it has done so.
    pub async fn tell(directory: &Path, stays: bool) -> io::Result<Told> {
        let mut stream = match UnixStream::connect(path(directory)).await {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(Told::NobodyWaits);
            }
            Err(error) => return Err(error),
        };
        stream.write_all(if stays { STAYS } else { GOES_BACK }).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(Told::Heard)
    }
}

impl Drop for Confirmation {
    fn drop(&mut self) {
        // What stays is taken away by the next run.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join(format!("confirm-{}.sock", netns_id()))
}
