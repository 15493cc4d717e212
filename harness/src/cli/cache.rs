//! Files in the user's cache folder that belong to a file or folder elsewhere.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The file that `of` has in this folder of the cache: named after it, and after its resolved path.
pub(super) fn file(folder: &str, of: &Path, extension: &str) -> anyhow::Result<PathBuf> {
    // A path that does not resolve is for anyone who uses it to report.
    let path = of.canonicalize().unwrap_or_else(|_| of.to_owned());
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    let tag = base16ct::lower::encode_string(&digest[..8]);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let root = tracerig_datasets::cache_root()?;
    Ok(root.join(folder).join(format!("{stem}-{tag}.{extension}")))
}
