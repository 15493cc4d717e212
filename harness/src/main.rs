//! The `tracerig` program.

use std::process::ExitCode;

use tracerig_harness::{append, cli, worker};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(first) if first == worker::SUBCOMMAND => worker::main(arguments),
        Some(first) if first == append::worker::SUBCOMMAND => append::worker::main(arguments),
        _ => cli::main(),
    }
}
