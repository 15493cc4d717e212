//! The target `record`.
#![no_main]
tracerig_fuzz::target!("record");
