//! The tracerig command line.
fn main() {}
