//! A pcapng file that is valid at any moment but the one in which a block is being written.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};

use super::clock;
use super::packet::Packet;
use super::pcapng::{self, Counters, Interface};
use super::run::Sink;

/// How many bytes are kept before they are written.
const KEPT: usize = 256 * 1024;

/// Packets as blocks of a pcapng file.
#[derive(Debug)]
pub struct Capture {
    file: File,
    /// Whole blocks that are not written yet.
    blocks: Vec<u8>,
    begin: u64,
    /// Packets that could not be written.
    lost: u64,
}

impl Capture {
    /// Begins to write into `file`, which `application` makes; packets refer to `interfaces` by their places.
    pub fn new(file: File, application: &str, interfaces: &[Interface]) -> io::Result<Capture> {
        let mut blocks = Vec::with_capacity(KEPT + 0x10000);
        pcapng::section(&mut blocks, application);
        interfaces.iter().for_each(|interface| pcapng::interface(&mut blocks, interface));
        let mut capture = Capture { file, blocks, begin: clock::now(), lost: 0 };
        capture.write()?;
        Ok(capture)
    }

    /// How many of the packets that it was given are not in the file, since they could not be written.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Writes what is kept. If that fails, the file is cut behind the last block that is in it as a whole.
    fn write(&mut self) -> io::Result<()> {
        let (written, result) = write_all(&mut self.file, &self.blocks);
        if result.is_err() {
            let (whole, packets) = pcapng::whole(&self.blocks[..written]);
            self.lost += pcapng::whole(&self.blocks).1 - packets;
            // Where it cannot be cut, as a pipe cannot, half a block is its end, which readers tell of and pass over.
            let _ = cut(&mut self.file, (written - whole) as u64);
        }
        self.blocks.clear();
        result
    }
}

/// Writes `bytes`, and returns how many are written.
fn write_all(file: &mut File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// Takes the last bytes of `file` away, behind which it is.
fn cut(file: &mut File, bytes: u64) -> io::Result<()> {
    let position = file.stream_position()?;
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.len() == position && bytes > 0 {
        file.set_len(position - bytes)?;
        file.seek(SeekFrom::Start(position - bytes))?;
    }
    Ok(())
}

impl Sink for Capture {
    fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        pcapng::packet(&mut self.blocks, packet);
        if self.blocks.len() >= KEPT { self.write() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write()
    }

    fn finish(&mut self, counters: &[Counters]) -> io::Result<()> {
        self.write()?;
        let now = clock::now();
        for (number, counters) in counters.iter().enumerate() {
            pcapng::statistics(&mut self.blocks, number, counters, self.begin, now);
        }
        self.write()
    }

    fn output(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}
