//! The bytes of an item in its chunk. Pure layout: knows neither where the chunk is nor why it is there.
//!
//! ```text
//!   0        8       16             (20)
//!   | header | CAS   | flags (opt.) | key ... | value ...                       an inline item
//!   | header | CAS   | flags (opt.) | key ... | pad to 8 | record (see large)   a LARGE item
//!   | header | owner                | value ...                                 a tail piece of a LARGE value
//!   | header |                                                                  a free chunk
//!
//!   header   63  62    61     60         59    58  57    56      55  54 53       52   51       36 35      28 27     0
//!            WIN STALE binary COMPRESSED LARGE CAS flags fetched  freq. in small LIVE value length key length expiry
//! ```
//!
//! | LIVE | key length | LARGE | the chunk is |
//! |---|---|---|---|
//! | 1 | > 0 | any | an item, reachable through the hash table |
//! | 1 | 0 | 1 | a tail piece of a LARGE value; `owner` is its item, or none while it is being received |
//! | 0 | > 0 | 1 | detached: a LARGE item that is out of the hash table and lives until it is unpinned |
//! | 0 | 0 | 1 | reserved: taken, not yet written |
//! | 0 | 0 | 0 | free; bits 0–15 link to the page's next free chunk |
//!
//! Bits 53 and 60–62 are kept for S3-FIFO, compression, binary keys and meta's stale mark.

use crate::clock::Deadline;

/// Bytes of the header word.
pub(super) const HEADER_BYTES: usize = 8;
const CAS_BYTES: usize = 8;
const FLAGS_BYTES: usize = 4;

/// Longest key in bytes.
pub const KEY_LEN_MAX: usize = 250;

/// Longest value in bytes that is stored in one chunk; longer ones are LARGE.
pub const INLINE_VALUE_MAX: usize = 16 << 10;

/// The largest chunk that an inline item needs.
pub(super) const INLINE_ITEM_BYTES_MAX: usize = HEADER_BYTES + CAS_BYTES + FLAGS_BYTES + KEY_LEN_MAX + INLINE_VALUE_MAX;

/// Bytes of a tail piece in front of the value.
pub(super) const TAIL_HEADER_BYTES: usize = 16;

/// Times an item can be passed over by the eviction hand.
pub(super) const FREQUENCY_MAX: u64 = 3;

const EXPIRY_BITS: u32 = 28;
const EXPIRY_MASK: u64 = (1 << EXPIRY_BITS) - 1;
const KEY_LEN_SHIFT: u32 = 28;
const KEY_LEN_MASK: u64 = 0xff;
const VALUE_LEN_SHIFT: u32 = 36;
const VALUE_LEN_MASK: u64 = 0xffff;
const LIVE: u64 = 1 << 52;
const FREQUENCY_SHIFT: u32 = 54;
const FREQUENCY_MASK: u64 = FREQUENCY_MAX << FREQUENCY_SHIFT;
const FETCHED: u64 = 1 << 56;
const HAS_FLAGS: u64 = 1 << 57;
const HAS_CAS: u64 = 1 << 58;
const LARGE: u64 = 1 << 59;
const WIN: u64 = 1 << 63;
const NEXT_FREE_MASK: u64 = 0xffff;

const _: () = assert!(EXPIRY_BITS == KEY_LEN_SHIFT && Deadline::MAX.raw() as u64 == EXPIRY_MASK);
const _: () = assert!(KEY_LEN_MAX as u64 <= KEY_LEN_MASK && KEY_LEN_MASK << KEY_LEN_SHIFT < 1 << VALUE_LEN_SHIFT);
const _: () = assert!(INLINE_VALUE_MAX as u64 <= VALUE_LEN_MASK && VALUE_LEN_MASK << VALUE_LEN_SHIFT < LIVE);
const _: () = assert!(FREQUENCY_MASK == 0b11 << 54 && FREQUENCY_MASK < FETCHED);

/// The header word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header(u64);

impl Header {
    /// A chunk that is taken and not yet written.
    pub(super) const RESERVED: Header = Header(LARGE);
    /// A tail piece.
    pub(super) const TAIL: Header = Header(LIVE | LARGE);

    /// Of a live item that was never read. A LARGE one has no value length here.
    #[inline(always)]
    pub(super) fn item(deadline: Deadline, key_len: usize, value_len: usize, has_flags: bool) -> Self {
        debug_assert!(key_len <= KEY_LEN_MAX && value_len <= INLINE_VALUE_MAX);
        Header(
            u64::from(deadline.raw()) & EXPIRY_MASK
                | (key_len as u64) << KEY_LEN_SHIFT
                | (value_len as u64) << VALUE_LEN_SHIFT
                | LIVE
                | HAS_CAS
                | if has_flags { HAS_FLAGS } else { 0 },
        )
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
        Deadline::from_raw((self.0 & EXPIRY_MASK) as u32)
    }

