//! Which items leave a class when memory is short.

/// How a slab class chooses who leaves. Every policy works in place: no list, at most a bit and four bytes for one item
/// in ten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EvictionPolicy {
    /// Both others are simulated on a sample of the keys, and the one that misses less is used, over all or for items of
    /// some size. Costs no memory beyond what the miss-ratio curve takes under every policy, and some nanoseconds per
    /// request; follows a change of the workload with a delay of up to one turnover of the sample, and does not know for
    /// which policy pages move better between classes.
    #[default]
    Duel,
    /// S3-FIFO: a new item has to be read while it passes through a queue of a tenth of the class, or it leaves. What
    /// is asked for only once leaves early and scans do little harm; an item that is first read again after a tenth of
    /// the cache was replaced has to be stored twice before it stays.
    S3Fifo,
    /// 2-bit CLOCK: every item stays for a full round, one that was read for up to four. Simple, without a second queue,
    /// and better where reuse comes late or popularity moves; a scan pushes out what was read seldom.
    Clock,
}
