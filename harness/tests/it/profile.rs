//! Profiles: what was planted is what grew most.

use std::path::Path;

use tracerig_harness::handicap::Handicap;
use tracerig_harness::profile::{ProfileError, Profiled, Tool};
use tracerig_harness::scenario::relaunch;
use tracerig_reports::profile::Profile;

use crate::common::program::{Program, text};

const REAL: &str = env!("CARGO_BIN_EXE_tracerig");

/// The profiles of an arm by one tool: as it is, and with a busy function planted.
fn planted(tool: Tool) -> Result<[Profile; 2], ProfileError> {
    let program = Program::new();
    let mut definition = relaunch::on_recipe(Some("tiny"), 1.0).unwrap();
    definition.choose(&["warm:hot".to_owned()]).unwrap();
    let mut scenario = definition.prepare(&program.place(Path::new(REAL)), &mut |_| ()).unwrap();
    let mut profiled = Profiled {
        definition: &definition,
        scenario: scenario.as_mut(),
        arm: 0,
        tools: &[tool],
        launches: 2,
    };
    let mut of = |busy_ns| {
        let plant = |handicap: &mut Handicap| handicap.busy_ns = busy_ns;
        profiled.of((0, Path::new(REAL)), |program| plant(&mut program.handicap), &mut |_| ())
    };
    Ok([of(0)?, of(300_000_000)?])
}

#[test]
fn a_planted_function_grew_most_whatever_the_tool() {
    for tool in [Tool::Perf, Tool::Valgrind] {
        match planted(tool) {
            Ok([base, new]) => {
                let growth = new.counted[0].growth(&base.counted[0]);
                assert!(growth[0].name.contains("handicap::busy"), "{tool:?}: {:?}", &growth[..3]);
                assert!(growth[0].change() > 0.0);
            }
            // Not every machine has every tool; then its name and the remedy are given.
            Err(error) => {
                assert!(!tool.is_there(), "{error}");
                let told = error.to_string();
                assert!(told.contains(tool.program()) && told.contains("apt install"), "{told}");
            }
        }
    }
}

#[test]
fn the_verb_shows_what_it_counted_and_refuses_what_it_cannot_do() {
    let program = Program::new();
    let which = program.run(&["profile", "--recipe", "tiny"]);
    assert!(which.code == Some(2) && which.err.contains("which arm?"), "{which:?}");
    let unknown = program.run(&["profile", "--recipe", "tiny", "--arm", "nothing"]);
    assert!(unknown.code == Some(2) && unknown.err.contains("no arm `nothing`"), "{unknown:?}");
    let out = program.path("out");
    let asked = ["profile", "--recipe", "tiny", "--arm", "full:hot", "--tools", "strace"];
    let done = program.run(&[&asked[..], &["--out", text(&out)]].concat());
    if Tool::Strace.is_there() {
        assert_eq!(done.code, Some(0), "{done:?}");
        assert!(done.out.contains("pread64"), "{done:?}");
        let kept = std::fs::read_to_string(out.join("profile.json")).unwrap();
        assert!(kept.contains("\"schema\": \"tracerig.profile\""), "{kept}");
    } else {
        assert!(done.code == Some(1) && done.err.contains("apt install strace"), "{done:?}");
    }
}
