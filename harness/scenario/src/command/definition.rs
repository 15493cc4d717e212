//! What a run of a command is asked for.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracerig_reports::Record;
use tracerig_reports::record::{self, ArmPlan, Cache, CommandPlan, Output, Process};

use crate::ReproError;
use crate::{Definition, DefinitionError};

/// The name of the only arm, which may have several states of the page cache.
pub const ARM: &str = "command";

/// Samples of each arm, if their number is not given.
const SAMPLES: u64 = 10;

/// Launches before the first measured one, if their number is not given. A single one does not show
/// which counters repeat.
const WARMUP: u64 = 2;

/// Seconds that a launch may take, if no limit is given.
const LIMIT_S: u64 = 60;

/// The keys of a run in a plan. The command line asks with them, too.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// A command run before each launch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepare: Option<Vec<String>>,
    /// The file on standard input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// Files whose pages are brought into the state of the page cache asked for.
    #[serde(default)]
    pub files: Vec<String>,
    /// The states of the page cache; none: hot where a file is named, else as it is.
    #[serde(default)]
    pub caches: Vec<Cache>,
    /// What standard output must be.
    #[serde(default)]
    pub output: Output,
    /// Launches before the first measured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup: Option<u64>,
    /// How long one launch may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<u64>,
}

/// What only this scenario knows of its definition.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) command: CommandPlan,
    /// The digest of the right output, where it is known already.
    pub(super) output: Option<String>,
}

/// Launches of a command.
///
/// # Errors
/// There is no program, or a state of the page cache is asked for without naming a file.
pub fn on(keys: Keys) -> Result<Definition, DefinitionError> {
    let Keys { argv, prepare, input, mut files, mut caches, output, warmup, limit_ms } = keys;
    let has_program = |argv: &Vec<String>| argv.first().is_some_and(|program| !program.is_empty());
    if !has_program(&argv) || prepare.as_ref().is_some_and(|argv| !has_program(argv)) {
        return Err("a command needs a program".to_owned().into());
    }
    files.extend(input.clone());
    files.sort_unstable();
    files.dedup();
    if caches.is_empty() {
        caches.push(if files.is_empty() { Cache::Any } else { Cache::Hot });
    }
    caches.sort_unstable();
    caches.dedup();
    if files.is_empty() && caches != [Cache::Any] {
        let words = "a hot or cold page cache is that of files: name them with --files or --input";
        return Err(words.to_owned().into());
    }
    let command = CommandPlan {
        argv,
        prepare,
        input,
        files,
        output,
        warmup: warmup.unwrap_or(WARMUP).max(1),
        limit: limit_ms.map_or(Duration::from_secs(LIMIT_S), Duration::from_millis),
    };
    Ok(definition(command, &caches))
}

fn definition(command: CommandPlan, caches: &[Cache]) -> Definition {
    let program = command.argv.first().map(Path::new).and_then(Path::file_name);
    let arm = |&cache: &Cache| ArmPlan {
        name: ARM.to_owned(),
        cache,
        engine: program.unwrap_or_default().to_string_lossy().into_owned(),
        process: Process::Fresh,
        why: "The command, unchanged.".to_owned(),
        launches_per_sample: 0,
    };
    let plan = record::Plan {
        scenario: ARM.to_owned(),
        recipe: ARM.to_owned(),
        samples: SAMPLES,
        arms: caches.iter().map(arm).collect(),
        command: Some(command.clone()),
        ..record::Plan::default()
    };
    Definition::new(plan, command.limit, Command { command, output: None })
}

pub(super) fn of_plan(keys: toml::Table) -> Result<Definition, DefinitionError> {
    on(keys.try_into()?)
}

pub(super) fn of_record(
    record: &Record,
    database: Option<&Path>,
) -> Result<Definition, ReproError> {
    if database.is_some() {
        return Err(ReproError::NoDatabase(record.plan.recipe.clone()));
    }
    let command = record.plan.command.clone();
    let command = command.ok_or_else(|| ReproError::Plan("it has no command".to_owned()))?;
    let caches: Vec<Cache> = record.plan.arms.iter().map(|arm| arm.cache).collect();
    let valid = record.samples.iter().find(|sample| sample.is_valid());
    let output = valid.and_then(|sample| sample.launches.first()?.answer_digest.clone());
    Ok(Definition {
        expected: Some(record.dataset.file_digest.clone()),
        own: Box::new(Command { command: command.clone(), output }),
        ..definition(command, &caches)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::named;

    fn keys(argv: &[&str]) -> Keys {
        Keys { argv: argv.iter().map(|&word| word.to_owned()).collect(), ..Keys::default() }
    }

    #[test]
    fn the_page_cache_is_hot_where_files_are_named_and_as_it_is_elsewhere() {
        assert_eq!(named(&on(keys(&["true"])).unwrap()), ["command:any"]);
        let input = Some("a".to_owned());
        assert_eq!(named(&on(Keys { input, ..keys(&["wc"]) }).unwrap()), ["command:hot"]);
        let files = vec!["b".to_owned(), "a".to_owned(), "b".to_owned()];
        let caches = vec![Cache::Cold, Cache::Hot, Cache::Cold];
        let definition = on(Keys { files, caches, ..keys(&["wc"]) }).unwrap();
        assert_eq!(named(&definition), ["command:hot", "command:cold"]);
        assert_eq!(definition.plan.command.unwrap().files, ["a", "b"]);
    }

    #[test]
    fn what_cannot_be_launched_is_refused_in_words() {
        let cold = Keys { caches: vec![Cache::Cold], ..keys(&["true"]) };
        let nothing = Keys { prepare: Some(Vec::new()), ..keys(&["true"]) };
        for (keys, words) in [(keys(&[]), "program"), (nothing, "program"), (cold, "--files")] {
            let error = on(keys).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_plan_asks_with_the_same_keys() {
        let table = toml::Table::try_from(Keys { warmup: Some(3), ..keys(&["wc", "-l"]) }).unwrap();
        let command = of_plan(table).unwrap().plan.command.unwrap();
        assert_eq!((command.argv.join(" "), command.warmup), ("wc -l".to_owned(), 3));
    }
}
