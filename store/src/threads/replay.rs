//! TEMP
use super::{
    column::*,
    derive::{Seen, derive},
    error::Result,
    id::ThreadId,
    item::Item,
    patch::Patch,
    time::Millis,
};
use std::path::Path;
pub(super) struct Replay {
    pub(super) patch: Patch,
    pub(super) seen: Seen,
    pub(super) bytes: u64,
}
pub(super) fn replay(path: &Path, id: ThreadId) -> Result<Replay> {
    let data = std::fs::read(path).map_err(|s| super::error::Error::history(path, "read it", s))?;
    let mut seen = Seen::default();
    let mut patch = Patch::new();
    patch.mark_complete();
    let mut bytes = 0u64;
    let mut pos = 0;
    while pos < data.len() {
        let end = data[pos..].iter().position(|&b| b == b'\n').map(|e| pos + e + 1);
        let line = &data[pos..end.unwrap_or(data.len())];
        let v: serde_json::Value = match serde_json::from_slice(line) {
            Ok(v) => v,
            Err(_) => break,
        };
        let at = v["timestamp"].as_str().unwrap().parse::<Millis>().unwrap();
        let item = Item::from_line(line.strip_suffix(b"\n").unwrap_or(line)).unwrap();
        seen = derive(seen, id, item.change(), at, &mut patch);
        pos = end.unwrap_or(data.len());
        bytes = pos as u64;
    }
    patch.set(Column::HistoryBytes, Value::Integer(bytes as i64));
    Ok(Replay { patch, seen, bytes })
}
