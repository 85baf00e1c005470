//! Three shards without rings: what one turn leaves to the next, and what becomes of what a connection leaves.

mod binary;

use std::os::unix::net::UnixStream;

use super::*;
use crate::clock::Clock;
use crate::command::{StatLines, StatsAnswer};
use crate::router::testing::routers;
use crate::router::{
    BATCH_ENTRIES_MAX, BATCHES_PER_PEER, Host, Order, Outcome, Report, Shard, Subject, Walk, WalkedItem,
};
use crate::server::answers::Outlet;
use crate::server::control::Local;

pub(super) const SHARDS: usize = 3;
const LARGE_LEN: usize = 300_000;

struct Silent;

impl Control for Silent {
    fn version(&self) -> &[u8] {
        b"x"
    }

    fn stats_order(&self, args: &[u8]) -> Result<Order, StatsAnswer> {
        Ok(Order::Report(match args {
            b"" => Subject::General,
            _ => Subject::Sizes(Walk::default()),
        }))
    }

    fn stats(&self, _: &[u8], reports: Vec<(usize, Report)>) -> StatsAnswer {
        let mut lines = StatLines::default();
        reports.iter().for_each(|(shard, _)| lines.push("shard", shard));
        StatsAnswer::Lines(lines)
    }

    fn set_verbosity(&self, _: u32) {}

    fn flush_all_enabled(&self) -> bool {
        true
    }

    fn shut_down(&self) {}
}

/// The server around the other shards.
struct Peer;

impl Host for Peer {
    fn carry_out(&mut self, _: Order, _: &mut Shard, _: Now) -> Option<Outcome> {
        None
    }

    fn write_item(style: u8, item: &WalkedItem<'_>, now: Now, out: &mut Vec<u8>) {
        Local::write_item(style, item, now, out);
    }
}

/// The shard under test is number 0; the others only serve.
pub(super) struct World {
    pub(super) dispatch: Dispatch,
    pub(super) peers: Vec<WorkerRouter>,
    hasher: KeyHasher,
}

impl World {
    pub(super) fn new() -> Self {
        let hasher = KeyHasher::default();
        let mut routers = routers(SHARDS, &hasher).into_iter();
        let own = routers.next().expect("the first shard");
        let peers = routers.collect();
        let clock = Clock::start();
        let dispatch = Dispatch::new(own, Parser::new(1 << 20), hasher.clone(), Arc::new(Silent), clock);
        World { dispatch, peers, hasher }
    }

    pub(super) fn connect(&mut self) -> u32 {
        let (socket, _) = UnixStream::pair().expect("a socket");
        self.dispatch.connections.insert(socket.into())
    }

    /// Ends a connection as its worker does once the kernel has done with it.
    pub(super) fn disconnect(&mut self, number: u32) {
        self.dispatch.abandon(number);
        self.dispatch.connections.remove(number);
    }

    /// Gives a connection input; returns how much of it was consumed.
    pub(super) fn feed(&mut self, number: u32, bytes: &[u8]) -> usize {
        let mut group = Group::default();
        self.dispatch.marks = vec![Mark::default()];
        self.dispatch.run_input(0, number, bytes, &mut group);
        self.dispatch.run_group(&mut group);
        let Mark { consumed, resume, .. } = self.dispatch.marks[0];
        self.dispatch.connections.at(number).resume = resume;
        consumed
    }

