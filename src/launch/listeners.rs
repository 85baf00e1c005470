//! Every listening socket, by shard: bound here, or inherited from the service manager that was asked to listen for us
//! (socket activation, `sd_listen_fds(3)`).

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use listenfd::ListenFd;
use socket2::SockRef;
use tracing::info;

use super::LaunchError;
use crate::config::{Config, bind_error};
use crate::server::{listener, steering};

/// The listening sockets, and the unix socket's file where it is ours to remove.
pub(super) struct Listeners {
    /// For each shard, in the order of the addresses.
    pub(super) by_shard: Vec<Vec<OwnedFd>>,
    /// How many of each shard's, at the end, are on a port of its own.
    pub(super) own_listeners: usize,
    pub(super) unix_file: Option<PathBuf>,
}

impl Listeners {
    /// The TCP addresses that are listened on, with the ports that the kernel chose.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let sockets = self.by_shard.first().into_iter().flatten();
        let shared = self.by_shard.first().map_or(0, |sockets| sockets.len() - self.own_listeners);
        let sockets = sockets.take(shared);
        sockets.filter_map(|socket| SockRef::from(socket).local_addr().ok()?.as_socket()).collect()
    }
}

/// Opens every listening socket, or takes those that were inherited.
pub(super) fn open(config: &Config) -> Result<Listeners, LaunchError> {
    let shards = config.shards.len();
    let mut by_shard: Vec<Vec<OwnedFd>> = (0..shards).map(|_| Vec::new()).collect();
    if config.inherited_sockets > 0 {
        inherit(config.inherited_sockets, &mut by_shard)?;
        return Ok(Listeners { by_shard, own_listeners: 0, unix_file: None });
    }
    for address in &config.listen {
        let (sockets, bound) = listener::listen_tcp(*address, shards, config.listen_backlog)
            .map_err(|cause| bind_error(&address.to_string(), &cause))?;
        steering::steer(&sockets, &config.shards, config.steering)
            .map_err(|cause| LaunchError::Steering { steering: format!("{:?}", config.steering), cause })?;
        by_shard.iter_mut().zip(sockets).for_each(|(of_shard, socket)| of_shard.push(socket.into()));
        info!("listening on {bound}");
    }
    if let Some(path) = &config.unix_socket {
        let sockets = listener::listen_unix(path, config.unix_mask, shards, config.listen_backlog)
            .map_err(|cause| bind_error(&path.display().to_string(), &cause))?;
        by_shard.iter_mut().zip(sockets).for_each(|(of_shard, socket)| of_shard.push(socket));
        info!("listening on {}", path.display());
    }
    let own_listeners = match config.per_shard_ports {
        Some(first) => listen_by_shard(config, first, &mut by_shard)?,
        None => 0,
    };
    Ok(Listeners { by_shard, own_listeners, unix_file: config.unix_socket.clone() })
}

/// Has each shard listen on a port of its own, the first one's and those that follow, at every address. Returns how many
/// sockets each has got.
fn listen_by_shard(config: &Config, first: u16, by_shard: &mut [Vec<OwnedFd>]) -> Result<usize, LaunchError> {
    let mut ips: Vec<_> = config.listen.iter().map(SocketAddr::ip).collect();
    ips.sort_unstable();
    ips.dedup();
    for (port, sockets) in (first..=u16::MAX).zip(by_shard) {
        for ip in &ips {
            let address = SocketAddr::new(*ip, port);
            let (listening, bound) = listener::listen_tcp(address, 1, config.listen_backlog)
                .map_err(|cause| bind_error(&address.to_string(), &cause))?;
            sockets.extend(listening.into_iter().map(OwnedFd::from));
            info!("listening on {bound}, for one shard");
        }
    }
    Ok(ips.len())
}

/// Takes `count` sockets over. There is one of each, so all shards accept from it: the kernel gives a connection to
/// whichever is first.
fn inherit(count: usize, by_shard: &mut [Vec<OwnedFd>]) -> Result<(), LaunchError> {
    let mut inherited = ListenFd::from_env();
    for number in 0..count {
        let socket = take(&mut inherited, number)?;
        let fail = |cause| LaunchError::Inherited { number, cause };
        prepare(&socket).map_err(fail)?;
        for of_shard in by_shard.iter_mut() {
            of_shard.push(socket.try_clone().map_err(fail)?);
        }
        info!("listening on socket {number} of the service manager's");
    }
    Ok(())
}

/// The inherited socket of that number, TCP or unix.
fn take(inherited: &mut ListenFd, number: usize) -> Result<OwnedFd, LaunchError> {
    if let Ok(Some(listener)) = inherited.take_tcp_listener(number) {
        return Ok(listener.into());
    }
    match inherited.take_unix_listener(number) {
        Ok(Some(listener)) => Ok(listener.into()),
        _ => Err(LaunchError::InheritedKind { number }),
    }
}

/// Gives the socket what our own have.
fn prepare(socket: &OwnedFd) -> std::io::Result<()> {
    let socket = SockRef::from(socket);
    if !socket.is_listener()? {
        return Err(std::io::Error::other("nothing is listened for on it: ListenStream= makes such a socket"));
    }
    // The ring waits for a blocking socket, and for one that may not block it gives up at once.
    socket.set_nonblocking(false)?;
    if socket.local_addr()?.as_socket().is_some() {
        socket.set_tcp_nodelay(true)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixListener;

    #[test]
    fn an_inherited_socket_becomes_like_our_own() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        listener.set_nonblocking(true).expect("non-blocking");
        let socket = OwnedFd::from(listener);
        prepare(&socket).expect("fit");
        let socket = SockRef::from(&socket);
        assert!(!socket.nonblocking().expect("mode") && socket.tcp_nodelay().expect("nodelay"));
    }

    #[test]
    fn only_listening_sockets_are_fit() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let connection = TcpStream::connect(listener.local_addr().expect("address")).expect("a connection");
        assert!(prepare(&connection.into()).is_err());
        let path = std::env::temp_dir().join(format!("ringcached-inherited-{}", std::process::id()));
        let unix = UnixListener::bind(&path).expect("a unix listener");
        std::fs::remove_file(&path).expect("the file");
        prepare(&unix.into()).expect("fit");
    }
}
