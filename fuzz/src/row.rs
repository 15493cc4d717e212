//! The target `row`.
#![no_main]
tracerig_fuzz::target!("row");
