//! What several test files share, each a part of it.

use std::path::Path;
use std::process::Command;

pub mod program;
#[path = "../../../differential/tests/it/common/search.rs"]
pub mod search;
pub mod trace;
#[path = "../../../differential/tests/it/common/witnesses.rs"]
pub mod witnesses;

/// Runs the cases side by side: what waits for a limit does so beside the others.
pub fn at_once<T: Send>(cases: impl IntoIterator<Item = T>, run: impl Fn(T) + Sync) {
    let run = &run;
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || run(case));
        }
    });
}

/// A git that works in `folder`, as somebody, and knows no settings of the machine.
pub fn git(folder: &Path, arguments: &[&str]) -> Command {
    let who = ["user.name=t", "user.email=t@example.org", "commit.gpgsign=false"];
    let mut git = Command::new("git");
    git.args(who.iter().flat_map(|setting| ["-c", setting])).args(arguments);
    git.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null");
    git
}
