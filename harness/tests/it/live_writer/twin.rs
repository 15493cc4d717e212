//! The states that the writer goes through, gone through again without it.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};
use tracerig_oracle::{self as oracle, Answer, Window};
use tracerig_store::{OwnedBody, OwnedRow};

use super::script;

/// Whose rows retention counts together: a thread, else a process.
type Partition = Result<String, Option<String>>;

/// A state: what the first so many transactions leave.
pub(crate) struct Twin {
    kept: usize,
    transactions: u64,
    first_id: i64,
    next_id: i64,
    rows: BTreeMap<i64, OwnedRow>,
    /// Of each partition, time and id of its rows, oldest first.
    partitions: BTreeMap<Partition, BTreeSet<(i64, i64, i64)>>,
    /// The same rows where the oracle can read them; updated when an answer is asked for.
    mirror: Connection,
}

impl Twin {
    /// The state before the first transaction, with `still` rows that stay and say nothing.
    pub(crate) fn new(still: i64, kept: usize) -> Self {
        let mirror = Connection::open_in_memory().unwrap();
        mirror.execute_batch(tracerig_store::schema::CREATE_TABLE).unwrap();
        Self {
            kept,
            transactions: 0,
            first_id: still,
            next_id: still + 1,
            rows: BTreeMap::new(),
            partitions: BTreeMap::new(),
            mirror,
        }
    }

    /// Goes on to the state whose highest id is `max_id`. There is one if the writer committed no
    /// part of a transaction.
    #[track_caller]
    pub(crate) fn advance_to(&mut self, max_id: i64) {
        while self.next_id <= max_id {
            self.transact();
        }
        assert_eq!(
            self.next_id - 1,
            max_id.max(self.first_id),
            "no transaction ends with id {max_id}"
        );
        self.update_mirror();
    }

    fn transact(&mut self) {
        for row in script::batch(self.transactions, self.next_id) {
            let partition = row.thread_id.clone().ok_or_else(|| row.process_uuid.clone());
            let ids = self.partitions.entry(partition).or_default();
            ids.insert((row.ts, row.ts_nanos, self.next_id));
            self.rows.insert(self.next_id, row);
            self.next_id += 1;
        }
        // Partitions that were not touched have no row too many.
        for ids in self.partitions.values_mut() {
            while ids.len() > self.kept {
                let (_, _, id) = ids.pop_first().unwrap();
                self.rows.remove(&id);
            }
        }
        self.transactions += 1;
    }

    fn update_mirror(&self) {
        let transaction = self.mirror.unchecked_transaction().unwrap();
        let mut known = self.mirror.prepare("SELECT id FROM logs").unwrap();
        let known: BTreeSet<i64> =
            known.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut delete = self.mirror.prepare("DELETE FROM logs WHERE id = ?1").unwrap();
        for id in known.iter().filter(|id| !self.rows.contains_key(id)) {
            delete.execute([id]).unwrap();
        }
        let mut insert = self
            .mirror
            .prepare(
                "INSERT INTO logs (id, ts, ts_nanos, level, target, feedback_log_body, thread_id, \
                 process_uuid) VALUES (?1, ?2, ?3, ?4, ?5, CASE ?6 WHEN 't' THEN CAST(?7 AS TEXT) \
                 ELSE ?7 END, ?8, ?9)",
            )
            .unwrap();
        for (id, row) in self.rows.iter().filter(|(id, _)| !known.contains(id)) {
            let (kind, body) = match &row.body {
                OwnedBody::Null => ("n", None),
                OwnedBody::Text(bytes) => ("t", Some(bytes)),
                OwnedBody::Blob(bytes) => ("b", Some(bytes)),
            };
            let OwnedRow { ts, ts_nanos, level, target, thread_id, process_uuid, .. } = row;
            insert
                .execute(params![
                    id,
                    ts,
                    ts_nanos,
                    level,
                    target,
                    kind,
                    body,
                    thread_id,
                    process_uuid
                ])
                .unwrap();
        }
        transaction.commit().unwrap();
    }

    /// The oracle's answer at this state.
    pub(crate) fn answer(&self, window: Window) -> Answer {
        oracle::scan_connection(&self.mirror, window).unwrap()
    }

    /// Rows of the writer above `cursor`.
    pub(crate) fn rows_above(&self, cursor: i64) -> u64 {
        self.rows.range(cursor + 1..).count() as u64
    }

    /// The ids of the writer's rows.
    pub(crate) fn ids(&self) -> Vec<i64> {
        self.rows.keys().copied().collect()
    }

    /// States so far.
    pub(crate) fn states(&self) -> u64 {
        self.transactions
    }
}
