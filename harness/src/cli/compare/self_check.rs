//! `tracerig compare --self-check`: how often a comparison is wrong, and how often it finds what is
//! planted.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use tracerig_reports::{units, wrapped};

use super::programs::{show, told};
use super::{Arguments, exact_counters, results, rules};
use crate::cli::output::{self, Format};
use crate::cli::shown::Shown;
use crate::cli::{Code, run};
use crate::compare::{Checked, SelfCheck, self_check};
use crate::handicap::Planted;
use crate::machine;
use crate::plan::Run;
use crate::scenario::append;

/// Comparisons, if their number is not given.
const COMPARISONS: u64 = 200;
/// A change may be called so often without one.
const FALSE_ALARMS: f64 = 0.01;
/// A planted slowdown must be found so often; planted work always.
const FOUND: f64 = 0.95;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    version: u64,
    exit_code: u8,
    command: Vec<String>,
    seed: u64,
    machine: String,
    load_start: Option<[f64; 3]>,
    load_end: Option<[f64; 3]>,
    seconds: f64,
    #[serde(flatten)]
    checked: &'a Checked,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let plan = run::planned_by(&arguments.plan)?;
    let mut plan = plan;
    plan.compare.margin_percent = arguments.margin.unwrap_or(plan.compare.margin_percent);
    plan.compare.budget_percent = arguments.budget.unwrap_or(plan.compare.budget_percent);
    let rules = rules(arguments, &plan, &exact_counters())?;
    let place = run::place(arguments.seed)?;
    let job = SelfCheck {
        program: place.program.clone(),
        place,
        run: launched(arguments),
        planted: arguments.handicap,
        comparisons: arguments.comparisons.unwrap_or(COMPARISONS),
        pairs: arguments.pairs.unwrap_or(plan.compare.pairs),
        rules,
    };
    if let Some(out) = &arguments.out {
        results::prepare(out)?;
    }
    run::warn_of_debug_build();
    let (begun, load_start) = (Instant::now(), machine::load());
    let mut shown = Shown::default();
    let checked = self_check(&job, &mut |event| show(&mut shown, &event));
    shown.finish();
    let checked = checked.map_err(told)?;
    let code = code(&checked, arguments.handicap);
    let document = Document {
        schema: "tracerig.self-check",
        version: 1,
        exit_code: code.0,
        command: run::command(),
        seed: arguments.seed,
        machine: machine::machine(Path::new(&job.place.workplaces)).fingerprint,
        load_start,
        load_end: machine::load(),
        seconds: begun.elapsed().as_secs_f64(),
        checked: &checked,
    };
    let text = output::json(&document)?;
    let written = match &arguments.out {
        Some(out) => tracerig_reports::write_whole(&out.join("self-check.json"), text.as_bytes()),
        None => Ok(()),
    };
    let printed = match arguments.output.format {
        Format::Table => output::show(&table(&checked, arguments.handicap, begun.elapsed(), code)),
        Format::Json => output::print(&text),
    };
    Ok(code.after(printed).after(written.map_err(Into::into)))
}

/// What is launched: what the command line names, or what shows the handicap on little data.
fn launched(arguments: &Arguments) -> Run {
    let named = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    if let Some(Planted::Syncs(_)) = arguments.handicap {
        let why = "Appends whose row is projected before they return.";
        let keys = toml::toml! {
            threads = 1
            appends = 50
        };
        return Run::comparing(&append::KIND, why, named(&["sync-readback", "sync"]), keys);
    }
    let usual: &[&str] = match arguments.handicap {
        Some(Planted::Rows(_)) => &["full:hot", "warm:hot", "unchanged:hot"],
        _ => &["full:hot", "warm:hot"],
    };
    let arms = if arguments.arms.is_empty() { named(usual) } else { arguments.arms.clone() };
    let recipe = arguments.recipe.as_deref().unwrap_or("tiny");
    Run::comparing_on(recipe, "Launches on one database in one state.", arms)
}

/// Whether comparisons are as reliable as they must be. Too many false alarms are a failure. Too
/// few planted changes found are one, too, unless the rest is inconclusive: under load that is
/// right.
fn code(checked: &Checked, planted: Option<Planted>) -> Code {
    if checked.interrupted {
        return Code::INTERRUPTED;
    }
    if checked.arms.iter().any(|arm| arm.wrong > 0) {
        return Code::MISMATCH;
    }
    let Some(planted) = planted else {
        return if checked.most_called() <= FALSE_ALARMS { Code::FINE } else { Code::FAILED };
    };
    let must = if matches!(planted, Planted::Slowdown(_)) { FOUND } else { 1.0 };
    if checked.least_found(planted) >= must {
        return Code::FINE;
    }
    let unclear: u64 = checked.arms.iter().map(|arm| arm.inconclusive).sum();
    let wrongly_clear: u64 = checked.arms.iter().map(|arm| arm.same + arm.faster).sum();
    if unclear > wrongly_clear { Code::INCONCLUSIVE } else { Code::FAILED }
}

fn table(
    checked: &Checked,
    planted: Option<Planted>,
    took: std::time::Duration,
    code: Code,
) -> String {
    let Checked { comparisons, pairs, .. } = checked;
    let mut text = match (planted, pairs) {
        (None, _) => {
            format!(
                "{comparisons} comparisons of this executable with itself, {pairs} pairs each\n\n"
            )
        }
        (Some(planted), 0) => {
            format!("{planted} planted in {comparisons} comparisons, one sample each\n\n")
        }
        (Some(planted), _) => {
            format!("{planted} planted in {comparisons} comparisons, {pairs} pairs each\n\n")
        }
    };
    let heads = ["same", "slower", "faster", "inconclusive", "other work", "wrong"];
    let _ = writeln!(
        text,
        "{:14}{:6}{:>6}{:>8}{:>8}{:>14}{:>12}{:>7}",
        "arm", "cache", heads[0], heads[1], heads[2], heads[3], heads[4], heads[5]
    );
    for arm in &checked.arms {
        let _ = writeln!(
            text,
            "{:14}{:6}{:>6}{:>8}{:>8}{:>14}{:>12}{:>7}",
            arm.arm,
            arm.cache,
            arm.same,
            arm.slower,
            arm.faster,
            arm.inconclusive,
            arm.other_work,
            arm.wrong
        );
    }
    let percent = |part: f64| format!("{:.1} %", part * 100.0);
    let said = match planted {
        None => format!(
            "false alarms: {} of the verdicts on the worst arm ({} of {comparisons} comparisons \
             called any change); allowed are {}",
            percent(checked.most_called()),
            checked.called,
            percent(FALSE_ALARMS)
        ),
        Some(planted) => format!(
            "found: {} on the worst arm; asked for are {}",
            percent(checked.least_found(planted)),
            percent(if matches!(planted, Planted::Slowdown(_)) { FOUND } else { 1.0 })
        ),
    };
    text += &(String::from("\n") + &wrapped(&format!("{said}."), 80, "  "));
    let _ = writeln!(text, "It took {}. Exit code {}.", units::duration(took), code.0);
    text
}
