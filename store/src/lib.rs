//! tracerig-store
