//! `tracerig diff ablations`: which rules the tests would miss, what goes wrong without each, and
//! what it costs.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tracerig_reports::{check_writable, units, wrapped};

use super::options::{jobs, keep, program, time};
use crate::ablation_costs::{Report, Scene, costs as measured};
use crate::cli::output::{self, Format, Output};
use crate::cli::{Code, Interrupted, Usage};
use crate::interrupt;
use crate::limits::{MOST_CASES, MOST_OPERATIONS};
use tracerig_differential::ablations::{self, Row, Search, Tested};
use tracerig_differential::subject::Subject;

/// Time for each rule, if neither that nor a number of cases is given.
const TIME: Duration = Duration::from_secs(10);

/// Switch off each rule in turn and check that the differential tests notice.
///
/// Without a rule, runs random histories until one fails, then the rule's witness: the smallest
/// known history that fails without the rule and passes with it. Measures the cost of rules that
/// add work. Four wrong engines must be found, too.
///
/// Exit code 3: a missing rule was not noticed.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  \
                       tracerig diff ablations --time 2s --details\n  \
                       tracerig diff ablations --only cursor")]
pub(super) struct Ablations {
    /// Time per rule, such as 2s or 5m [default: 10s, or as long as --cases take].
    #[arg(long, value_name = "T", value_parser = time)]
    time: Option<Duration>,
    /// Random histories per rule, at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=MOST_CASES))]
    cases: Option<u64>,
    /// Only this rule or engine, with the failing history; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Seed of the random histories.
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// Operations per random history.
    #[arg(
        long,
        value_name = "K",
        default_value = "20",
        value_parser = clap::value_parser!(u64).range(4..=MOST_OPERATIONS)
    )]
    ops: u64,
    /// Threads [default: one per core, at most 8].
    #[arg(long, value_name = "J", value_parser = crate::cli::jobs)]
    jobs: Option<NonZeroUsize>,
    /// Do not measure what rules cost (which builds a dataset).
    #[arg(long)]
    without_costs: bool,
    #[command(flatten)]
    output: Output,
    /// Also write the result as JSON, with all histories.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn main(arguments: &Ablations) -> anyhow::Result<Code> {
    let program = program()?;
    let (mut rules, mut engines) = (ablations::rules(&program), ablations::engines(&program));
    let (mut threads, mut archives) = (ablations::thread_rules(), ablations::archive_rules());
    let mut archive_engines = ablations::archive_engines();
    let of_scanner = rules.iter().map(|fault| fault.name);
    let of_store = threads.iter().map(|fault| fault.name);
    let of_archive = archives.iter().map(|fault| fault.name);
    let of_engines = engines.iter().map(|fault| fault.name);
    let names: Vec<&str> = of_scanner.chain(of_store).chain(of_archive).chain(of_engines).collect();
    if let Some(unknown) = arguments.only.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(Usage(format!(
            "unknown rule or engine `{unknown}`; known: {}",
            names.join(", ")
        ))
        .into());
    }
    let is_wanted =
        |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    rules.retain(|fault| is_wanted(fault.name));
    threads.retain(|fault| is_wanted(fault.name));
    archives.retain(|fault| is_wanted(fault.name));
    engines.retain(|fault| is_wanted(fault.name));
    archive_engines.retain(|fault| is_wanted(fault.name));
    let time = arguments.time.or_else(|| arguments.cases.is_none().then_some(TIME));
    let ops = usize::try_from(arguments.ops)?;
    let search = Search { seed: arguments.seed, ops, cases: arguments.cases, time };
    let jobs = jobs(arguments.jobs);
    if let Some(out) = &arguments.out {
        // Better now than after all of it.
        let begun = Report::new(search, jobs, Vec::new(), Vec::new());
        check_writable(out, output::json(&begun)?.as_bytes())?;
    }
    let mut rules = look(&rules, search, jobs, "rules")?;
    rules.extend(look(&threads, search, jobs, "rules of thread stores")?);
    rules.extend(look(&archives, search, jobs, "rules of session archives")?);
    let mut engines = look(&engines, search, jobs, "engines")?;
    engines.extend(look(&archive_engines, search, jobs, "engines for session archives")?);
    let mut report = Report::new(search, jobs, rules, engines);
    if !arguments.without_costs && !report.interrupted {
        let bar = output::progress_bar(0, "{spinner} measuring what rules cost: {msg}");
        let costs = measured(|_, name| is_wanted(name), &|name| bar.set_message(name));
        bar.finish_and_clear();
        report.interrupted = interrupt::requested();
        match costs {
            Err(_) if report.interrupted => {}
            costs => report.add_costs(costs?),
        }
    }

    let text = output::json(&report)?;
    let written = match &arguments.out {
        Some(out) => keep(out, text.as_bytes(), report.interrupted),
        None => Ok(()),
    };
    let printed = match arguments.output.format {
        Format::Table if arguments.only.is_empty() => output::show(
            &(verdict(&report)
                + &if arguments.output.details { table(&report) } else { String::new() }),
        ),
        Format::Table => output::show(&(verdict(&report) + &table(&report) + &details(&report))),
        Format::Json => output::print(&text),
    };
    let code = if report.missed().next().is_some() {
        Code::MISMATCH
    } else if report.interrupted {
        Code::FINE.after(Err(Interrupted.into()))
    } else {
        Code::FINE
    };
    Ok(code.after(printed).after(written))
}

