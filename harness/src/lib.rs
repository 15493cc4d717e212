//! Measures and tests trace stores and incremental scanners.

pub mod oracle;
