//! Rollouts that are compressed and decompressed between refreshes.

use super::*;

fn zst(path: &Path) -> PathBuf {
    path.with_extension("jsonl.zst")
}

fn packed(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 3).unwrap()
}

impl World {
    /// What Codex does to an old rollout.
    fn compress(&self, session: u32) {
        let path = self.path(session);
        fs::write(zst(&path), packed(&fs::read_to_string(&path).unwrap())).unwrap();
        fs::remove_file(path).unwrap();
    }

    /// What it does when the session goes on.
    fn decompress(&self, session: u32) {
        let path = self.path(session);
        fs::write(&path, zstd::decode_all(&fs::read(zst(&path)).unwrap()[..]).unwrap()).unwrap();
        fs::remove_file(zst(&path)).unwrap();
    }
}

#[test]
fn a_rollout_that_is_compressed_and_goes_on_keeps_its_result() {
    let world = World::new();
    world.write(1, &(meta(1) + &used(10) + &used(30)));
    world.write(2, &(meta(2) + &used(5)));
    assert_eq!(world.input(), 35);
    world.compress(1);
    let refresh = world.refresh();
    let Stats { files, moved, unchanged, parsed, continued, gone, bytes_read, .. } = refresh.stats;
    assert_eq!((files, moved, unchanged, parsed, continued, gone), (2, 1, 1, 0, 0, 0));
    assert_eq!(bytes_read, fs::metadata(zst(&world.path(1))).unwrap().len());
    assert_eq!(world.input(), 35);
    world.decompress(1);
    let refresh = world.refresh();
    assert_eq!((refresh.stats.moved, refresh.stats.parsed, refresh.stats.gone), (1, 0, 0));
    assert_eq!(world.input(), 35);
    world.append(1, &used(31));
    assert_eq!(world.refresh().stats.continued, 1);
    // It goes on and is compressed before the next refresh.
    world.append(1, &used(33));
    world.compress(1);
    assert_eq!(world.refresh().stats.continued, 1);
    assert_eq!(world.input(), 38);
    // Whoever never saw it plain reads it all the same.
    fs::remove_dir_all(&world.memo).unwrap();
    assert_eq!(world.refresh().stats.parsed, 2);
    assert_eq!(world.input(), 38);
}

#[test]
fn another_content_in_the_other_form_is_parsed() {
    let world = World::new();
    let path = world.write(1, &(meta(1) + &used(10) + &used(30)));
    assert_eq!(world.input(), 30);
    for text in [meta(1) + &used(10) + &used(31), meta(1) + &used(10)] {
        fs::write(zst(&path), packed(&text)).unwrap();
        fs::remove_file(&path).unwrap();
        let refresh = world.refresh();
        assert_eq!((refresh.stats.parsed, refresh.stats.moved), (1, 0));
        assert_eq!(refresh.usage, world.unchanged().usage);
        world.decompress(1);
        world.refresh();
        world.write(1, &(meta(1) + &used(10) + &used(30)));
        assert_eq!(world.input(), 30);
    }
}

#[test]
fn where_both_forms_stand_the_plain_one_counts() {
    let world = World::new();
    let path = world.write(1, &(meta(1) + &used(10)));
    fs::write(zst(&path), packed(&(meta(1) + &used(99)))).unwrap();
    let refresh = world.refresh();
    assert_eq!(
        (refresh.usage.total().tokens.input, refresh.stats.files, refresh.problems.len()),
        (10, 1, 0)
    );
    // One that cannot be looked at is there all the same.
    fs::remove_file(&path).unwrap();
    symlink(&path, &path).unwrap();
    let refresh = world.refresh();
    assert_eq!((refresh.usage.total().tokens.input, refresh.stats.stale), (10, 1));
    fs::remove_file(&path).unwrap();
    assert_eq!(world.input(), 99);
}

#[test]
fn what_cannot_be_decompressed_keeps_what_it_held() {
    let world = World::new();
    let path = world.write(1, &(meta(1) + &used(10)));
    assert_eq!(world.input(), 10);
    let whole = packed(&(meta(1) + &used(10) + &used(12)));
    fs::remove_file(&path).unwrap();
    fs::write(zst(&path), &whole[..whole.len() - 5]).unwrap();
    for _ in 0..2 {
        let refresh = world.refresh();
        assert_eq!(
            (refresh.usage.total().tokens.input, refresh.stats.stale, refresh.stats.gone),
            (10, 1, 0)
        );
        let [Problem { path: named, what: What::Unreadable { is_known: true, .. } }] =
            &refresh.problems[..]
        else {
            panic!("{refresh:?}")
        };
        assert!(named.to_str().unwrap().ends_with(".jsonl.zst"), "{named:?}");
        assert!(refresh.sessions[0].is_stale && refresh.sessions[0].path == *named);
    }
    fs::write(zst(&path), &whole).unwrap();
    assert_eq!(world.input(), 12);
    // A file that was never read counts nothing, and is reported each time.
    fs::write(zst(&world.path(2)), "").unwrap();
    for _ in 0..2 {
        let refresh = world.refresh();
        assert_eq!((refresh.usage.total().tokens.input, refresh.problems.len()), (12, 1));
    }
}

#[test]
fn a_compressed_copy_counts_once_and_another_one_is_reported() {
    let world = World::new();
    let archived = world.home.join(ARCHIVED);
    fs::create_dir(&archived).unwrap();
    let text = meta(1) + &used(10) + &used(12);
    world.write(1, &text);
    let copy = zst(&archived.join(name(1)));
    for (content, input, counts, problems) in [
        (text.clone(), 12, [false, true], 0),
        (meta(1) + &used(10), 12, [false, true], 0),
        (text.clone() + &used(20), 20, [true, false], 0),
        (meta(1) + &used(11), 12 + 11, [true, true], 1),
    ] {
        fs::write(&copy, packed(&content)).unwrap();
        assert_eq!(world.input(), input);
        let refresh = world.unchanged();
        let found: Vec<bool> = refresh.sessions.iter().map(|session| session.counts).collect();
        assert_eq!((found, refresh.problems.len()), (counts.to_vec(), problems));
    }
}

#[test]
fn what_had_just_changed_when_it_was_read_is_not_believed_compressed_either() {
    let world = World::new();
    let path = world.write(1, &(meta(1) + &used(10)));
    let changed = fs::metadata(&path).unwrap().modified().unwrap();
    let nanos =
        i64::try_from(changed.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos()).unwrap();
    let clock: Clock = Arc::new(move || nanos + 1_000_000);
    let options = Options { memo: Some(world.memo.clone()), clock, ..Options::default() };
    Archive::new(&world.home, options).refresh(&Request::default()).unwrap();
    world.compress(1);
    let stats = world.refresh().stats;
    assert_eq!((stats.parsed, stats.moved, stats.gone), (1, 0, 0));
    world.decompress(1);
    assert_eq!(world.refresh().stats.moved, 1);
}
