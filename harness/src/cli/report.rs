//! `tracerig report`: shows the records of runs and comparisons, as a page or in the formats of
//! services that keep figures.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use tracerig_reports::comparison::{self, Comparisons};
use tracerig_reports::record::{PARTIAL, Status};
use tracerig_reports::{
    Document, LARGEST_DOCUMENT, Record, check_writable, export, foreign, hdr, html, read_whole,
    render, write_whole,
};

use super::compare::results;
use super::run::RECORD;
use super::{Code, Usage, output};

/// Show runs and comparisons from their records, as text, Markdown, HTML or JSON.
///
/// RECORD is the record.json of a run, the comparison.json of a comparison, or a folder with such
/// files.
///
/// The HTML page is one self-contained file: question and answer, percentiles, distributions, order
/// of the run, cold against hot, work, verification, machine, and the commands that repeat it.
/// Records that differ in scale also show how costs grow.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_long_help = "Examples:\n  \
                       tracerig report out\n  \
                       tracerig report out --format html --out .\n  \
                       tracerig report out --export bencher,smaller-is-better --out out"
)]
pub(super) struct Arguments {
    /// Records, comparisons, or folders with them.
    #[arg(required = true, value_name = "RECORD")]
    records: Vec<PathBuf>,
    /// Format of the report.
    #[arg(long, value_enum, default_value = "terminal")]
    format: Format,
    /// Write figures for another service instead of a report (comma-separated with --out).
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        value_delimiter = ',',
        conflicts_with = "format"
    )]
    export: Vec<Export>,
    /// Write report.html (or .md, .txt, .json, or the exported files) into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Add this result of `diff ablations --out` to the HTML page.
    #[arg(long, value_name = "FILE", conflicts_with = "export")]
    ablations: Option<PathBuf>,
    /// Revision that a comment is about [default: that of the new build].
    #[arg(long, hide_short_help = true, value_name = "REV")]
    revision: Option<String>,
    /// Print all tables and conditions instead of one screen per run (text only).
    #[arg(long, conflicts_with = "export")]
    details: bool,
}

/// How a report is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text of 80 columns.
    Terminal,
    /// Markdown for GitHub.
    Markdown,
    /// Markdown for the summary of a workflow's step: the verdict first, cut below 1 MiB.
    StepSummary,
    /// Markdown for a comment on a pull request, with a hidden marker (comparisons only).
    Comment,
    /// One self-contained HTML page.
    Html,
    /// JSON: an object for one record, a list for several.
    Json,
}

/// A format of another service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Export {
    /// HdrHistogram interval log (one record only).
    Hdr,
    /// Bencher Metric Format.
    Bencher,
    /// The customSmallerIsBetter list of github-action-benchmark.
    SmallerIsBetter,
}

/// What is shown.
#[derive(Default)]
struct Shown {
    records: Vec<Record>,
    comparisons: Vec<Comparisons>,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let mut shown = Shown::default();
    let (passed_over, named): (Vec<&PathBuf>, Vec<&PathBuf>) =
        arguments.records.iter().partition(|path| is_beside_records(path));
    for path in passed_over {
        output::say(&format!(
            "tracerig: {}: skipped: made from records, but not a record",
            path.display()
        ));
    }
    if named.is_empty() {
        bail!("no record given; name the folder that a run wrote, or the record.json in it");
    }
    for path in named {
        let mut found = Vec::new();
        for path in files_at(path, &[RECORD, results::FILE, PARTIAL])? {
            match Document::read(&path)? {
                Document::Record(record) => {
                    say_if_incomplete(&path, &record);
                    found.push(*record);
                }
                Document::Comparisons(read) => {
                    if read.interrupted {
                        let runs = output::counted(read.runs.len() as u64, "run", "runs");
                        output::say(&format!(
                            "{}: incomplete: {runs} of a comparison that was interrupted or \
                             killed, or is not over yet",
                            path.display()
                        ));
                    }
                    shown.comparisons.push(read);
                }
            }
        }
        found.sort_by(|one, other| one.dataset.scale.total_cmp(&other.dataset.scale));
        shown.records.append(&mut found);
    }
    if arguments.export.is_empty() {
        let (name, mut text) = report(arguments, &shown)?;
        if arguments.out.is_some() && arguments.format == Format::Terminal {
            text.push_str(output::WRITTEN_BY);
        }
        put(arguments.out.as_deref(), name, &text)?;
        return Ok(Code::FINE);
    }
    if !shown.comparisons.is_empty() {
        let said = "a comparison cannot be exported: name the record.json of each run";
        return Err(Usage(said.to_owned()).into());
    }
    exported(arguments, &shown.records)
}

