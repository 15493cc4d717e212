//! Folders that results are kept in: made ready before anything is measured, so that an hour's work
//! is not lost at its end.

use std::path::Path;

use anyhow::{Context, bail};

use crate::scenario::free_room;

/// Room that results may take, in bytes: the largest record of the plan `release` takes a tenth of
/// it.
const ROOM: u64 = 16 << 20;

/// Makes sure that results can be written into `out` later on, and overwrite none: `files` are in
/// folders of such results, each with its description.
pub(super) fn prepare(out: &Path, files: &[(&str, &str)]) -> anyhow::Result<()> {
    for (file, what) in files {
        let file = out.join(file);
        // A link that leads to nothing is there, too.
        if file.symlink_metadata().is_ok() {
            let file = file.display();
            bail!("{file}: {what} is there already; choose another --out, or remove it");
        }
    }
    std::fs::create_dir_all(out).and_then(|()| tempfile::tempfile_in(out).map(drop)).with_context(
        || format!("{}: cannot be written to; choose another --out", out.display()),
    )?;
    let available = free_room(out).with_context(|| format!("{}: its free room", out.display()))?;
    if available < ROOM {
        bail!(
            "{}: results may take {ROOM} bytes, and {available} are free; make room or choose \
             another --out",
            out.display()
        );
    }
    Ok(())
}
