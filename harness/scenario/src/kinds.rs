//! The list of scenarios.

use tracerig_datasets::archive::ArchiveRecipe;

use super::kind::Kind;
use super::{append, command, refresh, relaunch};

/// Every scenario there is.
pub static KINDS: [&Kind; 4] = [&relaunch::KIND, &append::KIND, &refresh::KIND, &command::KIND];

impl Kind {
    /// The scenario of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        KINDS.into_iter().find(|kind| kind.name == name)
    }

    /// The scenario that is measured on the dataset of this recipe: refreshes on an archive,
    /// relaunches on a database.
    #[must_use]
    pub fn on(recipe: &str) -> &'static Self {
        if ArchiveRecipe::is_one(recipe) { &refresh::KIND } else { &relaunch::KIND }
    }
}
