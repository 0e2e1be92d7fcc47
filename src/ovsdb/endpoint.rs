//! Where an OVSDB server listens, in the notation of `ovs-vsctl --db` (ovsdb(7), "Active OVSDB Connections").

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The port that IANA gave to OVSDB (RFC 7047 section 8).
pub const DEFAULT_PORT: u16 = 6640;

/// One place to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `unix:PATH`
    Unix(PathBuf),
    /// `tcp:HOST[:PORT]`, an IPv6 address in brackets
    Tcp(Host),
    /// `ssl:HOST[:PORT]`, an IPv6 address in brackets
    Ssl(Host),
}

/// A host and a TCP port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    /// A name or an address, without brackets; an IPv6 address may carry a zone (`fe80::1%eth0`).
    pub name: String,
    /// The TCP port.
    pub port: u16,
}

/// Why a text names no endpoint, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no OVSDB endpoint: {reason}")]
pub struct EndpointError {
    /// The text as given.
    pub text: String,
    /// What is wrong with it, and the remedy.
    pub reason: String,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(host) => write!(f, "tcp:{host}"),
            Self::Ssl(host) => write!(f, "ssl:{host}"),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        parse(text.trim()).map_err(|reason| EndpointError { text: text.to_owned(), reason })
    }
}

fn parse(text: &str) -> Result<Endpoint, String> {
    let (scheme, rest) = text.split_once(':').ok_or_else(|| hint_for_bare(text))?;
    match scheme {
        "unix" if rest.is_empty() => Err("the path is missing; write unix:PATH".to_owned()),
        "unix" => Ok(Endpoint::Unix(PathBuf::from(rest))),
        "tcp" => Ok(Endpoint::Tcp(parse_host(scheme, rest)?)),
        "ssl" => Ok(Endpoint::Ssl(parse_host(scheme, rest)?)),
        "punix" | "ptcp" | "pssl" => {
            let active = &scheme[1..];
            Err(format!("{scheme}: is where a server listens; to connect to it write {active}:"))
        }
        _ => Err(format!("unknown kind '{scheme}'; write unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT")),
    }
}

fn hint_for_bare(text: &str) -> String {
    match text {
        "" => "it is empty; write unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT".to_owned(),
        _ if text.contains('/') => format!("the kind is missing; write unix:{text}"),
        _ => format!("the kind is missing; write tcp:{text}:{DEFAULT_PORT} or ssl:{text}:{DEFAULT_PORT}"),
    }
}

fn parse_host(scheme: &str, text: &str) -> Result<Host, String> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => split_bracketed(scheme, rest)?,
        None => split_plain(scheme, text)?,
    };
    if name.is_empty() {
        return Err(format!("the host is missing; write {scheme}:HOST:PORT"));
    }
    Ok(Host { name: name.to_owned(), port: parse_port(port)? })
}

/// Splits `ADDRESS]` or `ADDRESS]:PORT`.
fn split_bracketed<'a>(scheme: &str, rest: &'a str) -> Result<(&'a str, Option<&'a str>), String> {
    let (name, tail) = rest.split_once(']').ok_or_else(|| format!("']' is missing; write {scheme}:[ADDRESS]:PORT"))?;
    match tail.strip_prefix(':') {
        Some(port) => Ok((name, Some(port))),
        None if tail.is_empty() => Ok((name, None)),
        None => Err(format!("'{tail}' after ']'; write {scheme}:[ADDRESS]:PORT")),
    }
}

/// Splits `HOST` or `HOST:PORT`; more colons are an IPv6 address without its brackets.
fn split_plain<'a>(scheme: &str, text: &'a str) -> Result<(&'a str, Option<&'a str>), String> {
    match text.split_once(':') {
        None => Ok((text, None)),
        Some((_, port)) if port.contains(':') => {
            Err(format!("an IPv6 address stands in brackets; write {scheme}:[ADDRESS]:PORT"))
        }
        Some((name, port)) => Ok((name, Some(port))),
    }
}

fn parse_port(port: Option<&str>) -> Result<u16, String> {
    let Some(text) = port else { return Ok(DEFAULT_PORT) };
    match text.parse() {
        Ok(port) if port > 0 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        _ => Err(format!("'{text}' is no TCP port; write a number from 1 to 65535")),
    }
}

