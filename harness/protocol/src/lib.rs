//! What the harness and a candidate say to each other: requests, replies, and the name of each
//! fault.
//!
//! A candidate reads one line of JSON from standard input and writes one to standard output.
//! [`Request`] and [`Reply`] are those lines. [`judge`] turns what a finished process left behind
//! into an [`Outcome`]; it starts nothing and reads no clock. `docs/protocol.md` describes all of
//! it.

mod difference;
mod fault;
mod judge;
mod number;
mod path;
mod reply;
mod request;
mod usage;

pub use difference::Difference;
pub use fault::Fault;
pub use judge::{End, Expected, Finding, Outcome, Seen, judge, judge_line};
pub use path::WirePath;
pub use reply::{
    Answer, AppendAnswer, Capability, Claims, Contract, ErrorKind, Hello, Refusal, Reply,
    TraceAnswer, Turn,
};
pub use request::{
    Append, AppendAsked, Ask, Handicap, Item, LoadAsked, LoadThread, Request, ScanAsked, UsageAsked,
};
pub use usage::{Split, TokenKind, Tokens, UsageAnswer, UsageDeclared, UsageRow};

/// The version of the protocol that this crate describes.
pub const VERSION: u64 = 1;

/// What every line of a candidate begins with.
pub const PREFIX: &str = "{\"tracerig\":";
