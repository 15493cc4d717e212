//! What published scanners got wrong, one story each: the answer must be right, and the way to it
//! the cheapest that is.
//!
//! Each test is named after the number of its bug. The expected turns are worked out by hand from
//! the rows, as `turn thread model at`.

mod answers;
mod files;
mod memory;
mod steps;
