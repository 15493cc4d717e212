//! The thread store from outside: appends, projections, barriers, failures, histories.

mod barriers;
mod controlled;
mod failures;
mod histories;
mod projection;
mod rows;
