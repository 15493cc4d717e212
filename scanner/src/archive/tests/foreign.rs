//! Files in the folder of a memo that are nobody's memo.

use super::*;

#[test]
fn files_of_others_are_left_as_they_are() {
    let hex = "0123456789abcdef0123456789abcdef.shard";
    for name in ["archive.memo", hex, ".new", "archive.copies"] {
        let world = World::new();
        world.write(1, &(meta(1) + &used(10)));
        fs::create_dir(&world.memo).unwrap();
        let path = world.memo.join(name);
        fs::write(&path, "somebody's letters").unwrap();
        let refused = world.archive(Some(&world.memo)).refresh(&Request::default());
        assert!(
            matches!(&refused, Err(ArchiveError::NoMemo { path: named }) if *named == path),
            "{refused:?}"
        );
        assert_eq!(fs::read(&path).unwrap(), b"somebody's letters");
        assert_eq!(
            fs::read_dir(&world.memo).unwrap().count(),
            1,
            "{name}: nothing stands beside it"
        );
        // What is beside the memo, and not in its way, may stay.
        fs::rename(&path, world.memo.join("letters.shard")).unwrap();
        assert_eq!(world.input(), 10);
        // Later it is in the way of writing only.
        fs::write(world.memo.join(".new"), "more letters").unwrap();
        world.append(1, &used(12));
        let refresh = world.archive(Some(&world.memo)).refresh(&Request::default()).unwrap();
        assert_eq!((refresh.usage.total().tokens.input, refresh.warnings.len()), (12, 1));
        assert_eq!(fs::read(world.memo.join(".new")).unwrap(), b"more letters");
        assert!(world.memo.join("letters.shard").exists());
    }
}

/// What a power cut leaves where nothing was synced, and what a flipped bit does.
#[test]
fn a_damaged_memo_is_written_anew_whichever_of_its_files_it_is() {
    let world = World::new();
    world.write(1, &(meta(1) + &used(10)));
    assert_eq!(world.input(), 10);
    let whole = |path: &Path| fs::read(path).unwrap();
    let files: Vec<PathBuf> =
        fs::read_dir(&world.memo).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 2, "{files:?}");
    for path in files {
        let length = whole(&path).len();
        for damage in [vec![0; length], [b"x", &whole(&path)[1.min(length)..]].concat()] {
            if path.file_name().unwrap() == "archive.lock" {
                continue;
            }
            fs::write(&path, damage).unwrap();
            let refresh = world.refresh();
            assert_eq!(refresh.usage.total().tokens.input, 10, "{}", path.display());
            assert_eq!(refresh.warnings.len(), 1, "{}: {:?}", path.display(), refresh.warnings);
            assert!(world.unchanged().warnings.is_empty(), "{}", path.display());
        }
    }
}
