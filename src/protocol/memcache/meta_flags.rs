//! The flags of the meta commands.

use crate::command::{CasCheck, Exptime};
use crate::protocol::memcache::limits::OPAQUE_TOKEN_LEN_MAX;
use crate::protocol::memcache::line::tokens;
use crate::protocol::memcache::number::{self, NumberError};
use crate::protocol::memcache::{base64, errors};

/// What a meta command's flags ask for. As in memcached, a flag that is known but has no bearing on the command
/// it stands with changes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MetaFlags {
    pub(super) plain: PlainFlags,
    pub(super) rare: RareFlags,
}

/// The flags that plain reads have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PlainFlags {
    /// `q`: answer only what is out of the ordinary.
    pub(super) quiet: bool,
    /// `v`: show the value.
    pub(super) value: bool,
    /// `c`: show the CAS number.
    pub(super) with_cas: bool,
    /// `u`: leave the eviction state as it is.
    pub(super) no_bump: bool,
    /// `T` stands behind `N`.
    touch_behind_vivify: bool,
    /// `t` stands before whichever of `T` and `N` is there.
    pub(super) ttl_before_touch: bool,
    /// `R` stands before `T`.
    pub(super) recache_before_touch: bool,
    /// `O` is longer than allowed. Reported after every other fault.
    pub(super) opaque_too_long: bool,
    /// `T`: set this exptime.
    pub(super) exptime: Option<Exptime>,
}

/// The others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RareFlags {
    /// `b`: the key is in base64.
    pub(super) binary_key: bool,
    /// `I`: mark as stale.
    pub(super) invalidate: bool,
    /// `x`: drop the value, keep the item.
    pub(super) clear_value: bool,
    /// `M`: the mode's letter; a space where there is none.
    pub(super) mode: Option<u8>,
    /// `F`: the item's client flags.
    pub(super) client_flags: u32,
    /// `N`: create a missing item with this exptime.
    pub(super) vivify: Option<Exptime>,
    /// `R`: win an item with fewer seconds left.
    pub(super) recache: Option<i32>,
    /// `C`: compare the CAS number first.
    pub(super) cas: CasCheck,
    /// `E`: the CAS number afterwards.
    pub(super) new_cas: Option<u64>,
    /// `D`: by how much.
    pub(super) delta: Option<u64>,
    /// `J`: the number of an item that is created.
    pub(super) initial: u64,
}

/// What one flag comes to: the outer error ends the reading, the inner one does not.
pub(super) type Taken = Result<Result<(), &'static [u8]>, &'static [u8]>;

impl MetaFlags {
    /// Reads all flags. `key` is the key's token, of at most [`KEY_LEN_MAX`](crate::command::KEY_LEN_MAX) bytes. The
    /// error is the line to answer.
    pub(super) fn read(&mut self, text: &[u8], key: &[u8]) -> Result<(), &'static [u8]> {
        let MetaFlags { plain, rare } = self;
        plain.read(text, |letter, argument| rare.take(letter, argument, key))
    }

    /// The exptime of an item that `mg` or `ma` creates: of `N` and `T`, the later on the line counts.
    #[inline(always)]
    pub(super) fn created_exptime(&self) -> Option<Exptime> {
        if self.plain.touch_behind_vivify { self.plain.exptime } else { self.rare.vivify }
    }
}

impl PlainFlags {
    /// Reads flags, those that are not here by `rare`, which is given a flag's letter and argument.
    #[inline(always)]
    pub(super) fn read(&mut self, text: &[u8], mut rare: impl FnMut(u8, &[u8]) -> Taken) -> Result<(), &'static [u8]> {
        let mut seen = 0u128;
        // A bad argument is reported only if no flag behind it is unknown or double; the last bad one is named, but
        // bad client flags only if nothing else is.
        let mut fault = None;
        for token in tokens(text) {
            let (letter, argument) = (token[0], &token[1..]);
            if letter >= 127 || seen & (1 << letter) != 0 {
                return Err(errors::DUPLICATE_FLAG);
            }
            seen |= 1 << letter;
            let has = |letter: u8| seen & (1 << letter) != 0;
            let taken = match letter {
                b'q' => set(&mut self.quiet),
                b'v' => set(&mut self.value),
                b'u' => set(&mut self.no_bump),
                b'c' => set(&mut self.with_cas),
                // Their answers, and that of `c`, are read off the line by the encoder.
                b'f' | b'h' | b'k' | b'l' | b's' | b't' => Ok(()),
                // For proxies: no meaning to a server.
                b'P' | b'L' => Ok(()),
                b'O' => {
                    self.opaque_too_long = token.len() > OPAQUE_TOKEN_LEN_MAX;
                    Ok(())
                }
                // memcached carries out and answers flag by flag, so what stands before matters.
                b'T' => {
                    self.touch_behind_vivify = has(b'N');
                    self.recache_before_touch = has(b'R');
                    self.ttl_before_touch |= has(b't') && !has(b'N');
                    put(&mut self.exptime, number::signed(argument).map(Exptime), errors::BAD_TOKEN)
                }
                _ => {
                    self.ttl_before_touch |= letter == b'N' && has(b't') && !has(b'T');
                    rare(letter, argument)?
                }
            };
            if let Err(error) = taken
                && (letter != b'F' || fault.is_none())
            {
                fault = Some(error);
            }
        }
        fault.map_or(Ok(()), Err)
    }
}

