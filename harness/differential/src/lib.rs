//! Tests trace stores, scanners and archives by histories: sequences of operations, random or kept, with everything compared
//! after each.
//!
//! [`trace`], [`threads`] and [`archive`] are three sorts of histories: operations as text, made at random, executed on real files
//! and compared with oracles and models. [`search`] looks for those that go wrong and makes them smaller; `ablations` tells how strong the
//! tests are. This crate starts processes from paths that its caller gives, and prints nothing but what hangs.

#[cfg(feature = "ablations")]
pub mod ablations;
pub mod archive;
pub mod child;
pub mod damage;
pub mod engine;
pub mod failure;
pub mod foreign;
pub mod limits;
pub mod parse_error;
pub mod python;
pub mod search;
pub mod share;
pub mod shrinking;
pub mod sides;
pub mod subject;
pub mod switches;
pub mod tally;
pub mod threads;
pub mod trace;
