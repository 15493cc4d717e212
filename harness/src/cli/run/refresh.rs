//! `tracerig run refresh`: what a refresh of database and archive costs, and where its time goes.

use clap::Args;
use tracerig_protocol::Contract;

use super::Common;
use super::candidates::Candidates;
use crate::cli::{Code, Usage, no_definition};
use crate::scenario::refresh;

/// Measure a launch that reads a trace database and an archive of rollouts.
///
/// Builds the archive and its trace database if needed, launches each arm in
/// fresh processes and in random order, and compares every answer with what the
/// generator wrote. The page cache is hot.
///
/// Arms:
///   floor      walk the folders, look at each file once
///   published  several looks at each file, one JSON file as memory, one LIKE query
///   full       no memo
///   cold       no memo yet; writes both memos
///   appended   one file in fifty has grown
///   warm       a few sessions and the trace database have grown
///   unchanged  nothing new
///
/// Arms of a candidate, which counts the tokens of the archive alone: idle, full,
/// and if it keeps a memo changed and unchanged.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "Examples:\n  \
                       tracerig run refresh\n  \
                       tracerig run refresh --recipe archive-6k --samples 5\n  \
                       tracerig run refresh --recipe archive-6k --candidate mine=./my-counter"
)]
pub(super) struct Refresh {
    /// Archive: name of a recipe (see `tracerig dataset list`) or path of a recipe file
    /// [default: archive-60k].
    #[arg(long, value_name = "NAME")]
    recipe: Option<String>,
    /// Factor on the bulk bytes of the archive; files and usage stay the same.
    #[arg(long, value_name = "F", default_value = "1", value_parser = crate::cli::scale)]
    scale: f64,
    /// Only these arms (comma-separated).
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    arms: Vec<String>,
    #[command(flatten)]
    candidates: Candidates,
    #[command(flatten)]
    common: Common,
}

pub(super) fn main(arguments: &Refresh) -> anyhow::Result<Code> {
    let defined = refresh::on_recipe(arguments.recipe.as_deref(), arguments.scale);
    let mut definition = defined.map_err(no_definition)?;
    let invited = arguments.candidates.invited(Contract::Usage)?;
    arguments.candidates.join(&mut definition, &invited)?;
    definition.choose(&arguments.arms).map_err(|error| Usage(error.to_string()))?;
    arguments.common.measure(definition)
}
