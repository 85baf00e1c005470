//! The bytes of an item in its chunk. Pure layout: knows neither where the chunk is nor why it is there.
//!
//! ```text
//!   0        8            16               20              24
//!   | header | CAS (opt.) | access (opt.) | flags (opt.) | key ... | value ...                      an inline item
//!   | header | CAS        | access        | flags (opt.) | key ... | pad to 8 | record (see large)  a LARGE item
//!   | header | owner      | value ...                                                  a tail piece of a LARGE value
//!   | header |                                                                         a free chunk
//!
//!   header   63  62    61     60         59    58  57    56      55  54 53       52   51     50        36 35      28 27    0
//!            WIN STALE binary COMPRESSED LARGE CAS flags fetched  freq. in small LIVE access value length key length second
//! ```
//!
//! What is optional and absent takes no bytes, so that the key of the plainest item stands at 8: 16 bytes of key and 32
//! of value take 56.
//!
//! An item has its CAS number (bit 58) from the moment that somebody is told it, or gives it one. Before, no number can
//! match it.
//!
//! The second in bits 0–27 is that of the last access where `access` (bit 51) is 0: the item does not expire. Where it
//! is 1, bits 0–27 are the deadline (0 for none) and the last access has four bytes of its own. So an item that never
//! expires pays nothing for knowing when it was read last, and one that is given a deadline, or a number, may have to
//! move. A LARGE item always has both.
//!
//! | LIVE | key length | LARGE | the chunk is |
//! |---|---|---|---|
//! | 1 | > 0 | any | an item, reachable through the hash table |
//! | 1 | 0 | 1 | a tail piece of a LARGE value; `owner` is its item, or none while it is being received |
//! | 0 | > 0 | 1 | detached: a LARGE item that is out of the hash table and lives until it is unpinned |
//! | 0 | 0 | 1 | reserved: taken, not yet written |
//! | 0 | 0 | 0 | free; bits 0–15 link to the page's next free chunk |
//!
//! Where COMPRESSED (bit 60) is set, value and value length, or those of the record, are of the compressed form; see
//! `compression/`.
//!
//! `in small` is S3-FIFO's: the item is in its class's small queue (see `eviction`).

use crate::clock::{Deadline, Seconds};
use crate::short;

/// Bytes of the header word.
pub(super) const HEADER_BYTES: usize = 8;
const CAS_BYTES: usize = 8;
const ACCESS_BYTES: usize = 4;
const FLAGS_BYTES: usize = 4;

/// Longest key in bytes.
pub const KEY_LEN_MAX: usize = 250;

/// Longest value in bytes that is stored in one chunk; longer ones are LARGE.
pub const INLINE_VALUE_MAX: usize = 16 << 10;

/// The largest chunk that an inline item needs.
pub(super) const INLINE_ITEM_BYTES_MAX: usize =
    HEADER_BYTES + CAS_BYTES + ACCESS_BYTES + FLAGS_BYTES + KEY_LEN_MAX + INLINE_VALUE_MAX;

/// Bytes of a tail piece in front of the value.
pub(super) const TAIL_HEADER_BYTES: usize = 16;

/// Times an item can be passed over by the eviction hand.
pub(super) const FREQUENCY_MAX: u64 = 3;

/// A last access younger than this is not noted again, so that reads seldom write (memcached's
/// `ITEM_UPDATE_INTERVAL`).
pub(super) const ACCESS_INTERVAL_SECONDS: u32 = 60;

const SECOND_BITS: u32 = 28;
const SECOND_MASK: u64 = (1 << SECOND_BITS) - 1;
const KEY_LEN_SHIFT: u32 = 28;
const KEY_LEN_MASK: u64 = 0xff;
const VALUE_LEN_SHIFT: u32 = 36;
const VALUE_LEN_MASK: u64 = 0x7fff;
const HAS_ACCESS_BIT: u32 = 51;
const HAS_ACCESS: u64 = 1 << HAS_ACCESS_BIT;
const LIVE: u64 = 1 << 52;
const IN_SMALL: u64 = 1 << 53;
const FREQUENCY_SHIFT: u32 = 54;
const FREQUENCY_MASK: u64 = FREQUENCY_MAX << FREQUENCY_SHIFT;
/// What eviction knows of an item.
const STANDING_MASK: u64 = IN_SMALL | FREQUENCY_MASK;
const FETCHED: u64 = 1 << 56;
const HAS_FLAGS_BIT: u32 = 57;
const HAS_FLAGS: u64 = 1 << HAS_FLAGS_BIT;
const HAS_CAS_BIT: u32 = 58;
const HAS_CAS: u64 = 1 << HAS_CAS_BIT;
const LARGE: u64 = 1 << 59;
const COMPRESSED: u64 = 1 << 60;
const BINARY_KEY: u64 = 1 << 61;
const STALE: u64 = 1 << 62;
const WIN: u64 = 1 << 63;
const NEXT_FREE_MASK: u64 = 0xffff;

