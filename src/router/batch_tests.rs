//! Batches on their way to an owner and back.

use super::*;
use crate::clock::{Clock, Exptime};
use crate::command::INLINE_VALUE_MAX;
use crate::shard::KeyHasher;

const VALUE_LEN: usize = 60_000;

fn store(value: Payload<'_>) -> Op<'_> {
    let exptime = Exptime(0);
    Op::Store(Store { flags: 7, ..Store::set(exptime, value) })
}

/// Uploads a LARGE value as a home does, with a request at its end.
fn upload(shard: &mut Shard, hasher: &KeyHasher, key: &[u8], value: &[u8], now: Now) {
    let id = UploadId { home: 0, connection: 5 };
    let mut batch = Batch::default();
    batch.push(0, &Errand::UploadBegin(id, value.len() as u64));
    for piece in value.chunks(PIECE_MAX / 2) {
        batch.push(0, &Errand::UploadWrite(id, piece));
    }
    let request = Request { hash: hasher.hash(key), key, op: store(Payload::Upload(id)) };
    batch.push(1, &Errand::Request(request, b""));
    batch.run::<_, ()>(shard, &mut (), now);
    let stored = batch.answers().any(|(t, a)| t == 1 && matches!(a, Answer::Reply(_, _, Reply::Stored { .. })));
    assert!(stored, "the value is not stored");
}

#[test]
fn answers_carry_key_note_and_value_in_order() {
    let (hasher, now) = (KeyHasher::default(), Clock::start().now());
    let mut shard = Shard::small(&hasher);
    let mut batch = Batch::default();
    // The same memory again and again, as in service.
    for round in 0..3u32 {
        let value = vec![round as u8; INLINE_VALUE_MAX];
        let key = format!("key{round}");
        let request = |op| Request { hash: hasher.hash(key.as_bytes()), key: key.as_bytes(), op };
        batch.push(10, &Errand::Request(request(store(Payload::Inline(&value))), b"first"));
        batch.push(11, &Errand::Request(request(Op::Get), b"second"));
        batch.run::<_, ()>(&mut shard, &mut (), now);
        let answers: Vec<_> = batch.answers().collect();
        let [(10, Answer::Reply(k1, b"first", Reply::Stored { .. })), (11, Answer::Reply(k2, b"second", hit))] =
            &answers[..]
        else {
            panic!("round {round}: {answers:?}");
        };
        assert_eq!((*k1, *k2), (key.as_bytes(), key.as_bytes()));
        assert!(matches!(hit, Reply::Hit(Hit { flags: 7, value: Value::Inline(v), .. }) if *v == value));
        drop(answers);
        batch.clear();
    }
}

/// A batch of reads of LARGE values that each fit into a piece came back with all of them: 8 MiB, and as much
/// in each of the other batches of the pair.
#[test]
fn large_values_beyond_the_bound_stay_with_their_owner() {
    let (hasher, now) = (KeyHasher::default(), Clock::start().now());
    let mut shard = Shard::small(&hasher);
    let value: Vec<u8> = (0..VALUE_LEN).map(|i| (i % 251) as u8).collect();
    upload(&mut shard, &hasher, b"large", &value, now);
    assert_eq!(shard.stats().uploads_bytes, 0);
    let mut batch = Batch::default();
    for n in 0..BATCH_ENTRIES_MAX {
        batch.push(n, &Errand::Request(Request { hash: hasher.hash(b"large"), key: b"large", op: Op::Get }, b""));
    }
    assert!(batch.is_full());
    batch.run::<_, ()>(&mut shard, &mut (), now);
    assert!(batch.out.len() < WHOLE_LARGE_BYTES_MAX + PIECE_MAX, "{} bytes of answers", batch.out.len());
    let mut pins = Vec::new();
    for (n, answer) in batch.answers() {
        match answer {
            Answer::Reply(_, _, Reply::Hit(Hit { value: Value::Inline(v), .. })) => assert!(v == value, "{n}"),
            Answer::Reply(_, _, Reply::Hit(Hit { value: Value::Pinned { len, pin }, .. })) => {
                assert_eq!(len, VALUE_LEN as u64);
                pins.push(pin);
            }
            other => panic!("{n}: {other:?}"),
        }
    }
    assert_eq!(shard.stats().pins, pins.len() as u64);
    // What was left behind can be fetched, and let go.
    let mut fetch = Batch::default();
    fetch.push(0, &Errand::PinRead(pins[0], 10_000));
    pins.iter().for_each(|pin| fetch.push(1, &Errand::Unpin(*pin)));
    fetch.run::<_, ()>(&mut shard, &mut (), now);
    let (_, first) = fetch.answers().next().expect("an answer");
    assert!(matches!(first, Answer::Piece(piece) if *piece == value[10_000..]));
    assert_eq!(shard.stats().pins, 0);
}

/// A batch in which many readers asked for a piece came back with all of them: 8 MiB.
#[test]
fn pieces_beyond_the_bound_are_short() {
    let (hasher, now) = (KeyHasher::default(), Clock::start().now());
    let mut shard = Shard::small(&hasher);
    let value: Vec<u8> = (0..2 * PIECE_MAX).map(|i| (i % 251) as u8).collect();
    upload(&mut shard, &hasher, b"large", &value, now);
    let get = Request { hash: hasher.hash(b"large"), key: b"large", op: Op::Get };
    let mut batch = Batch::default();
    batch.push(0, &Errand::Request(get, b""));
    batch.run::<_, ()>(&mut shard, &mut (), now);
    let pin = match batch.answers().next() {
        Some((_, Answer::Reply(_, _, Reply::Hit(Hit { value: Value::Pinned { pin, .. }, .. })))) => pin,
        other => panic!("{other:?}"),
    };
    let mut batch = Batch::default();
    (0..BATCH_ENTRIES_MAX).for_each(|n| batch.push(n, &Errand::PinRead(pin, 100)));
    batch.run::<_, ()>(&mut shard, &mut (), now);
    let bytes_max = WHOLE_LARGE_BYTES_MAX + PIECE_MAX + BATCH_ENTRIES_MAX * SHORT_PIECE_MAX;
    assert!(batch.out.len() <= bytes_max, "{} bytes of answers", batch.out.len());
    for (n, answer) in batch.answers() {
        let Answer::Piece(piece) = answer else { panic!("{n}: {answer:?}") };
        assert!(!piece.is_empty() && value[100..].starts_with(piece), "{n}");
    }
    shard.unpin(pin);
}

#[test]
fn a_batch_is_full_before_its_memory_grows_further() {
    let mut batch = Batch::default();
    let value = vec![0; INLINE_VALUE_MAX];
    let mut n = 0;
    while !batch.is_full() {
        let request = Request { hash: 0, key: b"k", op: store(Payload::Inline(&value)) };
        batch.push(n, &Errand::Request(request, b""));
        n += 1;
    }
    assert!(batch.arena.len() <= BATCH_BYTES_MAX + INLINE_VALUE_MAX + 1);
    batch.clear();
    assert!(batch.is_empty() && !batch.is_full());
}
