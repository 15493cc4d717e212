use tracerig_protocol::{ScanAsked, WirePath};

use super::*;

fn candidate(script: &str) -> Candidate {
    let words = ["sh", "-c", script].map(str::to_owned).to_vec();
    Candidate::open(&Definition::of_words("test", words), Duration::from_secs(60)).unwrap()
}

fn detail(launch: Launch) -> String {
    match launch.outcome {
        Outcome::Faulty(finding) => finding.detail,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_launch_has_empty_folders_and_an_environment_of_its_own() {
    let mut candidate = candidate(
        "env | cut -d= -f1 | sort >&2; ls -A \"$HOME\" \"$TMPDIR\" >&2; echo x > \"$HOME/kept\"; \
         echo x > \"$TMPDIR/kept\"; exit 9",
    );
    let first = detail(candidate.launch(&Ask::Idle).unwrap());
    let second = detail(candidate.launch(&Ask::Idle).unwrap());
    assert_eq!(first, second, "nothing is left of the first launch");
    assert!(first.contains("XDG_CACHE_HOME") && first.contains("PATH") && !first.contains("kept"));
    assert!(!first.contains("CARGO"), "{first}");
}

#[test]
fn what_cannot_be_started_is_an_outcome() {
    let words = vec!["/nonexistent/scanner".to_owned()];
    let definition = Definition::of_words("none", words);
    let mut candidate = Candidate::open(&definition, Duration::from_secs(1)).unwrap();
    assert_eq!(candidate.hello().unwrap().outcome.fault(), Some(Fault::NoHello));
    assert_eq!(candidate.launch(&Ask::Idle).unwrap().outcome.fault(), Some(Fault::Crashed));
    assert_eq!(candidate.serve(&Ask::Idle).unwrap().outcome.fault(), Some(Fault::Crashed));
}

#[test]
fn one_that_serves_is_asked_again_and_started_anew_after_a_fault() {
    let mut candidate = candidate(
        "count=0; while read -r request; do count=$((count+1)); id=${request#*'\"id\":\"'}; \
         [ $count = 3 ] && exit 1; \
         printf '{\"tracerig\":1,\"id\":\"%s\",\"result\":{}}\\n' \"${id%%'\"'*}\"; done",
    );
    let served: Vec<_> = (0..5).map(|_| candidate.serve(&Ask::Idle).unwrap()).collect();
    let faults: Vec<_> = served.iter().map(|served| served.outcome.fault()).collect();
    assert_eq!(faults, [None, None, Some(Fault::Crashed), None, None]);
    let begun: Vec<_> = served.iter().map(|served| served.begun).collect();
    assert_eq!(begun, [true, false, false, true, false]);
    // Neither a request is counted, nor what was read for the one before.
    assert!(served[1].io.is_none_or(|io| io.rchar == 0), "{served:?}");
}

#[test]
fn a_change_of_the_data_is_noticed_and_the_index_of_the_log_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("logs_2.sqlite");
    std::fs::write(&database, "data").unwrap();
    let ask = Ask::Scan(ScanAsked {
        database: WirePath(database.clone()),
        memo: None,
        since: None,
        until: None,
        force: false,
    });
    let answer = "echo '{\"tracerig\":1,\"id\":\"1\",\"result\":{\"turns\":{}}}'";
    let fault = |guarded: Guarded, does: &str| {
        let mut candidate = candidate(&format!("cd {}; {does}; {answer}", folder.path().display()));
        candidate.guarded = guarded;
        candidate.launch(&ask).unwrap().outcome.fault()
    };
    assert_eq!(fault(Guarded::Contents, ": > logs_2.sqlite-shm; : > logs_2.sqlite-wal"), None);
    assert_eq!(fault(Guarded::Metadata, "echo longer > logs_2.sqlite"), Some(Fault::WroteOutside));
    assert_eq!(fault(Guarded::Nothing, "echo other > logs_2.sqlite"), None);
    assert_eq!(fault(Guarded::Contents, "printf other > logs_2.sqlite"), Some(Fault::WroteOutside));
    assert_eq!(fault(Guarded::Contents, "echo x > cache"), Some(Fault::WroteOutside));
    assert_eq!(fault(Guarded::Contents, "rm cache"), Some(Fault::WroteOutside));
}
