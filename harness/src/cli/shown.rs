//! What a run shows of its progress while it goes on.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use tracerig_datasets::Stage;

use super::output;
use crate::scenario::Event;

/// Between two lines about one step.
const SAYS_EVERY: Duration = Duration::from_secs(30);

/// What a run shows of its progress: a bar in a terminal; elsewhere a line for each step, and
/// another now and then while it goes on.
#[derive(Debug, Default)]
pub(super) struct Shown {
    bar: Option<ProgressBar>,
    step: Option<Step>,
}

/// What a run is busy with.
#[derive(Debug)]
struct Step {
    what: String,
    length: u64,
    begun: Instant,
    said: Instant,
}

impl Step {
    /// The line that is due at `now`, if one is.
    fn line(&mut self, now: Instant, how_far: &str) -> Option<String> {
        if now.duration_since(self.said) < SAYS_EVERY {
            return None;
        }
        self.said = now;
        let since = now.duration_since(self.begun).as_secs();
        Some(format!("{}: {how_far}{since} s so far", self.what))
    }
}

impl Shown {
    pub(super) fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Dataset(progress) => {
                let what = match progress.stage {
                    Stage::Copying => "copying the database",
                    Stage::Waiting => "waiting for another process to build the dataset",
                    Stage::Generating => "building the dataset",
                    Stage::Writing => "writing the archive",
                    Stage::Digesting => "digesting the dataset",
                    Stage::Verifying => "verifying the dataset",
                };
                self.step(what, progress.total, "{msg} [{bar:30}] {bytes} of {total_bytes}");
                self.position(progress.done);
            }
            Event::NeverCold(folder) => output::say(&format!(
                "{}: pages of files here cannot be dropped from the page cache; arms with a cold \
                 one are left out",
                folder.display()
            )),
            Event::Preparing(what) => {
                self.step(what, 1, "{spinner} {msg}");
                self.say("");
            }
            Event::Begun(_) | Event::Taken(_) => {}
            Event::Sample { at, of, arm } => self.sample(*at, *of, &arm.to_string()),
        }
    }

    /// A sample is taken: its position from 0, the samples of the run, its arm.
    pub(super) fn sample(&mut self, at: u64, of: u64, arm: &str) {
        self.step(
            "measuring",
            of,
            "measuring [{bar:30}] {pos} of {len} samples, {eta} left; {msg}",
        );
        match &self.bar {
            Some(bar) => {
                bar.set_position(at);
                bar.set_message(arm.to_owned());
            }
            None => self.say(&format!("{at} of {of} samples ({arm}), ")),
        }
    }

    pub(super) fn step(&mut self, what: &str, length: u64, template: &str) {
        if let Some(step) = self.step.as_mut().filter(|step| step.what == what) {
            step.length = length;
            if let Some(bar) = &self.bar {
                bar.set_length(length);
            }
            return;
        }
        self.finish();
        let now = Instant::now();
        self.step = Some(Step { what: what.to_owned(), length, begun: now, said: now });
        if std::io::stderr().is_terminal() {
            let bar = output::progress_bar(length, template);
            bar.set_message(what.to_owned());
            self.bar = Some(bar);
        } else {
            output::say(what);
        }
    }

    pub(super) fn position(&mut self, at: u64) {
        match (&self.bar, &self.step) {
            (Some(bar), _) => bar.set_position(at),
            (None, Some(step)) => {
                let percent = at.saturating_mul(100).checked_div(step.length).unwrap_or(0);
                self.say(&format!("{percent} %, "));
            }
            (None, None) => {}
        }
    }

    /// Says how far the step is, if that is due.
    fn say(&mut self, how_far: &str) {
        if self.bar.is_some() {
            return;
        }
        let line = self.step.as_mut().and_then(|step| step.line(Instant::now(), how_far));
        line.iter().for_each(|line| output::say(line));
    }

    pub(super) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_goes_on_says_so_every_half_minute() {
        let begun = Instant::now();
        let mut step = Step { what: "measuring".to_owned(), length: 84, begun, said: begun };
        let mut line = |seconds| step.line(begun + Duration::from_secs(seconds), "3 of 84, ");
        assert_eq!([1, 29].map(&mut line), [None, None]);
        assert_eq!(line(31).unwrap(), "measuring: 3 of 84, 31 s so far");
        assert_eq!(line(60), None);
        assert_eq!(line(150).unwrap(), "measuring: 3 of 84, 150 s so far");
    }
}