impl RareFlags {
    #[inline(never)]
    fn take(&mut self, letter: u8, argument: &[u8], key: &[u8]) -> Taken {
        Ok(match letter {
            b'b' => {
                self.binary_key = true;
                if base64::is_key(key) { Ok(()) } else { Err(errors::BAD_KEY_ENCODING) }
            }
            b'I' => set(&mut self.invalidate),
            b'x' => set(&mut self.clear_value),
            b'N' => put(&mut self.vivify, number::signed(argument).map(Exptime), errors::BAD_TOKEN),
            b'R' => put(&mut self.recache, number::signed_32(argument), errors::BAD_TOKEN),
            b'C' => {
                let cas = number::unsigned(argument).map(CasCheck::Equals);
                self.cas = cas.unwrap_or_default();
                cas.map(drop).map_err(|_| errors::BAD_TOKEN)
            }
            b'E' => put(&mut self.new_cas, number::unsigned(argument), errors::BAD_TOKEN),
            b'D' => put(&mut self.delta, number::unsigned(argument), errors::BAD_DELTA_FLAG),
            b'J' => {
                let initial = number::unsigned(argument);
                self.initial = initial.unwrap_or(0);
                initial.map(drop).map_err(|_| errors::BAD_INITIAL)
            }
            b'F' => {
                let client_flags = number::unsigned_32(argument);
                self.client_flags = client_flags.unwrap_or(0);
                client_flags.map(drop).map_err(|_| errors::BAD_COMMAND_LINE)
            }
            b'M' => {
                // What stands behind the first letter changes nothing.
                self.mode = Some(argument.first().copied().unwrap_or(b' '));
                Ok(())
            }
            _ => return Err(errors::INVALID_FLAG),
        })
    }
}

fn set(flag: &mut bool) -> Result<(), &'static [u8]> {
    *flag = true;
    Ok(())
}

/// Keeps a number, or has its fault named.
#[inline]
fn put<T: Copy>(
    place: &mut Option<T>,
    number: Result<T, NumberError>,
    fault: &'static [u8],
) -> Result<(), &'static [u8]> {
    *place = number.ok();
    if place.is_some() { Ok(()) } else { Err(fault) }
}

#[cfg(test)]
mod tests {
    use super::MetaFlags;
    use crate::command::{CasCheck, Exptime};
    use crate::protocol::memcache::errors;

