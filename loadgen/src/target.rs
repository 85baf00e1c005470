//! The server under load: its address, and a connection to it.
//!
//! A transport is a variant of [`Stream`]; nothing above knows which one it drives.

use std::{
    fmt, io,
    io::{Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use crate::{
    error::Error,
    tls::{Tls, TlsStream, Trust},
};

/// How long one connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the server listens: `host:port` or `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// TCP; every address that the name resolved to.
    Tcp { name: String, addresses: Vec<SocketAddr> },
    /// A unix stream socket.
    Unix(PathBuf),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err("unix: needs a path".into()) } else { Ok(Target::Unix(path.into())) };
        }
        let addresses: Vec<SocketAddr> = text
            .to_socket_addrs()
            .map_err(|error| format!("`{text}` is neither HOST:PORT nor unix:PATH ({error})"))?
            .collect();
        if addresses.is_empty() {
            return Err(format!("`{text}` resolves to no address"));
        }
        Ok(Target::Tcp { name: text.into(), addresses })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tcp { name, .. } => f.write_str(name),
            Target::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Target {
    /// The name or address without the port.
    fn host(&self) -> Option<&str> {
        match self {
            Target::Tcp { name, .. } => {
                let host = name.rsplit_once(':').map_or(name.as_str(), |(host, _)| host);
                Some(host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host))
            }
            Target::Unix(_) => None,
        }
    }
}

/// A server, and how to speak to it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    target: Target,
    tls: Option<Tls>,
}

impl Endpoint {
    /// A server that is spoken to by TLS if it is said whom to trust.
    pub fn new(target: Target, trust: Option<Trust<'_>>) -> Result<Self, Error> {
        let tls = match (trust, target.host()) {
            (None, _) => None,
            (Some(trust), Some(host)) => Some(Tls::new(host, trust)?),
            (Some(_), None) => return Err(Error::Usage("--tls is for TCP; a unix socket needs none".into())),
        };
        Ok(Endpoint { target, tls })
    }

    /// The same host at another port; `None` where there are no ports.
    pub fn with_port(&self, port: u16) -> Option<Endpoint> {
        let Target::Tcp { name, addresses } = &self.target else { return None };
        let host = name.rsplit_once(':').map_or(name.as_str(), |(host, _)| host);
        let addresses = addresses.iter().map(|address| SocketAddr::new(address.ip(), port)).collect();
        let target = Target::Tcp { name: format!("{host}:{port}"), addresses };
        Some(Endpoint { target, tls: self.tls.clone() })
    }

    /// Opens a non-blocking connection.
    pub fn connect(&self) -> Result<Stream, Error> {
        self.open().map_err(|source| Error::Connect { target: self.target.to_string(), source })
    }

    fn open(&self) -> io::Result<Stream> {
        let addresses = match &self.target {
            Target::Tcp { addresses, .. } => addresses,
            Target::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                return Ok(Stream::Unix(stream));
            }
        };
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            match TcpStream::connect_timeout(address, CONNECT_TIMEOUT) {
                Ok(stream) => return self.greet(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Does the handshake, if there is one.
    fn greet(&self, tcp: TcpStream) -> io::Result<Stream> {
        tcp.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            tcp.set_nonblocking(true)?;
            return Ok(Stream::Tcp(tcp));
        };
        tcp.set_read_timeout(Some(CONNECT_TIMEOUT))?;
        tcp.set_write_timeout(Some(CONNECT_TIMEOUT))?;
        let stream = tls.handshake(tcp).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => io::Error::new(io::ErrorKind::TimedOut, "no TLS handshake"),
            _ => error,
        })?;
        stream.tcp().set_nonblocking(true)?;
        Ok(Stream::Tls(Box::new(stream)))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.fmt(f)
    }
}

/// A non-blocking byte stream to the server.
#[derive(Debug)]
pub enum Stream {
    /// TCP with Nagle's delay off.
    Tcp(TcpStream),
    /// A unix stream socket.
    Unix(UnixStream),
    /// TLS over TCP.
    Tls(Box<TlsStream>),
}

impl Stream {
    /// Whether what it carries is not what the socket does.
    #[inline]
    pub fn is_tls(&self) -> bool {
        matches!(self, Stream::Tls(_))
    }

    /// Whether the last read may have left bytes that no event will tell of.
    #[inline]
    pub fn holds_more(&self) -> bool {
        matches!(self, Stream::Tls(stream) if stream.holds_more())
    }

    /// Whether bytes that were taken wait for room in the socket.
    #[inline]
    pub fn wants_write(&self) -> bool {
        matches!(self, Stream::Tls(stream) if stream.wants_write())
    }
}

impl Read for Stream {
    #[inline]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(into),
            Stream::Unix(stream) => stream.read(into),
            Stream::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    #[inline]
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(from),
            Stream::Unix(stream) => stream.write(from),
            Stream::Tls(stream) => stream.write(from),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Tcp(_) | Stream::Unix(_) => Ok(()),
            Stream::Tls(stream) => stream.flush(),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
            Stream::Tls(stream) => stream.tcp().as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        assert!(matches!("127.0.0.1:11211".parse(), Ok(Target::Tcp { .. })));
        assert!(matches!("[::1]:11211".parse(), Ok(Target::Tcp { .. })));
        assert_eq!("unix:/tmp/x".parse(), Ok(Target::Unix("/tmp/x".into())));
        for bad in ["", "unix:", "127.0.0.1", "127.0.0.1:notaport"] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_port_beside_the_server_s_is_on_the_same_host() {
        let at = |text: &str| Endpoint::new(text.parse().unwrap(), None).unwrap().with_port(7000);
        assert_eq!(at("[::1]:1").unwrap().to_string(), "[::1]:7000");
        let Target::Tcp { addresses, .. } = at("127.0.0.1:11211").unwrap().target else { panic!() };
        assert_eq!(addresses, ["127.0.0.1:7000".parse().unwrap()]);
        assert!(at("unix:/x").is_none());
    }

    #[test]
    fn a_certificate_is_for_the_host_alone() {
        for (text, host) in [("127.0.0.1:11211", Some("127.0.0.1")), ("[::1]:1", Some("::1")), ("unix:/x", None)] {
            assert_eq!(text.parse::<Target>().unwrap().host(), host);
        }
        assert!(Endpoint::new("unix:/x".parse().unwrap(), Some(Trust::Anybody)).is_err());
        assert!(Endpoint::new("[::1]:1".parse().unwrap(), Some(Trust::Anybody)).is_ok());
    }
}
