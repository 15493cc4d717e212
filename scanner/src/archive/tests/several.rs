//! Several homes at once.

use super::*;

#[test]
fn what_stands_in_two_homes_counts_once() {
    let (one, two) = (World::new(), World::new());
    let text = meta(1) + &used(10);
    one.write(1, &text);
    one.write(2, &(meta(2) + &used(5)));
    two.write(1, &(text.clone() + &used(12)));
    two.write(3, &(meta(3) + &used(100)));
    let refresh = |memos: bool| {
        let archives = [&one, &two].map(|world| world.archive(memos.then_some(&world.memo)));
        refresh_all(&archives, &Request::default()).unwrap()
    };
    let inputs = |all: &[Refresh]| -> Vec<u64> {
        all.iter().map(|refresh| refresh.usage.total().tokens.input).collect()
    };
    for memos in [false, true, true] {
        let all = refresh(memos);
        assert_eq!(inputs(&all), [5, 112]);
        let counts: Vec<bool> = all[0].sessions.iter().map(|session| session.counts).collect();
        assert_eq!(counts, [false, true]);
        let sessions: u64 = all
            .iter()
            .flat_map(|all| all.by_session().into_values())
            .map(|it| it.tokens.input)
            .sum();
        assert_eq!(sessions, 117);
    }
    // Compressed in one of them.
    fs::write(
        one.path(1).with_extension("jsonl.zst"),
        zstd::encode_all(text.as_bytes(), 1).unwrap(),
    )
    .unwrap();
    fs::remove_file(one.path(1)).unwrap();
    assert_eq!(inputs(&refresh(true)), [5, 112]);
    // It goes on otherwise.
    one.write(1, &(text + &used(40)));
    let all = refresh(true);
    assert_eq!(inputs(&all), [45, 112]);
    let [Problem { what: What::Diverged { from }, path }] = &all[1].problems[..] else {
        panic!("{all:?}")
    };
    assert!(from.is_absolute() && path.is_absolute() && from < path);
    // One home by two ways, and one file in two homes.
    fs::remove_file(two.path(1)).unwrap();
    fs::hard_link(one.path(1), two.path(1)).unwrap();
    let total: u64 = inputs(&refresh(true)).into_iter().sum();
    assert_eq!(total, 40 + 5 + 100);
    let twice = [&one, &one].map(|world| world.archive(None));
    assert_eq!(
        inputs(&refresh_all(&twice, &Request::default()).unwrap()).into_iter().sum::<u64>(),
        45
    );
}
