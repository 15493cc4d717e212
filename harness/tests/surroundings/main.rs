//! What can stand, or be missing, around a scan: damaged memos, folders and files that permissions close, full disks,
//! read-only media, what dead writers leave, odd paths. The right answer each time, or a refusal that says why.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod artifact;
#[path = "../common/mod.rs"]
mod common;
mod disk;
mod media;
mod paths;
mod permissions;
mod place;
mod threads;
