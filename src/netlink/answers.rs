//! What the kernel answers to a datagram: data, acknowledgements, refusals with the words of the extended ack.

use netlink_packet_core::{
    DecodeError, DoneMessage, ErrorMessage, NLM_F_ACK_TLVS, NLM_F_DUMP_INTR, NLM_F_MULTIPART, NetlinkBuffer,
    NetlinkDeserializable, NetlinkMessage, NetlinkPayload, NlasIterator,
};
use nix::errno::Errno;

use super::error::Refusal;
use super::socket::Failure;

/// `struct nlmsghdr`, linux/netlink.h.
const HEADER_LEN: usize = 16;
/// `NLMSGERR_ATTR_MSG`, linux/netlink.h.
const EXTENDED_ACK_MESSAGE: u16 = 1;

/// The answers to one datagram, while they come in.
#[derive(Debug)]
pub(super) struct Answers<T> {
    /// The sequence number of the datagram's first message.
    first: u32,
    /// How many messages have no final answer yet.
    left: usize,
    /// Whether the final answer is an acknowledgement, and not a first answer without `NLM_F_MULTI`.
    acked: bool,
    interrupted: bool,
    answers: Vec<T>,
    /// By the number of the message, from 0.
    refusals: Vec<(u32, Refusal)>,
    damage: Option<DecodeError>,
}

impl<T: NetlinkDeserializable> Answers<T> {
    pub fn new(first: u32, left: usize, acked: bool) -> Self {
        Self { first, left, acked, interrupted: false, answers: Vec::new(), refusals: Vec::new(), damage: None }
    }