    /// Lets the other shards serve what was published, and takes their answers.
    pub(super) fn exchange(&mut self) {
        self.dispatch.pay_owed();
        self.dispatch.router.publish();
        let now = self.dispatch.now;
        for peer in &mut self.peers {
            loop {
                peer.take_requests();
                if !peer.serve::<Local<'_>>(&mut Peer, now) {
                    break;
                }
            }
            peer.publish();
        }
        self.dispatch.take_replies();
    }

    /// Sends all that can be said to a connection, and returns it.
    pub(super) fn output(&mut self, number: u32) -> Vec<u8> {
        self.dispatch.advance(number, Outlet::Copied);
        std::mem::take(&mut self.dispatch.connections.at(number).out)
    }

    /// A key that this shard owns.
    pub(super) fn key_of(&self, owner: usize) -> String {
        let owned = |key: &String| self.dispatch.router.owner(self.hasher.hash(key.as_bytes())) == owner;
        (0..).map(|n| format!("key{n}")).find(owned).expect("a key")
    }

    pub(super) fn fill_mesh_to(&mut self, owner: usize) {
        for _ in 0..BATCHES_PER_PEER * BATCH_ENTRIES_MAX {
            self.dispatch.router.forward(owner, Ticket::Nothing, &Errand::Order(Order::StatsReset)).expect("room");
        }
    }

    /// Stores a LARGE value at a key.
    fn store_large(&mut self, key: &str) {
        let number = self.connect();
        let bytes = large_set(key);
        assert_eq!(self.feed(number, &bytes), bytes.len());
        self.exchange();
        assert_eq!(self.output(number), b"STORED\r\n");
        self.disconnect(number);
    }
}

fn large_set(key: &str) -> Vec<u8> {
    [format!("set {key} 0 0 {LARGE_LEN}\r\n").as_bytes(), &[b'v'; LARGE_LEN], b"\r\n"].concat()
}

/// What was owed to one full shard held up what was owed to the others. With three shards, an aborted upload could so
/// be told to its owner after the next upload of the same connection number had begun, and ended that one.
#[test]
fn a_full_shard_does_not_hold_up_what_is_owed_to_others() {
    let mut world = World::new();
    world.fill_mesh_to(1);
    // An upload to shard 2 is left, while an earlier debt to shard 1 cannot be paid.
    let (number, key) = (world.connect(), world.key_of(2));
    let set = large_set(&key);
    world.feed(number, &set[..1000]);
    world.dispatch.owe(1, Errand::Unpin(0));
    world.disconnect(number);
    // Its number is used again, for an upload to the same shard.
    let successor = world.connect();
    assert_eq!(successor, number);
    assert_eq!(world.feed(successor, &set[..1000]), 1000);
    assert!(world.dispatch.owes());
    world.exchange();
    assert_eq!(world.feed(successor, &set[1000..]), set.len() - 1000);
    world.exchange();
    assert_eq!(world.output(successor), b"STORED\r\n");
    world.exchange();
    assert!(!world.dispatch.owes());
    assert_eq!(world.peers[1].stats().uploads_bytes, 0);
}

#[test]
fn an_upload_that_is_left_is_forgotten_by_its_owner() {
    for owner in 0..SHARDS {
        let mut world = World::new();
        let (number, key) = (world.connect(), world.key_of(owner));
        world.feed(number, &large_set(&key)[..100_000]);
        world.exchange();
        let uploads = |world: &World| {
            let peers: u64 = world.peers.iter().map(|peer| peer.stats().uploads_bytes).sum();
            peers + world.dispatch.router.stats().uploads_bytes
        };
        assert_eq!(uploads(&world), LARGE_LEN as u64);
        world.disconnect(number);
        world.exchange();
        assert_eq!(uploads(&world), 0);
    }
}

/// At every stage of a LARGE value's way out the connection may go; its owner must learn of it once.
#[test]
fn a_value_whose_reader_has_gone_is_let_go() {
    for owner in 0..SHARDS {
        for stage in 0..8 {
            let mut world = World::new();
            let key = world.key_of(owner);
            world.store_large(&key);
            let number = world.connect();
            world.feed(number, format!("get {key} {key} {key}\r\nmg {key}\r\n").as_bytes());
            for _ in 0..stage / 2 {
                world.exchange();
                world.output(number);
            }
            if stage % 2 == 1 {
                // The next piece is asked for, or read, but not answered.
                world.dispatch.advance(number, Outlet::Copied);
                world.dispatch.router.publish();
            }
            world.disconnect(number);
            let successor = world.connect();
            for _ in 0..3 {
                world.exchange();
            }
            assert!(world.output(successor).is_empty(), "owner {owner}, stage {stage}");
            let pins: u64 = world.peers.iter().map(|peer| peer.stats().pins).sum();
            assert_eq!(pins + world.dispatch.router.stats().pins, 0, "owner {owner}, stage {stage}");
        }
    }
}

