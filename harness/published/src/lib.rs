//! The scan of traces and the refresh of an archive as others published them: the baselines that tracerig measures against.

pub mod archive;
pub mod trace;
