//! Archives as a whole: real sessions against figures worked out by hand, and the refresh scenario
//! from its command line.

use std::path::{Path, PathBuf};

use crate::common::program::{Program, text};
use tracerig_harness::scenario::{self, refresh};
use tracerig_real::Codex;
use tracerig_reports::Record;
use tracerig_reports::record::{SampleState, Status};
use tracerig_scanner::archive::{Archive, Options, PriorityTurns, Refresh, Request, Tier};
use tracerig_scanner::{MemoPlace, Scanner};

/// The end of a session's id, its counts that are no repetition, and its tokens: input, cached
/// input, output, reasoning, total.
type ByHand = (&'static str, u64, [u64; 5]);

// Worked out from the rollouts with a few lines of Python that know JSON and nothing else. No
// session of either version was reset, and none writes to a cache: so what a session used is its
// last `total_token_usage`. Three sessions repeat counts: of 0.141.0 one writes 7 of which 2 are
// those before (5 count), of 0.169.0 one writes 3 of which 2 are (1 counts).

/// Sums: 126 counts, 1,261,192 + 254,099 = 1,515,291 tokens.
const OLDER: [ByHand; 17] = [
    ("17767a", 12, [112_864, 84_224, 34_673, 6_929, 147_537]),
    ("a262f7", 12, [124_915, 93_184, 40_588, 8_114, 165_503]),
    ("26574a", 12, [83_463, 61_568, 13_354, 2_664, 96_817]),
    ("ae0d9f", 15, [187_319, 139_776, 37_256, 7_446, 224_575]),
    ("5d3ce6", 10, [109_450, 81_536, 15_233, 3_043, 124_683]),
    ("366138", 7, [45_278, 33_664, 13_281, 2_654, 58_559]),
    ("1ed617", 7, [49_267, 36_352, 6_975, 1_392, 56_242]),
    ("fe240c", 4, [35_530, 26_368, 34_272, 6_853, 69_802]),
    ("df7a4f", 5, [64_140, 47_744, 13_599, 2_718, 77_739]),
    ("2847a3", 4, [44_976, 33_536, 8_737, 1_746, 53_713]),
    ("97d034", 3, [48_899, 36_480, 11_077, 2_214, 59_976]),
    ("c777f6", 7, [70_950, 52_864, 4_723, 941, 75_673]),
    ("39f664", 10, [105_410, 78_592, 9_453, 1_886, 114_863]),
    ("ea6c13", 4, [41_826, 31_104, 3_039, 606, 44_865]),
    ("1aeb7f", 4, [41_436, 30_848, 2_857, 570, 44_293]),
    ("cf76e3", 5, [47_964, 35_840, 2_816, 561, 50_780]),
    ("3c98ec", 5, [47_505, 35_328, 2_166, 431, 49_671]),
];

/// Sums: 82 counts, 629,226 + 285,883 = 915,109 tokens.
const NEWER: [ByHand; 17] = [
    ("0f2c75", 9, [30_672, 22_016, 27_692, 5_536, 58_364]),
    ("0bfaab", 6, [36_431, 26_752, 25_682, 5_135, 62_113]),
    ("f71dcf", 4, [15_439, 11_136, 0, 0, 15_439]),
    ("d1b6b3", 7, [42_045, 30_848, 18_718, 3_742, 60_763]),
    ("63ebce", 5, [15_389, 11_264, 39_540, 7_905, 54_929]),
    ("0a700a", 10, [101_723, 75_264, 44_244, 8_845, 145_967]),
    ("4b97f5", 4, [15_570, 11_392, 3_573, 712, 19_143]),
    ("8ef7b8", 2, [13_875, 10_368, 19_419, 3_883, 33_294]),
    ("a49167", 1, [13_276, 9_856, 17_828, 3_565, 31_104]),
    ("dace8d", 1, [13_287, 9_856, 276, 55, 13_563]),
    ("e3d57e", 4, [55_644, 41_472, 2_784, 555, 58_428]),
    ("0d7916", 2, [28_195, 20_992, 18_109, 3_621, 46_304]),
    ("a77ba5", 10, [101_548, 75_264, 57_310, 11_458, 158_858]),
    ("e52b93", 4, [43_560, 32_384, 3_060, 610, 46_620]),
    ("aa0598", 4, [43_123, 32_000, 2_832, 565, 45_955]),
    ("057723", 5, [30_211, 22_400, 2_629, 524, 32_840]),
    ("66d559", 4, [29_238, 21_760, 2_187, 436, 31_425]),
];

/// Counts and total tokens by tier, joined with the trace database: standard, priority, unknown.
///
/// By hand: each count belongs to the turn of the latest `task_started` or `turn_context` before
/// it, and adds what its total rose by. In 0.141.0 no session says a tier. The server's record has
/// 39 priority turns, of which the three of `codex exec` left no row; the counts of the other 36
/// are 68, with 787,776 tokens, and 126 - 68 = 58 others have 1,515,291 - 787,776 = 727,515. In
/// 0.169.0 every count is after settings. Those of priority: 52 counts of the 37 turns that left a
/// row, with 556,651 tokens, and 4 of `codex exec` with 46,620, are 56 with 603,271. Those of the
/// standard tier: 11 after settings that name the default, with 130,647, and 15 after settings
/// without a tier, with 181,191, are 26 with 311,838.
const TIERS: [(Codex, [(u64, u64); 3]); 2] = [
    (Codex::V0_141_0, [(0, 0), (68, 787_776), (58, 727_515)]),
    (Codex::V0_169_0, [(26, 311_838), (56, 603_271), (0, 0)]),
];

fn refresh(codex: Codex, priority: Option<&PriorityTurns>) -> Refresh {
    let folder = tempfile::tempdir().unwrap();
    codex.write_sessions(folder.path()).unwrap();
    let request = Request { sessions: true, priority, ..Request::default() };
    let refresh = Archive::new(folder.path(), Options::default()).refresh(&request).unwrap();
    assert!(refresh.problems.is_empty() && refresh.warnings.is_empty(), "{refresh:?}");
    refresh
}

#[test]
fn real_sessions_used_what_was_worked_out_by_hand() {
    for (codex, sessions) in [(Codex::V0_141_0, OLDER), (Codex::V0_169_0, NEWER)] {
        let refresh = refresh(codex, None);
        assert_eq!(
            (refresh.sessions.len(), refresh.stats.unknown_lines),
            (sessions.len(), 0),
            "{codex:?}"
        );
        let (mut events, mut total) = (0, 0);
        for (end, counts, tokens) in sessions {
            let session =
                refresh.sessions.iter().find(|session| session.id.ends_with(end)).unwrap();
            let used = session.usage.total();
            let found = used.tokens;
            let kinds =
                [found.input, found.cached_input, found.output, found.reasoning, found.total];
            assert_eq!(
                (used.events, kinds, found.cache_write),
                (counts, tokens, 0),
                "{codex:?} {end}"
            );
            events += counts;
            total += tokens[4];
        }
        let used = refresh.usage.total();
        assert_eq!((used.events, used.tokens.total), (events, total), "{codex:?}");
    }
}

#[test]
fn real_turns_have_the_tier_that_the_server_was_asked_for() {
    for (codex, tiers) in TIERS {
        let folder = tempfile::tempdir().unwrap();
        let database = codex.write_logs(folder.path()).unwrap();
        let options = tracerig_scanner::Options { memo: MemoPlace::Disabled, ..Default::default() };
        let scan =
            Scanner::new(database, options).scan(&tracerig_scanner::Request::default()).unwrap();
        let priority: PriorityTurns = scan.turns.into_keys().collect();
        let found = refresh(codex, Some(&priority)).usage.by(|slot| Some(slot.tier));
        for (tier, expected) in
            [Tier::Standard, Tier::Priority, Tier::Unknown].into_iter().zip(tiers)
        {
            let used = found.get(&tier).copied().unwrap_or_default();
            assert_eq!((used.events, used.tokens.total), expected, "{codex:?} {tier:?}");
        }
    }
}

fn leftovers(program: &Program) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(program.cache().join("work")).unwrap().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// How many files below `folder` are compressed.
fn compressed(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries
        .map(|path| {
            let is_one = path.extension().is_some_and(|end| end == "zst");
            if path.is_dir() { compressed(&path) } else { u64::from(is_one) }
        })
        .sum()
}

#[test]
fn an_archive_is_built_verified_measured_and_measured_again() {
    let program = Program::new();
    let built = program.run(&["dataset", "build", "archive-tiny"]);
    assert_eq!(built.code, Some(0), "{}", built.err);
    let home = PathBuf::from(built.out.trim());
    assert!(home.join("sessions").is_dir() && home.join("archived_sessions").is_dir());
    let verified = program.run(&["dataset", "verify", "archive-tiny"]);
    assert_eq!(verified.code, Some(0), "{}", verified.err);
    let listed = program.json(&["dataset", "list", "--format", "json"]);
    let files = listed["archives"][0]["files"].as_u64().unwrap();
    assert_eq!((files > 63, listed["datasets"].as_array().unwrap().len()), (true, 1));
    let compressed = compressed(&home);
    assert!(compressed > 0 && compressed < files);

    let out = program.path("out");
    let ran = program.run(&[
        "run",
        "refresh",
        "--recipe",
        "archive-tiny",
        "--samples",
        "1",
        "--out",
        text(&out),
    ]);
    // Beside other load a sample can be left out, which is no wrong answer; its work is as it must
    // be anyway.
    assert!(matches!(ran.code, Some(0 | 5)), "{}\n{}", ran.out, ran.err);
    assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);
    let record = Record::read(&out.join("record.json")).unwrap();
    assert!(
        matches!(record.outcome.status, Status::Complete | Status::Inconclusive),
        "{:?}",
        record.outcome
    );
    let arms: Vec<&str> = record.plan.arms.iter().map(|arm| arm.name.as_str()).collect();
    assert_eq!(arms, ["floor", "published", "full", "cold", "appended", "warm", "unchanged"]);
    let count = |arm: &str, counter: &str| {
        let sample = record.samples.iter().find(|sample| sample.arm == arm).unwrap();
        assert!(
            sample.is_valid() || matches!(sample.state, SampleState::Excluded { .. }),
            "{sample:?}"
        );
        sample.launches.last().unwrap().counter(counter)
    };
    for arm in arms {
        // Compressed rollouts were none when the other one was published.
        let seen = if arm == "published" { files - compressed } else { files };
        assert_eq!(count(arm, "files"), Some(seen), "{arm}");
    }
    assert_eq!(
        (count("unchanged", "session_bytes"), count("unchanged", "shards_written")),
        (Some(0), Some(0))
    );
    assert_eq!((count("full", "files_read"), count("warm", "files_read")), (Some(files), Some(3)));
    // One look at each file and folder; as published eight at each file.
    let folders = count("unchanged", "folders").unwrap();
    assert_eq!(count("unchanged", "metadata_calls"), Some(files + folders));
    assert_eq!(count("published", "metadata_calls"), Some(8 * (files - compressed)));
    assert!(leftovers(&program).is_empty());

    let page = program.run(&["report", text(&out), "--format", "html", "--out", text(&out)]);
    assert_eq!(page.code, Some(0), "{}", page.err);
    let again = program.path("again");
    let repro = program.run(&["repro", text(&out), "--samples", "1", "--out", text(&again)]);
    assert!(matches!(repro.code, Some(0 | 5)), "{}\n{}", repro.out, repro.err);
    let arm = program.run(&["run", "refresh", "--arms", "lukewarm"]);
    assert_eq!(arm.code, Some(2), "{}", arm.err);
}

#[test]
fn a_scanner_that_does_nothing_is_found_out() {
    use std::os::unix::fs::PermissionsExt;
    let program = Program::new();
    let idle = program.path("idle");
    std::fs::write(&idle, "#!/bin/sh\necho '{}'\n").unwrap();
    std::fs::set_permissions(&idle, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut definition = refresh::on_recipe(Some("archive-tiny"), 0.5).unwrap();
    definition.choose(&["floor".to_owned(), "unchanged".to_owned()]).unwrap();
    definition.plan.samples = 1;
    let record = scenario::run(&mut definition, &program.place(&idle), &mut |_| {}).unwrap();
    assert_eq!((record.outcome.failures, record.outcome.exit_code), (2, 1));
}
