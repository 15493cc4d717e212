//! What the memo knows of what is in a folder, and when it is believed.

use super::super::memo::Memo;
use super::super::shard::Key;
use super::*;

/// The rollouts that the memo says are in the folder in this state.
fn listed(world: &World, state: &FileState) -> Option<usize> {
    let home = world.home.canonicalize().unwrap();
    let (memo, _) = Memo::open(&world.memo, &home, &Options::default()).unwrap();
    let mut stored = memo.load(&Key::of_day(Path::new(DAY)).unwrap()).unwrap().unwrap();
    stored.listing(state).map(|listing| listing.rollouts.len())
}

fn state(world: &World) -> FileState {
    FileState::of(&rustix::fs::stat(world.home.join(DAY)).unwrap())
}

fn refresh(world: &World, folder_clock: Clock) -> u64 {
    let memo = Some(world.memo.clone());
    let options = Options { memo, clock: later(), folder_clock, ..Options::default() };
    Archive::new(&world.home, options).refresh(&Request::default()).unwrap().stats.files
}

#[test]
fn a_folder_that_rested_is_known_in_the_state_it_was_in_and_in_no_other() {
    let world = World::new();
    world.write(1, &meta(1));
    world.write(2, &meta(2));
    let before = state(&world);
    let in_time = Arc::new(move || before.modified.max(before.changed) + 2_999_999_999);
    assert_eq!(refresh(&world, in_time), 2);
    assert_eq!(listed(&world, &before), None, "it may have changed since without a trace");
    world.append(1, &used(1));
    assert_eq!((refresh(&world, later()), listed(&world, &before)), (2, Some(2)));
    for other in [
        FileState { inode: before.inode + 1, ..before },
        FileState { device: before.device + 1, ..before },
        FileState { modified: before.modified + 1, ..before },
        FileState { changed: before.changed - 1, ..before },
    ] {
        assert_eq!(listed(&world, &other), None);
    }
    // A file that grew is noticed although the folder is not listed.
    world.append(2, &used(7));
    assert_eq!((refresh(&world, later()), state(&world)), (2, before));
    assert_eq!(world.input(), 8);
}

#[test]
fn a_folder_with_links_or_folders_in_it_is_always_listed() {
    for is_link in [false, true] {
        let world = World::new();
        world.write(1, &meta(1));
        let other = world.home.join(DAY).join("other");
        let made = if is_link { symlink("nowhere", other) } else { fs::create_dir(other) };
        made.unwrap();
        assert_eq!((refresh(&world, later()), listed(&world, &state(&world))), (1, None));
    }
}

#[test]
fn folders_of_days_have_one_shard() {
    let is_day = |folder| Key::of_day(Path::new(folder)).is_some();
    assert!(is_day(DAY));
    for other in
        ["sessions", "archived_sessions", "sessions/2026/11", "sessions/2026/11/2x", "x/2026/11/20"]
    {
        assert!(!is_day(other), "{other}");
    }
}
