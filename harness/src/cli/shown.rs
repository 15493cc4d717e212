//! What a run shows of its progress while it goes on.

use std::io::IsTerminal;

use indicatif::ProgressBar;
use tracerig_datasets::Stage;

use super::output;
use crate::scenario::Event;

/// What a run shows of its progress: a bar in a terminal, a line for each step elsewhere.
#[derive(Debug, Default)]
pub(super) struct Shown {
    bar: Option<ProgressBar>,
    step: Option<String>,
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
            Event::Preparing(what) => self.step(what, 1, "{spinner} {msg}"),
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
        self.position(at);
        if let Some(bar) = &self.bar {
            bar.set_message(arm.to_owned());
        }
    }

    pub(super) fn step(&mut self, what: &str, length: u64, template: &str) {
        if self.step.as_deref() == Some(what) {
            if let Some(bar) = &self.bar {
                bar.set_length(length);
            }
            return;
        }
        self.finish();
        self.step = Some(what.to_owned());
        if std::io::stderr().is_terminal() {
            let bar = output::progress_bar(length, template);
            bar.set_message(what.to_owned());
            self.bar = Some(bar);
        } else {
            output::say(what);
        }
    }

    pub(super) fn position(&self, at: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(at);
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
