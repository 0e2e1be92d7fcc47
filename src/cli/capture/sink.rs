//! Where packets go.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;

use serde_json::{Value, json};

use crate::capture::{Capture, Class, Counters, Lines, Packet, Sink, line};

/// One of the ways to put packets out.
pub enum Output {
    /// A pcapng file.
    File(Capture),
    /// A line each.
    Lines(Lines<File>),
    /// A document, at the end.
    Document(Document),
}

impl Output {
    /// How many packets were taken and could not be put out.
    pub fn lost(&self) -> u64 {
        match self {
            Output::File(capture) => capture.lost(),
            Output::Lines(_) | Output::Document(_) => 0,
        }
    }

    fn sink(&mut self) -> &mut dyn Sink {
        match self {
            Output::File(capture) => capture,
            Output::Lines(lines) => lines,
            Output::Document(document) => document,
        }
    }
}

impl Sink for Output {
    fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        self.sink().packet(packet)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink().flush()
    }

    fn finish(&mut self, counters: &[Counters]) -> io::Result<()> {
        self.sink().finish(counters)
    }

    fn output(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Output::File(capture) => capture.output(),
            Output::Lines(lines) => lines.output(),
            Output::Document(_) => None,
        }
    }
}

/// Packets as elements of a JSON list.
pub struct Document {
    names: Vec<String>,
    packets: Vec<Value>,
}

impl Document {
    pub fn new(names: Vec<String>) -> Document {
        Document { names, packets: Vec::new() }
    }

    pub fn into_json(self) -> Value {
        Value::Array(self.packets)
    }
}

impl Sink for Document {
    fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let mut bytes = Vec::new();
        packet.append_to(&mut bytes);
        self.packets.push(json!({
            // Seconds as a number would not hold the nanoseconds.
            "time": format!("{}.{:09}", packet.time / 1_000_000_000, packet.time % 1_000_000_000),
            "device": self.names.get(packet.device),
            "direction": if packet.class == Class::Outgoing { "out" } else { "in" },
            "length": packet.length,
            "captured": bytes.len(),
            "summary": line(packet.link, packet.length, &bytes),
        }));
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: &[Counters]) -> io::Result<()> {
        Ok(())
    }

    fn output(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
