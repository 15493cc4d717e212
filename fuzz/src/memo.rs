//! The target `memo`.
#![no_main]
tracerig_fuzz::target!("memo");
