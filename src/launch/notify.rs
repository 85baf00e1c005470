//! Telling the service manager where we are (`sd_notify(3)`): one datagram to the socket that `NOTIFY_SOCKET` names.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use tracing::warn;

/// What the service manager is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// Every shard serves.
    Ready,
    /// The end has begun.
    Stopping,
}

impl State {
    const fn message(self) -> &'static [u8] {
        match self {
            State::Ready => b"READY=1\nSTATUS=serving",
            State::Stopping => b"STOPPING=1\nSTATUS=answering what has arrived",
        }
    }
}

/// Tells the service manager, if there is one. That it cannot be told is logged and nothing else: it will see.
pub(super) fn notify(state: State) {
    if let Some(socket) = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty())
        && let Err(cause) = send(&socket, state)
    {
        warn!("the service manager cannot be told {state:?} at {}: {cause}", socket.display());
    }
}

/// A path, or with an `@` in front a name in the abstract namespace.
fn send(socket: &OsStr, state: State) -> io::Result<()> {
    let address = match socket.as_bytes().split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    let own = UnixDatagram::unbound()?;
    // A manager that does not read must not hold up a start or an end.
    own.set_nonblocking(true)?;
    own.send_to_addr(state.message(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_is_told_by_path_and_by_abstract_name() {
        let name = format!("ringcached-notify-{}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        let (by_path, by_name) = (
            UnixDatagram::bind(&path).expect("a socket"),
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).expect("a name")).expect("a socket"),
        );
        let mut message = [0; 64];
        send(path.as_os_str(), State::Ready).expect("sent");
        let len = by_path.recv(&mut message).expect("a message");
        assert!(message[..len].starts_with(b"READY=1\n"));
        send(OsStr::new(&format!("@{name}")), State::Stopping).expect("sent");
        let len = by_name.recv(&mut message).expect("a message");
        assert!(message[..len].starts_with(b"STOPPING=1\n"));
        std::fs::remove_file(&path).expect("the file");
        assert!(send(path.as_os_str(), State::Ready).is_err(), "nobody listens");
    }
}
