//! Listening sockets: one per shard and address, made in the order of the shards.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;
use std::{fs, thread};

use socket2::{Domain, Protocol, Socket, Type};

/// How often a port is tried that is in use, and the pause between: the sockets of a server that was killed a
/// moment ago can outlive it.
const PORT_TRIES: u32 = 25;
const PORT_RETRY: Duration = Duration::from_millis(20);

/// Listens on `address` once per shard; the kernel spreads connections over the sockets (`SO_REUSEPORT`). With
/// port 0 the first socket's port is the others' too. Returns the sockets and the address with its port.
///
/// # Errors
/// What `bind` and `listen` say; `AddrInUse` also where another server of the same user listens with
/// `SO_REUSEPORT`, which the kernel would let us join.
pub fn listen_tcp(address: SocketAddr, shards: usize, backlog: i32) -> io::Result<(Vec<Socket>, SocketAddr)> {
    for _ in 1..PORT_TRIES {
        match try_listen_tcp(address, shards, backlog) {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse => thread::sleep(PORT_RETRY),
            outcome => return outcome,
        }
    }
    try_listen_tcp(address, shards, backlog)
}

fn try_listen_tcp(mut address: SocketAddr, shards: usize, backlog: i32) -> io::Result<(Vec<Socket>, SocketAddr)> {
    if address.port() != 0 {
        // Without SO_REUSEPORT this fails if anybody listens there; the group below would share with them.
        let probe = socket_for(address)?;
        probe.bind(&address.into())?;
        probe.listen(1)?;
    }
    let mut sockets: Vec<Socket> = Vec::with_capacity(shards);
    for _ in 0..shards {
        let socket = socket_for(address)?;
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        if let Some(bound) = socket.local_addr()?.as_socket() {
            address.set_port(bound.port());
        }
        sockets.push(socket);
    }
    // Bound all, then listening in order: the order in which they listen is their number in the group.
    for socket in &sockets {
        socket.listen(backlog)?;
    }
    Ok((sockets, address))
}

fn socket_for(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Accepted connections inherit it: a reply is sent whole, waiting for more of it would only delay.
    socket.set_tcp_nodelay(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// Listens on a unix socket, which all shards accept from. A socket file that nobody listens on is replaced.
///
/// # Errors
/// What the file system and `bind` say; `AddrInUse` if somebody listens there or the path is another kind of
/// file.
pub fn listen_unix(path: &Path, mode: u32, shards: usize, backlog: i32) -> io::Result<Vec<OwnedFd>> {
    if let Ok(existing) = fs::symlink_metadata(path) {
        if !existing.file_type().is_socket() || UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    socket.listen(backlog)?;
    let listener = UnixListener::from(socket);
    (0..shards).map(|_| listener.try_clone().map(OwnedFd::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpStream};

    const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    #[test]
    fn shards_share_the_port_of_the_first() {
        let (sockets, address) = listen_tcp(ANY_PORT, 3, 16).expect("listen");
        assert_eq!(sockets.len(), 3);
        for socket in &sockets {
            assert_eq!(socket.local_addr().expect("address").as_socket(), Some(address));
        }
        TcpStream::connect(address).expect("connect");
    }

    /// The kernel lets two servers of one user share a port by SO_REUSEPORT; half of the clients would then
    /// see another cache.
    #[test]
    fn a_second_server_is_refused() {
        let (_sockets, address) = listen_tcp(ANY_PORT, 1, 16).expect("listen");
        let refused = listen_tcp(address, 1, 16).expect_err("in use");
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_dead_unix_socket_is_replaced_and_a_live_one_is_not() {
        let path = std::env::temp_dir().join(format!("ringcached-listener-{}", std::process::id()));
        let live = listen_unix(&path, 0o700, 2, 16).expect("listen");
        assert_eq!(listen_unix(&path, 0o700, 1, 16).expect_err("live").kind(), io::ErrorKind::AddrInUse);
        drop(live);
        let again = listen_unix(&path, 0o700, 1, 16).expect("dead");
        drop(again);
        fs::remove_file(&path).expect("remove");
        fs::write(&path, "not a socket").expect("write");
        assert_eq!(listen_unix(&path, 0o700, 1, 16).expect_err("file").kind(), io::ErrorKind::AddrInUse);
        fs::remove_file(&path).expect("remove");
    }
}
