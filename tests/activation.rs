//! What a service manager does with us: it hands over listening sockets, and is told when we serve and when we stop.

mod support;

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::{Address, Process, Server, cpus, fresh_path, poll_for};

const WAIT: Duration = Duration::from_secs(20);

/// Hands its standard input and output over as the first two sockets.
const HAND_OVER: &str = r#"LISTEN_PID=$$ LISTEN_FDS=2 exec "$0" "$@" 3<&0 4<&1 </dev/null >/dev/null"#;

/// Starts the server as a service manager does, with two sockets.
fn activate(flags: &[&str], first: impl Into<OwnedFd>, second: impl Into<OwnedFd>, notify: Option<&Path>) -> Process {
    let program = Server::program().get_program().to_owned();
    let mut command = Command::new("sh");
    command.args(["-c", HAND_OVER]).arg(program).args(flags);
    if let Some(notify) = notify {
        command.env("NOTIFY_SOCKET", notify);
    }
    Process::start_on(&mut command, Stdio::from(first.into()), Stdio::from(second.into())).expect("a shell")
}

/// The next message to the service manager.
fn told(manager: &UnixDatagram) -> String {
    manager.set_read_timeout(Some(WAIT)).expect("a timeout");
    let mut message = [0; 4096];
    let len = manager.recv(&mut message).expect("a message within the time");
    String::from_utf8(message[..len].to_vec()).expect("text")
}

#[test]
fn inherited_sockets_are_served_and_outlive_the_server() {
    let shards = cpus().min(2).to_string();
    let (unix_path, notify_path) = (fresh_path(".sock"), fresh_path(".notify"));
    let manager = UnixDatagram::bind(&notify_path).expect("a socket");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a listener");
    // As systemd leaves them.
    tcp.set_nonblocking(true).expect("non-blocking");
    let address = Address::Tcp(tcp.local_addr().expect("an address").to_string());
    let unix = UnixListener::bind(&unix_path).expect("a listener");
    let (kept_tcp, kept_unix) = (tcp.try_clone().expect("a copy"), unix.try_clone().expect("a copy"));
    let mut process = activate(&["-t", &shards, "-m", "64"], tcp, unix, Some(&notify_path));

    assert!(told(&manager).starts_with("READY=1\n"));
    // Whoever was told may connect at once.
    let mut connections: Vec<_> = (0..32).map(|_| address.connect().expect("it listens")).collect();
    connections.push(Address::Unix(unix_path.clone()).connect().expect("it listens"));
    for (n, connection) in connections.iter_mut().enumerate() {
        connection.set(&format!("k{n}"), b"x");
        assert_eq!(connection.get(&format!("k{n}")).as_deref(), Some(&b"x"[..]), "{}", process.said());
    }
    drop(connections);
    process.signal("TERM");
    assert!(told(&manager).starts_with("STOPPING=1\n"));
    assert_eq!(process.wait(WAIT).and_then(|status| status.code()), Some(0), "{}", process.said());
    assert!(unix_path.exists(), "the file is the service manager's");

    // The sockets live on: who connects meanwhile is served by the next server.
    let mut early = address.connect().expect("the service manager listens");
    early.send(b"version\r\n");
    let mut next = activate(&["-t", "1", "-m", "64"], kept_tcp, kept_unix, None);
    let line = early.try_line().expect("an answer");
    assert!(line.starts_with(b"VERSION "), "{}", next.said());
    next.signal("TERM");
    assert_eq!(next.wait(WAIT).and_then(|status| status.code()), Some(0), "{}", next.said());
    for path in [unix_path, notify_path] {
        std::fs::remove_file(path).expect("the file");
    }
}

#[test]
fn what_is_not_a_listening_stream_socket_is_refused() {
    for (name, words) in [("datagram", "neither a TCP nor a unix stream"), ("connected", "nothing is listened for")] {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let other: OwnedFd = match name {
            "datagram" => UnixDatagram::unbound().expect("a socket").into(),
            _ => std::net::TcpStream::connect(tcp.local_addr().expect("an address")).expect("a connection").into(),
        };
        let mut process = activate(&["-t", "1", "-m", "64"], tcp, other, None);
        assert_eq!(process.wait(WAIT).and_then(|status| status.code()), Some(1));
        assert!(process.said().contains(words), "{name}: {}", process.said());
    }
}

#[test]
fn flags_that_listen_are_refused_beside_inherited_sockets() {
    let listener = || TcpListener::bind("127.0.0.1:0").expect("a listener");
    let mut process = activate(&["-p", "-1"], listener(), listener(), None);
    assert_eq!(process.wait(WAIT).and_then(|status| status.code()), Some(1));
    assert!(process.said().contains("-p/--port and sockets of the service manager"), "{}", process.said());
}

/// The variables of a parent that was activated itself do not concern us.
#[test]
fn sockets_of_another_process_are_left_alone() {
    let path = fresh_path(".notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    let mut command = Server::program();
    command.args(["-p", "-1", "-t", "1", "-m", "64"]);
    command.env("LISTEN_PID", "1").env("LISTEN_FDS", "1").env("NOTIFY_SOCKET", &path);
    let mut process = Process::start(&mut command).expect("the program");
    assert!(told(&manager).starts_with("READY=1\n"), "{}", process.said());
    // What it says comes by another way than its notice, and may come later.
    let said = poll_for(WAIT, || process.said().contains("listening on 127.0.0.1:").then_some(()));
    assert!(said.is_some(), "{}", process.said());
    process.signal("TERM");
    assert!(poll_for(WAIT, || process.ended()).is_some_and(|status| status.success()));
    std::fs::remove_file(path).expect("the file");
}
