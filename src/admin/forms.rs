//! What stands behind `stats`.

/// A form of `stats`. Names are told apart by case, and further words are no fault, both as in memcached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The counters.
    General,
    /// What holds since the start.
    Settings,
    /// The items by slab class.
    Items,
    /// The slab classes' memory.
    Slabs,
    /// The connections.
    Conns,
    /// Set the counters to zero.
    Reset,
    /// The items by size.
    Sizes,
    /// Whether [`Sizes`](Form::Sizes) has an answer.
    SizesEnable(bool),
    /// Count by key prefix, or no longer.
    DetailTurn(bool),
    /// The counts by key prefix.
    DetailDump,
    /// Some items of a slab class.
    CacheDump {
        /// The class's number.
        class: u32,
        /// At most so many; 0 for all.
        items: u32,
    },
    /// Ours: the numbers of each shard.
    Shards,
    /// Ours: how long requests take.
    Latency,
    /// Ours: where the memory goes.
    Memory,
    /// Ours: the hit ratio to be expected with another memory limit.
    Mrc,
    /// Ours: how to find the owner of a key.
    Routing,
    /// There is no such form.
    Unknown,
}

impl Form {
    /// The form that is asked for, or why it is refused.
    pub(super) fn parse(args: &[u8]) -> Result<Form, &'static str> {
        let mut words = args.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        Ok(match words.next().unwrap_or_default() {
            b"" => Form::General,
            b"settings" => Form::Settings,
            b"items" => Form::Items,
            b"slabs" => Form::Slabs,
            b"conns" => Form::Conns,
            b"reset" => Form::Reset,
            b"sizes" => Form::Sizes,
            b"sizes_enable" => Form::SizesEnable(true),
            b"sizes_disable" => Form::SizesEnable(false),
            b"detail" => match words.next() {
                Some(b"on") => Form::DetailTurn(true),
                Some(b"off") => Form::DetailTurn(false),
                Some(b"dump") => Form::DetailDump,
                _ => return Err("CLIENT_ERROR usage: stats detail on|off|dump"),
            },
            b"cachedump" => {
                let (Some(class), Some(items)) = (words.next(), words.next()) else {
                    return Err("CLIENT_ERROR bad command line");
                };
                match (number(class), number(items)) {
                    (Some(class), Some(items)) => Form::CacheDump { class, items },
                    _ => return Err("CLIENT_ERROR bad command line format"),
                }
            }
            b"shards" => Form::Shards,
            b"latency" => Form::Latency,
            b"memory" => Form::Memory,
            b"mrc" => Form::Mrc,
            b"routing" => Form::Routing,
            _ => Form::Unknown,
        })
    }
}

fn number(word: &[u8]) -> Option<u32> {
    let is_number = word.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(word).ok().filter(|_| is_number)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_as_memcached_reads_them() {
        assert_eq!(Form::parse(b""), Ok(Form::General));
        assert_eq!(Form::parse(b"settings foo"), Ok(Form::Settings));
        assert_eq!(Form::parse(b" items "), Ok(Form::Items));
        assert_eq!(Form::parse(b"ITEMS"), Ok(Form::Unknown));
        assert_eq!(Form::parse(b"noreply"), Ok(Form::Unknown));
        assert_eq!(Form::parse(b"reset all"), Ok(Form::Reset));
        assert_eq!(Form::parse(b"\xff\0"), Ok(Form::Unknown));
        assert_eq!(Form::parse(b"detail on x"), Ok(Form::DetailTurn(true)));
        for usage in [&b"detail"[..], b"detail x"] {
            assert_eq!(Form::parse(usage), Err("CLIENT_ERROR usage: stats detail on|off|dump"));
        }
        assert_eq!(Form::parse(b"cachedump 3 0 x"), Ok(Form::CacheDump { class: 3, items: 0 }));
        assert_eq!(Form::parse(b"cachedump 3"), Err("CLIENT_ERROR bad command line"));
        for bad in [&b"cachedump x 1"[..], b"cachedump 1 -1", b"cachedump +1 1", b"cachedump 1 4294967296"] {
            assert_eq!(Form::parse(bad), Err("CLIENT_ERROR bad command line format"));
        }
    }
}
