//! The command scenario made ready: files, and how launches are made and judged.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tracerig_reports::ByteSize;
use tracerig_reports::record::{self, Cache, CommandPlan, Launch, Output, SampleState};
use tracerig_store::files::open_regular;

use super::definition::Command;
use super::judge::{self, Known};
use crate::definition::Prepare;
use crate::finished::{Finished, not_started};
use crate::pagecache::{self, PageCache};
use crate::program::Program;
use crate::{Definition, Made, Place, Scenario, ScenarioError, Tell, one, step};
use crate::{interrupt, watch};

/// What all launches of a run have in common.
#[derive(Debug)]
struct Commands {
    /// By arm, in the order of the plan.
    caches: Vec<Cache>,
    command: CommandPlan,
    /// The command before each launch.
    before: Option<Program>,
    files: PageCache,
    dataset: record::Dataset,
    /// The digest of the right output, where it is known before the first launch.
    output: Option<String>,
    known: Option<Known>,
}

/// A launch with its state, and its process where that was started.
type Judged = (Launch, SampleState, Option<Finished>);

impl Prepare for Command {
    fn prepare(
        &self,
        definition: &Definition,
        _place: &Place,
        tell: &mut Tell<'_>,
    ) -> Result<Box<dyn Scenario>, ScenarioError> {
        let Self { command, output } = self;
        if !command.files.is_empty() {
            step(tell, "digesting the files")?;
        }
        let dataset = described(&definition.plan.recipe, &command.files)?;
        definition.accept(("files", ""), &dataset.recipe, &dataset.file_digest)?;
        Ok(Box::new(Commands {
            caches: definition.plan.arms.iter().map(|arm| arm.cache).collect(),
            files: PageCache::of(command.files.iter().map(PathBuf::from).collect()),
            before: match &command.prepare {
                Some(argv) => Some(Program::of_command(argv, command.limit)?),
                None => None,
            },
            command: command.clone(),
            dataset,
            output: output.clone(),
            known: None,
        }))
    }
}

impl Scenario for Commands {
    fn dataset(&self) -> &record::Dataset {
        &self.dataset
    }

    fn launch(&mut self, program: &mut Program, arm: usize) -> Result<Made, ScenarioError> {
        let cache = self.caches[arm];
        if self.known.is_none() {
            for _ in 0..self.command.warmup {
                let (launch, state, finished) = self.one(program, cache)?;
                if matches!(state, SampleState::Failed { .. } | SampleState::Mismatch { .. }) {
                    return Ok(one((launch, state)));
                }
                if let (None, Some(finished)) = (&self.known, finished) {
                    self.known = Some(Known::of(program.argv().to_vec(), finished));
                }
            }
        }
        let (launch, state, _) = self.one(program, cache)?;
        Ok(one((launch, state)))
    }
}

impl Commands {
    /// One launch, judged.
    fn one(&mut self, program: &mut Program, cache: Cache) -> Result<Judged, ScenarioError> {
        let failed = |error| (not_started(), SampleState::Failed { error }, None);
        if let Some(fault) = self.before.as_mut().and_then(prepare) {
            return Ok(failed(format!("the command before the launch: {fault}")));
        }
        let resident_before = self.files.bring(cache)?;
        let input = self.command.input.as_ref().map(Path::new);
        let input =
            input.map(|path| open_regular(path).map_err(ScenarioError::io(path, "open it")));
        let finished = match program.run_on(input.transpose()?) {
            Ok(finished) => finished,
            Err(error) => return Ok(failed(judge::not_running(program.argv(), &error))),
        };
        let left = left_behind();
        let digest = format!("sha256:{}", hex(&Sha256::digest(&finished.stdout)));
        let wrong = match self.command.output {
            Output::Ignore => None,
            Output::Equal => self.wrong(program.argv(), &finished.stdout, &digest),
        };
        let is_right =
            self.command.output == Output::Equal && self.known.is_some() && wrong.is_none();
        let fault = judge::fault(&finished, left, is_right);
        if let (None, None, Some(known)) = (&fault, &wrong, &mut self.known)
            && known.argv == program.argv()
        {
            known.add(&finished);
        }
        let mut launch = judge::describe(&finished, self.known.as_ref(), digest);
        launch.resident_pages_before = resident_before;
        let state = fault.or(wrong).unwrap_or_else(|| {
            launch.verified = true;
            let unmet = pagecache::unmet(cache, 1, &launch);
            unmet.map_or(SampleState::Valid, |reason| SampleState::Excluded { reason })
        });
        Ok((launch, state, Some(finished)))
    }

    fn wrong(&self, argv: &[String], stdout: &[u8], digest: &str) -> Option<SampleState> {
        if let Some(known) = &self.known {
            return judge::wrong(known, argv, stdout);
        }
        let expected = self.output.as_ref().filter(|expected| *expected != digest)?;
        let detail =
            format!("wrong: standard output has the digest {digest} instead of {expected}");
        Some(SampleState::Mismatch { detail })
    }
}

/// Runs the command before a launch. Returns what went wrong.
fn prepare(before: &mut Program) -> Option<String> {
    match before.run_on(None) {
        Ok(finished) => match judge::fault(&finished, left_behind(), false)? {
            SampleState::Failed { error } => Some(error),
            _ => None,
        },
        Err(error) => Some(judge::not_running(before.argv(), &error)),
    }
}

/// What a launch left running although it holds no pipe. It is ended, and what ended unnoticed is
/// reaped.
fn left_behind() -> Option<String> {
    let left = watch::left_behind(b"").into_iter().next();
    watch::sweep_now();
    left
}

fn hex(digest: &[u8]) -> String {
    base16ct::lower::encode_string(digest)
}

/// The named files, as the data of the run.
fn described(recipe: &str, files: &[String]) -> Result<record::Dataset, ScenarioError> {
    let (mut all, mut bytes) = (Sha256::new(), 0);
    for path in files {
        let read = digest(Path::new(path)).map_err(ScenarioError::io(Path::new(path), "read it"));
        let (digest, length) = read?;
        all.update(digest);
        bytes += length;
    }
    let digest = format!("sha256:{}", hex(&all.finalize()));
    Ok(record::Dataset {
        recipe: recipe.to_owned(),
        recipe_text: String::new(),
        seed: 0,
        scale: 1.0,
        generator_version: 0,
        rows_digest: digest.clone(),
        file_digest: digest,
        file_bytes: ByteSize(bytes),
        rows: 0,
        max_id: 0,
        logs_pages: 0,
        page_size: ByteSize(rustix::param::page_size() as u64),
        truth: BTreeMap::new(),
    })
}

/// The SHA-256 of a regular file, and how many bytes it has.
///
/// # Errors
/// It is something else, or cannot be read; or a signal asked for the end.
pub(crate) fn digest(path: &Path) -> io::Result<(Vec<u8>, u64)> {
    let (mut file, mut digest, mut bytes) = (open_regular(path)?, Sha256::new(), 0);
    let mut piece = vec![0; 1 << 20];
    loop {
        interrupt::check()?;
        match file.read(&mut piece)? {
            0 => return Ok((digest.finalize().to_vec(), bytes)),
            read => {
                digest.update(&piece[..read]);
                bytes += read as u64;
            }
        }
    }
}
