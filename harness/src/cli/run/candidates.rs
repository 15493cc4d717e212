//! Candidates of others, as `run` and `compare` take them.

use std::time::Duration;

use clap::Args;
use tracerig_protocol::Contract;

use crate::candidate::{Definition, DefinitionError};
use crate::cli::{Usage, candidate, no_definition};
use crate::scenario::Definition as Asked;
use crate::scenario::guest::{Invited, LIMIT, NotInvited};

/// Which candidates are measured.
#[derive(Debug, Args)]
pub(super) struct Candidates {
    /// Measure this candidate, too; may be repeated. COMMAND is words without a shell, or @FILE
    /// with a tracerig-candidate.toml.
    #[arg(long = "candidate", value_name = "NAME=COMMAND")]
    named: Vec<String>,
    /// End a launch of a candidate after this time, such as 500ms or 20s; at most 60s
    /// [default: 60s].
    #[arg(
        long,
        hide_short_help = true,
        value_name = "T",
        value_parser = candidate::limit,
        requires = "named"
    )]
    limit: Option<Duration>,
}

impl Candidates {
    /// Those named, each asked who it is.
    pub(super) fn invited(&self, contract: Contract) -> anyhow::Result<Vec<Invited>> {
        self.named.iter().map(|named| invited(named, contract)).collect()
    }

    /// Has `asked` measure them, too.
    pub(super) fn join(&self, asked: &mut Asked, invited: &[Invited]) -> anyhow::Result<()> {
        asked.limit_of_candidates = self.limit.unwrap_or(LIMIT);
        asked.invite(invited).map_err(no_definition)
    }
}

/// The candidate that an option names, asked who it is.
pub(in crate::cli) fn invited(named: &str, contract: Contract) -> anyhow::Result<Invited> {
    let definition = Definition::named(named).map_err(|error| match error {
        DefinitionError::Read { .. } => error.into(),
        error => anyhow::Error::from(Usage(error.to_string())),
    })?;
    Invited::of(&definition, contract).map_err(|error| match error {
        NotInvited::OtherContract(..) => Usage(error.to_string()).into(),
        error => error.into(),
    })
}