const _: () = assert!(SECOND_BITS == KEY_LEN_SHIFT && Deadline::MAX.raw() as u64 == SECOND_MASK);
const _: () = assert!(KEY_LEN_MAX as u64 <= KEY_LEN_MASK && KEY_LEN_MASK << KEY_LEN_SHIFT < 1 << VALUE_LEN_SHIFT);
const _: () = assert!(INLINE_VALUE_MAX as u64 <= VALUE_LEN_MASK && VALUE_LEN_MASK << VALUE_LEN_SHIFT < HAS_ACCESS);
const _: () = assert!(HAS_ACCESS << 1 == LIVE);
const _: () = assert!(FREQUENCY_MASK == 0b11 << 54 && FREQUENCY_MASK < FETCHED);
const _: () = assert!(size_of::<Header>() == HEADER_BYTES);
const _: () = assert!(Header(LIVE | 16 << KEY_LEN_SHIFT | 32 << VALUE_LEN_SHIFT).item_len() == 8 + 16 + 32);
const _: () = assert!(Header(LIVE | HAS_CAS | 16 << KEY_LEN_SHIFT).value_offset() == 8 + 8 + 16);
const _: () = assert!(Header(LIVE | HAS_CAS | HAS_ACCESS | HAS_FLAGS).key_offset() == 8 + 8 + 4 + 4);

/// The header word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header(u64);

impl Header {
    /// A chunk that is taken and not yet written.
    pub(super) const RESERVED: Header = Header(LARGE);
    /// A tail piece.
    pub(super) const TAIL: Header = Header(LIVE | LARGE);

    /// Of a live inline item without a CAS number, written `now` and never read.
    #[inline(always)]
    pub(super) fn item(deadline: Deadline, now: Seconds, key_len: usize, value_len: usize, has_flags: bool) -> Self {
        debug_assert!(key_len <= KEY_LEN_MAX && value_len <= INLINE_VALUE_MAX);
        let second = match deadline {
            Deadline::NEVER => access_second(now),
            _ => u64::from(deadline.raw()) & SECOND_MASK | HAS_ACCESS,
        };
        Header(
            second
                | (key_len as u64) << KEY_LEN_SHIFT
                | (value_len as u64) << VALUE_LEN_SHIFT
                | LIVE
                | if has_flags { HAS_FLAGS } else { 0 },
        )
    }

    /// Of a live LARGE item that was never read.
    pub(super) fn large_item(deadline: Deadline, key_len: usize, has_flags: bool) -> Self {
        let header = Header::item(Deadline::PAST, Seconds(0), key_len, 0, has_flags);
        Header(header.0 | LARGE | HAS_CAS).with_deadline(deadline)
    }

    /// Of a free chunk that links to the next one.
    pub(super) const fn free(next: u16) -> Self {
        Header(next as u64)
    }

    #[inline(always)]
    pub(super) fn read(chunk: &[u8]) -> Self {
        let mut word = [0; HEADER_BYTES];
        word.copy_from_slice(&chunk[..HEADER_BYTES]);
        Header(u64::from_le_bytes(word))
    }

    #[inline(always)]
    pub(super) fn write(self, chunk: &mut [u8]) {
        chunk[..HEADER_BYTES].copy_from_slice(&self.0.to_le_bytes());
    }

    #[inline(always)]
    pub(super) const fn deadline(self) -> Deadline {
        if self.has_access() { Deadline::from_raw((self.0 & SECOND_MASK) as u32) } else { Deadline::NEVER }
    }

    /// With another deadline, which an item without room for its last access cannot have.
    pub(super) fn with_deadline(self, deadline: Deadline) -> Self {
        debug_assert!(self.has_access());
        Header(self.0 & !SECOND_MASK | u64::from(deadline.raw()) & SECOND_MASK)
    }

    /// Whether the last access has bytes of its own, and bits 0–27 are the deadline.
    #[inline(always)]
    pub(super) const fn has_access(self) -> bool {
        self.0 & HAS_ACCESS != 0
    }

    /// Whether the item has a CAS number.
    #[inline(always)]
    pub(super) const fn has_cas(self) -> bool {
        self.0 & HAS_CAS != 0
    }

