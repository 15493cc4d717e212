//! The tests of this crate that use it as others do, in one executable: linking one for each file
//! takes longer than they run.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
#![allow(unreachable_pub, reason = "nobody reaches anything in a test")]

mod append;
mod archive;
mod archive_oracle;
mod attack;
mod bench_baselines;
mod between_runs;
mod candidates;
mod cases;
mod commands;
mod common;
mod compare;
mod dataset;
mod diff;
mod diff_archive;
mod diff_threads;
mod formats;
mod fuzz_corpus;
mod guests;
mod histories;
mod history;
mod hostile;
mod live_writer;
mod nasty_rows;
mod profile;
mod published_bugs;
mod races;
mod real;
mod real_threads;
mod real_usage;
mod relaunch;
mod report;
mod scan;
mod surroundings;
mod tasks;
mod thread_oracle;
mod threads;
mod usage;
mod witnesses;
mod words;