    fn parse(text: &[u8]) -> Result<MetaFlags, &'static [u8]> {
        parse_with_key(text, b"YQ==")
    }

    fn parse_with_key(text: &[u8], key: &[u8]) -> Result<MetaFlags, &'static [u8]> {
        let mut flags = MetaFlags::default();
        flags.read(text, key).map(|()| flags)
    }

    #[test]
    fn arguments() {
        let flags = parse(b"q v u T30 N-1 C7 F5 MS Oabc k").unwrap();
        assert!(flags.plain.quiet && flags.plain.value && flags.plain.no_bump && !flags.plain.opaque_too_long);
        assert!(!flags.rare.binary_key && !flags.rare.invalidate && !flags.rare.clear_value);
        assert_eq!((flags.plain.exptime, flags.rare.vivify), (Some(Exptime(30)), Some(Exptime(-1))));
        assert_eq!((flags.rare.cas, flags.rare.client_flags, flags.rare.mode), (CasCheck::Equals(7), 5, Some(b'S')));
        let flags = parse(b"b I x R-5 E18446744073709551615 D3 J4").unwrap();
        assert!(flags.rare.binary_key && flags.rare.invalidate && flags.rare.clear_value);
        assert_eq!((flags.rare.recache, flags.rare.new_cas), (Some(-5), Some(u64::MAX)));
        assert_eq!((flags.rare.delta, flags.rare.initial), (Some(3), 4));
    }

    #[test]
    fn faults_are_named_as_memcached_names_them() {
        let fault = |text: &[u8]| parse(text).unwrap_err();
        assert_eq!(fault(b"v v"), errors::DUPLICATE_FLAG);
        assert_eq!(fault(b"Pa Pb"), errors::DUPLICATE_FLAG);
        assert_eq!(fault(b"\xff"), errors::DUPLICATE_FLAG);
        assert_eq!(fault(b"\x7f"), errors::DUPLICATE_FLAG);
        assert_eq!(fault(b"Tx z"), errors::INVALID_FLAG);
        for flag in [&b"T"[..], b"Tx", b"N", b"Nx", b"R", b"Rx", b"R2147483648", b"C", b"Cx", b"C-1", b"E", b"Ex"] {
            assert_eq!(fault(flag), errors::BAD_TOKEN, "{}", flag.escape_ascii());
        }
        assert_eq!(fault(b"D-1"), errors::BAD_DELTA_FLAG);
        assert_eq!(fault(b"J"), errors::BAD_INITIAL);
        assert_eq!(fault(b"Jx Dx"), errors::BAD_DELTA_FLAG);
        assert_eq!(fault(b"F-1"), errors::BAD_COMMAND_LINE);
        assert_eq!(fault(b"Fx Tx"), errors::BAD_TOKEN);
        assert_eq!(fault(b"Tx Fx"), errors::BAD_TOKEN);
    }

    #[test]
    fn what_is_no_flag_is_invalid() {
        for letter in (0u8..127).filter(|letter| !b" bcfhklOqstuvxCDEFIJLMNPRT".contains(letter)) {
            assert_eq!(parse(&[letter]).unwrap_err(), errors::INVALID_FLAG, "{letter}");
        }
    }

    #[test]
    fn a_key_that_is_not_base64_is_a_fault_among_the_others() {
        let fault = |text: &[u8]| parse_with_key(text, b"YQ=").unwrap_err();
        assert_eq!(fault(b"b"), errors::BAD_KEY_ENCODING);
        assert_eq!(fault(b"Tx b"), errors::BAD_KEY_ENCODING);
        assert_eq!(fault(b"b Tx"), errors::BAD_TOKEN);
        assert_eq!(fault(b"b b"), errors::DUPLICATE_FLAG);
        assert!(parse_with_key(b"v", b"YQ=").is_ok());
    }

    #[test]
    fn a_mode_is_its_first_letter() {
        for (text, mode) in [(&b"M"[..], b' '), (b"MS", b'S'), (b"Mset", b's'), (b"M+1", b'+')] {
            assert_eq!(parse(text).unwrap().rare.mode, Some(mode));
        }
    }

    #[test]
    fn of_two_exptimes_the_later_counts_for_an_item_that_is_created() {
        assert_eq!(parse(b"N30 T60").unwrap().created_exptime(), Some(Exptime(60)));
        assert_eq!(parse(b"T60 N30").unwrap().created_exptime(), Some(Exptime(30)));
        assert_eq!(parse(b"T60").unwrap().created_exptime(), None);
    }

    #[test]
    fn whether_a_time_was_asked_for_before_it_was_set() {
        let ttl = |text: &[u8]| parse(text).unwrap().plain.ttl_before_touch;
        assert!(ttl(b"t T60") && ttl(b"t N60") && ttl(b"t N60 T30") && ttl(b"v t k T60"));
        assert!(
            !ttl(b"T60 t") && !ttl(b"N60 t") && !ttl(b"t") && !ttl(b"T60") && !ttl(b"T60 t N30") && !ttl(b"N30 t T60")
        );
        let recache = |text: &[u8]| parse(text).unwrap().plain.recache_before_touch;
        assert!(recache(b"R30 T60"));
        assert!(!recache(b"T60 R30") && !recache(b"R30") && !recache(b"R30 N60"));
    }

    #[test]
    fn an_opaque_has_at_most_32_bytes_with_its_letter() {
        assert!(!parse(&[&b"O"[..], &[b'o'; 31]].concat()).unwrap().plain.opaque_too_long);
        assert!(parse(&[&b"O"[..], &[b'o'; 32]].concat()).unwrap().plain.opaque_too_long);
    }
}
