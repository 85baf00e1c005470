//! The driver against a server of the test's that sends back what it gets, with several connections by one system call and
//! without.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
};

use super::{batch::BATCH_MAX, transfer::SLOT, *};
use crate::clock::thread_cpu;

/// The agent takes replies in pieces of so many bytes, so that mostly some stay over.
const PIECE: usize = 7;

/// Sends `rounds` messages on every connection, each when the one before has come back.
struct Echo {
    /// Bytes of a connection's messages, a multiple of [`PIECE`].
    len: fn(usize) -> usize,
    rounds: usize,
    lanes: Vec<Lane>,
    /// Whether every connection sends whenever it is asked, and all are asked every turn, the first twice.
    stutters: bool,
}

#[derive(Clone, Default)]
struct Lane {
    begun: usize,
    sent: usize,
    came: usize,
}

fn byte_at(connection: usize, position: usize) -> u8 {
    (connection * 31 + position * 7 + position / 251) as u8
}

impl Agent for Echo {
    fn plan(&mut self, now: Nanos, wake: &mut Vec<usize>, _meter: &mut BusyMeter) -> Next {
        if self.stutters {
            wake.clear();
            wake.extend([0, 0]);
            wake.extend(1..self.lanes.len());
        }
        let done = self.outstanding() == 0 && self.lanes.iter().all(|lane| lane.begun == self.rounds);
        if done { Next::Finish } else { Next::WaitUntil(now + SECOND) }
    }

    fn requests(&mut self, connection: usize, _now: Nanos, out: &mut Vec<u8>) {
        let (lane, len) = (&mut self.lanes[connection], (self.len)(connection));
        if lane.begun < self.rounds && (self.stutters || lane.sent == lane.came) {
            out.extend((lane.sent..lane.sent + len).map(|position| byte_at(connection, position)));
            lane.sent += len;
            lane.begun += 1;
        }
    }

    fn replies(&mut self, connection: usize, _now: Nanos, input: &[u8]) -> Result<usize, Unparsable> {
        let lane = &mut self.lanes[connection];
        let used = input.len() - input.len() % PIECE;
        for byte in &input[..used] {
            if *byte != byte_at(connection, lane.came) {
                return Err(Unparsable::new("not what was sent", input));
            }
            lane.came += 1;
        }
        Ok(used)
    }

    fn outstanding(&self) -> usize {
        self.lanes.iter().filter(|lane| lane.came < lane.sent).count()
    }
}

/// Serves as many connections as there are servers, each by one of them.
fn serve(servers: Vec<Box<dyn FnOnce(TcpStream) + Send>>) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for server in servers {
            let (stream, _) = listener.accept().unwrap();
            thread::spawn(move || server(stream));
        }
    });
    Endpoint::new(address.parse().unwrap(), None).unwrap()
}

fn echo(stream: TcpStream) {
    echo_and(stream, |_| {});
}

/// Sends back what comes, and says to `noted` how many bytes that is.
fn echo_and(mut stream: TcpStream, mut noted: impl FnMut(usize)) {
    let mut bytes = vec![0; 100_000];
    while let Ok(read @ 1..) = stream.read(&mut bytes) {
        noted(read);
        if stream.write_all(&bytes[..read]).is_err() {
            return;
        }
    }
}

/// The drivers of connections to new servers, with and without a ring.
fn drivers(servers: impl Fn() -> Vec<Box<dyn FnOnce(TcpStream) + Send>>) -> impl Iterator<Item = Driver> {
    [true, false].into_iter().map(move |batched| {
        let servers = servers();
        let count = servers.len();
        let mut driver = Driver::connect(&serve(servers), count, 0, Clock::start()).unwrap();
        assert!(driver.batch.is_some(), "this machine forbids io_uring");
        if !batched {
            driver.batch = None;
        }
        driver
    })
}

fn echoes(count: usize) -> Vec<Box<dyn FnOnce(TcpStream) + Send>> {
    (0..count).map(|_| Box::new(echo) as _).collect()
}

fn agent(connections: usize, rounds: usize, len: fn(usize) -> usize) -> Echo {
    Echo { len, rounds, lanes: vec![Lane::default(); connections], stutters: false }
}

fn assert_all_came(agent: &Echo) {
    for (id, lane) in agent.lanes.iter().enumerate() {
        let all = agent.rounds * (agent.len)(id);
        assert_eq!((lane.sent, lane.came), (all, all), "connection {id}");
    }
}

#[test]
fn what_is_sent_on_many_connections_comes_back() {
    let count = 2 * BATCH_MAX + 3;
    for mut driver in drivers(|| echoes(count)) {
        let mut agent = agent(count, 50, |id| PIECE * (1 + id % 20));
        driver.drive(&mut agent).unwrap();
        assert_all_came(&agent);
    }
}

#[test]
fn replies_of_all_lengths_come_beside_each_other() {
    for mut driver in drivers(|| echoes(24)) {
        // Around a slot's length, above the inbox's, and short ones.
        let mut agent = agent(24, 20, |id| match id % 4 {
            0 => PIECE,
            1 => (SLOT - SLOT % PIECE) + PIECE * (id / 4),
            2 => 2 * READ_BUFFER - (2 * READ_BUFFER) % PIECE,
            _ => SLOT / 2 - (SLOT / 2) % PIECE,
        });
        driver.drive(&mut agent).unwrap();
        assert_all_came(&agent);
    }
}

