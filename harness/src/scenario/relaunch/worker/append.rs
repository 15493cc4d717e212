//! Items that are appended to our own store.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use tracerig_protocol::{Append, AppendAnswer, AppendAsked, ErrorKind, Item, Refusal};
use tracerig_store::threads::{self, LiveThread, SessionMeta, StoreOptions, ThreadId, ThreadStore};

/// Appends to the store of this program.
pub(crate) fn append(asked: &AppendAsked) -> Result<AppendAnswer, Refusal> {
    let malformed = |message: String| Refusal { kind: ErrorKind::Malformed, message };
    let failed = |error: threads::Error| Refusal {
        kind: match error {
            threads::Error::InUse { .. } => ErrorKind::Busy,
            _ => ErrorKind::Failed,
        },
        message: error.to_string(),
    };
    let item = |item: &Item| {
        let payload = RawValue::from_string(item.payload.clone())
            .map_err(|error| malformed(format!("a payload is not JSON: {error}")))?;
        threads::Item::new(&item.kind, payload).map_err(|error| malformed(error.to_string()))
    };
    let mut appends: Vec<(ThreadId, Vec<threads::Item>)> = Vec::new();
    for Append { thread, items } in &asked.appends {
        let id = thread.parse().map_err(|error: threads::IdError| malformed(error.to_string()))?;
        appends.push((id, items.iter().map(item).collect::<Result<_, _>>()?));
    }
    let store = ThreadStore::open(&asked.home.0, StoreOptions::default()).map_err(failed)?;
    let mut live: BTreeMap<ThreadId, LiveThread> = BTreeMap::new();
    for (id, items) in &appends {
        if !live.contains_key(id) {
            let thread = match store.resume(*id) {
                Err(threads::Error::Unknown { .. }) => store.create(&SessionMeta::new(*id)),
                resumed => resumed,
            };
            live.insert(*id, thread.map_err(failed)?);
        }
        if let Some(thread) = live.get(id) {
            thread.append(items).map_err(failed)?;
        }
    }
    for thread in live.values() {
        thread
            .shutdown()
            .map_err(|error| Refusal { kind: ErrorKind::Failed, message: error.to_string() })?;
    }
    Ok(AppendAnswer { appends: appends.len() as u64 })
}
