//! Shell completions and the manual page, made from the definitions of the command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Code, output};

/// Print a completion script for a shell.
///
/// For bash: `tracerig completions bash > ~/.local/share/bash-completion/completions/tracerig`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig completions bash > \
                       ~/.local/share/bash-completion/completions/tracerig")]
pub(super) struct Completions {
    /// Shell.
    shell: Shell,
}

/// Print the manual page, in roff.
///
/// To read it: `tracerig man > tracerig.1 && man ./tracerig.1`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig man > tracerig.1\n  \
                       tracerig man run relaunch > tracerig-run-relaunch.1")]
pub(super) struct Man {
    /// A verb, for example `run relaunch` [default: tracerig itself].
    verb: Vec<String>,
}

pub(super) fn completions(arguments: &Completions) -> anyhow::Result<Code> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "tracerig", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Code::FINE)
}

pub(super) fn man(arguments: &Man) -> anyhow::Result<Code> {
    let mut command = Cli::command();
    command.build();
    for verb in &arguments.verb {
        command = command.find_subcommand(verb).cloned().ok_or_else(|| {
            super::Usage(format!(
                "unknown verb `{}`; see tracerig --help",
                arguments.verb.join(" ")
            ))
        })?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    output::print(&String::from_utf8_lossy(&page))?;
    Ok(Code::FINE)
}