/// One endpoint or several with commas between, tried in turn.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoints(Vec<Endpoint>);

impl Endpoints {
    /// The endpoints in the order in which they are tried; at least one.
    pub fn iter(&self) -> impl Iterator<Item = &Endpoint> {
        self.0.iter()
    }
}

impl From<Endpoint> for Endpoints {
    fn from(endpoint: Endpoint) -> Self {
        Self(vec![endpoint])
    }
}

impl FromStr for Endpoints {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, endpoint) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            endpoint.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, port: u16) -> Host {
        Host { name: name.to_owned(), port }
    }

    #[test]
    fn parses_and_displays() {
        let cases = [
            ("unix:/run/openvswitch/db.sock", Endpoint::Unix("/run/openvswitch/db.sock".into()), None),
            ("unix:db.sock", Endpoint::Unix("db.sock".into()), None),
            ("unix:/a:b", Endpoint::Unix("/a:b".into()), None),
            ("tcp:127.0.0.1:6641", Endpoint::Tcp(host("127.0.0.1", 6641)), None),
            ("tcp:db.example", Endpoint::Tcp(host("db.example", 6640)), Some("tcp:db.example:6640")),
            ("tcp:[::1]:6640", Endpoint::Tcp(host("::1", 6640)), None),
            ("ssl:[fe80::1%eth0]", Endpoint::Ssl(host("fe80::1%eth0", 6640)), Some("ssl:[fe80::1%eth0]:6640")),
            ("ssl:[10.0.0.1]:1", Endpoint::Ssl(host("10.0.0.1", 1)), Some("ssl:10.0.0.1:1")),
        ];
        for (text, endpoint, display) in cases {
            assert_eq!(text.parse(), Ok(endpoint.clone()), "{text}");
            assert_eq!(endpoint.to_string(), display.unwrap_or(text));
            assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
    }

    #[test]
    fn refuses_with_a_remedy() {
        let cases = [
            ("", "it is empty; write unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT"),
            ("/run/db.sock", "the kind is missing; write unix:/run/db.sock"),
            ("localhost", "the kind is missing; write tcp:localhost:6640 or ssl:localhost:6640"),
            ("unix:", "the path is missing; write unix:PATH"),
            ("punix:/run/db.sock", "punix: is where a server listens; to connect to it write unix:"),
            ("pssl:6640", "pssl: is where a server listens; to connect to it write ssl:"),
            ("http:x", "unknown kind 'http'; write unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT"),
            ("tcp:", "the host is missing; write tcp:HOST:PORT"),
            ("tcp::6640", "the host is missing; write tcp:HOST:PORT"),
            ("tcp:[]:6640", "the host is missing; write tcp:HOST:PORT"),
            ("tcp:::1:6640", "an IPv6 address stands in brackets; write tcp:[ADDRESS]:PORT"),
            ("ssl:[::1:6640", "']' is missing; write ssl:[ADDRESS]:PORT"),
            ("ssl:[::1]6640", "'6640' after ']'; write ssl:[ADDRESS]:PORT"),
            ("tcp:h:0", "'0' is no TCP port; write a number from 1 to 65535"),
            ("tcp:h:65536", "'65536' is no TCP port; write a number from 1 to 65535"),
            ("tcp:h:+1", "'+1' is no TCP port; write a number from 1 to 65535"),
            ("tcp:h:", "'' is no TCP port; write a number from 1 to 65535"),
        ];
        for (text, reason) in cases {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert_eq!(error.reason, reason, "{text}");
            assert_eq!(error.to_string(), format!("'{text}' is no OVSDB endpoint: {reason}"));
        }
    }

    #[test]
    fn several_are_tried_in_turn() {
        let all: Endpoints = "unix:/a,tcp:[::1], ssl:h:1".parse().unwrap();
        assert_eq!(all.iter().count(), 3);
        assert_eq!(all.to_string(), "unix:/a,tcp:[::1]:6640,ssl:h:1");
        assert_eq!("unix:/a,,tcp:h".parse::<Endpoints>().unwrap_err().text, "");
    }
}
