//! The target `rollout`.
#![no_main]
tracerig_fuzz::target!("rollout");
