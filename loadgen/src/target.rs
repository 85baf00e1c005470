//! The server under load: its address, and a connection to it.
//!
//! A further transport (TLS) is a further variant of [`Stream`]; nothing above knows which one it drives.

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

use crate::error::Error;

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
    /// Opens a non-blocking connection.
    pub fn connect(&self) -> Result<Stream, Error> {
        self.open().map_err(|source| Error::Connect { target: self.to_string(), source })
    }

    fn open(&self) -> io::Result<Stream> {
        match self {
            Target::Tcp { addresses, .. } => {
                let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
                for address in addresses {
                    match TcpStream::connect_timeout(address, CONNECT_TIMEOUT) {
                        Ok(stream) => {
                            stream.set_nodelay(true)?;
                            stream.set_nonblocking(true)?;
                            return Ok(Stream::Tcp(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            Target::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Ok(Stream::Unix(stream))
            }
        }
    }
}

/// A non-blocking byte stream to the server.
#[derive(Debug)]
pub enum Stream {
    /// TCP with Nagle's delay off.
    Tcp(TcpStream),
    /// A unix stream socket.
    Unix(UnixStream),
}

impl Read for Stream {
    #[inline]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(into),
            Stream::Unix(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    #[inline]
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(from),
            Stream::Unix(stream) => stream.write(from),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
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
}
