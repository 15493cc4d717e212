//! What launches read, without the one read that no program decides on.
//!
//! The allocator of glibc reads a byte of `/proc/sys/vm/overcommit_memory` the first time that it
//! gives back memory of a thread which is not the main one (`check_may_shrink_heap` in its
//! `sysdeps/unix/sysv/linux/malloc-sysdep.h`). Whether the threads of a process make it do so
//! depends on how they take turns: of equal full scans of 1.4 GB one in ten or twenty did, and read
//! a byte more, in a call more, than the others.

use std::collections::BTreeSet;

use super::Amounts;
use crate::record::{CounterClass, Launch};

/// Counter: bytes read.
const BYTES: &str = "rchar";
/// Counter: calls that read.
const CALLS: &str = "syscr";

/// What launches of one program read, whatever order they came in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Reads {
    /// Bytes and calls of each launch.
    seen: BTreeSet<(u64, u64)>,
}

impl Reads {
    /// Adds a launch, if its reads are known exactly.
    pub(super) fn add(&mut self, launch: &Launch) {
        let exact = |name: &str| {
            let counter =
                launch.counters.get(name).filter(|counter| counter.class == CounterClass::Exact);
            counter.and_then(|counter| counter.value)
        };
        self.seen.extend(exact(BYTES).zip(exact(CALLS)));
    }

    /// The amounts of the counter `name` where one read of one byte more than the least that either
    /// program read does not count; `None` where `name` is no counter of reads, or nothing is
    /// known.
    pub(super) fn amounts(&self, name: &str, other: &Reads) -> Option<Amounts> {
        let pick: fn((u64, u64)) -> u64 = match name {
            BYTES => |(bytes, _)| bytes,
            CALLS => |(_, calls)| calls,
            _ => return None,
        };
        let &least = self.seen.union(&other.seen).min()?;
        let by_the_allocator = (least.0 + 1, least.1 + 1);
        let own = || {
            self.seen
                .iter()
                .map(|&reads| pick(if reads == by_the_allocator { least } else { reads }))
        };
        Some(Amounts { low: own().min()?, high: own().max()? })
    }
}