/// Says of a run that was killed that it was.
fn say_if_incomplete(path: &Path, record: &Record) {
    if record.outcome.status == Status::Incomplete {
        let samples = output::counted(record.samples.len() as u64, "sample", "samples");
        output::say(&format!(
            "{}: incomplete: {samples} of a run that was killed, or is not over yet",
            path.display()
        ));
    }
}

/// Files that runs, comparisons and reports write beside records. Who names all files of a folder
/// names them, too.
const BESIDE: [&str; 17] = [
    "summary.txt",
    "ladder.md",
    "ladder.svg",
    "latencies.hdr",
    "comparison.md",
    "order.json",
    "report.md",
    "step-summary.md",
    "comment.md",
    "report.txt",
    "report.html",
    "report.json",
    "bencher.json",
    "smaller-is-better.json",
    "release.html",
    "release.md",
    "release.json",
];

/// Whether the path is that of such a file.
fn is_beside_records(path: &Path) -> bool {
    path.is_file() && path.file_name().is_some_and(|name| BESIDE.iter().any(|known| name == *known))
}

/// How deep below a folder records are looked for: a plan has folders of runs, a run at several
/// scales has one for each.
const DEPTH: u32 = 3;

/// The records of runs that an argument names, by their paths.
pub(super) fn records_at(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    files_at(path, &[RECORD])
}

/// The files that an argument names: itself, or those in a folder that are called by one of these
/// names.
pub(super) fn files_at(path: &Path, names: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    collect(path, names, DEPTH, &mut found)?;
    if found.is_empty() {
        if std::fs::read_dir(path)?.next().is_none() {
            let why = "it is empty: a run leaves nothing if it is killed before its first sample";
            bail!("{}: {why}; run it again", path.display());
        }
        bail!(
            "{}: no {} in it; give the folder that a run wrote, or the file itself",
            path.display(),
            names.join(", ")
        );
    }
    found.sort();
    Ok(found)
}

fn collect(
    folder: &Path,
    names: &[&str],
    depth: u32,
    found: &mut Vec<PathBuf>,
) -> anyhow::Result<()> {
    let own = names.iter().map(|name| folder.join(name)).find(|own| own.exists());
    if let Some(own) = own {
        found.push(own);
        let unfinished = folder.join(results::UNFINISHED);
        let has_more = names.contains(&PARTIAL) && unfinished.is_dir();
        return if has_more { collect(&unfinished, names, 1, found) } else { Ok(()) };
    }
    if depth == 0 {
        return Ok(());
    }
    let unreadable = || format!("{}: cannot be read; check its permissions", folder.display());
    for entry in std::fs::read_dir(folder).with_context(unreadable)? {
        let below = entry.with_context(unreadable)?.path();
        if below.is_dir() {
            collect(&below, names, depth - 1, found)?;
        }
    }
    Ok(())
}

/// The report, with the name of its file.
fn report(arguments: &Arguments, shown: &Shown) -> anyhow::Result<(&'static str, String)> {
    if arguments.ablations.is_some() && arguments.format != Format::Html {
        return Err(Usage("--ablations needs --format html".to_owned()).into());
    }
    let Shown { records, comparisons } = shown;
    let each = |of_run: fn(&Record) -> String,
                of_comparison: fn(&comparison::Comparison) -> String| {
        let mut each = Vec::new();
        for read in comparisons {
            each.extend(read.runs.iter().map(|run| of_comparison(&run.comparison)));
            each.extend(read.cut_short().map(|said| said + "\n"));
        }
        each.extend(records.iter().map(of_run));
        each
    };
    Ok(match arguments.format {
        Format::Terminal => {
            let each = if arguments.details {
                each(render::details, comparison::details)
            } else {
                let of_runs = |read: &Comparisons| {
                    let cut = read.cut_short().map(|said| said + "\n");
                    comparison::terminal(&read.runs) + &cut.unwrap_or_default()
                };
                comparisons
                    .iter()
                    .map(of_runs)
                    .chain(records.iter().map(render::terminal))
                    .collect()
            };
            ("report.txt", each.join(&format!("\n{}\n\n", "=".repeat(80))))
        }
        Format::Markdown => {
            ("report.md", each(render::markdown, comparison::markdown).join("\n---\n\n"))
        }
        Format::StepSummary => {
            let records: Vec<String> = records.iter().map(render::markdown).collect();
            ("step-summary.md", comparison::step_summary(comparisons, &records))
        }
        Format::Comment => ("comment.md", comment(arguments, shown)?),
        Format::Html => {
            let ablations = ablations(arguments)?;
            let content = html::Content { records, comparisons, ablations: ablations.as_ref() };
            ("report.html", html::page(&content))
        }
        Format::Json => ("report.json", foreign::json(&json(shown)?)),
    })
}