    /// With a CAS number, too, if it is to have one.
    #[inline(always)]
    pub(super) const fn with_cas(self, has_cas: bool) -> Self {
        Header(self.0 | (has_cas as u64) << HAS_CAS_BIT)
    }

    /// Whether the item has room for all of this.
    #[inline(always)]
    pub(super) const fn has_room(self, room: Room) -> bool {
        self.0 & room.0 == room.0
    }

    /// The same item with room for this, too, so that many bytes longer; without a deadline if it had no room for one.
    pub(super) const fn widened(self, room: Room) -> Self {
        let second = if !self.has_access() && room.0 & HAS_ACCESS != 0 { SECOND_MASK } else { 0 };
        Header(self.0 & !second | room.0)
    }

    #[inline(always)]
    pub(super) const fn key_len(self) -> usize {
        (self.0 >> KEY_LEN_SHIFT & KEY_LEN_MASK) as usize
    }

    #[inline(always)]
    pub(super) const fn value_len(self) -> usize {
        (self.0 >> VALUE_LEN_SHIFT & VALUE_LEN_MASK) as usize
    }

    /// Whether it is an item that the hash table leads to.
    #[inline(always)]
    pub(super) const fn is_live_item(self) -> bool {
        self.0 & LIVE != 0 && self.key_len() != 0
    }

    pub(super) const fn is_tail(self) -> bool {
        self.0 & LIVE != 0 && self.key_len() == 0
    }

    /// Whether it is a chunk that nobody has taken.
    pub(super) const fn is_vacant(self) -> bool {
        self.0 & (LIVE | LARGE) == 0
    }

    /// Whether it is a LARGE item that only pins keep alive.
    pub(super) const fn is_detached(self) -> bool {
        self.0 & LIVE == 0 && self.0 & LARGE != 0 && self.key_len() != 0
    }

    pub(super) const fn detached(self) -> Self {
        Header(self.0 & !LIVE)
    }

    #[inline(always)]
    pub(super) const fn is_large(self) -> bool {
        self.0 & LARGE != 0
    }

    /// Whether the value is stored compressed.
    #[inline(always)]
    pub(super) const fn is_compressed(self) -> bool {
        self.0 & COMPRESSED != 0
    }

    /// Whether the value is in the chunk as it came.
    #[inline(always)]
    pub(super) const fn is_plain(self) -> bool {
        self.0 & (LARGE | COMPRESSED) == 0
    }

    /// The same inline item with its value uncompressed, of this length.
    pub(super) fn decompressed(self, value_len: usize) -> Self {
        debug_assert!(!self.is_large() && value_len <= INLINE_VALUE_MAX);
        let kept = self.0 & !COMPRESSED & !(VALUE_LEN_MASK << VALUE_LEN_SHIFT);
        Header(kept | (value_len as u64) << VALUE_LEN_SHIFT)
    }

    #[inline(always)]
    pub(super) const fn is_fetched(self) -> bool {
        self.0 & FETCHED != 0
    }

    /// Whether a reader was told to fill the item (meta `W`), and it was not written since.
    #[inline(always)]
    pub(super) const fn is_won(self) -> bool {
        self.0 & WIN != 0
    }

    pub(super) const fn won(self) -> Self {
        Header(self.0 | WIN)
    }

    /// Whether the item was invalidated (meta `I`) and not written since.
    #[inline(always)]
    pub(super) const fn is_stale(self) -> bool {
        self.0 & STALE != 0
    }

    /// Stale, and to be won anew.
    pub(super) const fn stale(self) -> Self {
        Header(self.0 & !WIN | STALE)
    }

    /// Whether the key was sent in base64 (meta `b`).
    #[inline(always)]
    pub(super) const fn has_binary_key(self) -> bool {
        self.0 & BINARY_KEY != 0
    }

    #[inline(always)]
    pub(super) const fn with_marks(self, marks: Marks) -> Self {
        Header(self.0 | marks.0)
    }

    /// The marks of an item that outlast what is stored over it.
    pub(super) const fn lasting_marks(self) -> Marks {
        Marks(self.0 & BINARY_KEY)
    }

    #[inline(always)]
    pub(super) const fn has_flags(self) -> bool {
        self.0 & HAS_FLAGS != 0
    }

    #[inline(always)]
    pub(super) const fn frequency(self) -> u64 {
        (self.0 & FREQUENCY_MASK) >> FREQUENCY_SHIFT
    }

    #[inline(always)]
    pub(super) fn with_frequency(self, frequency: u64) -> Self {
        Header(self.0 & !FREQUENCY_MASK | frequency.min(FREQUENCY_MAX) << FREQUENCY_SHIFT)
    }

