//! tracerig-scanner
