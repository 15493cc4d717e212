//! Where everything that can be made again is kept.

use std::path::PathBuf;

use etcetera::BaseStrategy;

use crate::error::{DatasetError, Result};

/// The folder of all that tracerig keeps and can make again: `tracerig` in the user's cache folder,
/// or where [`crate::CACHE_VARIABLE`] points. It need not exist.
///
/// # Errors
/// [`DatasetError::NoCacheFolder`] when the system tells none.
pub fn cache_root() -> Result<PathBuf> {
    if let Some(moved) = std::env::var_os(crate::CACHE_VARIABLE).filter(|moved| !moved.is_empty()) {
        return Ok(PathBuf::from(moved));
    }
    etcetera::choose_base_strategy()
        .map(|strategy| strategy.cache_dir().join("tracerig"))
        .map_err(|error| DatasetError::NoCacheFolder { detail: error.to_string() })
}
