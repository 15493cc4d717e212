//! Items that are appended to our own store.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use tracerig_protocol::{
    Answer, Append, AppendAnswer, AppendAsked, Claims, ErrorKind, Item, Refusal,
};
use tracerig_store::threads::{
    self, LiveThread, Mode, SessionMeta, StoreOptions, ThreadId, ThreadStore,
};

pub(crate) fn malformed(message: String) -> Refusal {
    Refusal { kind: ErrorKind::Malformed, message }
}

/// An item as the store takes it.
pub(crate) fn item(item: &Item) -> Result<threads::Item, Refusal> {
    let payload = RawValue::from_string(item.payload.clone())
        .map_err(|error| malformed(format!("a payload is not JSON: {error}")))?;
    threads::Item::new(&item.kind, payload).map_err(|error| malformed(error.to_string()))
}

/// Appends to the store of this program in a mode.
pub(crate) fn append(asked: &AppendAsked, mode: Mode) -> Result<(Answer, Claims), Refusal> {
    let failed = |error: threads::Error| Refusal {
        kind: match error {
            threads::Error::InUse { .. } => ErrorKind::Busy,
            _ => ErrorKind::Failed,
        },
        message: error.to_string(),
    };
    let mut appends: Vec<(ThreadId, Vec<threads::Item>)> = Vec::new();
    for Append { thread, items } in &asked.appends {
        let id = thread.parse().map_err(|error: threads::IdError| malformed(error.to_string()))?;
        appends.push((id, items.iter().map(item).collect::<Result<_, _>>()?));
    }
    let options = StoreOptions { mode, ..StoreOptions::default() };
    let store = ThreadStore::open(&asked.home.0, options).map_err(failed)?;
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
    let answer = AppendAnswer { appends: appends.len() as u64 };
    Ok((Answer::Append(answer), Claims::default()))
}