fn look<S: Subject>(
    tested: &[Tested<S>],
    search: Search,
    jobs: NonZeroUsize,
    what: &str,
) -> anyhow::Result<Vec<Row>> {
    let bar = output::progress_bar(
        tested.len() as u64,
        &format!("switching off [{{bar:30}}] {{pos}} of {{len}} {what}, {{elapsed}}; {{msg}}"),
    );
    let rows = ablations::look(tested, search, jobs, &|row| {
        bar.inc(1);
        bar.set_message(row.name);
        if !row.is_caught() {
            bar.suspend(|| output::say(&format!("{} not noticed", row.name)));
        }
    });
    bar.finish_and_clear();
    Ok(rows?)
}

/// The verdict: what was not noticed, and how many rules there are.
fn verdict(report: &Report) -> String {
    let mut text = String::new();
    for row in report.missed() {
        let why = row.trouble.as_deref().unwrap_or("no history failed without it");
        text += &wrapped(&format!("NOT NOTICED {}: {why}", row.name), 80, "  ");
    }
    let faults = report.rules.len() + report.engines.len();
    let at_random = report.rows().filter(|row| row.random.is_some()).count();
    let each = report.seconds_each.map_or(String::new(), |time| format!(", {time} s each"));
    text += &wrapped(
        &format!(
            "{} of {faults} missing rules and wrong engines noticed, {at_random} by random \
             histories (seed {}, {} operations{each})",
            faults - report.missed().count(),
            report.search.seed,
            report.search.ops
        ),
        80,
        "  ",
    );
    text + "\n"
}

/// Every rule, at most 80 columns wide.
fn table(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |cells: [&str; 5]| {
        let [name, case, time, ops, wrong] = cells;
        let _ = writeln!(
            text,
            "{}",
            format!("{name:<20} {case:>7} {time:>8} {ops:>8}  {wrong}").trim_end()
        );
    };
    line(["", "random", "", "witness", ""]);
    line(["without", "case", "after", "ops", "what fails"]);
    let mut subject = "";
    for row in report.rows() {
        if row.subject != subject {
            subject = row.subject;
            line([&format!("diff {subject}"), "", "", "", ""]);
        }
        let (case, time) = match &row.random {
            Some(random) => (random.case.to_string(), seconds(row.seconds)),
            None => ("-".to_owned(), "-".to_owned()),
        };
        let ops = row.witness.as_ref().map(|shown| shown.operations);
        let ops = ops.or(row.random.as_ref().map(|random| random.operations));
        let ops = ops.map_or("-".to_owned(), |ops| ops.to_string());
        line([row.name, &case, &time, &ops, wrong(row)]);
    }
    for scene in &report.scenes {
        text.push_str(&costs(report, scene));
    }
    text
}

/// The measured cost of rules on a scene, at most 80 columns wide.
fn costs(report: &Report, scene: &Scene) -> String {
    let what = format!("Cost of the rules of `diff {}`, in {}:", scene.subject, scene.scene);
    let mut text = format!("\n{}\n", wrapped(&what, 80, ""));
    let mut line = |name: &str, longer: &str, interval: &str, work: &str| {
        let line = format!("{name:<20} {longer:>8} {interval:>18}  {work}");
        let _ = writeln!(text, "{}", line.trim_end());
    };
    line("", "longer", "", "");
    line("with", "by, us", "99 % interval", "extra work");
    for rule in report.rules.iter().filter(|rule| rule.row.subject == scene.subject) {
        let Some(cost) = &rule.cost else { continue };
        let interval =
            cost.interval.map_or(String::new(), |it| format!("{:.0} to {:.0}", it.low, it.high));
        let mut work = cost.work.iter().map(|(what, more)| format!("{} {what}", signed(*more)));
        line(
            rule.row.name,
            &format!("{:.0}", cost.microseconds),
            &interval,
            &work.next().unwrap_or_default(),
        );
        // One a line: names of counters are long.
        work.for_each(|more| line("", "", "", &more));
    }
    text
}

/// What fails without each rule: the witness, else what was found at random.
fn details(report: &Report) -> String {
    let rows = report.rows();
    rows.map(|row| {
        let shown = row.witness.as_ref().map(|shown| (&shown.detail, &shown.history));
        let found = row.random.as_ref().map(|random| (&random.detail, &random.history));
        let (detail, history) =
            shown.or(found).map_or(("", ""), |(detail, history)| (detail, history));
        let history: String = history.lines().map(|line| format!("    {line}\n")).collect();
        let head = wrapped(&format!("{}: {}", row.name, row.summary), 80, "  ");
        let detail: String = detail.lines().map(|line| wrapped(line, 80, "  ")).collect();
        format!("\n{head}{history}{detail}")
    })
    .collect()
}

/// What fails: the answer, or else the first deviation before it.
fn wrong(row: &Row) -> &'static str {
    match (&row.witness, &row.random) {
        (Some(shown), _) if shown.wrong_answer == Some(true) && row.subject == "archive" => "usage",
        (Some(shown), _) if shown.wrong_answer == Some(true) => "turns",
        (Some(shown), _) => shown.kind,
        (None, Some(random)) => random.kind,
        (None, None) => "NOTHING",
    }
}

fn seconds(seconds: f64) -> String {
    if seconds < 0.1 { format!("{:.0} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
}

/// A count with its digits in groups, and the sign that a difference may have.
fn signed(more: i64) -> String {
    format!("{}{}", if more < 0 { "-" } else { "" }, units::count(more.unsigned_abs()))
}
