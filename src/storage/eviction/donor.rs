//! Which pool gives up a page. The seam for the mover that will weigh pools by what one more page is worth to
//! them; for now the richest gives, and only to a pool that has nothing of its own to evict.

use crate::storage::slab::{ClassId, Slab};

/// LARGE values evict each other once they hold one page in this many; below that they are given pages.
pub(in crate::storage) const LARGE_SHARE_DIVISOR: usize = 16;

/// Who has pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) enum PoolId {
    /// A slab class.
    Class(ClassId),
    /// The LARGE values.
    Large,
}

/// The pool with the most pages, other than those in `except`. `None` if no other has any.
pub(in crate::storage) fn donor(slab: &Slab, except: &[PoolId]) -> Option<PoolId> {
    let classes = slab.class_ids().map(|class| (slab.pool(class).pages.len(), PoolId::Class(class)));
    let all = classes.chain([(slab.large_pages(), PoolId::Large)]);
    let richest = all.filter(|(pages, pool)| *pages > 0 && !except.contains(pool)).max_by_key(|(pages, _)| *pages);
    richest.map(|(_, pool)| pool)
}
