//! The lines in which `lru_crawler metadump` and `mgdump` list items.

use std::io::Write;

use crate::protocol::memcache::admin::DumpKind;
use crate::protocol::memcache::base64;
use crate::protocol::memcache::errors;

/// An item as a dump shows it.
#[derive(Clone, Copy, Debug)]
pub struct DumpedItem<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Whether the key was sent in base64 when it was stored.
    pub binary_key: bool,
    /// The unix time at which it expires; `None` if it does not.
    pub expires_unix: Option<i64>,
    /// The unix time at which it was last accessed, as far as the store keeps count.
    pub accessed_unix: i64,
    /// The CAS number.
    pub cas: u64,
    /// Whether it was ever read.
    pub fetched: bool,
    /// Its slab class.
    pub class: u32,
    /// Its size in bytes as memcached counts it.
    pub size_bytes: u64,
    /// Opaque client flags.
    pub flags: u32,
}

/// Appends an item's line.
pub fn dump_line(kind: DumpKind, item: &DumpedItem<'_>, out: &mut Vec<u8>) {
    match kind {
        DumpKind::Meta => metadump_line(item, out),
        DumpKind::Mg => mgdump_line(item, out),
    }
}

/// What stands behind the last item.
pub fn dump_end(kind: DumpKind) -> &'static [u8] {
    match kind {
        DumpKind::Meta => errors::END,
        DumpKind::Mg => errors::META_END,
    }
}

/// `key=<uri> exp=<unix|-1> la=<unix> cas=<n> fetch=<yes|no> cls=<n> size=<bytes> flags=<n>`, and a newline alone.
fn metadump_line(item: &DumpedItem<'_>, out: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    let number = |name: &[u8], text: &str, out: &mut Vec<u8>| {
        out.extend_from_slice(name);
        out.extend_from_slice(text.as_bytes());
    };
    out.extend_from_slice(b"key=");
    encode_key_as_uri(item.key, out);
    number(b" exp=", digits.format(item.expires_unix.unwrap_or(-1)), out);
    number(b" la=", digits.format(item.accessed_unix), out);
    number(b" cas=", digits.format(item.cas), out);
    out.extend_from_slice(if item.fetched { b" fetch=yes" } else { b" fetch=no" });
    number(b" cls=", digits.format(item.class), out);
    number(b" size=", digits.format(item.size_bytes), out);
    number(b" flags=", digits.format(item.flags), out);
    out.push(b'\n');
}

/// `mg <key>`, to be sent back to a server; a binary key in base64, with the flag that says so.
fn mgdump_line(item: &DumpedItem<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"mg ");
    if item.binary_key {
        base64::encode(item.key, out);
        out.extend_from_slice(b" b\r\n");
    } else {
        out.extend_from_slice(item.key);
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends a key in which everything but letters, digits and `-._~` is a percent sign and two hexadecimal digits.
pub fn encode_key_as_uri(key: &[u8], out: &mut Vec<u8>) {
    for &byte in key {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte);
        } else {
            // Writing to memory does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &[u8]) -> DumpedItem<'_> {
        DumpedItem {
            key,
            binary_key: false,
            expires_unix: None,
            accessed_unix: 1_795_176_590,
            cas: 7,
            fetched: true,
            class: 3,
            size_bytes: 67,
            flags: 5,
        }
    }

    fn line(kind: DumpKind, item: &DumpedItem<'_>) -> String {
        let mut out = Vec::new();
        dump_line(kind, item, &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_metadump_line_is_as_memcached_writes_it() {
        let meta = |item| line(DumpKind::Meta, &item);
        assert_eq!(
            meta(item(b"b%20\xff~a-b.c_d")),
            "key=b%2520%FF~a-b.c_d exp=-1 la=1795176590 cas=7 fetch=yes cls=3 size=67 flags=5\n"
        );
        let expiring = DumpedItem { expires_unix: Some(1_795_176_690), fetched: false, ..item(b"k") };
        assert_eq!(meta(expiring), "key=k exp=1795176690 la=1795176590 cas=7 fetch=no cls=3 size=67 flags=5\n");
    }

    #[test]
    fn an_mgdump_line_is_a_command_for_the_item() {
        let mg = |key: &[u8], binary_key| line(DumpKind::Mg, &DumpedItem { binary_key, ..item(key) });
        assert_eq!(mg(b"plain", false), "mg plain\r\n");
        for (key, encoded) in
            [(&b"f"[..], "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"\xff\xfe\x00\x3e", "//4APg==")]
        {
            assert_eq!(mg(key, true), format!("mg {encoded} b\r\n"));
        }
    }
}
