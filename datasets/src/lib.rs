//! tracerig-datasets
#[cfg(feature = "real")]
pub mod real;
