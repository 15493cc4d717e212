//! What the writer writes: a pure function of the number of the transaction.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tracerig_harness::histories::{RowKind, RowSpec};
use tracerig_store::OwnedRow;

/// Rows without facts, of a thread that nobody else writes, each longer than a page.
pub(crate) fn still(count: i64) -> Vec<OwnedRow> {
    let spec: RowSpec = "noise turn=0 thread=200 at=0 long".parse().unwrap();
    (1..=count).map(|id| spec.build(id)).collect()
}

/// The rows of transaction `number`, at least one, of which the first gets the id `first_id`.
pub(crate) fn batch(number: u64, first_id: i64) -> Vec<OwnedRow> {
    let mut random = ChaCha8Rng::seed_from_u64(number);
    let kinds: Vec<RowKind> = RowKind::all().collect();
    let count = random.random_range(1..=6);
    (first_id..first_id + count)
        .map(|id| {
            let maybe = |random: &mut ChaCha8Rng, below: u8| {
                random.random_bool(0.8).then(|| random.random_range(0..below))
            };
            let spec = RowSpec {
                kind: kinds[random.random_range(0..kinds.len())],
                turn: random.random_range(0..12),
                thread: maybe(&mut random, 4),
                in_column: random.random_bool(0.8),
                process: maybe(&mut random, 2),
                // Without one, older rows of the turn would have to name it, which takes a full scan.
                model: Some(random.random_range(0..5)),
                // Rows come about in the order of their times, but not quite.
                at: id + random.random_range(-40..=0),
                long: random.random_bool(0.1),
            };
            spec.build(id)
        })
        .collect()
}
