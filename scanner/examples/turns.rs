//! Prints the turns of a trace database that ran at priority: `turns DATABASE [MEMO]`.

use tracerig_scanner::{MemoPlace, Options, Request, Scanner};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let database = arguments.next().ok_or("usage: turns DATABASE [MEMO]")?;
    let memo = arguments.next().map_or(MemoPlace::Disabled, |path| MemoPlace::File(path.into()));
    let scan = Scanner::new(database, Options { memo, ..Options::default() }).scan(&Request::default())?;
    for (id, turn) in &scan.turns {
        let thread = turn.thread_id.as_deref().unwrap_or("-");
        println!("{id} {thread} {} {}", turn.model.as_deref().unwrap_or("-"), turn.timestamp);
    }
    for warning in &scan.warnings {
        eprintln!("{warning}");
    }
    eprintln!("{} turns, {:#?}", scan.turns.len(), scan.stats);
    Ok(())
}
