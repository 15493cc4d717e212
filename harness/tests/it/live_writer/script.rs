//! What the writer writes: a pure function of the number of the transaction.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tracerig_differential::trace::{RowKind, RowSpec};
use tracerig_store::OwnedRow;

/// Rows without facts, of a thread that nobody else writes, each longer than a page.
pub(crate) fn still(count: i64) -> Vec<OwnedRow> {
    let spec: RowSpec = "noise turn=0 thread=200 at=0 long".parse().unwrap();
    (1..=count).map(|id| spec.build(id)).collect()
}

/// The rows of transaction `number`, at least one, of which the first gets the id `first_id`.
pub(crate) fn batch(number: u64, first_id: i64) -> Vec<OwnedRow> {
    let mut random = ChaCha8Rng::seed_from_u64(number);
    // Evidence without a model is left out: older rows of its turn would have to name it, which
    // takes a full scan.
    let kinds: Vec<RowKind> = RowKind::all().filter(|kind| *kind != RowKind::Surrogate).collect();
    let count = random.random_range(1..=6);
    (first_id..first_id + count)
        .map(|id| {
            let turn = random.random_range(0..12);
            // Rows are pruned by thread. If those of a turn often was in several, its latest would
            // often go before its submission, which takes a full scan.
            let place = if random.random_bool(0.05) { random.random_range(0..12) } else { turn };
            let spec = RowSpec {
                kind: kinds[random.random_range(0..kinds.len())],
                turn,
                thread: (place % 5 > 0).then_some(place % 5),
                in_column: place % 4 > 0,
                process: (place % 6 > 0).then_some(place % 2),
                model: Some(random.random_range(0..5)),
                // Rows come about in the order of their times, but not quite.
                at: id + random.random_range(-40..=0),
                long: random.random_bool(0.1),
            };
            spec.build(id)
        })
        .collect()
}
