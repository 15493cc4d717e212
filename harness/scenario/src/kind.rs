//! What every scenario is known by: its name, its counters, and how it is defined.

use std::path::Path;

use tracerig_reports::Record;

use super::definition::Definition;
use super::error::{DefinitionError, ReproError};

/// A scenario by its name.
#[derive(Debug)]
pub struct Kind {
    /// Its name in plans, on the command line and in records.
    pub name: &'static str,
    /// The counters of its launches that are exact, or may be, by name.
    pub exact: &'static [&'static str],
    pub(super) of_plan: fn(toml::Table) -> Result<Definition, DefinitionError>,
    /// Its definition, with every arm, from a record and the user's own database, if the record is
    /// of one.
    pub(super) of_record: fn(&Record, Option<&Path>) -> Result<Definition, ReproError>,
}

impl Kind {
    /// Its definition, with every arm, from the keys that a run of a plan has for this scenario
    /// alone.
    ///
    /// # Errors
    /// See [`DefinitionError`].
    pub fn of_plan(&self, keys: toml::Table) -> Result<Definition, DefinitionError> {
        (self.of_plan)(keys)
    }
}
