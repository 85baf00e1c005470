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
    /// Ours: the numbers of each shard.
    Shards,
    /// Ours: how long requests take.
    Latency,
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
            b"shards" => Form::Shards,
            b"latency" => Form::Latency,
            _ => Form::Unknown,
        })
    }
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
    }
}
