//! TEMP
use super::{
    database::{self, DatabaseError},
    id::ThreadId,
    list::{ListQuery, Page},
    time::Millis,
};
use rusqlite::OptionalExtension;
/// T
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct ThreadRow {
    pub rollout_path: String,
    pub tokens_used: i64,
    pub title: Option<String>,
    pub preview: Option<String>,
    pub first_user_message: Option<String>,
    pub git_sha: Option<String>,
    pub archived_at: Option<Millis>,
    pub created_at: Millis,
    pub history_bytes: u64,
    pub all: String,
}
#[derive(Debug)]
pub(super) struct Rows {
    c: rusqlite::Connection,
    p: std::path::PathBuf,
}
impl Rows {
    pub(super) fn open(p: &std::path::Path, t: std::time::Duration) -> Result<Self, DatabaseError> {
        Ok(Self { c: database::open(p, t)?, p: p.into() })
    }
    pub(super) fn read(&self, id: ThreadId) -> Result<Option<ThreadRow>, DatabaseError> {
        self.c
            .query_row("select * from threads where id=?1", [id.to_string()], row)
            .optional()
            .map_err(|e| DatabaseError::from_sqlite(&self.p, &e))
    }
    pub(super) fn list(&self, _q: &ListQuery) -> Result<Page, DatabaseError> {
        let mut s = self.c.prepare("select * from threads").unwrap();
        let rows = s.query_map([], row).unwrap().map(|r| r.unwrap()).collect();
        Ok(Page { rows })
    }
}
fn row(r: &rusqlite::Row<'_>) -> rusqlite::Result<ThreadRow> {
    let mut all = String::new();
    for i in 0..27 {
        all += &format!("{:?},", r.get_ref(i)?);
    }
    Ok(ThreadRow {
        rollout_path: r.get("rollout_path")?,
        tokens_used: r.get("tokens_used")?,
        title: r.get("title")?,
        preview: r.get("preview")?,
        first_user_message: r.get("first_user_message")?,
        git_sha: r.get("git_sha")?,
        archived_at: r.get::<_, Option<i64>>("archived_at_ms")?.map(Millis),
        created_at: Millis(r.get("created_at_ms")?),
        history_bytes: r.get::<_, i64>("history_bytes")? as u64,
        all,
    })
}
