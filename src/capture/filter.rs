//! Filters: programs of the classic packet filter, which tcpdump compiles.
//!
//! The kernel takes the VLAN tag of a packet that comes in out of it before any filter looks. tcpdump knows that, and looks at
//! the tag where the kernel keeps it too, but only if it compiles for a device that it can open (libpcap,
//! `gen_vlan_bpf_extensions`). So programs for Ethernet are compiled for `lo`, which every namespace has: what a filter means
//! here is what it means to `tcpdump -i`.

use std::io;
use std::process::{Command, Stdio};

use super::error::Error;
use super::packet::LinkType;

/// One instruction, in the words of linux/filter.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// The operation.
    pub code: u16,
    /// How many instructions to skip if a jump's condition holds.
    pub jt: u8,
    /// How many if it does not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

/// `BPF_RET | BPF_K`: ends with how many bytes of the packet are wanted, none for none of it.
const RETURN: u16 = 0x06;

/// A program that says of each packet how many bytes of it are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program(Vec<Instruction>);

impl Program {
    /// Takes `bytes` of every packet.
    pub fn everything(bytes: u32) -> Program {
        Program(vec![Instruction { code: RETURN, jt: 0, jf: 0, k: bytes }])
    }

    /// Takes no packet.
    pub fn nothing() -> Program {
        Program::everything(0)
    }

    /// Its instructions.
    pub fn instructions(&self) -> &[Instruction] {
        &self.0
    }

    /// Lets tcpdump, in the calling thread's network namespace, compile `expression` for packets of type `link`, of which
    /// `snaplen` bytes are wanted.
    pub fn compile(expression: &str, link: LinkType, snaplen: u32) -> Result<Program, Error> {
        let mut tcpdump = Command::new("tcpdump");
        if link == LinkType::Ethernet {
            tcpdump.args(["-i", "lo"]);
        }
        let snaplen = snaplen.to_string();
        tcpdump.args(["-y", link.name(), "-s", &snaplen, "-dd", "--", expression]);
        let output = tcpdump.stdin(Stdio::null()).output().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::NoTcpdump,
            _ => Error::io("run tcpdump", error),
        })?;
        if output.status.success() {
            return Program::parse(&String::from_utf8_lossy(&output.stdout));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("lo: That device is not up") {
            return Err(Error::LoopbackDown);
        }
        Err(Error::Filter { expression: expression.to_owned(), message: complaint(&said) })
    }

    /// From the lines that `tcpdump -dd` prints: `{ 0x28, 0, 0, 0x0000000c },`, the fields of linux/filter.h's `sock_filter`.
    pub fn parse(text: &str) -> Result<Program, Error> {
        let instruction = |line: &str| instruction(line).ok_or_else(|| Error::Program { line: line.to_owned() });
        let program: Vec<Instruction> = text.lines().map(instruction).collect::<Result<_, _>>()?;
        if program.is_empty() { Err(Error::Program { line: String::new() }) } else { Ok(Program(program)) }
    }
}

fn instruction(line: &str) -> Option<Instruction> {
    let fields = line.trim().strip_prefix('{')?.strip_suffix("},")?;
    let mut fields = fields.split(',').map(|field| number(field.trim()));
    let instruction = Instruction {
        code: fields.next()??.try_into().ok()?,
        jt: fields.next()??.try_into().ok()?,
        jf: fields.next()??.try_into().ok()?,
        k: fields.next()??,
    };
    fields.next().is_none().then_some(instruction)
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// What tcpdump complains of: the lines that say more than for what it compiled.
fn complaint(said: &str) -> String {
    let lines = said.lines().map(|line| line.strip_prefix("tcpdump: ").unwrap_or(line).trim());
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("data link type "));
    lines.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tcpdump_prints_is_read() {
        let text = "{ 0x28, 0, 0, 0x0000000c },\n{ 0x15, 0, 255, 0x00000800 },\n{ 0x6, 0, 0, 0xffffffff },\n";
        let program = Program::parse(text).unwrap();
        let expected = [(0x28, 0, 0, 12), (0x15, 0, 255, 0x800), (6, 0, 0, u32::MAX)];
        assert_eq!(program.0, expected.map(|(code, jt, jf, k)| Instruction { code, jt, jf, k }));
        for bad in ["", "(000) ldh [12]", "{ 0x28, 0, 0 },", "{ 0x28, 0, 256, 0 },", "{ 0x6, 0, 0, 0, 0 },"] {
            assert!(matches!(Program::parse(bad), Err(Error::Program { .. })), "{bad}");
        }
    }

    #[test]
    fn a_complaint_is_what_is_wrong() {
        let said = "tcpdump: data link type EN10MB\ntcpdump: can't parse filter expression: syntax error\n";
        assert_eq!(complaint(said), "can't parse filter expression: syntax error");
    }
}
