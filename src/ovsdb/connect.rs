//! Opens the socket of an [`Endpoint`].

use std::io;
use std::os::unix::net::UnixStream as BlockingUnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr, setsockopt, sockopt::SendTimeout};
use nix::sys::time::TimeVal;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::endpoint::{Endpoint, Endpoints, Host};
use super::error::{Attempt, ConnectCause, ConnectError};
use super::tls::{self, TlsError, TlsFiles};
use super::transport::{Reader, Writer};

/// The two halves of a connected socket, and where it leads.
pub(super) struct Connected {
    pub endpoint: Endpoint,
    pub reader: Reader,
    pub writer: Writer,
}

/// Connects to the first endpoint that answers; each gets `limit`.
pub(super) async fn connect(
    endpoints: &Endpoints,
    files: Option<&TlsFiles>,
    limit: Duration,
) -> Result<Connected, ConnectError> {
    let mut attempts = Vec::new();
    for endpoint in endpoints.iter() {
        let opened = timeout(limit, open(endpoint, files, limit)).await;
        let cause = match opened.unwrap_or(Err(ConnectCause::TimedOut(limit))) {
            Ok((reader, writer)) => return Ok(Connected { endpoint: endpoint.clone(), reader, writer }),
            Err(cause) => cause,
        };
        attempts.push(Attempt { endpoint: endpoint.clone(), cause });
    }
    Err(ConnectError { attempts })
}

async fn open(
    endpoint: &Endpoint,
    files: Option<&TlsFiles>,
    limit: Duration,
) -> Result<(Reader, Writer), ConnectCause> {
    match endpoint {
        Endpoint::Unix(path) => {
            let opened = open_unix(path, limit).await;
            let full = |error: io::Error| match error.kind() {
                io::ErrorKind::WouldBlock => ConnectCause::TimedOut(limit),
                _ => error.into(),
            };
            let (reader, writer) = opened.map_err(full)?.into_split();
            Ok((Box::new(reader), Box::new(writer)))
        }
        Endpoint::Tcp(host) => {
            let (reader, writer) = open_tcp(host).await?.into_split();
            Ok((Box::new(reader), Box::new(writer)))
        }
        Endpoint::Ssl(host) => {
            let files = files.ok_or(TlsError::NotConfigured)?;
            if let Some(path) = tls::missing_ca_cert(files) {
                tls::bootstrap(open_tcp(host).await?, &host.name, files, path).await?;
            }
            let stream = tls::connect(open_tcp(host).await?, &host.name, files).await?;
            let (reader, writer) = tokio::io::split(stream);
            Ok((Box::new(reader), Box::new(writer)))
        }
    }
}

async fn open_tcp(host: &Host) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host.name.as_str(), host.port)).await?;
    // Requests are small and waited for: Nagle's algorithm would only delay them.
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn open_unix(path: &Path, limit: Duration) -> io::Result<UnixStream> {
    match UnixStream::connect(path).await {
        // The server's backlog is full, and a non-blocking connect cannot wait for room in it (unix(7)).
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => open_unix_waiting(path.to_owned(), limit).await,
        outcome => outcome,
    }
}

/// Waits in the kernel for room in the server's backlog; EAGAIN if there is none in time.
async fn open_unix_waiting(path: PathBuf, limit: Duration) -> io::Result<UnixStream> {
    // It ends by itself within `limit`, whoever still waits for it.
    let connected = tokio::task::spawn_blocking(move || connect_blocking(&path, limit)).await;
    let stream = connected.map_err(io::Error::other)??;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

fn connect_blocking(path: &Path, limit: Duration) -> io::Result<BlockingUnixStream> {
    let socket = socket::socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let seconds = i64::try_from(limit.as_secs()).unwrap_or(i64::MAX);
    setsockopt(&socket, SendTimeout, &TimeVal::new(seconds, limit.subsec_micros().max(1).into()))?;
    socket::connect(std::os::fd::AsRawFd::as_raw_fd(&socket), &UnixAddr::new(path)?)?;
    Ok(socket.into())
}
