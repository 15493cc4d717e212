//! The thread store from outside: appends, projections, barriers, failures, histories.

mod barriers;
mod controlled;
mod failures;
mod histories;
mod limits;
mod projection;
mod review;
mod rows;
