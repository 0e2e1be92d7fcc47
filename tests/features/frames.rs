//! Frames that are made by hand: with tags, and to addresses that no program would send to.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

/// Everybody.
pub const BROADCAST: &str = "ff:ff:ff:ff:ff:ff";
/// The tag of customers, and the one of providers (IEEE 802.1Q, 9.6).
pub const CUSTOMER: u16 = 0x8100;
pub const PROVIDER: u16 = 0x88a8;

/// A frame.
pub struct Frame<'a> {
    pub from: (&'a str, &'a str),
    pub src: &'a str,
    pub dst: &'a str,
    /// Outermost first.
    pub tags: &'a [(u16, u16)],
}

/// Tags as they arrived, outermost first.
pub type Tags = Vec<(u16, u16)>;
/// The tags that are expected, or that nothing arrives.
pub type Expected<'a> = Option<&'a [(u16, u16)]>;

impl<'a> Frame<'a> {
    /// A broadcast that leaves the namespace `netns` by its device `eth0`.
    pub fn broadcast(netns: &'a str, tags: &'a [(u16, u16)]) -> Frame<'a> {
        Frame { from: (netns, "eth0"), src: "02:00:00:00:0f:01", dst: BROADCAST, tags }
    }

    /// Sends it, and asserts with which tags it arrives at `eth0` of which namespaces; `None` does not hear it.
    pub fn arrives(&self, expected: &[(&str, Expected)]) {
        let hear: Vec<(&str, bool)> = expected.iter().map(|(netns, tags)| (*netns, tags.is_some())).collect();
        let heard = self.heard(&hear);
        for ((netns, expected), heard) in expected.iter().zip(heard) {
            assert_eq!(heard.as_deref(), *expected, "{} -> {netns}, tags {:x?}", self.from.0, self.tags);
        }
    }

    /// Sends it, and tells with which tags it arrives at `eth0` of each of these namespaces. Those that are expected to hear it have time.
    pub fn heard(&self, hear: &[(&str, bool)]) -> Vec<Option<Tags>> {
        let devices: Vec<_> = hear.iter().map(|(netns, _)| json!([netns, "eth0"])).collect();
        let expect: Vec<bool> = hear.iter().map(|(_, expected)| *expected).collect();
        let asked = json!({
            "send": [self.from.0, self.from.1], "src": self.src, "dst": self.dst, "tags": self.tags,
            "hear": devices, "expect": expect,
        });
        let mut python = Command::new("python3");
        python.args(["-c", include_str!("exchange.py")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut python = python.spawn().unwrap();
        python.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success(), "{asked}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}
