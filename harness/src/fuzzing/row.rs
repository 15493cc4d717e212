//! One row of a trace database: its target, its columns and its body. The scanner and the oracle
//! must read it alike.
//!
//! The first byte chooses the target and what the column `thread_id` holds; the rest is the body.

use tracerig_oracle::{self as oracle, Seen, Verdict};
use tracerig_scanner::parts::{self, RowFact, RowSays};

/// The targets of rows that matter, one that does not, and a column that holds no text.
const ROW_TARGETS: [Option<&str>; 7] = [
    Some("codex_api::endpoint::responses_websocket"),
    Some("codex_core::session::handlers"),
    Some("codex_core::codex"),
    Some("feedback_tags"),
    Some("codex_core::session::turn"),
    Some("codex_core::other"),
    None,
];

/// What the column `thread_id` holds.
const THREADS: [Option<&str>; 3] = [None, Some(""), Some("column")];

pub(super) fn run(input: &[u8]) {
    let Some((&choice, body)) = input.split_first() else { return };
    let choice = usize::from(choice);
    let target = ROW_TARGETS[choice % ROW_TARGETS.len()].map(str::as_bytes);
    let thread = THREADS[choice / ROW_TARGETS.len() % THREADS.len()];
    let found = parts::read_row(target, thread, body);
    let due = said(oracle::read_row(target, thread, body));
    assert_eq!(found, due, "the scanner (left) and the oracle (right) read a row differently");
}

/// What the oracle says, in the words of the scanner.
fn said(Seen { verdict, ran, tells_tier }: Seen) -> RowSays {
    let unrecognised = matches!(verdict, Verdict::Unrecognised);
    let fact = match verdict {
        Verdict::Nothing | Verdict::Unrecognised => None,
        Verdict::Fact(fact) => Some(RowFact {
            kind: fact.kind(),
            // Settings name no turn; the oracle keeps their id.
            turn: (fact.kind() != "settings").then(|| fact.turn().to_owned()),
            model: fact.model().map(str::to_owned),
            thread: fact.thread().map(str::to_owned),
            tier: fact.tier(),
        }),
    };
    RowSays { fact, unrecognised, ran: ran.map(|ran| (ran.turn, ran.model)), tells_tier }
}
