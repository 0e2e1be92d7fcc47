//! A reader of pcapng files that takes nothing for granted, written from the draft and not from our writer.

/// A block: its type and its body.
pub type Block = (u32, Vec<u8>);

/// What a file holds.
#[derive(Debug, Default)]
pub struct File {
    pub interfaces: Vec<Interface>,
    pub packets: Vec<Packet>,
    /// Of each statistics block: the interface, `isb_ifrecv`, `isb_ifdrop` and `isb_usrdeliv`.
    pub statistics: Vec<(u32, u64, u64, u64)>,
}

#[derive(Debug)]
pub struct Interface {
    pub link: u16,
    pub snaplen: u32,
    pub name: String,
    pub description: String,
    pub tsresol: u8,
    pub filter: Option<String>,
}

#[derive(Debug)]
pub struct Packet {
    pub interface: usize,
    /// Nanoseconds since 1970.
    pub time: u64,
    pub length: u32,
    pub bytes: Vec<u8>,
    /// `epb_flags`.
    pub flags: u32,
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn long(bytes: &[u8]) -> u64 {
    u64::from_ne_bytes(bytes[..8].try_into().unwrap())
}

/// The blocks of a file, each with its length at both ends.
pub fn blocks(bytes: &[u8]) -> Vec<Block> {
    let (mut at, mut blocks) = (0, Vec::new());
    while at < bytes.len() {
        let length = number(bytes, at + 4) as usize;
        assert_eq!(length % 4, 0);
        assert_eq!(number(bytes, at + length - 4) as usize, length, "the length stands at both ends");
        blocks.push((number(bytes, at), bytes[at + 8..at + length - 4].to_vec()));
        at += length;
    }
    assert_eq!(at, bytes.len(), "the last block is whole");
    blocks
}

/// How many packets are in a file, of which the last block may be there in part, while it is written.
pub fn packets(bytes: &[u8]) -> usize {
    let (mut at, mut packets) = (0, 0);
    while at + 8 <= bytes.len() && at + number(bytes, at + 4) as usize <= bytes.len() {
        packets += usize::from(number(bytes, at) == 6);
        at += number(bytes, at + 4) as usize;
    }
    packets
}

/// The options in `bytes`, by code.
fn options(mut bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut options = Vec::new();
    loop {
        let code = u16::from_ne_bytes(bytes[..2].try_into().unwrap());
        let length = usize::from(u16::from_ne_bytes(bytes[2..4].try_into().unwrap()));
        if code == 0 {
            assert_eq!(bytes.len(), 4, "opt_endofopt is the last one");
            return options;
        }
        options.push((code, bytes[4..4 + length].to_vec()));
        bytes = &bytes[4 + length.next_multiple_of(4)..];
    }
}

fn option(options: &[(u16, Vec<u8>)], wanted: u16) -> Option<&[u8]> {
    options.iter().find(|(code, _)| *code == wanted).map(|(_, value)| value.as_slice())
}

impl File {
    pub fn read(path: &str) -> File {
        let mut file = File::default();
        let blocks = blocks(&std::fs::read(path).unwrap());
        assert_eq!(blocks[0].0, 0x0a0d_0d0a, "a file begins with a section");
        assert_eq!(number(&blocks[0].1, 0), 0x1a2b_3c4d);
        for (kind, body) in &blocks[1..] {
            match kind {
                1 => file.interfaces.push(interface(body)),
                5 => file.statistics.push(statistics(body)),
                6 => file.packets.push(packet(body)),
                kind => panic!("block of type {kind:#x}"),
            }
        }
        assert!(file.packets.iter().all(|packet| packet.interface < file.interfaces.len()));
        file
    }

    /// How many packets there are of each interface, by name.
    pub fn counts(&self) -> Vec<(&str, usize)> {
        let count = |number| self.packets.iter().filter(|packet| packet.interface == number).count();
        self.interfaces.iter().enumerate().map(|(number, interface)| (interface.name.as_str(), count(number))).collect()
    }
}

fn interface(body: &[u8]) -> Interface {
    let options = options(&body[8..]);
    let text = |code| String::from_utf8(option(&options, code).unwrap().to_vec()).unwrap();
    Interface {
        link: u16::from_ne_bytes(body[..2].try_into().unwrap()),
        snaplen: number(body, 4),
        name: text(2),
        description: text(3),
        tsresol: option(&options, 9).unwrap()[0],
        filter: option(&options, 11).map(|value| String::from_utf8(value[1..].to_vec()).unwrap()),
    }
}

fn statistics(body: &[u8]) -> (u32, u64, u64, u64) {
    let options = options(&body[12..]);
    let count = |code| long(option(&options, code).unwrap());
    (number(body, 0), count(4), count(5), count(8))
}

fn packet(body: &[u8]) -> Packet {
    let captured = number(body, 12) as usize;
    let options = options(&body[20 + captured.next_multiple_of(4)..]);
    Packet {
        interface: number(body, 0) as usize,
        time: u64::from(number(body, 4)) << 32 | u64::from(number(body, 8)),
        length: number(body, 16),
        bytes: body[20..20 + captured].to_vec(),
        flags: number(option(&options, 2).unwrap(), 0),
    }
}
