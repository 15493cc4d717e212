//! The archive of a run: brought into the state that is measured, with the memos of three moments
//! and the right answers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tracerig_datasets::archive::{ArchiveDataset, Sessions};
use tracerig_published::archive as published_archive;
use tracerig_scanner::archive::{Archive, Options, PriorityTurns, Refresh as Refreshed, Request};

use super::answer::{Answer, fault};
use super::definition::Refresh;
use crate::interrupt;
use crate::prepared_database::Memo;
use crate::{ScenarioError, Tell, step};

/// Longer than a tick of the clock that dates files: what was written before it is not read again.
pub const TICK: Duration = Duration::from_millis(50);

/// The archive while it is brought into the state that is measured.
pub(super) struct Growing<'a> {
    pub(super) home: &'a Path,
    pub(super) dataset: &'a ArchiveDataset,
    pub(super) priority: PriorityTurns,
    /// Memos for what is confirmed here.
    pub(super) memo: PathBuf,
    pub(super) published: PathBuf,
    /// Our own executables and candidates, which make their memos whenever one is due.
    pub(super) others: &'a mut dyn FnMut(Memo) -> Result<(), ScenarioError>,
}

/// The archive in that state.
pub(super) struct Grown {
    pub(super) answer: Answer,
    /// What the published refresh finds, and in how many rollouts.
    pub(super) published: Answer,
    pub(super) published_files: u64,
    pub(super) few: u64,
    pub(super) many: u64,
    pub(super) paths: Vec<PathBuf>,
}

impl Growing<'_> {
    /// Makes a memo, lets many sessions go on, makes another, lets a few go on, and makes the last
    /// one.
    pub(super) fn grow(
        &mut self,
        asked: &Refresh,
        seed: u64,
        tell: &mut Tell<'_>,
    ) -> Result<Grown, ScenarioError> {
        let mut sessions = Sessions::of(self.dataset)?;
        let few = usize::try_from(asked.few_sessions).unwrap_or(usize::MAX);
        let many = sessions.count() as u64 * asked.many_per_mille / 1000;
        let many = usize::try_from(many).unwrap_or(usize::MAX).max(few + 1);
        let chosen = sessions.some(many, seed);
        if chosen.len() < many {
            let path = self.dataset.home.clone();
            return Err(ScenarioError::TooFew { path, there: chosen.len(), asked: many });
        }
        // The few are the last ones, as those in use are.
        let (others, last) = chosen.split_at(many - few);
        let mut expected = self.dataset.manifest.expected.clone();
        for (memo, grows, what) in [
            (Memo::LongBefore, &[][..], "making the memo of the archive"),
            (Memo::Before, others, "letting sessions go on"),
            (Memo::After, last, "letting the last ones go on"),
        ] {
            step(tell, what)?;
            for &at in grows {
                expected.extend(&sessions.append(self.home, at, seed)?);
            }
            std::thread::sleep(TICK);
            self.refresh(Some(&self.memo))?;
            (self.others)(memo)?;
        }
        step(tell, "refreshing as published")?;
        // Retention may have taken turns of the trace database when it grew.
        let of_turns = &self.dataset.manifest.of_turns;
        let answer = Answer::of_expected(&expected, of_turns, |turn| self.priority.contains(turn));
        let agree = |who: &str, found: &Answer, right: &Answer| match found.difference(right) {
            None => Ok(()),
            Some(difference) => Err(self.disagreement(who, difference)),
        };
        agree("a refresh with a memo", &self.refresh(Some(&self.memo))?, &answer)?;
        agree("a full refresh", &self.refresh(None)?, &answer)?;
        let refresh = published_archive::refresh(self.home, &self.published)?;
        let (published, published_files) = (Answer::of_published(&refresh.used), refresh.files);
        // Of forks and compressed rollouts it knows nothing: there its launches are compared with
        // each other.
        if !asked.recipe.has_new_shapes() {
            agree("the published refresh", &published, &answer.as_published())?;
        }
        let paths =
            chosen.iter().filter_map(|&at| Some(self.home.join(sessions.path(at)?))).collect();
        Ok(Grown { answer, published, published_files, few: few as u64, many: many as u64, paths })
    }

    fn refresh(&self, memo: Option<&Path>) -> Result<Answer, ScenarioError> {
        let progress = |_, _| !interrupt::requested();
        let request = Request {
            priority: Some(&self.priority),
            progress: Some(&progress),
            ..Request::default()
        };
        let options = Options { memo: memo.map(Path::to_owned), ..Options::default() };
        let Refreshed { usage, problems, warnings, .. } =
            Archive::new(self.home, options).refresh(&request)?;
        let said = fault(&problems).map(ToString::to_string).or(warnings.first().cloned());
        match said {
            None => Ok(Answer::of_usage(&usage)),
            Some(difference) => Err(self.disagreement("a refresh", difference)),
        }
    }

    fn disagreement(&self, who: &str, difference: String) -> ScenarioError {
        let who = format!("{who} does not find what was written");
        ScenarioError::Disagreement { path: self.home.to_owned(), who, difference }
    }
}