#[test]
fn answers_do_not_reach_the_next_connection_of_the_same_number() {
    let mut world = World::new();
    let (number, key) = (world.connect(), world.key_of(1));
    let commands = format!("get {key}\r\nstats\r\nflush_all\r\nset {key} 0 0 1 noreply\r\nx\r\nget {key}\r\n");
    assert_eq!(world.feed(number, commands.as_bytes()), commands.len());
    world.disconnect(number);
    let successor = world.connect();
    assert_eq!(successor, number);
    assert_eq!(world.feed(successor, b"version\r\n"), 9);
    world.exchange();
    assert_eq!(world.output(successor), b"VERSION x\r\n");
    assert!(!world.dispatch.connections.at(successor).has_queue());
}

#[test]
fn replies_come_in_order_whoever_answers_first() {
    let mut world = World::new();
    let number = world.connect();
    let keys: Vec<_> = (0..SHARDS).map(|owner| world.key_of(owner)).collect();
    let mut commands = format!("set {} 0 0 1 noreply\r\nx\r\nset {} 0 0 1\r\ny\r\n", keys[0], keys[2]);
    commands += &format!("get {} {} {}\r\nversion\r\nstats\r\nmn\r\n", keys[0], keys[1], keys[2]);
    commands += &format!("set {} 0 0 1 noreply\r\nz\r\nget {} {}\r\n", keys[1], keys[1], keys[0]);
    assert_eq!(world.feed(number, commands.as_bytes()), commands.len());
    let mut said = world.output(number);
    world.exchange();
    said.extend(world.output(number));
    let mut expected = format!("STORED\r\nVALUE {} 0 1\r\nx\r\nVALUE {} 0 1\r\ny\r\nEND\r\n", keys[0], keys[2]);
    expected += "VERSION x\r\nSTAT shard 0\r\nSTAT shard 1\r\nSTAT shard 2\r\nEND\r\nMN\r\n";
    expected += &format!("VALUE {} 0 1\r\nz\r\nVALUE {} 0 1\r\nx\r\nEND\r\n", keys[1], keys[0]);
    assert_eq!(String::from_utf8(said).expect("text"), expected);
}

/// Stopped anywhere, in the middle of a read of many keys too, a connection goes on from there.
#[test]
fn a_full_mesh_stops_a_connection_and_room_lets_it_go_on() {
    for command in ["get", "gets"] {
        let mut world = World::new();
        let number = world.connect();
        let (here, there) = (world.key_of(0), world.key_of(1));
        world.feed(number, format!("set {here} 0 0 1 noreply\r\nx\r\n").as_bytes());
        world.fill_mesh_to(1);
        let line = format!("{command} {here} {there} {here}\r\nversion\r\n");
        let consumed = world.feed(number, line.as_bytes());
        assert_eq!(&line[consumed..], format!("{there} {here}\r\nversion\r\n"));
        assert_eq!(world.dispatch.connections.at(number).blocked, Blocked::Mesh);
        world.exchange();
        assert_eq!(world.dispatch.ready, [number]);
        assert_eq!(world.feed(number, &line.as_bytes()[consumed..]), line.len() - consumed);
        world.exchange();
        let said = String::from_utf8(world.output(number)).expect("text");
        assert_eq!(said.matches(&format!("VALUE {here} 0 1")).count(), 2, "{said}");
        assert!(said.ends_with("x\r\nEND\r\nVERSION x\r\n"), "{said}");
    }
}