    /// Takes in one datagram. Fails where it cannot be taken apart.
    pub fn read(&mut self, datagram: &[u8]) -> Result<(), DecodeError> {
        let mut rest = datagram;
        while !rest.is_empty() {
            let buffer = NetlinkBuffer::new_checked(rest)?;
            let (length, flags) = (buffer.length() as usize, buffer.flags());
            // Otherwise an answer to an earlier request, whose reader gave up: its number is behind ours.
            if buffer.sequence_number().wrapping_sub(self.first) < u32::MAX / 2 {
                match NetlinkMessage::deserialize(&rest[..length]) {
                    Ok(message) => self.take(message),
                    Err(error) => self.skip(flags, error),
                }
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(())
    }

    /// Whether every message has its final answer.
    pub fn are_complete(&self) -> bool {
        self.left == 0
    }

    fn take(&mut self, message: NetlinkMessage<T>) {
        let (flags, number) = (message.header.flags, message.header.sequence_number.wrapping_sub(self.first));
        self.interrupted |= flags & NLM_F_DUMP_INTR != 0;
        match message.payload {
            NetlinkPayload::InnerMessage(answer) => {
                self.answers.push(answer);
                self.count(flags);
            }
            NetlinkPayload::Error(error) => self.close(number, refusal(&error, flags)),
            NetlinkPayload::Done(done) => self.close(number, dump_refusal(&done)),
            _ => {}
        }
    }

    /// An answer that cannot be decoded spoils the whole, but what follows it is read all the same: the kernel refuses
    /// (EBUSY) another dump until the first is read to its end.
    fn skip(&mut self, flags: u16, error: DecodeError) {
        self.damage.get_or_insert(error);
        self.count(flags);
    }

    fn count(&mut self, flags: u16) {
        if flags & NLM_F_MULTIPART == 0 && !self.acked {
            self.left = self.left.saturating_sub(1);
        }
    }

    fn close(&mut self, number: u32, refusal: Option<Refusal>) {
        self.left = self.left.saturating_sub(1);
        self.refusals.extend(refusal.map(|refusal| (number, refusal)));
    }

    /// Which messages were refused, counted from 0, and why.
    pub fn refusals(self) -> Result<Vec<(u32, Refusal)>, Failure> {
        match self.damage {
            Some(error) => Err(Failure::Answer(error)),
            None => Ok(self.refusals),
        }
    }

    /// What came, or the first refusal.
    pub fn finish(self) -> Result<Vec<T>, Failure> {
        match (self.refusals.into_iter().next(), self.damage) {
            (Some((_, refusal)), _) => Err(Failure::Refused(refusal)),
            (None, Some(error)) => Err(Failure::Answer(error)),
            (None, None) if self.interrupted => Err(Failure::Interrupted),
            (None, None) => Ok(self.answers),
        }
    }
}

/// `None` for an acknowledgement. With `NETLINK_CAP_ACK` the request's header alone stands before the attributes.
fn refusal(error: &ErrorMessage, flags: u16) -> Option<Refusal> {
    let code = error.code?;
    let attributes = if flags & NLM_F_ACK_TLVS == 0 { None } else { error.header.get(HEADER_LEN..) };
    Some(Refusal { errno: errno(code.get()), message: extended_ack(attributes.unwrap_or_default()) })
}

fn dump_refusal(done: &DoneMessage) -> Option<Refusal> {
    (done.code < 0).then(|| Refusal { errno: errno(done.code), message: extended_ack(&done.extended_ack) })
}

fn errno(code: i32) -> Errno {
    Errno::from_raw(code.saturating_abs())
}

fn extended_ack(attributes: &[u8]) -> Option<String> {
    let message = NlasIterator::new(attributes).flatten().find(|nla| nla.kind() == EXTENDED_ACK_MESSAGE)?;
    let text = String::from_utf8_lossy(message.value());
    Some(text.trim_end_matches('\0').to_owned())
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::{NLM_F_CAPPED, NLM_F_MULTIPART, NLMSG_DONE, NLMSG_ERROR};
    use proptest::prelude::*;

    use super::*;
    use crate::netlink::link::Link;

    const RTM_NEWLINK: u16 = 16;

    fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let length = (HEADER_LEN + payload.len()) as u32;
        let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &flags.to_ne_bytes()].concat();
        bytes.extend([&sequence.to_ne_bytes()[..], &[0; 4], payload].concat());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    /// A link of this index, with an `IFLA_MTU` of `mtu_len` bytes, of which the kernel sends four.
    fn link(index: u8, mtu_len: u8) -> Vec<u8> {
        let mut payload = vec![0; HEADER_LEN];
        payload[4] = index;
        payload.extend([4 + mtu_len, 0, 4, 0]);
        payload.resize(payload.len() + usize::from(mtu_len), 1);
        payload
    }

    fn read(answers: &mut Answers<Link>, messages: &[Vec<u8>]) {
        answers.read(&messages.concat()).expect("whole messages");
    }

    #[test]
    fn a_dump_is_complete_when_done() {
        let mut answers = Answers::new(7, 1, false);
        read(&mut answers, &[message(RTM_NEWLINK, NLM_F_MULTIPART, 7, &link(1, 4))]);
        assert!(!answers.are_complete());
        read(&mut answers, &[message(NLMSG_DONE, NLM_F_MULTIPART, 7, &[0; 4])]);
        assert!(answers.are_complete());
        assert_eq!(answers.finish().expect("links")[0].index, 1);
    }

    #[test]
    fn answers_to_earlier_requests_are_passed_over() {
        let mut answers = Answers::new(0, 1, false);
        let earlier = u32::MAX;
        read(
            &mut answers,
            &[message(RTM_NEWLINK, 0, earlier, &link(1, 2)), message(NLMSG_ERROR, 0, earlier, &[255; 4])],
        );
        assert!(!answers.are_complete());
        read(&mut answers, &[message(RTM_NEWLINK, 0, 0, &link(2, 4))]);
        assert!(answers.are_complete());
        assert_eq!(answers.finish().expect("links")[0].index, 2);
    }

    #[test]
    fn an_interrupted_dump_is_told() {
        let mut answers = Answers::new(1, 1, false);
        read(&mut answers, &[message(NLMSG_DONE, NLM_F_MULTIPART | NLM_F_DUMP_INTR, 1, &[0; 4])]);
        assert!(matches!(answers.finish(), Err(Failure::Interrupted)));
    }

    #[test]
    fn a_malformed_answer_does_not_hide_the_end() {
        let mut answers = Answers::new(1, 1, false);
        let malformed = message(RTM_NEWLINK, NLM_F_MULTIPART, 1, &link(1, 2));
        read(&mut answers, &[malformed, message(NLMSG_DONE, NLM_F_MULTIPART, 1, &[0; 4])]);
        assert!(answers.are_complete());
        assert!(matches!(answers.finish(), Err(Failure::Answer(_))));
    }

    #[test]
    fn the_first_refusal_of_a_datagram_counts() {
        let refused = |sequence, errno: Errno, text: &[u8]| {
            let attribute = [&[4 + text.len() as u8, 0, EXTENDED_ACK_MESSAGE as u8, 0], text].concat();
            let payload = [&(-(errno as i32)).to_ne_bytes()[..], &[0; HEADER_LEN], &attribute].concat();
            message(NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS, sequence, &payload)
        };
        let mut answers = Answers::new(1, 3, true);
        let acknowledged = message(NLMSG_ERROR, NLM_F_CAPPED, 1, &[0; 4 + HEADER_LEN]);
        read(
            &mut answers,
            &[acknowledged, refused(2, Errno::EINVAL, b"Too small\0"), refused(3, Errno::ENODEV, b"\0")],
        );
        assert!(answers.are_complete());
        let Err(Failure::Refused(refusal)) = answers.finish() else { panic!("refused") };
        assert_eq!(refusal.to_string(), "Too small (EINVAL)");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, index: u8, mtu_len in 0u8..9) {
            let mut answers = Answers::<Link>::new(1, 1, false);
            let _ = answers.read(&bytes);
            let _ = answers.read(&message(RTM_NEWLINK, 0, 1, &[&link(index, mtu_len)[..], &bytes].concat()));
        }
    }
}
