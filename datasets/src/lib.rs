//! tracerig-datasets
