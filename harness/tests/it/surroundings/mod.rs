//! What can stand, or be missing, around a scan: damaged memos, folders and files that permissions
//! close, full disks, read-only media, what dead writers leave, odd paths. The right answer each
//! time, or a refusal that says why.

mod artifact;
mod disk;
mod media;
mod paths;
mod permissions;
mod place;
mod threads;