    pub(super) fn with_deadline(self, deadline: Deadline) -> Self {
        Header(self.0 & !EXPIRY_MASK | u64::from(deadline.raw()) & EXPIRY_MASK)
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

    #[cfg(any(test, debug_assertions))]
    pub(super) const fn is_free(self) -> bool {
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

    pub(super) const fn with_large(self) -> Self {
        Header(self.0 | LARGE)
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

    #[inline(always)]
    pub(super) const fn has_flags(self) -> bool {
        self.0 & HAS_FLAGS != 0
    }

    #[inline(always)]
    pub(super) const fn has_cas(self) -> bool {
        self.0 & HAS_CAS != 0
    }

    #[inline(always)]
    pub(super) const fn frequency(self) -> u64 {
        (self.0 & FREQUENCY_MASK) >> FREQUENCY_SHIFT
    }

    #[inline(always)]
    pub(super) fn with_frequency(self, frequency: u64) -> Self {
        Header(self.0 & !FREQUENCY_MASK | frequency.min(FREQUENCY_MAX) << FREQUENCY_SHIFT)
    }

    /// After a read. Equal to `self` once nothing changes any more, which spares the write.
    #[inline(always)]
    pub(super) fn read_once_more(self) -> Self {
        Header(self.with_frequency(self.frequency() + 1).0 | FETCHED)
    }

    pub(super) const fn next_free(self) -> u16 {
        (self.0 & NEXT_FREE_MASK) as u16
    }

    #[inline(always)]
    const fn flags_offset(self) -> usize {
        HEADER_BYTES + if self.has_cas() { CAS_BYTES } else { 0 }
    }

    #[inline(always)]
    pub(super) const fn key_offset(self) -> usize {
        self.flags_offset() + if self.has_flags() { FLAGS_BYTES } else { 0 }
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

#[inline(always)]
pub(super) fn cas(header: Header, chunk: &[u8]) -> u64 {
    if !header.has_cas() {
        return 0;
    }
    let mut word = [0; CAS_BYTES];
    word.copy_from_slice(&chunk[HEADER_BYTES..HEADER_BYTES + CAS_BYTES]);
    u64::from_le_bytes(word)
}

#[inline(always)]
pub(super) fn set_cas(header: Header, chunk: &mut [u8], cas: u64) {
    if header.has_cas() {
        chunk[HEADER_BYTES..HEADER_BYTES + CAS_BYTES].copy_from_slice(&cas.to_le_bytes());
    }
}

#[inline(always)]
pub(super) fn flags(header: Header, chunk: &[u8]) -> u32 {
    if !header.has_flags() {
        return 0;
    }
    let mut word = [0; FLAGS_BYTES];
    word.copy_from_slice(&chunk[header.flags_offset()..header.key_offset()]);
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

/// Writes an item. A LARGE one has an empty value here.
#[inline(always)]
pub(super) fn write(chunk: &mut [u8], header: Header, cas: u64, flags: u32, key: &[u8], value: &[u8]) {
    header.write(chunk);
    set_cas(header, chunk, cas);
    if header.has_flags() {
        chunk[header.flags_offset()..header.key_offset()].copy_from_slice(&flags.to_le_bytes());
    }
    chunk[header.key_offset()..header.value_offset()].copy_from_slice(key);
    chunk[header.value_offset()..header.item_len()].copy_from_slice(value);
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
mod tests {
    use super::*;
    use crate::clock::Seconds;

    #[test]
    fn the_common_item_takes_sixty_four_bytes() {
        assert_eq!(Header::item(Deadline::NEVER, 16, 32, false).item_len(), 64);
        assert_eq!(Header::item(Deadline::NEVER, 16, 32, true).item_len(), 68);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (flags_in, key_in, value_in) in [(0, &b"k"[..], &b""[..]), (7, &[b'x'; 250][..], &[1; 16 << 10][..])] {
            let header = Header::item(Deadline::MAX, key_in.len(), value_in.len(), flags_in != 0);
            let mut chunk = vec![0xff; INLINE_ITEM_BYTES_MAX];
            write(&mut chunk, header, u64::MAX - 1, flags_in, key_in, value_in);
            let header = Header::read(&chunk);
            assert!(header.is_live_item() && !header.is_free() && !header.is_large());
            assert_eq!((key(header, &chunk), value(header, &chunk)), (key_in, value_in));
            assert_eq!((cas(header, &chunk), flags(header, &chunk)), (u64::MAX - 1, flags_in));
            assert_eq!(header.deadline(), Deadline::MAX);
        }
    }

    #[test]
    fn frequency_saturates_and_touches_nothing_else() {
        let fresh = Header::item(Deadline::from_raw(9), 3, 5, true);
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
    fn the_kinds_of_chunk_exclude_each_other() {
        let item = Header::item(Deadline::NEVER, 1, 0, false);
        let kinds = [item, item.with_large(), Header::TAIL, item.with_large().detached(), Header::RESERVED];
        for header in kinds.into_iter().chain([Header::free(0), Header::free(u16::MAX)]) {
            let is = [header.is_live_item(), header.is_tail(), header.is_detached(), header.is_free()];
            assert_eq!(is.into_iter().filter(|&b| b).count(), usize::from(header != Header::RESERVED), "{header:?}");
        }
        assert_eq!(Header::free(8191).next_free(), 8191);
    }
}
