//! What a shard says of its connections, as `stats conns` shows them.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::{SockAddr, SockRef};

use super::connection::{Closing, Connection, Intake};
use super::connections::Connections;
use crate::clock::Seconds;
use crate::protocol::memcache::Need;
use crate::router::{ConnectionReport, Report, Subject};

/// Connections in one piece of a report: two system calls each, some hundred microseconds in all.
const CONNECTIONS_PER_PIECE: usize = 256;

/// A listening socket, as it is told of.
pub(super) struct Listening {
    descriptor: i32,
    address: String,
    since: Seconds,
}

impl Listening {
    pub(super) fn new(listener: BorrowedFd<'_>, since: Seconds) -> Self {
        let address = SockRef::from(&listener).local_addr().ok();
        Listening { descriptor: listener.as_raw_fd(), address: text(address.as_ref()), since }
    }

    fn report(&self, now: Seconds) -> ConnectionReport {
        ConnectionReport {
            descriptor: self.descriptor,
            address: self.address.clone(),
            listen_address: None,
            state: "conn_listening",
            idle_seconds: now.0.saturating_sub(self.since.0),
        }
    }
}

/// A piece of the report on connections, beginning at this number; the first tells of the listeners, too.
pub(super) fn report(connections: &mut Connections, listening: &[Listening], from: u32, now: Seconds) -> Report {
    let mut reports = Vec::new();
    if from == 0 {
        reports.extend(listening.iter().map(|listener| listener.report(now)));
    }
    let numbers: Vec<u32> = connections.numbers().skip_while(|n| *n < from).take(CONNECTIONS_PER_PIECE + 1).collect();
    let next = numbers.get(CONNECTIONS_PER_PIECE).map(|number| Subject::Connections(*number));
    for number in numbers.into_iter().take(CONNECTIONS_PER_PIECE) {
        reports.push(of(connections.at(number), now));
    }
    Report::Connections(reports, next)
}

fn of(connection: &Connection, now: Seconds) -> ConnectionReport {
    let socket = connection.socket();
    let socket = SockRef::from(&socket);
    ConnectionReport {
        descriptor: connection.socket().as_fd().as_raw_fd(),
        address: text(socket.peer_addr().ok().as_ref()),
        listen_address: Some(text(socket.local_addr().ok().as_ref())),
        state: state(connection),
        idle_seconds: now.0.saturating_sub(connection.last_input.0),
    }
}

/// memcached's name for what a connection is doing.
fn state(connection: &Connection) -> &'static str {
    if connection.closing != Closing::No {
        return "conn_closing";
    }
    match &connection.intake {
        Intake::Discard(_) => return "conn_swallow",
        Intake::Upload(_) => return "conn_nread",
        Intake::Commands => {}
    }
    if connection.input != 0 {
        "conn_parse_cmd"
    } else if connection.sending || connection.output_bytes() > 0 || connection.has_queue() {
        "conn_mwrite"
    } else {
        match connection.need {
            Some(Need::Bytes(_)) => "conn_nread",
            Some(Need::Newline) if !connection.tail.is_empty() => "conn_waiting",
            Some(Need::Newline) | None => "conn_read",
        }
    }
}

/// An address in memcached's words. A peer without one, as a unix socket's clients are, has only the kind.
fn text(address: Option<&SockAddr>) -> String {
    let Some(address) = address else { return "<unknown>".to_owned() };
    match address.as_socket() {
        Some(ip) if ip.is_ipv4() => format!("tcp:{ip}"),
        Some(ip) => format!("tcp6:{ip}"),
        None => {
            let path = address.as_pathname().map(|path| path.display().to_string());
            format!("unix:{}", path.unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    #[test]
    fn many_connections_are_told_in_pieces_and_each_once() {
        let mut connections = Connections::default();
        let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
        let port = listener.local_addr().expect("address").port();
        let listening = [Listening::new(listener.as_fd(), Seconds(3))];
        let (mut descriptors, mut others) = (Vec::new(), Vec::new());
        for n in 0..CONNECTIONS_PER_PIECE + 10 {
            let (socket, other) = UnixStream::pair().expect("sockets");
            others.push(other);
            descriptors.push(socket.as_raw_fd());
            let number = connections.insert(socket.into());
            connections.at(number).last_input = Seconds(5 + n as u32 % 2);
        }
        let (mut told, mut from, mut pieces) = (Vec::new(), Some(Subject::Connections(0)), 0);
        while let Some(Subject::Connections(number)) = from {
            let piece = report(&mut connections, &listening, number, Seconds(10));
            from = piece.next();
            let Report::Connections(reports, _) = piece else { panic!("another report") };
            assert!(reports.len() <= CONNECTIONS_PER_PIECE + listening.len());
            told.extend(reports);
            pieces += 1;
        }
        assert_eq!(pieces, 2);
        assert_eq!((told[0].state, told[0].idle_seconds), ("conn_listening", 7));
        assert_eq!(told[0].address, format!("tcp:127.0.0.1:{port}"));
        assert_eq!(told.iter().skip(1).map(|c| c.descriptor).collect::<Vec<_>>(), descriptors);
        assert!(told.iter().skip(1).all(|c| c.address == "unix:" && c.state == "conn_read" && c.idle_seconds <= 5));
    }

    #[test]
    fn addresses_are_in_memcacheds_words() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
        let here = listener.local_addr().expect("address");
        let client = TcpStream::connect(here).expect("connect");
        let (accepted, _) = listener.accept().expect("accept");
        let report = of(&Connection::new(accepted.into(), 1), Seconds(0));
        assert_eq!(report.address, format!("tcp:{}", client.local_addr().expect("address")));
        assert_eq!(report.listen_address, Some(format!("tcp:{here}")));
        let v6: std::net::SocketAddr = "[::1]:11211".parse().expect("an address");
        assert_eq!(text(Some(&v6.into())), "tcp6:[::1]:11211");
        assert_eq!(text(Some(&SockAddr::unix("/run/it").expect("a path"))), "unix:/run/it");
    }
}