/// A second message of a connection must not be offered beside the first, of which the socket may leave some.
#[test]
fn a_connection_that_is_woken_twice_sends_in_order() {
    const ROUNDS: usize = 600;
    let servers = || {
        let (ready, waits) = mpsc::channel();
        // The first server reads nothing before the second has seen half of its messages: its socket gets full.
        let late = move |stream| {
            waits.recv().unwrap();
            echo(stream);
        };
        let early = move |stream| {
            let mut seen = 0;
            echo_and(stream, |read| {
                seen += read;
                if seen > ROUNDS / 2 * PIECE {
                    let _ = ready.send(());
                }
            });
        };
        vec![Box::new(late) as Box<dyn FnOnce(TcpStream) + Send>, Box::new(early), Box::new(echo)]
    };
    for mut driver in drivers(servers) {
        let mut agent = agent(3, ROUNDS, |id| if id == 0 { 20_006 } else { PIECE });
        agent.stutters = true;
        driver.drive(&mut agent).unwrap();
        assert_all_came(&agent);
    }
}

#[test]
fn the_end_of_a_connection_is_told() {
    for mut driver in drivers(|| echoes(19).into_iter().chain([Box::new(drop) as _]).collect()) {
        let mut agent = agent(20, 1_000_000, |_| PIECE);
        // Either its end is read, or a write meets it first.
        match driver.drive(&mut agent) {
            Err(Error::Closed(id) | Error::Io { connection: id, .. }) => assert_eq!(id, 19),
            other => panic!("{other:?}"),
        }
    }
}

/// What a socket has no room for, or nothing for, is told at once.
#[test]
fn no_operation_waits() {
    use std::{os::fd::AsFd, os::unix::net::UnixStream};
    let mut batch = batch::Batch::new().expect("this machine forbids io_uring");
    let pairs: Vec<_> = (0..BATCH_MAX).map(|_| UnixStream::pair().unwrap()).collect();
    let long = vec![7; 8 << 20];
    let sent = *batch.send(pairs.iter().map(|(here, _)| (here.as_fd(), long.as_slice()))).unwrap();
    let sent = sent.map(|code| batch::outcome(code).unwrap());
    assert!(sent.iter().all(|sent| *sent > 0 && *sent < long.len()), "{sent:?}");
    let full = batch.send(pairs.iter().map(|(here, _)| (here.as_fd(), long.as_slice()))).unwrap();
    assert_eq!(batch::outcome(full[0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    let mut room = vec![[0; 100]; BATCH_MAX];
    let empty = batch.receive(pairs.iter().zip(&mut room).map(|((here, _), room)| (here.as_fd(), &mut room[..])));
    assert!(empty.unwrap().iter().all(|code| *code == -libc::EAGAIN));
    let came = batch.receive(pairs.iter().zip(&mut room).map(|((_, there), room)| (there.as_fd(), &mut room[..])));
    assert_eq!(*came.unwrap(), [100; BATCH_MAX]);
    assert!(room.iter().all(|room| *room == [7; 100]));
    // An operation that fails says so, and the others go on.
    drop(pairs[1].1.shutdown(std::net::Shutdown::Both));
    let mixed = batch.send(pairs[1..3].iter().map(|(here, _)| (here.as_fd(), b"x".as_slice()))).unwrap();
    assert_eq!((mixed[0], mixed[1]), (-libc::EPIPE, -libc::EAGAIN));
}

/// Composes for a millisecond of CPU time whenever it is asked, sends nothing, and never waits.
struct Composes {
    turns: usize,
}

impl Agent for Composes {
    fn plan(&mut self, now: Nanos, wake: &mut Vec<usize>, meter: &mut BusyMeter) -> Next {
        if self.turns == 0 {
            meter.start();
        }
        self.turns += 1;
        wake.clear();
        wake.push(0);
        if self.turns > 20 { Next::Finish } else { Next::WaitUntil(now) }
    }

    fn requests(&mut self, _connection: usize, _now: Nanos, _out: &mut Vec<u8>) {
        let begin = thread_cpu();
        while thread_cpu() - begin < SECOND / 1000 {}
    }

    fn replies(&mut self, _connection: usize, _now: Nanos, input: &[u8]) -> Result<usize, Unparsable> {
        Ok(input.len())
    }

    fn outstanding(&self) -> usize {
        0
    }
}

/// What came before a poll in its turn was taken for polling, and so was the time that the thread was kept off its core.
#[test]
fn only_polling_counts_as_polling() {
    for mut driver in drivers(|| echoes(1)) {
        driver.drive(&mut Composes { turns: 0 }).unwrap();
        let worked = driver.worked();
        assert!(worked.used > 19 * SECOND / 1000 && worked.needed >= worked.used, "{worked:?}");
        let mut meter = BusyMeter::default();
        meter.start();
        Composes { turns: 0 }.requests(0, 0, &mut Vec::new());
        meter.polled(SECOND);
        assert!(meter.worked().used > SECOND / 2000, "{:?}", meter.worked());
    }
}
