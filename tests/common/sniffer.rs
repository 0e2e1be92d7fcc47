//! What arrives at a device, as tcpdump(8) tells it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a frame may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// A tcpdump that runs in a namespace. It ends with this.
pub struct Sniffer {
    child: Child,
    lines: Receiver<String>,
}

impl Sniffer {
    /// One that is listening at `device` in `netns` for what `filter` (pcap-filter(7)) selects, with tags or without.
    pub fn start(netns: &str, device: &str, filter: &str) -> Sniffer {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", netns, "tcpdump", "-n", "-e", "-l", "--immediate-mode", "-i", device]);
        command.arg(format!("({filter}) or (vlan and ({filter}))"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("tcpdump runs");
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let listening = said.any(|line| line.unwrap().starts_with("listening on"));
        assert!(listening, "tcpdump does not listen at {device} in {netns}");
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Sniffer { child, lines }
    }

    /// What has come until a line holds `last`, that line included.
    pub fn until(&self, last: &str) -> Vec<String> {
        let mut found = Vec::new();
        loop {
            let line = self.lines.recv_timeout(DEADLINE);
            let line = line.unwrap_or_else(|_| panic!("no `{last}` came, but {found:#?}"));
            let is_last = line.contains(last);
            found.push(line);
            if is_last {
                return found;
            }
        }
    }
}

impl Drop for Sniffer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
