//! A command line cut into tokens. Spaces separate, and nothing else: a tab belongs to its token, as in memcached.

/// Most tokens that a classic command other than a read can have; `cas` with `noreply` has 7.
const TOKENS_MAX: usize = 8;

/// The first tokens of a line.
pub(super) struct Line<'a> {
    text: &'a [u8],
    tokens: [&'a [u8]; TOKENS_MAX],
    /// Counted to one beyond `TOKENS_MAX`, where it stops.
    count: usize,
}

impl<'a> Line<'a> {
    /// Cuts a line that has neither CR nor newline at its end.
    pub(super) fn new(text: &'a [u8]) -> Line<'a> {
        let mut line = Line { text, tokens: [&[]; TOKENS_MAX], count: 0 };
        for token in tokens(text).take(TOKENS_MAX + 1) {
            if let Some(slot) = line.tokens.get_mut(line.count) {
                *slot = token;
            }
            line.count += 1;
        }
        line
    }

    /// How many tokens; anything above `TOKENS_MAX` counts as one more.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// A token, empty if there is none there.
    pub(super) fn token(&self, index: usize) -> &'a [u8] {
        self.tokens.get(index).copied().unwrap_or_default()
    }

    /// Whether the last token asks for no reply, however many stand before it.
    pub(super) fn noreply(&self) -> bool {
        match self.count {
            0 => false,
            1..=TOKENS_MAX => self.token(self.count - 1) == b"noreply",
            _ => trim_end(self.text).ends_with(b" noreply"),
        }
    }
}

/// The tokens of a line, none of them empty.
pub(super) fn tokens(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b' ').filter(|token| !token.is_empty())
}

/// The first token of a line and what stands behind it.
pub(super) fn split_first(text: &[u8]) -> (&[u8], &[u8]) {
    let text = trim_start(text);
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    (&text[..end], trim_start(&text[end..]))
}

/// The text without spaces in front.
pub(super) fn trim_start(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| byte != b' ').unwrap_or(text.len());
    &text[start..]
}

/// The text without spaces behind.
pub(super) fn trim_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::{Line, split_first, trim_end};

    #[test]
    fn spaces_are_collapsed_and_tabs_kept() {
        let line = Line::new(b"  set a\tb  1 ");
        assert_eq!(line.count(), 3);
        assert_eq!((line.token(0), line.token(1), line.token(2)), (&b"set"[..], &b"a\tb"[..], &b"1"[..]));
        assert_eq!(line.token(3), b"");
        assert_eq!(line.token(99), b"");
    }

    #[test]
    fn surplus_tokens_are_counted_but_not_kept() {
        let line = Line::new(b"a b c d e f g h i j noreply");
        assert_eq!((line.count(), line.token(9)), (9, &b""[..]));
        assert!(line.noreply());
        assert!(Line::new(b"a b c d e f g h i j noreply  ").noreply());
        assert!(!Line::new(b"a b c d e f g h i noreply j").noreply());
        assert!(!Line::new(b"a b c d e f g h i j xnoreply").noreply());
        assert_eq!(Line::new(b"").count(), 0);
    }

    #[test]
    fn splitting_and_trimming() {
        assert_eq!(split_first(b" mg  key v "), (&b"mg"[..], &b"key v "[..]));
        assert_eq!(split_first(b"   "), (&b""[..], &b""[..]));
        assert_eq!(trim_end(b" a b  "), b" a b");
        assert_eq!(trim_end(b"  "), b"");
    }
}
