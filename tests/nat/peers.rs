//! Who asks, and who answers: connections and datagrams through the host, and under which address they are seen.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use super::common::traffic::within;

/// How long something may take that is expected to come.
const DEADLINE: Duration = Duration::from_secs(20);
/// How long is waited for what is expected not to come.
const SILENCE: Duration = Duration::from_secs(1);
/// Many segments, more than fit into any buffer on the way.
const LARGE: usize = 3_000_000;

/// The namespace in which somebody listens, and at which port.
#[derive(Clone, Copy)]
pub struct Answers<'a> {
    pub netns: &'a str,
    pub port: u16,
}

/// Connects from `from` to `address`:`port`, for which `answers` are expected, and sends much in both directions. Returns the
/// address under which the one who listens sees the other.
pub fn tcp(from: &str, address: &str, port: u16, answers: Answers<'_>) -> IpAddr {
    try_tcp(from, address, port, answers, DEADLINE)
        .unwrap_or_else(|error| panic!("TCP from {from} to {address}:{port}: {error}"))
}

/// Whether a connection comes about.
pub fn is_deaf(from: &str, address: &str, port: u16, answers: Answers<'_>) -> bool {
    try_tcp(from, address, port, answers, SILENCE).is_err()
}

fn try_tcp(from: &str, address: &str, port: u16, answers: Answers<'_>, patience: Duration) -> io::Result<IpAddr> {
    let target = SocketAddr::new(address.parse().unwrap(), port);
    let listener = within(answers.netns, || listener(target.is_ipv4(), answers.port));
    let mut client = within(from, || TcpStream::connect_timeout(&target, patience))?;
    let (mut server, peer) = listener.accept()?;
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
    }
    exchange(&mut client, &mut server)?;
    exchange(&mut server, &mut client)?;
    Ok(peer.ip())
}

/// A socket for one version of IP alone, at all addresses; what it accepts waits no longer than the deadline.
fn listener(v4: bool, port: u16) -> TcpListener {
    let (family, any): (_, IpAddr) = match v4 {
        true => (AddressFamily::Inet, Ipv4Addr::UNSPECIFIED.into()),
        false => (AddressFamily::Inet6, Ipv6Addr::UNSPECIFIED.into()),
    };
    let fd = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    if !v4 {
        setsockopt(&fd, sockopt::Ipv6V6Only, &true).unwrap();
    }
    setsockopt(&fd, sockopt::ReuseAddr, &true).unwrap();
    setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::new(DEADLINE.as_secs().try_into().unwrap(), 0)).unwrap();
    at_last(|| bind(std::os::fd::AsRawFd::as_raw_fd(&fd), &SockaddrStorage::from(SocketAddr::new(any, port))));
    at_last(|| listen(&fd, Backlog::MAXCONN));
    TcpListener::from(fd)
}

/// A process that another test is just starting may hold a socket for a moment that was closed here.
fn at_last<T, E: std::fmt::Debug>(mut bind: impl FnMut() -> Result<T, E>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        match bind() {
            Ok(bound) => return bound,
            Err(error) => assert!(Instant::now() < end, "{error:?}"),
        }
        thread::yield_now();
    }
}

fn exchange(sender: &mut TcpStream, receiver: &mut TcpStream) -> io::Result<()> {
    let sent: Vec<u8> = (0..LARGE).map(|n| (n % 251) as u8).collect();
    let mut received = vec![0; LARGE];
    thread::scope(|scope| {
        let writing = scope.spawn(|| sender.write_all(&sent));
        receiver.read_exact(&mut received)?;
        writing.join().unwrap()
    })?;
    assert!(sent == received, "other bytes arrive than were sent");
    Ok(())
}

/// The same with datagrams.
pub fn udp(from: &str, address: &str, port: u16, answers: Answers<'_>) -> IpAddr {
    let context = format!("UDP from {from} to {address}:{port}");
    try_udp(from, address, port, answers, DEADLINE).unwrap_or_else(|error| panic!("{context}: {error}"))
}

/// Whether a datagram gets through.
pub fn hears_nothing(from: &str, address: &str, port: u16, answers: Answers<'_>) -> bool {
    try_udp(from, address, port, answers, SILENCE).is_err()
}

fn try_udp(from: &str, address: &str, port: u16, answers: Answers<'_>, patience: Duration) -> io::Result<IpAddr> {
    let target = SocketAddr::new(address.parse().unwrap(), port);
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let server = within(answers.netns, || at_last(|| UdpSocket::bind(SocketAddr::new(any, answers.port))));
    let client = within(from, || UdpSocket::bind(SocketAddr::new(any, 0))).unwrap();
    server.set_read_timeout(Some(patience))?;
    client.set_read_timeout(Some(patience))?;
    client.connect(target)?;
    client.send(b"question")?;
    let mut buffer = [0; 64];
    let (length, peer) = server.recv_from(&mut buffer)?;
    assert_eq!(&buffer[..length], b"question");
    server.send_to(b"answer", peer)?;
    // from where it was sent to, else a connected socket does not get it
    let length = client.recv(&mut buffer)?;
    assert_eq!(&buffer[..length], b"answer");
    Ok(peer.ip())
}
