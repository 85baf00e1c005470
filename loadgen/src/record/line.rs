//! The lines that a watcher reads, in the form of memcached's `logger.c`.

/// What a line tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Something was asked of an item.
    Request(Event),
    /// The server lost this many lines.
    Skipped(u64),
    /// Something else.
    Other,
}

/// A request as the server tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Microseconds since 1970.
    pub micros: u64,
    pub key: Vec<u8>,
    /// The verb; `get` for any look at an item.
    pub verb: &'static str,
    pub value_size: u64,
    pub ttl: u64,
    /// The descriptor of the client's connection; 0 where the server does not tell.
    pub client: u64,
}

/// The verbs of writes that traces know.
const VERBS: [&str; 7] = ["set", "add", "replace", "append", "prepend", "cas", "delete"];

/// Reads one line; `None` if it is none of a watcher's.
pub fn parse(line: &[u8]) -> Option<Line> {
    let text = std::str::from_utf8(line).ok()?;
    if let Some(lines) = text.strip_prefix("skipped=") {
        return lines.parse().ok().map(Line::Skipped);
    }
    let field = |name: &str| {
        let mut words = text.split(' ');
        words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    };
    let number = |name: &str| field(name).and_then(|value| value.parse().ok()).unwrap_or(0);
    let (seconds, fraction) = field("ts")?.split_once('.')?;
    let micros = seconds.parse::<u64>().ok()?.checked_mul(1_000_000)? + fraction.parse::<u64>().ok()?;
    let verb = match field("type")? {
        "item_get" => "get",
        "item_store" => field("cmd")?,
        "deleted" => "delete",
        _ => return Some(Line::Other),
    };
    let verb = match verb {
        "get" => "get",
        // Meta's delete.
        "md" => "delete",
        verb => match VERBS.into_iter().find(|known| *known == verb) {
            Some(verb) => verb,
            None => return Some(Line::Other),
        },
    };
    Some(Line::Request(Event {
        micros,
        key: unescaped(field("key")?)?,
        verb,
        value_size: number("size"),
        ttl: number("ttl"),
        client: number("cfd"),
    }))
}

/// Undoes `%20` and the like.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut key = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        key.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                (digit(bytes.next()?)? * 16 + digit(bytes.next()?)?) as u8
            }
            byte => byte,
        });
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_give_their_requests() {
        let request = |line: &str| match parse(line.as_bytes()) {
            Some(Line::Request(event)) => event,
            other => panic!("{line}: {other:?}"),
        };
        let get = request("ts=1795176666.008287 gid=4 type=item_get key=a%20b status=found clsid=1 cfd=23 size=2");
        let micros = 1_795_176_666_008_287;
        let key = b"a b".to_vec();
        assert_eq!(get, Event { micros, key, verb: "get", value_size: 2, ttl: 0, client: 23 });
        let store =
            request("ts=1.000001 gid=5 type=item_store key=k status=stored cmd=cas ttl=10 clsid=1 cfd=23 size=200");
        assert_eq!((store.verb, store.ttl, store.value_size, store.micros), ("cas", 10, 200, 1_000_001));
        assert_eq!(request("ts=1.000001 gid=5 type=deleted key=k cmd=md clsid=1 size=2").verb, "delete");
        assert_eq!(parse(b"skipped=12"), Some(Line::Skipped(12)));
        assert_eq!(
            parse(b"ts=1.000001 gid=1 type=conn_new rip=127.0.0.1 rport=5 transport=tcp cfd=2"),
            Some(Line::Other)
        );
        assert_eq!(parse(b"ts=1.000001 gid=1 type=item_store key=k cmd=touch"), Some(Line::Other));
        for bad in ["", "OK", "ts=1 gid=2", "ts=1.5 gid=1 type=item_get", "ts=1.5 type=item_get key=%2", "skipped=x"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