    /// Whether it is in its class's small queue.
    #[inline(always)]
    pub(super) const fn is_in_small(self) -> bool {
        self.0 & IN_SMALL != 0
    }

    /// Entering the small queue, if `enters`; a new item is in none.
    #[inline(always)]
    pub(super) const fn entering_small(self, enters: bool) -> Self {
        Header(self.0 | if enters { IN_SMALL } else { 0 })
    }

    /// Out of the small queue.
    #[inline(always)]
    pub(super) const fn out_of_small(self) -> Self {
        Header(self.0 & !IN_SMALL)
    }

    /// As far from eviction as the item that it is written over.
    #[inline(always)]
    pub(super) const fn with_standing_of(self, old: Header) -> Self {
        Header(self.0 & !STANDING_MASK | old.0 & STANDING_MASK)
    }

    /// After a read. Equal to `self` once nothing changes any more, which spares the write.
    #[inline(always)]
    pub(super) fn read_once_more(self) -> Self {
        Header(self.with_frequency(self.frequency() + 1).0 | FETCHED)
    }

    /// Whether a read of an item that was last accessed at `accessed` leaves a mark. Most reads do not.
    #[inline(always)]
    pub(super) fn is_bumped_by_a_read(self, accessed: Seconds, now: Seconds) -> bool {
        const READ_OFTEN: u64 = FREQUENCY_MASK | FETCHED;
        self.0 & READ_OFTEN != READ_OFTEN || now.0.saturating_sub(accessed.0) >= ACCESS_INTERVAL_SECONDS
    }

    pub(super) const fn next_free(self) -> u16 {
        (self.0 & NEXT_FREE_MASK) as u16
    }

    #[inline(always)]
    const fn access_offset(self) -> usize {
        HEADER_BYTES + self.bytes_if(HAS_CAS_BIT, CAS_BYTES)
    }

    #[inline(always)]
    const fn flags_offset(self) -> usize {
        self.access_offset() + self.bytes_if(HAS_ACCESS_BIT, ACCESS_BYTES)
    }

    #[inline(always)]
    pub(super) const fn key_offset(self) -> usize {
        self.flags_offset() + self.bytes_if(HAS_FLAGS_BIT, FLAGS_BYTES)
    }

    /// `bytes`, a power of two, if the bit is set, else 0; without a branch.
    #[inline(always)]
    const fn bytes_if(self, bit: u32, bytes: usize) -> usize {
        (self.0 >> (bit - bytes.trailing_zeros())) as usize & bytes
    }

    #[inline(always)]
    pub(super) const fn value_offset(self) -> usize {
        self.key_offset() + self.key_len()
    }

    /// Where a LARGE item's record starts.
    pub(super) const fn record_offset(self) -> usize {
        self.value_offset().next_multiple_of(8)
    }

    /// Header, key and inline value.
    #[inline(always)]
    pub(super) const fn item_len(self) -> usize {
        self.value_offset() + self.value_len()
    }
}

/// What an item can be given room for after it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room(u64);

impl Room {
    pub(super) const NONE: Room = Room(0);
    /// For a CAS number.
    pub(super) const CAS: Room = Room(HAS_CAS);
    /// For the last access, beside a deadline.
    pub(super) const ACCESS: Room = Room(HAS_ACCESS);

    /// For both.
    pub(super) const fn and(self, other: Room) -> Room {
        Room(self.0 | other.0)
    }
}

/// What a new item is marked with from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks(u64);

impl Marks {
    /// None.
    pub(super) const NONE: Marks = Marks(0);
    /// A reader was told to fill it.
    pub(super) const WON: Marks = Marks(WIN);

    /// Its value is stored compressed.
    pub(super) const COMPRESSED: Marks = Marks(COMPRESSED);

    /// That of a key sent in base64, or none.
    #[inline(always)]
    pub(super) const fn binary_key(is_binary: bool) -> Self {
        Marks(if is_binary { BINARY_KEY } else { 0 })
    }

    /// With those of `other`, too.
    #[inline(always)]
    pub(super) const fn and(self, other: Marks) -> Self {
        Marks(self.0 | other.0)
    }

    /// Stale, and won if the item before was.
    pub(super) const fn and_stale_after(self, old: Header) -> Self {
        Marks(self.0 | STALE | old.0 & WIN)
    }
}

/// As much of a second as fits.
#[inline(always)]
fn access_second(now: Seconds) -> u64 {
    u64::from(now.0).min(SECOND_MASK)
}

