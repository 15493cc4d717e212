//! The rules of counting, each of which a caller may leave out.

/// Which rules hold: all, but where a test measures what one is for, or a baseline counts by
/// earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// `token_usage_record` counts.
    pub(crate) records: bool,
    /// The record of another thread counts nothing.
    pub(crate) own_thread: bool,
    /// Of records of one response the first counts.
    pub(crate) once: bool,
    /// From the first record on, `token_count` counts nothing.
    pub(crate) records_end_counts: bool,
    /// A count is inherited whose turn is older than the thread.
    pub(crate) inherited_turn: bool,
    /// A count is inherited in a fork of 0.100 or later before its first turn of its own.
    pub(crate) inherited_fork: bool,
    /// A count is inherited in another fork while its history is being copied.
    pub(crate) inherited_burst: bool,
    /// A count is inherited whose ordinal is below that of the sub-agent's own history.
    pub(crate) inherited_ordinal: bool,
    /// A total that is written again counts nothing.
    pub(crate) repetition: bool,
    /// What the last response used counts, where a line says it.
    pub(crate) last_used: bool,
    /// The first total of a file that continues another one counts nothing.
    pub(crate) first_of_fork: bool,
    /// A total that fell counts whole.
    pub(crate) fallen: bool,
    /// A missing kind takes no part in comparisons.
    pub(crate) missing_kinds: bool,
}

impl Rules {
    /// Every rule.
    pub(crate) const ALL: Self = Self {
        records: true,
        own_thread: true,
        once: true,
        records_end_counts: true,
        inherited_turn: true,
        inherited_fork: true,
        inherited_burst: true,
        inherited_ordinal: true,
        repetition: true,
        last_used: true,
        first_of_fork: true,
        fallen: true,
        missing_kinds: true,
    };

    /// Those of before: what the totals rose by, from zero on, and what the last response used
    /// where they fell.
    pub(crate) const EARLIER: Self = Self {
        records: false,
        own_thread: false,
        once: false,
        records_end_counts: false,
        inherited_turn: false,
        inherited_fork: false,
        inherited_burst: false,
        inherited_ordinal: false,
        repetition: true,
        last_used: false,
        first_of_fork: false,
        fallen: false,
        missing_kinds: false,
    };
}
