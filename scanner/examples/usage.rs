//! What was used in the sessions of a Codex home, day by day (UTC): `cargo run --example usage --
//! ~/.codex [MEMO-FOLDER]`.

use std::path::PathBuf;

use tracerig_scanner::archive::{Archive, Options, Request};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let home = arguments.next().ok_or("name the home of Codex")?;
    let options = Options { memo: arguments.next(), ..Options::default() };
    let refresh = Archive::new(home, options).refresh(&Request::default())?;
    for (day, used) in refresh.usage.by(|slot| Some(slot.begins_at().div_euclid(86_400))) {
        println!("day {day}: {} tokens in {} responses", used.tokens.total, used.events);
    }
    for message in
        refresh.warnings.iter().cloned().chain(refresh.problems.iter().map(ToString::to_string))
    {
        eprintln!("{message}");
    }
    eprintln!("{:?}", refresh.stats);
    Ok(())
}
