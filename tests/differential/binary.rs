//! Packets: every opcode with its quiet and key forms, and packets whose lengths lie.

use super::stream::{CasForm, Choose, Command};
use super::support::{Packet, Random, packet};
use super::text;

/// Keys that the text protocol cannot name are among them.
const KEYS: [&[u8]; 6] = [b"a", b"b", b"n", b"sp ace", b"\x00\xff", b"line\r\n"];

/// Exptimes that do not come near during a stream; the last ones are past.
const EXPTIMES: [u32; 6] = [0, 0, 0, 100, 2_592_001, u32::MAX];

/// Deltas and initial values; see the text protocol's values for what is missing.
const NUMBERS: [u64; 6] = [0, 1, 1, 5, 90, 9_223_372_036_854_770_000];

/// Set, add, replace and their quiet forms.
const STORES: [u8; 7] = [0x01, 0x01, 0x02, 0x03, 0x11, 0x12, 0x13];
/// Append, prepend, quiet.
const EXTENDS: [u8; 4] = [0x0e, 0x0f, 0x19, 0x1a];
/// Get, quiet, with key, both.
const GETS: [u8; 5] = [0x00, 0x00, 0x09, 0x0c, 0x0d];
/// Touch, get and touch, quiet, with key, both.
const TOUCHES: [u8; 5] = [0x1c, 0x1d, 0x1e, 0x23, 0x24];
/// Increment, decrement, quiet.
const COUNTS: [u8; 4] = [0x05, 0x06, 0x15, 0x16];
/// Delete, quiet.
const DELETES: [u8; 2] = [0x04, 0x14];
/// Not commands: gaps, the range commands, and those of Couchbase.
const UNKNOWN: [u8; 10] = [0x1b, 0x1f, 0x25, 0x30, 0x3c, 0x3d, 0x48, 0x80, 0x81, 0xff];

/// One packet with this opaque.
pub fn command(random: &mut Random, opaque: u32) -> Command {
    let key = random.one(&KEYS);
    let packet = match random.below(40) {
        0..=8 => {
            let (flags, exptime) = (random.one(&[0, 5, u32::MAX]), random.one(&EXPTIMES));
            packet(random.one(&STORES)).key(key).stored_with(flags, exptime).value(text::value(random))
        }
        9..=12 => packet(random.one(&EXTENDS)).key(key).value(text::value(random)),
        13..=19 => packet(random.one(&GETS)).key(key),
        20..=23 => packet(random.one(&TOUCHES)).key(key).touched_with(random.one(&EXPTIMES)),
        24..=28 => {
            let exptime = if random.rarely(4) { u32::MAX } else { random.one(&EXPTIMES) };
            packet(random.one(&COUNTS)).key(key).counted_with(random.one(&NUMBERS[..5]), random.one(&NUMBERS), exptime)
        }
        29..=31 => packet(random.one(&DELETES)).key(key),
        32 => packet(random.one(&[0x0a, 0x0b])),
        33 => match random.below(3) {
            0 => packet(random.one(&[0x08, 0x18])),
            _ => packet(random.one(&[0x08, 0x18])).extras([0; 4]),
        },
        // Without a body: of others memcached 1.6.18 swallows more than it should.
        34 => packet(random.one(&UNKNOWN)),
        35 => packet(0x20),
        36 => packet(random.one(&[0x21, 0x22])).key("PLAIN").value("\0user\0password"),
        37 => packet(0x10).key(random.one(&["reset", "bogus", "detail"])),
        38 => {
            // More than the limit by the value alone. Between that and what an item of the limit has room for, we keep
            // the old item of a set that names a CAS number, where memcached drops it.
            let len = (1 << 20) + 1;
            packet(random.one(&STORES)).key(key).stored_with(0, 0).value(vec![b'z'; len])
        }
        _ => return closing(random, opaque),
    };
    let counts = COUNTS.contains(&packet.bytes()[1]);
    let command = with_cas(random, packet.opaque(opaque), key);
    if counts { command.first() } else { command }
}

fn with_cas(random: &mut Random, packet: Packet, key: &[u8]) -> Command {
    match random.below(8) {
        0 => Command::plain(packet.cas(random.one(&[1, u64::MAX])).bytes()),
        n @ 1..=3 => {
            let (before, behind) = packet.around_cas();
            let mut command = Command::new();
            command.add(before).add_cas(key, usize::from(n == 1), CasForm::Binary).add(behind);
            command
        }
        _ => Command::plain(packet.bytes()),
    }
}

/// Packets after which the server closes: it was asked to, or the lengths make no sense for the opcode.
fn closing(random: &mut Random, opaque: u32) -> Command {
    let key = random.one(&KEYS);
    let any = |random: &mut Random| -> u8 { random.below(0x1b) as u8 };
    let packet = match random.below(12) {
        0 => packet(random.one(&[0x07, 0x17])),
        1 => packet(random.one(&GETS)),
        2 => packet(random.one(&GETS)).key(key).extras([0; 4]),
        3 => packet(random.one(&GETS)).key(key).value("v"),
        4 => packet(random.one(&STORES)).key(key).value("v"),
        5 => packet(random.one(&STORES)).stored_with(0, 0).value("v"),
        6 => packet(random.one(&COUNTS)).key(key).extras([0; 8]),
        7 => packet(random.one(&DELETES)).key(key).value("v"),
        8 => packet(random.one(&TOUCHES)).key(key),
        // A key or extras longer than the body that holds them. The bytes are there: memcached waits for them.
        9 => packet(any(random)).key(key).body_len(key.len() as u32 - 1),
        10 => packet(any(random)).key(key).extras_len(200).value([0; 200]).body_len(200),
        _ => packet(any(random)).key("k".repeat(251)),
    };
    Command::plain(packet.opaque(opaque).bytes()).closes()
}
