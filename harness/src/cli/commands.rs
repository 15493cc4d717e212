//! Commands of the user as the command line takes them, and the conditions of their launches.

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use tracerig_reports::record::{Cache, Output};

use super::diff;
use crate::scenario::command::Keys;

/// The conditions under which commands are launched.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Commands")]
pub(super) struct Conditions {
    /// Files that the command reads, for --cache.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    files: Vec<String>,
    /// Page cache before each launch.
    ///
    /// Of the files named; `any` leaves it as it is. Several states are measured side by side
    /// [default: hot if a file is named, else any].
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = cache())]
    cache: Vec<Cache>,
    /// File on standard input [default: nothing].
    #[arg(long, hide_short_help = true, value_name = "FILE")]
    input: Option<String>,
    /// What standard output must be [default: equal].
    ///
    /// `equal`: a launch with another one than the first is wrong. `ignore`: accept any.
    #[arg(long, value_name = "RULE", value_parser = output())]
    output: Option<Output>,
    /// Launches before the first measured one. They tell the right output, and which counters
    /// repeat [default: 2].
    #[arg(
        long,
        hide_short_help = true,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=crate::limits::MOST_WARMUP)
    )]
    warmup: Option<u64>,
    /// Command to run before each launch; it is not measured.
    #[arg(long, hide_short_help = true, value_name = "CMD", value_parser = argv)]
    prepare: Option<Argv>,
    /// End a launch that takes longer [default: 60s].
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = diff::time)]
    limit: Option<Duration>,
}

/// Program and arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argv(pub(super) Vec<String>);

impl Conditions {
    /// What is asked of a command under these conditions.
    pub(super) fn of(&self, argv: &[String]) -> Keys {
        Keys {
            argv: argv.to_vec(),
            prepare: self.prepare.as_ref().map(|Argv(argv)| argv.clone()),
            input: self.input.clone(),
            files: self.files.clone(),
            caches: self.cache.clone(),
            output: self.output.unwrap_or_default(),
            warmup: self.warmup,
            limit_ms: self
                .limit
                .map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).max(1)),
        }
    }
}

/// A command as an argument spells it: a JSON array, or words that are split as a POSIX shell
/// splits them. No shell runs.
pub(super) fn argv(text: &str) -> Result<Argv, String> {
    let words = if text.trim_start().starts_with('[') {
        serde_json::from_str(text)
            .map_err(|error| format!("not a JSON array of strings: {error}"))?
    } else {
        shlex::split(text)
            .ok_or_else(|| "a quotation mark or a backslash has no partner".to_owned())?
    };
    match words.first() {
        Some(program) if !program.is_empty() => Ok(Argv(words)),
        _ => Err("it has no program".to_owned()),
    }
}

fn cache() -> impl TypedValueParser<Value = Cache> {
    PossibleValuesParser::new(["hot", "cold", "any"]).map(|state| match state.as_str() {
        "hot" => Cache::Hot,
        "cold" => Cache::Cold,
        _ => Cache::Any,
    })
}

fn output() -> impl TypedValueParser<Value = Output> {
    PossibleValuesParser::new(["equal", "ignore"]).map(|rule| match rule.as_str() {
        "ignore" => Output::Ignore,
        _ => Output::Equal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_an_array_or_words_as_a_shell_splits_them() {
        let words = |text| argv(text).map(|Argv(words)| words);
        assert_eq!(words(r"wc -l 'a b' c\ d").unwrap(), ["wc", "-l", "a b", "c d"]);
        assert_eq!(words(r#"["wc", "$HOME", "'"]"#).unwrap(), ["wc", "$HOME", "'"]);
        // What a shell would do is not done.
        assert_eq!(words("echo $HOME *.rs | wc").unwrap(), ["echo", "$HOME", "*.rs", "|", "wc"]);
        for wrong in ["", "  ", "'", "''", "[]", "[1]", "[\"\"]", "[\"a\""] {
            assert!(words(wrong).is_err(), "{wrong}");
        }
    }
}
