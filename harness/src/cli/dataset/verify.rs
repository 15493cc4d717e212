//! `tracerig dataset verify`: compares a dataset with its digests.

use tracerig_datasets::Cache;

use super::{Named, Shown, archive, watched};
use crate::cli::Code;
use crate::cli::output::{self, Format};

pub(super) fn main(arguments: &Named) -> anyhow::Result<Code> {
    if Cache::default()?.inspect_archive(&arguments.name)?.is_some() {
        return archive::verify(&arguments.name, arguments.output.format);
    }
    let dataset = watched(|progress| Cache::default()?.verify(&arguments.name, progress))?;
    match arguments.output.format {
        Format::Table => {
            output::show(&format!(
                "{}: unchanged since it was built\n",
                dataset.database.display()
            ))?;
        }
        Format::Json => output::print_json(&Shown::of(&dataset))?,
    }
    Ok(Code::FINE)
}
