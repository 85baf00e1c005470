//! Literal packets in, steps and literal packets out.

mod admin;
mod encode;
mod parse;
mod refused;

/// The request's opaque of every test.
const OPAQUE: u32 = 0xdead_beef;

/// A request, with lengths that tell the truth.
fn packet(opcode: u8, cas: u64, extras: &[u8], key: &[u8], value: &[u8]) -> Vec<u8> {
    let body_len = (extras.len() + key.len() + value.len()) as u32;
    let mut bytes = lying(opcode, cas, key.len() as u16, extras.len() as u8, body_len);
    for part in [extras, key, value] {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// The head of a request, with any lengths.
fn lying(opcode: u8, cas: u64, key_len: u16, extras_len: u8, body_len: u32) -> Vec<u8> {
    let mut bytes = vec![0x80, opcode];
    bytes.extend(key_len.to_be_bytes());
    // Data type and vbucket are looked at by nobody.
    bytes.extend([extras_len, 7, 1, 2]);
    bytes.extend(body_len.to_be_bytes());
    bytes.extend(OPAQUE.to_be_bytes());
    bytes.extend(cas.to_be_bytes());
    bytes
}

/// A response, its lengths told from its parts.
fn response(opcode: u8, status: u16, cas: u64, extras: &[u8], key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x81, opcode];
    bytes.extend((key.len() as u16).to_be_bytes());
    bytes.extend([extras.len() as u8, 0]);
    bytes.extend(status.to_be_bytes());
    bytes.extend(((extras.len() + key.len() + value.len()) as u32).to_be_bytes());
    bytes.extend(OPAQUE.to_be_bytes());
    bytes.extend(cas.to_be_bytes());
    for part in [extras, key, value] {
        bytes.extend_from_slice(part);
    }
    bytes
}