/// A LARGE set that is refused, or complete, when the mesh has no room for it is not lost.
#[test]
fn the_end_of_an_upload_waits_for_room() {
    let mut world = World::new();
    let (number, key) = (world.connect(), world.key_of(1));
    let set = large_set(&key);
    // All but the end of the line behind the value, and then no room for the request.
    assert_eq!(world.feed(number, &set[..set.len() - 1]), set.len() - 1);
    world.exchange();
    world.fill_mesh_to(1);
    assert_eq!(world.feed(number, b"\n"), 1);
    assert_eq!(world.dispatch.connections.at(number).blocked, Blocked::Mesh);
    world.exchange();
    assert_eq!(world.feed(number, b""), 0);
    world.exchange();
    assert_eq!(world.output(number), b"STORED\r\n");

    world.fill_mesh_to(1);
    let refused = format!("set {key} 0 0 2000000\r\n");
    assert_eq!(world.feed(number, refused.as_bytes()), 0);
    world.exchange();
    assert_eq!(world.feed(number, refused.as_bytes()), refused.len());
    assert!(matches!(world.dispatch.connections.at(number).intake, Intake::Discard(2_000_002)));
    world.exchange();
    assert_eq!(world.output(number), memcache::errors::TOO_LARGE);
}

#[test]
fn unread_replies_of_every_kind_stop_a_connection() {
    let mut world = World::new();
    let (here, there) = (world.key_of(0), world.key_of(1));
    let value = "v".repeat(1000);
    for command in [format!("get {here}\r\n"), format!("get {there}\r\n"), "stats\r\n".into(), "version\r\n".into()] {
        let number = world.connect();
        for key in [&here, &there] {
            world.feed(number, format!("set {key} 0 0 1000 noreply\r\n{value}\r\n").as_bytes());
        }
        world.exchange();
        world.dispatch.advance(number, Outlet::Copied);
        let commands = command.repeat(world.dispatch.rules.requests_per_turn);
        let mut rounds = 0;
        while world.dispatch.connections.at(number).blocked == Blocked::No {
            world.feed(number, commands.as_bytes());
            rounds += 1;
            assert!(rounds < 100, "{command:?} is never stopped");
        }
        world.disconnect(number);
        world.exchange();
    }
}

/// A report that takes long is made a piece at a time, so that each shard's requests go on in between.
#[test]
fn a_long_report_comes_in_pieces_from_every_shard() {
    let mut world = World::new();
    let number = world.connect();
    for n in 0..3000 {
        world.feed(number, format!("set key{n} 0 0 1 noreply\r\nx\r\n").as_bytes());
        world.exchange();
    }
    world.output(number);
    let requests = world.feed(number, b"stats sizes\r\nmn\r\n");
    assert_eq!(requests, 17);
    let mut turns = 0;
    let mut said = Vec::new();
    while !said.ends_with(b"MN\r\n") {
        world.exchange();
        world.dispatch.go_on_gathering();
        said.extend(world.output(number));
        turns += 1;
        assert!(turns < 1000, "{}", String::from_utf8_lossy(&said));
    }
    assert!(turns > 2, "{turns} turns");
    let expected = "STAT shard 0\r\nSTAT shard 1\r\nSTAT shard 2\r\nEND\r\nMN\r\n";
    assert_eq!(String::from_utf8(said).expect("text"), expected);
}

/// A client that went on asking for listings and left would have kept the shards walking for it.
#[test]
fn a_long_report_ends_with_the_client_that_asked() {
    let mut world = World::new();
    let number = world.connect();
    for n in 0..3000 {
        world.feed(number, format!("set key{n} 0 0 1 noreply\r\nx\r\n").as_bytes());
        world.exchange();
    }
    world.feed(number, b"stats sizes\r\nstats sizes\r\n");
    assert!(!world.dispatch.gathers.continuing.is_empty());
    world.disconnect(number);
    for _ in 0..3 {
        world.exchange();
        world.dispatch.go_on_gathering();
    }
    assert!(world.dispatch.gathers.continuing.is_empty());
    // Nothing of it reaches the next connection of that number, and its places are free.
    assert_eq!(world.connect(), number);
    world.exchange();
    assert_eq!(world.output(number), b"");
    world.feed(number, b"stats\r\n");
    world.exchange();
    assert!(world.output(number).ends_with(b"END\r\n"));
}
