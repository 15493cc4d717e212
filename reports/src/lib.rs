//! tracerig-reports
