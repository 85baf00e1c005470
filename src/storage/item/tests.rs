use super::*;

const NOW: Seconds = Seconds(7);

#[test]
fn the_common_item_takes_fifty_six_bytes() {
    let plain = Header::item(Deadline::NEVER, NOW, 16, 32, false);
    assert_eq!((plain.item_len(), plain.key_offset()), (56, 8));
    assert_eq!(plain.with_cas(true).item_len(), 64);
    assert_eq!(Header::item(Deadline::NEVER, NOW, 16, 32, true).item_len(), 60);
    assert_eq!(Header::item(Deadline::MAX, NOW, 16, 32, true).item_len(), 64);
    assert_eq!(Header::item(Deadline::MAX, NOW, 16, 32, true).with_cas(true).item_len(), 72);
    let large = Header::large_item(Deadline::NEVER, 16, false);
    assert_eq!((large.key_offset(), large.has_cas(), large.has_access()), (20, true, true));
}

#[test]
fn what_is_written_is_read_back() {
    for (flags_in, key_in, value_in) in [(0, &b"k"[..], &b""[..]), (7, &[b'x'; 250][..], &[1; 16 << 10][..])] {
        for (deadline, has_cas) in [Deadline::NEVER, Deadline::MAX].into_iter().flat_map(|at| [(at, false), (at, true)])
        {
            let header = Header::item(deadline, NOW, key_in.len(), value_in.len(), flags_in != 0).with_cas(has_cas);
            let mut chunk = vec![0xff; INLINE_ITEM_BYTES_MAX];
            let fields = Fields { cas: u64::MAX - 1, access: Seconds(9), flags: flags_in };
            write(&mut chunk, header, fields, key_in, value_in);
            let header = Header::read(&chunk);
            assert!(header.is_live_item() && !header.is_vacant() && !header.is_large());
            assert_eq!((key(header, &chunk), value(header, &chunk)), (key_in, value_in));
            assert_eq!((cas(header, &chunk), flags(header, &chunk)), (has_cas.then_some(u64::MAX - 1), flags_in));
            assert_eq!((header.deadline(), access(header, &chunk)), (deadline, Seconds(9)));
        }
    }
}

#[test]
fn frequency_saturates_and_touches_nothing_else() {
    let fresh = Header::item(Deadline::from_raw(9), NOW, 3, 5, true);
    let mut header = fresh;
    for _ in 0..9 {
        header = header.read_once_more();
    }
    assert_eq!((header.frequency(), header.is_fetched()), (FREQUENCY_MAX, true));
    assert_eq!(header, header.read_once_more());
    assert_eq!((header.key_len(), header.value_len(), header.deadline()), (3, 5, fresh.deadline()));
    let header = header.with_deadline(Deadline::PAST).with_frequency(0);
    assert!(header.deadline().is_past(Seconds(2)) && header.frequency() == 0 && header.is_live_item());
}

#[test]
fn an_access_is_noted_once_a_minute() {
    for deadline in [Deadline::NEVER, Deadline::MAX] {
        let header = Header::item(deadline, NOW, 1, 1, true);
        let mut chunk = vec![0; 64];
        write(&mut chunk, header, Fields { cas: 1, access: NOW, flags: 2 }, b"k", b"v");
        for (at, noted) in [(30, 7), (66, 7), (67, 67), (126, 67), (u32::MAX, SECOND_MASK as u32)] {
            let header = Header::read(&chunk);
            let accessed = access(header, &chunk);
            bump(header, &mut chunk, accessed, Seconds(at));
            let header = Header::read(&chunk);
            assert_eq!(access(header, &chunk), Seconds(noted), "at {at}");
            assert_eq!((header.deadline(), flags(header, &chunk), key(header, &chunk)), (deadline, 2, &b"k"[..]));
        }
    }
}

#[test]
fn an_item_is_widened_where_it_is() {
    for (deadline, has_cas, flags_in) in [Deadline::NEVER, Deadline::MAX]
        .into_iter()
        .flat_map(|at| [(at, false, 0), (at, false, 2), (at, true, 0), (at, true, 2)])
    {
        for room in [Room::NONE, Room::CAS, Room::ACCESS, Room::CAS.and(Room::ACCESS)] {
            let marks = Marks::binary_key(true);
            let header = Header::item(deadline, NOW, 1, 3, flags_in != 0).stale().with_marks(marks).with_cas(has_cas);
            let header = header.with_frequency(2);
            let mut chunk = vec![0xee; 64];
            write(&mut chunk, header, Fields { cas: 5, access: NOW, flags: flags_in }, b"k", b"abc");
            let widened = widen(header, &mut chunk, room);
            assert_eq!(widened, Header::read(&chunk));
            assert!(widened.has_room(room) && widened.has_room(if has_cas { Room::CAS } else { Room::NONE }));
            assert_eq!((widened.deadline(), access(widened, &chunk)), (deadline, NOW));
            assert!(!has_cas || cas(widened, &chunk) == Some(5));
            assert_eq!((flags(widened, &chunk), key(widened, &chunk)), (flags_in, &b"k"[..]));
            assert_eq!((value(widened, &chunk), widened.frequency()), (&b"abc"[..], 2));
            assert!(widened.is_stale() && widened.has_binary_key() && !widened.is_won());
            let is_new = |room: Room| usize::from(widened.has_room(room) && !header.has_room(room));
            let longer = is_new(Room::CAS) * CAS_BYTES + is_new(Room::ACCESS) * ACCESS_BYTES;
            assert_eq!(widened.item_len(), header.item_len() + longer);
        }
    }
}

#[test]
fn the_kinds_of_chunk_exclude_each_other() {
    let item = Header::item(Deadline::NEVER, NOW, 1, 0, false);
    let large = Header::large_item(Deadline::NEVER, 1, false);
    let kinds = [item, large, Header::TAIL, large.detached(), Header::RESERVED];
    for header in kinds.into_iter().chain([Header::free(0), Header::free(u16::MAX)]) {
        let is = [header.is_live_item(), header.is_tail(), header.is_detached(), header.is_vacant()];
        assert_eq!(is.into_iter().filter(|&b| b).count(), usize::from(header != Header::RESERVED), "{header:?}");
    }
    assert_eq!(Header::free(8191).next_free(), 8191);
    assert_eq!((large.deadline(), large.has_access()), (Deadline::NEVER, true));
}
