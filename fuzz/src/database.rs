//! The target `database`.
#![no_main]
tracerig_fuzz::target!("database");