/// The comment about the comparisons.
fn comment(arguments: &Arguments, shown: &Shown) -> anyhow::Result<String> {
    if shown.comparisons.is_empty() || !shown.records.is_empty() {
        let said = "a comment is about comparisons: name the comparison.json, or the folder of \
                    `tracerig compare`";
        return Err(Usage(said.to_owned()).into());
    }
    let mut runs = shown.comparisons.iter().flat_map(|read| &read.runs);
    let built = runs.find_map(|run| run.comparison.new.build.revision.as_ref());
    let revision = arguments.revision.as_ref().or(built).map_or("unknown", String::as_str);
    Ok(comparison::comment(&shown.comparisons, revision))
}

fn ablations(arguments: &Arguments) -> anyhow::Result<Option<serde_json::Value>> {
    let Some(path) = &arguments.ablations else { return Ok(None) };
    let text = read_whole(path, LARGEST_DOCUMENT)?;
    let value = serde_json::from_slice(&text).with_context(|| {
        format!("{}: not JSON; name a file that `diff ablations --out` wrote", path.display())
    })?;
    Ok(Some(value))
}

fn json(shown: &Shown) -> anyhow::Result<String> {
    let comparisons = shown.comparisons.iter().map(Comparisons::to_json);
    let each: Vec<String> =
        comparisons.chain(shown.records.iter().map(render::json)).collect::<Result<_, _>>()?;
    if let [one] = each.as_slice() {
        return Ok(one.clone());
    }
    let each: Vec<serde_json::Value> =
        each.iter().map(|text| serde_json::from_str(text)).collect::<Result<_, _>>()?;
    Ok(serde_json::to_string_pretty(&each)? + "\n")
}

/// Writes the formats asked for. Figures of a wrong answer go nowhere: a service would keep them.
fn exported(arguments: &Arguments, records: &[Record]) -> anyhow::Result<Code> {
    if let Some(wrong) = records.iter().find(|record| record.outcome.status == Status::Mismatch) {
        output::say(&format!(
            "tracerig: run {} gave wrong answers, so its figures are not exported; see `tracerig \
             report`",
            wrong.id
        ));
        return Ok(Code::MISMATCH);
    }
    if arguments.export.len() > 1 && arguments.out.is_none() {
        return Err(Usage("several formats need a folder: give --out DIR".to_owned()).into());
    }
    // All of them before the first is written.
    let mut files = Vec::new();
    for format in &arguments.export {
        files.push(match format {
            Export::Hdr => {
                let [record] = records else {
                    return Err(Usage(
                        "an HdrHistogram log has one run: give one record".to_owned(),
                    )
                    .into());
                };
                ("latencies.hdr", hdr::log(record)?)
            }
            Export::Bencher => ("bencher.json", export::bencher(records)?),
            Export::SmallerIsBetter => {
                ("smaller-is-better.json", export::smaller_is_better(records)?)
            }
        });
    }
    if let Some(out) = &arguments.out {
        created(out)?;
        files
            .iter()
            .try_for_each(|(name, text)| check_writable(&out.join(name), text.as_bytes()))?;
    }
    for (name, text) in &files {
        put(arguments.out.as_deref(), name, text)?;
    }
    Ok(Code::FINE)
}

fn created(out: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(out)
        .with_context(|| format!("{}: cannot be written to; choose another --out", out.display()))
}

/// Puts text into a file of the folder, whole or not at all, or prints it.
fn put(out: Option<&Path>, name: &str, text: &str) -> anyhow::Result<()> {
    let Some(out) = out else { return output::print(text) };
    created(out)?;
    let path = out.join(name);
    write_whole(&path, text.as_bytes())?;
    output::say(&path.display().to_string());
    Ok(())
}
