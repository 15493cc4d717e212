//! What can happen to a trace database.

use super::arguments::{BYS, By, Victims, WITHS, With};
use super::breach::Breach;
use super::row::RowSpec;
use crate::words::{Key, List, Name, Number, Rest, operations};

operations! {
    /// What can happen to a database.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum DataOp: "operation" {
        /// A batch of rows is inserted and its partitions are pruned, in one transaction.
        "append" Append(rows: Vec<RowSpec> = List(" | ", Rest::NEW)),
        /// The batches from here on prune by these limits.
        "retention" Retention {
            /// Rows kept of a partition.
            rows: usize = Key("rows", Number),
            /// Estimated bytes kept of a partition.
            bytes: i64 = Key("bytes", Number),
        },
        /// Rows before this second (see [`super::row::EPOCH`]) are deleted.
        "prune-before" PruneBefore(at: i64 = Number),
        /// Rows are deleted.
        "delete" Delete(victims: Victims = Rest::NEW),
        /// The file is rewritten.
        "vacuum" Vacuum,
        /// At most this many free pages are given back.
        "incremental-vacuum" IncrementalVacuum(pages: u32 = Number),
        /// The write-ahead log is copied into the database as far as nobody is in the way.
        "checkpoint" Checkpoint,
        /// The writer ends; the write-ahead log goes, if nobody else has the database open.
        "close" Close,
        /// A copy of the database is set aside.
        "save" Save,
        /// Another file takes the place of the database.
        "replace" Replace {
            /// How.
            by: By = Key("by", Name(BYS)),
            /// Which file.
            with: With = Key("with", Name(WITHS)),
        },
        /// The table is made anew with ids that may come back.
        "plain-ids" PlainIds,
        /// The table gets a column more.
        "extra-column" ExtraColumn,
        /// Something outside the contract.
        "outside" Outside(breach: Breach = Rest::NEW),
    }
}
