//! One line of a trace.

use crate::workload::scramble;

/// Longest key in bytes that memcached accepts.
const KEY_LEN_MAX: usize = 250;

/// The longest TTL that memcached takes as a distance from now: 30 days.
const TTL_MAX: u64 = 60 * 60 * 24 * 30;

/// What a trace asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Get,
    Gets,
    Set,
    Add,
    Replace,
    Cas,
    Append,
    Prepend,
    Delete,
    Incr,
    Decr,
}

/// A request, its key fit to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The timestamp in whole seconds.
    pub second: u64,
    /// The microseconds within it, where the timestamp has a fraction.
    pub micros: Option<u32>,
    pub operation: Operation,
    /// 1 to 250 bytes without blanks and control characters.
    pub key: Vec<u8>,
    /// Bytes of the value.
    pub value_size: usize,
    /// Seconds; 0 for never.
    pub ttl: u64,
    /// Whether the trace's key could not be sent and another one stands for it.
    pub key_replaced: bool,
}

/// Why a line without all its columns is refused, whatever else is wrong with it.
const TOO_FEW: &str = "fewer than 7 columns";

/// Reads one line. The reason it is refused, if it is, names the column.
pub fn parse(line: &[u8]) -> Result<Request, &'static str> {
    columns(line).map_err(|reason| if memchr::memchr_iter(b',', line).count() < 6 { TOO_FEW } else { reason })
}

fn columns(line: &[u8]) -> Result<Request, &'static str> {
    // From the right: keys may contain commas.
    let mut from_right = line.rsplitn(6, |b| *b == b',');
    let ttl = number(from_right.next()).ok_or("the ttl is not a number")?;
    let operation = operation(from_right.next().ok_or(TOO_FEW)?).ok_or("unknown operation")?;
    from_right.next().ok_or(TOO_FEW)?;
    let value_size = number(from_right.next()).ok_or("the value size is not a number")?;
    let key_size = number(from_right.next()).ok_or("the key size is not a number")?;
    let head = from_right.next().ok_or(TOO_FEW)?;
    let comma = memchr::memchr(b',', head).ok_or(TOO_FEW)?;
    let (second, micros) = timestamp(&head[..comma]).ok_or("the timestamp is not a number of seconds")?;
    let (key, key_replaced) = sendable(&head[comma + 1..], usize::try_from(key_size).unwrap_or(usize::MAX));
    Ok(Request {
        second,
        micros,
        operation,
        key,
        value_size: usize::try_from(value_size).unwrap_or(usize::MAX),
        ttl: ttl.min(TTL_MAX),
        key_replaced,
    })
}

/// Whole seconds, and what stands behind the point, if there is one, as millionths.
fn timestamp(column: &[u8]) -> Option<(u64, Option<u32>)> {
    let Some(point) = memchr::memchr(b'.', column) else { return Some((number(Some(column))?, None)) };
    let digits = column[point + 1..].trim_ascii_end();
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = digits.iter().chain([b'0'].iter().cycle());
    let micros = digits.take(6).fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Some((number(Some(&column[..point]))?, Some(micros)))
}

fn number(column: Option<&[u8]>) -> Option<u64> {
    std::str::from_utf8(column?).ok()?.trim().parse().ok()
}

fn operation(name: &[u8]) -> Option<Operation> {
    Some(match name {
        b"get" => Operation::Get,
        b"gets" => Operation::Gets,
        b"set" => Operation::Set,
        b"add" => Operation::Add,
        b"replace" => Operation::Replace,
        b"cas" => Operation::Cas,
        b"append" => Operation::Append,
        b"prepend" => Operation::Prepend,
        b"delete" => Operation::Delete,
        b"incr" => Operation::Incr,
        b"decr" => Operation::Decr,
        _ => return None,
    })
}

/// The key as it is sent, and whether it had to be replaced. One shorter than the trace says (the published ones are
/// anonymised) is padded, so that it costs the server the memory it did. One that memcached would refuse is
/// replaced by 32 hexadecimal digits of two hashes, padded likewise.
fn sendable(key: &[u8], key_size: usize) -> (Vec<u8>, bool) {
    let fits = (1..=KEY_LEN_MAX).contains(&key.len()) && key.iter().all(|b| *b > b' ' && *b != 0x7f);
    let mut sent = if fits {
        key.to_vec()
    } else {
        let fold = |seed| key.iter().fold(seed, |hash, byte| scramble(hash ^ u64::from(*byte)));
        format!("{:016x}{:016x}", fold(1), fold(2)).into_bytes()
    };
    let padded = key_size.min(KEY_LEN_MAX);
    if sent.len() < padded {
        sent.resize(padded, b'_');
    }
    (sent, !fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_its_request() {
        let request = parse(b"17,abc,5,100,3,get,60").unwrap();
        assert_eq!(
            request,
            Request {
                second: 17,
                micros: None,
                operation: Operation::Get,
                key: b"abc__".to_vec(),
                value_size: 100,
                ttl: 60,
                key_replaced: false
            }
        );
        assert_eq!(parse(b"0,a,b,3,0,0,set,0").unwrap().key, b"a,b");
        let fraction = parse(b"12.75,a,1,0,0,set,0").unwrap();
        assert_eq!((fraction.second, fraction.micros), (12, Some(750_000)));
        assert_eq!(parse(b"0.0000019,a,1,0,0,set,0").unwrap().micros, Some(1));
        assert_eq!(parse(b"0,k,1,0,0,delete,99999999").unwrap().ttl, TTL_MAX);
    }

    #[test]
    fn keys_that_cannot_be_sent_are_replaced() {
        let with_key = |key: &[u8], size: usize| {
            parse(&[b"0,", key, b",", size.to_string().as_bytes(), b",1,0,get,0"].concat()).unwrap()
        };
        let long = with_key(&[b'x'; 300], 300);
        assert!(long.key_replaced);
        assert_eq!(long.key.len(), 250);
        assert_ne!(long.key, with_key(&[b'y'; 300], 300).key);
        for key in [b"".as_slice(), b"a b", b"tab\t", b"\x7f"] {
            let request = with_key(key, key.len());
            assert!(request.key_replaced && request.key.len() == 32, "{}", key.escape_ascii());
        }
        assert!(!with_key(&[b'x'; 250], 250).key_replaced);
    }

    #[test]
    fn malformed_lines_are_refused_with_the_reason() {
        for (line, reason) in [
            (b"".as_slice(), "fewer than 7 columns"),
            (b"1,2,3", "fewer than 7 columns"),
            (b"1,a,1,10,get,0", "fewer than 7 columns"),
            (b"0,a,1,10,0,get,0,more", "the ttl is not a number"),
            (b"noon,a,1,10,0,get,0", "the timestamp is not a number of seconds"),
            (b"-3,a,1,10,0,get,0", "the timestamp is not a number of seconds"),
            (b"1.5e3,a,1,10,0,get,0", "the timestamp is not a number of seconds"),
            (b"timestamp,key,key_size,value_size,client,get,0", "the value size is not a number"),
            (b"0,k,1,1,0,get,x", "the ttl is not a number"),
            (b"0,k,1,1,0,fetch,0", "unknown operation"),
            (b"0,k,1,-1,0,get,0", "the value size is not a number"),
            (b"0,k,?,1,0,get,0", "the key size is not a number"),
            (b"k,1,1,0,get,0", "fewer than 7 columns"),
        ] {
            assert_eq!(parse(line), Err(reason), "{}", line.escape_ascii());
        }
    }
}
