//! The answer to `stats`, before a protocol has put it into its own form.

use std::borrow::Cow;
use std::fmt::Display;

/// Names with their values, in the order in which they are told.
///
/// No name and no value has a space, a control character or no length: monitoring splits lines at their spaces.
/// [`push`](StatLines::push) sees to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatLines(Vec<(Cow<'static, str>, String)>);

impl StatLines {
    /// Adds a line. What would split it is replaced by `_`, and nothing by `-`.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Display) {
        let mut name = name.into();
        if !is_one_token(&name) {
            name = Cow::Owned(one_token(&name));
        }
        let mut value = value.to_string();
        if !is_one_token(&value) {
            value = one_token(&value);
        }
        self.0.push((name, value));
    }

    /// The names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn splits(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

fn is_one_token(text: &str) -> bool {
    !text.is_empty() && !text.contains(splits)
}

fn one_token(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.replace(splits, "_") }
}

/// What `stats` answers in one of its forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatsAnswer {
    /// Lines and an end. Text: `STAT name value` each, then `END`. Binary: a packet each, then an empty one.
    Lines(StatLines),
    /// Lines without an end, which is how memcached answers `sizes_enable` and `sizes_disable` in text. Binary: as
    /// [`Lines`](StatsAnswer::Lines).
    Unended(StatLines),
    /// Something was done. Text: this word (`OK`, `RESET`). Binary: the empty packet alone.
    Done(&'static str),
    /// The counts by key prefix (`detail dump`): lines `PREFIX ...`, CRLF after each. Text: these, then `END`.
    /// Binary: one packet with the name `detailed` and these as its value, then an empty one.
    Detail(Vec<u8>),
    /// The items of a slab class (`cachedump`): lines `ITEM ...`, CRLF after each. Text: these, then `END`. Binary has
    /// no such form: as [`Unknown`](StatsAnswer::Unknown).
    Items(Vec<u8>),
    /// Refused. Text: these words. Binary: as [`Unknown`](StatsAnswer::Unknown).
    Refused(&'static str),
    /// There is no such form. Text: `ERROR`. Binary: status 0x01, as for a missing key.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_and_one_value_whatever_is_put_in() {
        let mut lines = StatLines::default();
        lines.push("good", 5);
        lines.push("with space".to_owned(), "/a path\r\n");
        lines.push("empty", "");
        let found: Vec<_> = lines.iter().collect();
        assert_eq!(found, [("good", "5"), ("with_space", "/a_path__"), ("empty", "-")]);
        assert_eq!((lines.len(), lines.is_empty()), (3, false));
    }
}
