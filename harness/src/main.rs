//! The `tracerig` program.

use std::process::ExitCode;

use tracerig_differential::trace;
use tracerig_harness::scenario::worker;
use tracerig_harness::{cli, history_child, protocol};

fn main() -> ExitCode {
    // Before any other thread, and before SQLite is used.
    tracerig_scanner::count_no_memory();
    tracerig_scanner::read_by_system_call();
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(first) if first == worker::SUBCOMMAND => worker::main(arguments),
        Some(first) if first == history_child::SUBCOMMAND => match trace::serve() {
            Ok(()) => ExitCode::SUCCESS,
            // The parent is gone, and with it anyone who could be told.
            Err(_) => ExitCode::FAILURE,
        },
        Some(first) if first == protocol::SUBCOMMAND => protocol::say(),
        _ => cli::main(),
    }
}