/// The CAS number, if the item has one.
#[inline(always)]
pub(super) fn cas(header: Header, chunk: &[u8]) -> Option<u64> {
    let word = chunk.get(HEADER_BYTES..)?.first_chunk()?;
    if header.has_cas() { Some(u64::from_le_bytes(*word)) } else { None }
}

/// Changes the CAS number of an item that has one.
#[inline(always)]
pub(super) fn set_cas(header: Header, chunk: &mut [u8], cas: u64) {
    debug_assert!(header.has_cas());
    chunk[HEADER_BYTES..HEADER_BYTES + CAS_BYTES].copy_from_slice(&cas.to_le_bytes());
}

/// The second of the last access that was noted.
#[inline(always)]
pub(super) fn access(header: Header, chunk: &[u8]) -> Seconds {
    if !header.has_access() {
        return Seconds((header.0 & SECOND_MASK) as u32);
    }
    let mut word = [0; ACCESS_BYTES];
    let offset = header.access_offset();
    word.copy_from_slice(&chunk[offset..offset + ACCESS_BYTES]);
    Seconds(u32::from_le_bytes(word))
}

/// Notes an access: in the returned header, or in the chunk where the item has room for it.
#[inline(always)]
pub(super) fn note_access(header: Header, chunk: &mut [u8], now: Seconds) -> Header {
    let second = access_second(now);
    if !header.has_access() {
        return Header(header.0 & !SECOND_MASK | second);
    }
    let offset = header.access_offset();
    chunk[offset..offset + ACCESS_BYTES].copy_from_slice(&(second as u32).to_le_bytes());
    header
}

/// Marks an item as read that was last accessed at `accessed`. Writes nothing where nothing changes.
#[inline(always)]
pub(super) fn bump(header: Header, chunk: &mut [u8], accessed: Seconds, now: Seconds) {
    let mut bumped = header.read_once_more();
    if now.0.saturating_sub(accessed.0) >= ACCESS_INTERVAL_SECONDS {
        bumped = note_access(bumped, chunk, now);
    }
    if bumped != header {
        bumped.write(chunk);
    }
}

/// Makes room in a chunk that is large enough. What is to stand there is yet to be written: the CAS number, the
/// deadline. All else stays.
pub(super) fn widen(header: Header, chunk: &mut [u8], room: Room) -> Header {
    let (widened, accessed) = (header.widened(room), access(header, chunk));
    chunk.copy_within(header.flags_offset()..header.item_len(), widened.flags_offset());
    let widened = note_access(widened, chunk, accessed);
    widened.write(chunk);
    widened
}

#[inline(always)]
pub(super) fn flags(header: Header, chunk: &[u8]) -> u32 {
    if !header.has_flags() {
        return 0;
    }
    let mut word = [0; FLAGS_BYTES];
    let offset = header.flags_offset();
    word.copy_from_slice(&chunk[offset..offset + FLAGS_BYTES]);
    u32::from_le_bytes(word)
}

#[inline(always)]
pub(super) fn key(header: Header, chunk: &[u8]) -> &[u8] {
    &chunk[header.key_offset()..header.value_offset()]
}

#[inline(always)]
pub(super) fn value(header: Header, chunk: &[u8]) -> &[u8] {
    &chunk[header.value_offset()..header.item_len()]
}

/// What is written behind an item's header and in front of its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    /// Written if the header says that the item has one.
    pub(super) cas: u64,
    pub(super) access: Seconds,
    pub(super) flags: u32,
}

/// Writes an item. A LARGE one has an empty value here.
#[inline(always)]
pub(super) fn write(chunk: &mut [u8], header: Header, fields: Fields, key: &[u8], value: &[u8]) {
    let Fields { cas, access, flags } = fields;
    note_access(header, chunk, access).write(chunk);
    if header.has_cas() {
        set_cas(header, chunk, cas);
    }
    if header.has_flags() {
        let offset = header.flags_offset();
        chunk[offset..offset + FLAGS_BYTES].copy_from_slice(&flags.to_le_bytes());
    }
    short::copy(&mut chunk[header.key_offset()..header.value_offset()], key);
    short::copy(&mut chunk[header.value_offset()..header.item_len()], value);
}

/// The item that a tail piece belongs to, as a raw location.
pub(super) fn tail_owner(chunk: &[u8]) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&chunk[HEADER_BYTES..HEADER_BYTES + 4]);
    u32::from_le_bytes(word)
}

pub(super) fn set_tail_owner(chunk: &mut [u8], owner: u32) {
    chunk[HEADER_BYTES..HEADER_BYTES + 4].copy_from_slice(&owner.to_le_bytes());
}

#[cfg(test)]
mod tests;
