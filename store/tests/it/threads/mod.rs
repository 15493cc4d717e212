//! The thread store from outside: appends, projections, barriers, failures, histories.

mod barriers;
mod controlled;
mod edges;
mod failures;
mod histories;
mod limits;
mod power;
mod projection;

mod rows;
