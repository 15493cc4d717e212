//! Inputs and surroundings that mean harm: each ends in a right answer or a clear error, and leaves what is not ours alone.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod damaged;
mod databases;
