//! The `tracerig` program.

use std::process::ExitCode;

use tracerig_harness::{cli, worker};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == worker::SUBCOMMAND) {
        return worker::main(arguments);
    }
    cli::main()
}
