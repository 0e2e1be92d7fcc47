//! TCP (RFC 9293).

use etherparse::TcpSlice;

/// `length` is that of header and data.
pub(super) fn words(tcp: &TcpSlice<'_>, length: usize) -> String {
    let data = length.saturating_sub(tcp.header_len());
    let mut words = format!("Flags [{}]", flags(tcp));
    let sequence = tcp.sequence_number();
    if data > 0 {
        words.push_str(&format!(", seq {sequence}:{}", sequence.wrapping_add(data as u32)));
    } else if tcp.syn() || tcp.fin() || tcp.rst() {
        words.push_str(&format!(", seq {sequence}"));
    }
    if tcp.ack() {
        words.push_str(&format!(", ack {}", tcp.acknowledgment_number()));
    }
    words.push_str(&format!(", win {}", tcp.window_size()));
    if tcp.urg() {
        words.push_str(&format!(", urg {}", tcp.urgent_pointer()));
    }
    if !tcp.options().is_empty() {
        words.push_str(&format!(", options [{}]", options(tcp.options())));
    }
    format!("{words}, length {data}")
}

fn flags(tcp: &TcpSlice<'_>) -> String {
    let all = [
        (tcp.fin(), 'F'),
        (tcp.syn(), 'S'),
        (tcp.rst(), 'R'),
        (tcp.psh(), 'P'),
        (tcp.ack(), '.'),
        (tcp.urg(), 'U'),
        (tcp.ece(), 'E'),
        (tcp.cwr(), 'W'),
    ];
    let set: String = all.into_iter().filter(|(is_set, _)| *is_set).map(|(_, letter)| letter).collect();
    if set.is_empty() { "none".to_owned() } else { set }
}

/// RFC 9293 section 3.1, RFC 7323, RFC 2018.
fn options(mut bytes: &[u8]) -> String {
    let mut words = Vec::new();
    while let [kind, rest @ ..] = bytes {
        match kind {
            0 => {
                words.push("eol".to_owned());
                break;
            }
            1 => {
                words.push("nop".to_owned());
                bytes = rest;
            }
            kind => {
                let length = rest.first().map_or(0, |length| usize::from(*length));
                let Some(value) = bytes.get(2..length) else {
                    words.push("[bad opt]".to_owned());
                    break;
                };
                words.push(option(*kind, value));
                bytes = &bytes[length..];
            }
        }
    }
    words.join(",")
}

fn option(kind: u8, value: &[u8]) -> String {
    let numbers = |bytes: &[u8]| -> Vec<u32> {
        bytes.chunks_exact(4).filter_map(|chunk| chunk.try_into().ok()).map(u32::from_be_bytes).collect()
    };
    match (kind, value) {
        (2, [high, low]) => format!("mss {}", u16::from_be_bytes([*high, *low])),
        (3, [shift]) => format!("wscale {shift}"),
        (4, []) => "sackOK".to_owned(),
        (5, value) => {
            let pairs: Vec<String> =
                numbers(value).chunks_exact(2).map(|pair| format!("{{{}:{}}}", pair[0], pair[1])).collect();
            format!("sack {} {}", pairs.len(), pairs.join(""))
        }
        (8, value) if value.len() == 8 => {
            let numbers = numbers(value);
            format!("TS val {} ecr {}", numbers[0], numbers[1])
        }
        (kind, []) => format!("unknown-{kind}"),
        (kind, value) => {
            let value: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("unknown-{kind} 0x{value}")
        }
    }
}
