//! Files that are not read are reported with the reason.

use tracerig_store::threads::Reason;

use super::*;

#[test]
fn what_is_skipped_is_counted_by_reason() {
    let home = Home::new();
    home.write(DAY, &name(THREAD), history(THREAD));
    let untyped = "{\"id\":\"01a00002-0000-7000-8000-000000000000\",\
    \"timestamp\":\"2025-05-07T17:24:21.597Z\",\"instructions\":null}\n\
                   {\"role\":\"user\",\"content\":[]}\n";
    for number in 2..4 {
        let thread = format!("01a0000{number}-0000-7000-8000-000000000000");
        home.write(
            "sessions/2025/05/07",
            &name(&thread),
            untyped.replace("01a00002", &thread[..8]),
        );
    }
    let old = home.write("sessions", "rollout-2025-04-20-0b5f.json", "{}");
    home.write(DAY, "notes.txt", "x");
    home.write(DAY, &format!(".{}.restored", name(OTHER)), "x");
    home.write(DAY, &format!("{}.zst", name(THREAD)), compressed("x"));
    #[cfg(unix)]
    std::os::unix::fs::symlink(home.root().join(DAY), home.root().join("sessions/link")).unwrap();
    let links = u64::from(cfg!(unix));
    let done = home.rebuild();
    let verified = home.verify();
    for skipped in [&done.skipped, &verified.skipped] {
        let found: Vec<_> = skipped.iter().map(|(reason, number, _)| (reason, number)).collect();
        let mut expected = vec![
            (Reason::Name, 1),
            (Reason::Link, links),
            (Reason::Superseded, 1),
            (Reason::Untyped, 2),
        ];
        expected.retain(|(_, number)| *number > 0);
        assert_eq!(found, expected);
        assert_eq!(skipped.iter().next().unwrap().2, old);
        assert_eq!(skipped.unread(), 3 + links);
    }
    assert!(done.failures.is_empty() && verified.failures.is_empty(), "{done:?}");
    assert_eq!((done.written, verified.equal, verified.threads), (1, 1, 3));
}
