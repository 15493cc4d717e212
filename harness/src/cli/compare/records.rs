//! `tracerig compare` of records: of two runs, or of a run and what is kept under a name.

use std::collections::BTreeSet;
use std::path::Path;

use tracerig_reports::Record;
use tracerig_reports::comparison::{self, Run};
use tracerig_reports::record::CounterClass;

use super::{Arguments, plan, results, rules};
use crate::baseline::{BaselineError, Baselines, Named};
use crate::cli::{Code, Usage, output, report, run};

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<Code> {
    let of_programs =
        [arguments.pairs.is_some(), arguments.recipe.is_some(), !arguments.only.is_empty()];
    if of_programs.contains(&true) {
        let said = "--pairs, --recipe and --only are for executables and revisions: in records is \
                    what was measured";
        return Err(Usage(said.to_owned()).into());
    }
    let baselines = Baselines::at(arguments.baselines.clone());
    if let Some(name) = &arguments.save_baseline {
        let records = all(arguments)?;
        told_apart(&told_paths(arguments), &records)?;
        let path = baselines.save(name, &records, arguments.force).map_err(usage)?;
        let kept = output::counted(records.len() as u64, "record is", "records are");
        output::say(&format!("{kept} kept as `{name}`: {}", path.display()));
        return Ok(Code::FINE);
    }
    let (base, new) = match (&arguments.baseline, arguments.records.as_slice()) {
        (Some(name), _) => {
            let base = baselines.load(name).map_err(usage)?;
            ((format!("baseline {name}"), base), (told_paths(arguments), all(arguments)?))
        }
        (None, [base, new]) => {
            ((base.display().to_string(), at(base)?), (new.display().to_string(), at(new)?))
        }
        (None, records) => {
            let given = output::counted(records.len() as u64, "record is", "records are");
            return Err(Usage(format!(
                "{given} given; give two, or one with --baseline, or executables with --base-bin"
            ))
            .into());
        }
    };
    let rules = rules(arguments, &plan(arguments)?, &exact_in(&[&base.1, &new.1]))?;
    let mut compared = Vec::new();
    for (base_record, new_record) in matched(&base, &new)? {
        let comparison = comparison::of_records(
            (&base.0, &base_record.1),
            (&new.0, &new_record.1),
            &rules,
            run::command(),
        )?;
        let comparison =
            if arguments.counters_only { comparison.without_times() } else { comparison };
        compared.push(Run { name: new_record.0.clone(), comparison });
    }
    if let Some(out) = &arguments.out {
        results::prepare(out)?;
    }
    results::give(compared, Code::FINE, arguments.out.as_deref(), arguments.output)
}

/// The names of the exact counters in these records.
fn exact_in<'a>(records: &[&'a [Named]]) -> BTreeSet<&'a str> {
    let launches = records
        .iter()
        .flat_map(|records| records.iter())
        .flat_map(|(_, record)| &record.samples)
        .flat_map(|sample| &sample.launches);
    let exact = launches
        .flat_map(|launch| &launch.counters)
        .filter(|(_, c)| c.class == CounterClass::Exact);
    exact.map(|(name, _)| name.as_str()).collect()
}

/// A name that cannot be one is bad usage; a baseline that is not there is a failure, and never a
/// pass.
fn usage(error: BaselineError) -> anyhow::Error {
    match error {
        BaselineError::Name(_) => Usage(error.to_string()).into(),
        error => error.into(),
    }
}

fn told_paths(arguments: &Arguments) -> String {
    let paths: Vec<String> =
        arguments.records.iter().map(|path| path.display().to_string()).collect();
    paths.join(", ")
}

/// Every record that is named.
fn all(arguments: &Arguments) -> anyhow::Result<Vec<Named>> {
    if arguments.records.is_empty() {
        return Err(
            Usage("which records? Name the folder that `tracerig run` wrote".to_owned()).into()
        );
    }
    let mut records = Vec::new();
    for path in &arguments.records {
        records.extend(at(path)?);
    }
    Ok(records)
}

/// The records at `path`, each with the name of its run: that of its folder.
fn at(path: &Path) -> anyhow::Result<Vec<Named>> {
    report::records_at(path)?.iter().map(|file| Ok((run_name(file), Record::read(file)?))).collect()
}

fn run_name(file: &Path) -> String {
    let named = if file.ends_with(run::RECORD) {
        file.parent().and_then(Path::file_name)
    } else {
        file.file_stem()
    };
    named.unwrap_or_default().to_string_lossy().into_owned()
}

/// An error where two records are of one run: only one of them would be compared, and the other
/// pass unseen.
fn told_apart(who: &str, records: &[Named]) -> anyhow::Result<()> {
    let mut names = BTreeSet::new();
    match records.iter().find(|(name, _)| !names.insert(name)) {
        None => Ok(()),
        Some((name, _)) => Err(anyhow::anyhow!(
            "{who}: two of these records are of a run `{name}`; name one of them, or give their \
             folders other names"
        )),
    }
}

/// Which record is compared with which: by the names of their runs, or one with one. A run that
/// only one side has is an error: what was not measured is no pass.
fn matched<'a>(
    (base_name, base): &'a (String, Vec<Named>),
    (new_name, new): &'a (String, Vec<Named>),
) -> anyhow::Result<Vec<(&'a Named, &'a Named)>> {
    if let ([base], [new]) = (base.as_slice(), new.as_slice()) {
        return Ok(vec![(base, new)]);
    }
    told_apart(base_name, base)?;
    told_apart(new_name, new)?;
    let lacks = |who: &str, run: &str| {
        anyhow::anyhow!(
            "{who} has no record of the run `{run}`; compare runs of the same plan, or save the \
             baseline again"
        )
    };
    if let Some((lost, _)) =
        base.iter().find(|(name, _)| new.iter().all(|(other, _)| other != name))
    {
        return Err(lacks(new_name, lost));
    }
    new.iter()
        .map(|record| {
            let found = base.iter().find(|(name, _)| *name == record.0);
            Ok((found.ok_or_else(|| lacks(base_name, &record.0))?, record))
        })
        .collect()
}
