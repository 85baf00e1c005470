//! libCacheSim's `oracleGeneral` binaries (J. Yang et al., https://github.com/1a1a11a/libCacheSim): records of 24 bytes
//! without padding, little-endian.
//!
//! ```text
//!   0       4                12       16                    24
//!   | u32   | u64            | u32    | i64                 |
//!   | clock | object's id    | size   | next access or -1   |
//! ```
//!
//! All of them are gets. The size is taken as that of the value.

use std::io::{self, Read};

use super::request::{Operation, Request};

/// Bytes of one record.
const RECORD: usize = 24;

/// Reads one record; `None` at the end. An inner error is the reason why a record cannot be one.
pub fn read(input: &mut impl Read) -> io::Result<Option<Result<Request, &'static str>>> {
    let mut record = [0; RECORD];
    let mut filled = 0;
    while filled < RECORD {
        match input.read(&mut record[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Ok(Some(Err("the last record has fewer than 24 bytes"))),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(parse(&record)))
}

fn parse(record: &[u8; RECORD]) -> Result<Request, &'static str> {
    let bytes = |from: usize, len: usize| record[from..from + len].iter().rev().fold(0, |n, b| n << 8 | u64::from(*b));
    let next = bytes(16, 8) as i64;
    if next < -1 {
        return Err("the next access lies before the trace: not an oracleGeneral binary");
    }
    Ok(Request {
        second: bytes(0, 4),
        micros: None,
        operation: Operation::Get,
        key: format!("{:x}", bytes(4, 8)).into_bytes(),
        value_size: usize::try_from(bytes(12, 4)).unwrap_or(usize::MAX),
        ttl: 0,
        key_replaced: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(clock: u32, id: u64, size: u32, next: i64) -> Vec<u8> {
        [
            clock.to_le_bytes().as_slice(),
            id.to_le_bytes().as_slice(),
            size.to_le_bytes().as_slice(),
            next.to_le_bytes().as_slice(),
        ]
        .concat()
    }

    #[test]
    fn records_are_gets_with_their_size() {
        let mut input = [record(7, 0xabc, 4096, 12), record(8, u64::MAX, 0, -1)].concat();
        let mut bytes = input.as_slice();
        let first = read(&mut bytes).unwrap().unwrap().unwrap();
        assert_eq!((first.second, first.key.as_slice(), first.value_size), (7, b"abc".as_slice(), 4096));
        assert_eq!((first.operation, first.ttl, first.micros), (Operation::Get, 0, None));
        assert_eq!(read(&mut bytes).unwrap().unwrap().unwrap().key, b"ffffffffffffffff");
        assert!(read(&mut bytes).unwrap().is_none());
        input.truncate(30);
        let mut bytes = input.as_slice();
        assert!(read(&mut bytes).unwrap().unwrap().is_ok());
        assert!(read(&mut bytes).unwrap().unwrap().is_err());
        assert!(read(&mut record(1, 2, 3, -5).as_slice()).unwrap().unwrap().is_err());
    }
}
