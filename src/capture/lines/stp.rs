//! Spanning tree (IEEE 802.1D clause 9).

use super::mac;

/// What the LLC frame `bytes` says, if it is of the spanning tree protocol.
pub(super) fn line(bytes: &[u8]) -> Option<String> {
    // DSAP, SSAP and control of bridges; protocol identifier 0.
    let bpdu = bytes.strip_prefix(&[0x42, 0x42, 0x03, 0, 0])?;
    let (version, kind) = (*bpdu.first()?, *bpdu.get(1)?);
    Some(match (version, kind) {
        (0, 0x80) => "STP 802.1d, Topology Change".to_owned(),
        (0, 0) => format!("STP 802.1d, Config, Flags [{}], {}, length {}", flags(*bpdu.get(2)?), root(bpdu)?, 35),
        (2, 2) => format!("STP 802.1w, Rapid STP, {}, length {}", root(bpdu)?, 36),
        _ => format!("STP version {version}, type {kind}"),
    })
}

fn flags(byte: u8) -> &'static str {
    match byte & 0x81 {
        0 => "none",
        1 => "Topology change",
        0x80 => "Topology change ACK",
        _ => "Topology change, Topology change ACK",
    }
}

/// The bridge that speaks, and its port.
fn root(bpdu: &[u8]) -> Option<String> {
    let (bridge, port) = (bpdu.get(15..23)?, bpdu.get(23..25)?);
    Some(format!("bridge-id {:02x}{:02x}.{}.{:02x}{:02x}", bridge[0], bridge[1], mac(&bridge[2..]), port[0], port[1]))
}
