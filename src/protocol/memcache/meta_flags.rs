//! The flags of the meta commands.

use crate::command::{CasCheck, Exptime};
use crate::protocol::memcache::errors;
use crate::protocol::memcache::limits::OPAQUE_TOKEN_LEN_MAX;
use crate::protocol::memcache::line::tokens;
use crate::protocol::memcache::number;

/// What a meta command's flags ask for. As in memcached, a flag that is known but has no bearing on the command
/// it stands with changes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MetaFlags {
    /// `q`: answer only what is out of the ordinary.
    pub(super) quiet: bool,
    /// `v`: show the value.
    pub(super) value: bool,
    /// `u`: leave the eviction state as it is.
    pub(super) no_bump: bool,
    /// `T`: set this exptime.
    pub(super) exptime: Option<Exptime>,
    /// `N`: create a missing item with this exptime.
    pub(super) vivify: Option<Exptime>,
    /// `F`: the item's client flags.
    pub(super) client_flags: u32,
    /// `C`: compare the CAS number first.
    pub(super) cas: CasCheck,
    /// `M`: the mode's letter.
    pub(super) mode: Option<u8>,
    /// `O` is longer than allowed. Reported after every other fault.
    pub(super) opaque_too_long: bool,
}

impl MetaFlags {
    /// Reads all flags. The error is the line to answer.
    #[inline]
    pub(super) fn parse(text: &[u8]) -> Result<MetaFlags, &'static [u8]> {
        let mut flags = MetaFlags::default();
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
            if let Err(error) = flags.take(letter, argument)?
                && (letter != b'F' || fault.is_none())
            {
                fault = Some(error);
            }
        }
        fault.map_or(Ok(flags), Err)
    }

    /// Takes one flag. The outer error ends the reading, the inner one does not.
    #[inline]
    fn take(&mut self, letter: u8, argument: &[u8]) -> Result<Result<(), &'static [u8]>, &'static [u8]> {
        let number = |ok: bool| if ok { Ok(()) } else { Err(errors::BAD_TOKEN) };
        Ok(match letter {
            b'q' => set(&mut self.quiet),
            b'v' => set(&mut self.value),
            b'u' => set(&mut self.no_bump),
            // Their answers are read off the line by the encoder.
            b'c' | b'f' | b'h' | b'k' | b's' | b't' => Ok(()),
            // For proxies: no meaning to a server.
            b'P' | b'L' => Ok(()),
            b'O' => {
                self.opaque_too_long = 1 + argument.len() > OPAQUE_TOKEN_LEN_MAX;
                Ok(())
            }
            b'T' => {
                self.exptime = number::signed(argument).ok().map(Exptime);
                number(self.exptime.is_some())
            }
            b'N' => {
                self.vivify = number::signed(argument).ok().map(Exptime);
                number(self.vivify.is_some())
            }
            b'C' => {
                let cas = number::unsigned(argument).ok();
                self.cas = cas.map_or(CasCheck::Any, CasCheck::Equals);
                number(cas.is_some())
            }
            b'F' => {
                let client_flags = number::unsigned_32(argument);
                self.client_flags = client_flags.unwrap_or(0);
                client_flags.map(drop).map_err(|_| errors::BAD_COMMAND_LINE)
            }
            b'M' => match argument {
                [mode] => {
                    self.mode = Some(*mode);
                    Ok(())
                }
                _ => Err(errors::BAD_MODE_LENGTH),
            },
            _ => return Err(errors::INVALID_FLAG),
        })
    }
}

fn set(flag: &mut bool) -> Result<(), &'static [u8]> {
    *flag = true;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::MetaFlags;
    use crate::command::{CasCheck, Exptime};
    use crate::protocol::memcache::errors;

    #[test]
    fn arguments() {
        let flags = MetaFlags::parse(b"q v u T30 N-1 C7 F5 MS Oabc k").unwrap();
        assert!(flags.quiet && flags.value && flags.no_bump && !flags.opaque_too_long);
        assert_eq!((flags.exptime, flags.vivify), (Some(Exptime(30)), Some(Exptime(-1))));
        assert_eq!((flags.cas, flags.client_flags, flags.mode), (CasCheck::Equals(7), 5, Some(b'S')));
    }

    #[test]
    fn faults_are_named_as_memcached_names_them() {
        let fault = |text: &[u8]| MetaFlags::parse(text).unwrap_err();
        assert_eq!(fault(b"v v"), errors::DUPLICATE_FLAG);
        assert_eq!(fault(b"Pa Pb"), errors::DUPLICATE_FLAG);
        assert_eq!(fault(b"\xff"), errors::DUPLICATE_FLAG);
        assert_eq!(fault(b"\x7f"), errors::DUPLICATE_FLAG);
        assert_eq!(fault(b"Tx z"), errors::INVALID_FLAG);
        assert_eq!(fault(b"T"), errors::BAD_TOKEN);
        assert_eq!(fault(b"Cx"), errors::BAD_TOKEN);
        assert_eq!(fault(b"F-1"), errors::BAD_COMMAND_LINE);
        assert_eq!(fault(b"Fx Tx"), errors::BAD_TOKEN);
        assert_eq!(fault(b"Tx Fx"), errors::BAD_TOKEN);
        assert_eq!(fault(b"Tx M"), errors::BAD_MODE_LENGTH);
        assert_eq!(fault(b"M"), errors::BAD_MODE_LENGTH);
        assert_eq!(fault(b"Mset"), errors::BAD_MODE_LENGTH);
    }

    #[test]
    fn flags_not_served_are_invalid_not_ignored() {
        for flag in [&b"b"[..], b"l", b"R30", b"I", b"E5", b"x", b"S5", b"J1", b"D1"] {
            assert_eq!(MetaFlags::parse(flag).unwrap_err(), errors::INVALID_FLAG, "{flag:?}");
        }
    }

    #[test]
    fn an_opaque_has_at_most_32_bytes_with_its_letter() {
        assert!(!MetaFlags::parse(&[&b"O"[..], &[b'o'; 31]].concat()).unwrap().opaque_too_long);
        assert!(MetaFlags::parse(&[&b"O"[..], &[b'o'; 32]].concat()).unwrap().opaque_too_long);
    }
}
