//! An answer compared with all that can say something about the same rows.

use std::path::Path;
use std::sync::{Arc, PoisonError};

use serde::Serialize;
use tracerig_oracle::{Answer, Window};
use tracerig_scanner::{MemoPlace, Mode, Reason, Request};

use super::agree::{Turns, agree};
use super::answered::Answered;
use super::execute::Runner;
use super::model::predict;
use super::verify::{check_work, expect, wrong};
use super::view::View;
use super::{Error, Wrong};
use crate::python::{NoAnswer, Python};
use crate::sides::Side;

/// What the oracle in Python is asked for.
#[derive(Serialize)]
struct Asked<'a> {
    database: &'a Path,
    since: Option<i64>,
    until: Option<i64>,
}

impl Runner {
    /// Holds the answer, if there is one, against all that can say something about the same rows.
    /// `answered` has it with the rows it is about and how it came about; `now` are the rows that
    /// are there now.
    pub(super) fn check_answers(
        &self,
        answered: Option<&(Turns, Arc<View>, Mode)>,
        now: &Arc<View>,
    ) -> Result<(), Error> {
        let window = self.shared().window;
        let right = now.answer(window);
        let is_now = answered.is_some_and(|(_, view, _)| Arc::ptr_eq(view, now));
        if let Some((turns, view, _)) = answered.filter(|_| !is_now) {
            agree(&[(Side::Scan, turns), (Side::Rust, &view.answer(window).turns)])?;
        }
        // A scan that was full and right has done what a full rescan would do. If it was not right,
        // one more has to say so.
        let is_full =
            |(turns, _, mode): &(Turns, _, Mode)| *mode == Mode::Full && *turns == right.turns;
        let rescanned = match answered {
            Some(answered) if is_now && is_full(answered) => None,
            _ => Some(self.full_rescan(now, window)?),
        };
        let asked = match &self.python {
            Some(python) => {
                let mut python = python.lock().unwrap_or_else(PoisonError::into_inner);
                Some(ask(&mut python, &self.shared().world.database, window)?)
            }
            None => None,
        };
        let said =
            |answer: Option<&'_ Answer>, side| answer.map(|answer| (side, answer.turns.clone()));
        let scan = answered.filter(|_| is_now).map(|(turns, ..)| (Side::Scan, turns.clone()));
        let sides = [
            scan,
            said(Some(&right), Side::Rust),
            said(rescanned.as_ref(), Side::FullRescan),
            said(asked.as_ref(), Side::Python),
        ];
        let sides: Vec<_> = sides.iter().flatten().map(|(side, turns)| (*side, turns)).collect();
        agree(&sides)?;
        let mut shared = self.shared();
        shared.tally.count("scans");
        let counts = |answer: &Answer| (answer.facts, answer.completions, answer.hints());
        let what = "facts, completions, and [unrecognised, turn rows, turns seen, tier rows]";
        if let Some(rescanned) = rescanned {
            shared.tally.count("full rescans");
            expect(Wrong::FullRescan, what, &counts(&rescanned), &counts(&right))?;
        }
        if let Some(asked) = asked {
            shared.tally.count("answers of the Python oracle");
            expect(
                Wrong::PythonOracle,
                &format!("the Python oracle is alone. {what}"),
                &counts(&asked),
                &counts(&right),
            )?;
        }
        Ok(())
    }

    fn full_rescan(&self, view: &View, window: Window) -> Result<Answer, Error> {
        let scanner = self.new_scanner(MemoPlace::Disabled);
        let request = Request { window: super::window(window), rescan: false };
        let scan =
            scanner.scan(&request).map_err(|error| wrong(Wrong::FullRescan, error.to_string()))?;
        let scan = Answered::from(scan);
        check_work(&scan, &predict(Err(Reason::Disabled), view), None)?;
        let Answered { turns, facts, completions, hints, .. } = scan;
        let [unrecognised, turn_rows, turns_seen, tier_rows] = hints;
        Ok(Answer { turns, facts, completions, unrecognised, turn_rows, turns_seen, tier_rows })
    }
}

/// What the oracle in Python says of `database`.
fn ask(python: &mut Python, database: &Path, window: Window) -> Result<Answer, Error> {
    let Window { since, until } = window;
    python.answer(&Asked { database, since, until }).map_err(|no| match no {
        NoAnswer::Refused(why) | NoAnswer::Lacking(why) => Error::PythonRefused(why),
        NoAnswer::Fault(fault) => Error::Python(fault),
    })
}
