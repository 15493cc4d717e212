//! tracerig-harness
