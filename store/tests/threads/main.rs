//! The thread store from outside: appends, projections, barriers, failures, histories.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod barriers;
mod controlled;
mod edges;
mod failures;
mod histories;
mod limits;
mod power;
mod projection;

mod rows;
