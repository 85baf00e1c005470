//! What requests are told apart by where they are counted and timed.

use super::request::Op;

/// Kinds of operations; several commands may be of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpKind {
    /// [`Op::Get`] and [`Op::Gets`].
    Get,
    /// [`Op::GetAndTouch`].
    GetAndTouch,
    /// [`Op::MetaGet`].
    MetaGet,
    /// [`Op::Store`] and [`Op::RefusedStore`].
    Store,
    /// [`Op::Delete`].
    Delete,
    /// [`Op::Arithmetic`].
    Arithmetic,
    /// [`Op::Touch`].
    Touch,
    /// [`Op::Debug`].
    Debug,
}

impl OpKind {
    /// How many kinds there are.
    pub const COUNT: usize = 8;
    /// All, in the order of their [`index`](Self::index).
    pub const ALL: [OpKind; Self::COUNT] = [
        OpKind::Get,
        OpKind::GetAndTouch,
        OpKind::MetaGet,
        OpKind::Store,
        OpKind::Delete,
        OpKind::Arithmetic,
        OpKind::Touch,
        OpKind::Debug,
    ];

    /// Its place among all.
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name of the command that stands for the kind.
    pub const fn name(self) -> &'static str {
        match self {
            OpKind::Get => "get",
            OpKind::GetAndTouch => "gat",
            OpKind::MetaGet => "mg",
            OpKind::Store => "set",
            OpKind::Delete => "delete",
            OpKind::Arithmetic => "incr",
            OpKind::Touch => "touch",
            OpKind::Debug => "me",
        }
    }
}

impl Op<'_> {
    /// Its kind. Nearly all are of the first two, which are told apart without a table of jumps.
    #[inline]
    pub const fn kind(&self) -> OpKind {
        match self {
            Op::Get | Op::Gets => OpKind::Get,
            Op::Store(_) => OpKind::Store,
            _ => self.rare_kind(),
        }
    }

    #[inline(never)]
    const fn rare_kind(&self) -> OpKind {
        match self {
            Op::Get | Op::Gets => OpKind::Get,
            Op::GetAndTouch(_) => OpKind::GetAndTouch,
            Op::MetaGet(_) => OpKind::MetaGet,
            Op::Store(_) | Op::RefusedStore(_) => OpKind::Store,
            Op::Delete(_) => OpKind::Delete,
            Op::Arithmetic(_) => OpKind::Arithmetic,
            Op::Touch(_) => OpKind::Touch,
            Op::Debug => OpKind::Debug,
        }
    }
}

/// How many of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindCounts([u32; OpKind::COUNT]);

impl KindCounts {
    /// So many more.
    #[inline]
    pub fn add(&mut self, kind: OpKind, count: u32) {
        self.0[kind.index()] += count;
    }

    /// Those of another, too.
    pub fn merge(&mut self, other: &KindCounts) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own += other;
        }
    }

    /// All together.
    #[inline]
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    /// The kinds of which there are any.
    pub fn iter(&self) -> impl Iterator<Item = (OpKind, u32)> {
        OpKind::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_apart() {
        assert!(OpKind::ALL.iter().enumerate().all(|(index, kind)| kind.index() == index));
        let (mut counts, mut more) = (KindCounts::default(), KindCounts::default());
        counts.add(Op::Get.kind(), 1);
        counts.add(Op::Get.kind(), 1);
        more.add(Op::Debug.kind(), 1);
        more.add(Op::Get.kind(), 1);
        counts.merge(&more);
        assert_eq!(counts.iter().collect::<Vec<_>>(), [(OpKind::Get, 3), (OpKind::Debug, 1)]);
        assert_eq!(counts.total(), 4);
    }
}
