//! Stacks that `perf` sampled.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tracerig_reports::profile::Stacks;

/// Time that `perf script` gets: it may look up many names.
const LONGEST: Duration = Duration::from_secs(300);

/// Adds the samples in a file of `perf record`.
pub(super) fn add(stacks: &mut Stacks, file: &Path) -> io::Result<()> {
    let mut command = Command::new("perf");
    command.arg("script").arg("-i").arg(file).args(["--no-inline", "-F", "comm,ip,sym,dso"]);
    let mut child = super::started(&mut command, LONGEST)?;
    let mut sample = String::new();
    loop {
        // Each may be as long as an answer; all of them are as many as there are samples.
        let line = child.answer()?;
        if line.trim_ascii().is_empty() {
            add_sample(stacks, &sample);
            sample.clear();
        }
        if line.is_empty() {
            break;
        }
        sample.push_str(&String::from_utf8_lossy(&line));
    }
    match child.finish()?.1.fault() {
        Some(fault) => Err(io::Error::other(format!("perf script: {fault}"))),
        None => Ok(()),
    }
}

/// Adds one sample of those that `perf script` writes with an empty line after each: the command,
/// then its functions from the innermost to the outermost, each behind its address and before its
/// file.
fn add_sample(stacks: &mut Stacks, sample: &str) {
    let mut lines = sample.trim_start_matches('\n').lines();
    // The tool itself, before it becomes the program.
    if lines.next().is_none_or(|command| command.trim() == "perf-exec") {
        return;
    }
    let mut functions: Vec<String> = lines.filter_map(function).collect();
    functions.reverse();
    if !functions.is_empty() {
        *stacks.entry(functions.join(";")).or_default() += 1;
    }
}

/// The function on a line; one without a name is called by its file.
fn function(line: &str) -> Option<String> {
    let (_address, rest) = line.trim().split_once(' ')?;
    let (name, file) = rest.rsplit_once(" (").unwrap_or((rest, ""));
    let file = file.trim_end_matches(')');
    let file = file.rsplit('/').next().unwrap_or(file);
    let name = match name {
        "[unknown]" if file.starts_with('[') => file.to_owned(),
        "[unknown]" => format!("[{file}]"),
        name => super::instructions::plain(name),
    };
    Some(name.replace(';', ":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_added_by_stack_from_the_outermost() {
        let script = "perf-exec \n\tffffffff82 do_syscall_64 ([kernel.kallsyms])\n\n\
                      tracerig \n\t  55d0 memchr::find::h0123456789abcdef (/a \
                      b/tracerig)\n\t  55d1 main (/a b/tracerig)\n\n\
                      tracerig \n\t  55d0 memchr::find::hfedcba9876543210 (/a \
                      b/tracerig)\n\t  55d1 main (/a b/tracerig)\n\n\
                      tracerig \n\t7f00 [unknown] (/usr/lib/libc.so.6)\n\t  55d1 [T; 4]::run \
                      (/tracerig)\n\n\
                      tracerig \n\t0 [unknown] ([unknown])\n\t  55d1 main (/a b/tracerig)\n\n";
        let mut stacks = Stacks::new();
        for sample in script.split("\n\n") {
            add_sample(&mut stacks, sample);
        }
        let expected =
            [("[T: 4]::run;[libc.so.6]", 1), ("main;memchr::find", 2), ("main;[unknown]", 1)];
        assert_eq!(stacks, expected.map(|(stack, samples)| (stack.to_owned(), samples)).into());
    }
}
