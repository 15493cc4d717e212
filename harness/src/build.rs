//! What a record says about the program that made it: revision, profile, compiler, SQLite.
//! `build.rs` beside the manifest notes the first three.

use tracerig_reports::record::Build;

/// The build that runs.
#[must_use]
pub fn this() -> Build {
    let known = |text: &'static str| (!text.is_empty()).then(|| text.to_owned());
    Build {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: known(env!("TRACERIG_REVISION")),
        dirty: match env!("TRACERIG_DIRTY") {
            "" => None,
            dirty => Some(dirty == "true"),
        },
        profile: env!("TRACERIG_PROFILE").to_owned(),
        rustc: env!("TRACERIG_RUSTC").to_owned(),
        sqlite: rusqlite::version().to_owned(),
        sqlite_options: sqlite_options().unwrap_or_default(),
    }
}

/// What SQLite was compiled with, and what this program sets when it starts.
fn sqlite_options() -> rusqlite::Result<Vec<String>> {
    let connection = rusqlite::Connection::open_in_memory()?;
    let mut statement = connection.prepare("PRAGMA compile_options")?;
    let mut options: Vec<String> =
        statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    options.push(format!(
        "memory statistics {}",
        if tracerig_scanner::counts_memory() { "on" } else { "off" }
    ));
    Ok(options)
}
