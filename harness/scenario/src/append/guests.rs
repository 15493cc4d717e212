//! Candidates of others in this scenario: the contract `threads`.

use serde::Deserialize;
use tracerig_datasets::Conversation;
use tracerig_protocol::{Append, Capability, Item, LoadThread};
use tracerig_reports::record::Cache;
use tracerig_store::threads;

use crate::arms::Named;
use crate::guest::GuestArm;
use crate::limits::MOST_REQUEST_BYTES;

/// An arm that candidates of others are launched in, with one request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestArm {
    name: String,
    why: String,
    pub(super) ask: What,
}

/// The request of an arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum What {
    /// To start and to exit.
    Idle,
    /// One append after the other, as many as a request holds.
    Append,
    /// The load that our own arms are asked for.
    Load,
}

impl RequestArm {
    pub(super) fn guest_arm(&self) -> GuestArm<'_> {
        let needs = (self.ask == What::Load).then_some(Capability::Load);
        let Self { name, why, .. } = self;
        GuestArm { name, why, needs, on_request: false, caches: &[Cache::Any] }
    }
}

impl Named for RequestArm {
    fn name(&self) -> &str {
        &self.name
    }
}

/// A line of the conversation in the words of the protocol.
pub(super) fn item(item: &threads::Item) -> Item {
    Item { kind: item.kind().to_owned(), payload: item.payload().get().to_owned() }
}

/// The appends of a plain request: of each of `threads` in turn the next line, until each has so
/// many, or until a request holds no more.
pub(super) fn in_turn(
    conversation: &Conversation,
    threads: &[LoadThread],
    lines: u64,
) -> Vec<Append> {
    let mut given: Vec<_> =
        (0..threads.len()).map(|thread| conversation.of_thread(thread)).collect();
    let (mut appends, mut bytes) = (Vec::new(), 0);
    for _ in 0..lines {
        for (lines, LoadThread { thread, .. }) in given.iter_mut().zip(threads) {
            let Some(line) = lines.next() else { return appends };
            let append = Append { thread: thread.clone(), items: vec![item(line)] };
            // With the comma before it.
            bytes += serde_json::to_vec(&append).map_or(0, |text| text.len() + 1);
            if bytes > MOST_REQUEST_BYTES {
                return appends;
            }
            appends.push(append);
        }
    }
    appends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threads(count: u8) -> Vec<LoadThread> {
        let id = |at| format!("01a00000-0000-7000-8000-0000000000{at:02}");
        (0..count).map(|at| LoadThread { thread: id(at), first: 0 }).collect()
    }

    #[test]
    fn threads_take_turns_and_a_request_is_no_longer_than_allowed() {
        let conversation = Conversation::of(1).unwrap();
        let appends = in_turn(&conversation, &threads(3), 2);
        let whose: Vec<&str> = appends.iter().map(|append| &append.thread[34..]).collect();
        assert_eq!(whose, ["00", "01", "02", "00", "01", "02"]);
        let second = conversation.of_thread(2).nth(1).unwrap();
        assert_eq!(appends[5].items, [item(second)]);
        let all = in_turn(&conversation, &threads(2), 100_000);
        let bytes = serde_json::to_vec(&all).unwrap().len();
        let longest = 256 << 10;
        assert!(
            (MOST_REQUEST_BYTES - longest..=MOST_REQUEST_BYTES + 1).contains(&bytes),
            "{bytes}"
        );
    }
}
