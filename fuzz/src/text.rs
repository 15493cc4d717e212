//! The target `text`.
#![no_main]
tracerig_fuzz::target!("text");
