//! Real packets between namespaces: who sends checksums and lengths that the other side accepts, is connected.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::TimeVal;

use super::tool;

/// How long a packet may take. Where a test expects silence, `ping` has a shorter deadline of its own.
const DEADLINE: Duration = Duration::from_secs(30);
/// What a TCP transfer sends: many segments, more than fit into any buffer on the way.
const LARGE: usize = 10_000_000;

/// Calls `body` on a thread in the namespace `netns`; `host` is the one that the test runs in, one with a `/` is a file.
pub fn within<T: Send>(netns: &str, body: impl FnOnce() -> T + Send) -> T {
    let path = match netns {
        "host" => None,
        path if path.contains('/') => Some(path.to_owned()),
        name => Some(format!("/run/netns/{name}")),
    };
    let run = || {
        if let Some(path) = path {
            let file = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            setns(file, CloneFlags::CLONE_NEWNET).unwrap();
        }
        body()
    };
    thread::scope(|scope| scope.spawn(run).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
}

/// Whether one of a few echo requests from `netns` is answered. `options` are those of ping(8).
pub fn ping_with(netns: &str, options: &str, address: &str) -> bool {
    tool::succeeds(&tool::inside(netns, &format!("ping -n -c1 {options} {address}")))
}

/// Whether `address` answers the namespace `netns`, which it is expected to do.
pub fn pings(netns: &str, address: &str) -> bool {
    ping_with(netns, "-w20", address)
}

/// Whether `address` stays silent: two requests, a second in all. The neighbour that was asked for in vain is forgotten: the next
/// request would else share the end of its search, three seconds after its beginning, and be told that the host is unreachable.
pub fn silent(netns: &str, address: &str) -> bool {
    let answered = tool::succeeds(&tool::inside(netns, &format!("ping -n -c2 -i0.2 -W1 {address}")));
    tool::run(&tool::inside(netns, &format!("ip neighbour flush to {address}")));
    !answered
}

/// Sends 10 MB by TCP from one namespace to `address` in another; every byte must arrive as it was sent.
pub fn tcp(from: &str, to: &str, address: &str) {
    let address: IpAddr = address.parse().unwrap();
    let listener = within(to, || TcpListener::bind(SocketAddr::new(address, 0)).unwrap());
    // accept(2) keeps to the receive timeout of the socket
    let timeout = TimeVal::new(DEADLINE.as_secs().try_into().unwrap(), 0);
    setsockopt(&listener, sockopt::ReceiveTimeout, &timeout).unwrap();
    let target = listener.local_addr().unwrap();
    let sent = noise(LARGE);
    let received = thread::scope(|scope| {
        let receiver = scope.spawn(|| receive(&listener));
        within(from, || send(target, &sent));
        receiver.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    // not assert_eq: it would print 20 MB
    assert!(sent == received, "10 MB by TCP from {from} to {address} in {to}: {} bytes, or others", received.len());
}

fn receive(listener: &TcpListener) -> Vec<u8> {
    let (mut stream, _) = listener.accept().expect("somebody connects");
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut received = Vec::with_capacity(LARGE);
    stream.read_to_end(&mut received).expect("the transfer goes on");
    received
}

fn send(target: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect_timeout(&target, DEADLINE).expect("a connection");
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(bytes).expect("the transfer goes on");
    stream.shutdown(Shutdown::Write).unwrap();
    // wait for the other side's end, so that a reset is seen here
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.read_to_end(&mut Vec::new()).expect("an orderly end");
}

/// Bytes without a pattern that a lost or doubled segment could hide in (xorshift64).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_ne_bytes()
    });
    words.flatten().take(length).collect()
}

/// Sends datagrams from one namespace to `address` in another, which sends them back: a small one, one that just fits into a
/// frame of `mtu` bytes, and one that is sent in fragments.
pub fn udp(from: &str, to: &str, address: &str, mtu: usize) {
    let address: IpAddr = address.parse().unwrap();
    let headers = if address.is_ipv4() { 28 } else { 48 };
    let server = within(to, || UdpSocket::bind(SocketAddr::new(address, 0)).unwrap());
    server.set_read_timeout(Some(DEADLINE)).unwrap();
    let target = server.local_addr().unwrap();
    let any: IpAddr = if address.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    let client = within(from, || UdpSocket::bind(SocketAddr::new(any, 0)).unwrap());
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.connect(target).unwrap();
    for size in [1, mtu - headers, 3 * mtu] {
        let sent = noise(size);
        client.send(&sent).unwrap();
        let context = format!("{size} bytes by UDP from {from} to {address} in {to}");
        let mut buffer = vec![0; 1 << 16];
        let (read, sender) = server.recv_from(&mut buffer).unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(buffer[..read], sent, "{context}");
        server.send_to(&buffer[..read], sender).unwrap();
        let read = client.recv(&mut buffer).unwrap_or_else(|error| panic!("{context}, back: {error}"));
        assert_eq!(buffer[..read], sent, "{context}, back");
    }
}
