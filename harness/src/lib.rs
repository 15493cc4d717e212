//! Measures and tests trace stores and incremental scanners.

pub mod histories;
pub mod oracle;
