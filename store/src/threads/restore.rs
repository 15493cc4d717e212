//! Bringing back the plain file of a compressed history, so that it can be appended to.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::ablation::{Ablation, Ablations};
use super::disk::Disk;
use super::name::COMPRESSED;
use super::source::Source;
use super::writer::write_all;

/// Bytes that are decompressed at once.
const PIECE: usize = 256 << 10;

/// Decompresses the history at `compressed` into its plain file, and removes it. At every moment
/// one of them is there, whole and on the device: the plain one appears under its name when it is,
/// and only then the other goes. Gives the path of the plain one.
pub(super) fn restore(
    disk: &dyn Disk,
    ablated: Ablations,
    compressed: &Path,
) -> io::Result<PathBuf> {
    let name = compressed.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = name.strip_suffix(COMPRESSED).unwrap_or(name);
    let plain = compressed.with_file_name(name);
    // No name of a history, so that what a crash leaves of it is never read. The next try takes its
    // place.
    let temporary = compressed.with_file_name(format!(".{name}.restored"));
    match disk.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut source = Source::open(compressed)?;
    let modified = std::fs::metadata(compressed)?.modified()?;
    if ablated.has(Ablation::RestoreFirst) {
        disk.remove(compressed)?;
    }
    let written = write(disk, &mut source, &temporary, modified)
        .and_then(|()| disk.rename(&temporary, &plain));
    if let Err(error) = written {
        let _ = disk.remove(&temporary);
        return Err(error);
    }
    if let Some(folder) = plain.parent() {
        disk.sync_folder(folder)?;
    }
    if !ablated.has(Ablation::RestoreFirst) {
        disk.remove(compressed)?;
    }
    Ok(plain)
}

fn write(
    disk: &dyn Disk,
    source: &mut Source,
    temporary: &Path,
    modified: SystemTime,
) -> io::Result<()> {
    let mut file = disk.create(temporary)?;
    let mut piece = vec![0; PIECE];
    loop {
        match source.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => write_all(&mut file, &piece[..read])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    file.sync()?;
    drop(file);
    // With the date it had before it was compressed.
    OpenOptions::new().write(true).open(temporary)?.set_modified(modified)
}
