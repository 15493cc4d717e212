//! Threads that go on with the history of another file: forks, and segments of one thread; and what
//! a migration makes of a file.

use std::fs;
use std::io;

use tracerig_oracle::archive::{is_compressed, read};

use super::{World, name_of};
use crate::archive::arguments::{Fork, Place};
use crate::archive::line::{LineSpec, Meta, Says, session, time};

/// What each line begins with; a time of 24 characters follows.
const BEGINNING: &[u8] = br#"{"timestamp":""#;
const UNTIL_TYPE: usize = BEGINNING.len() + 24 + 2;

impl World {
    pub(super) fn fork(&mut self, from: u8, to: u8, place: Place, how: Fork) -> io::Result<bool> {
        let Some(Ok(parent)) = self.path(from).map(|path| read(&path)) else { return Ok(false) };
        let Some(path) = self.vacant(to, place, None)? else { return Ok(false) };
        let copied: Vec<&[u8]> = match how {
            Fork::Paginated => Vec::new(),
            _ => parent
                .split_inclusive(|byte| *byte == b'\n')
                .filter(|line| line.ends_with(b"\n"))
                .collect(),
        };
        let own = u16::try_from(copied.len() + 1).unwrap_or(u16::MAX);
        let meta = Meta { fork: Some(from), ..Meta::of(to) };
        let meta = match how {
            Fork::Copied => Meta { version: 130, ..meta },
            Fork::Old => Meta { version: 98, ..meta },
            Fork::Paginated => Meta { base: true, ..meta },
            Fork::Agent => Meta { begins: Some(own), ..meta },
        };
        let ordinal = |number| (how == Fork::Agent).then_some(number);
        let first = LineSpec { ordinal: ordinal(0), ..Says::Meta(meta).into() };
        let mut text = self.bytes(&[first]);
        for (number, line) in (1..).zip(copied) {
            let mut line = line.to_vec();
            if line.starts_with(BEGINNING) && line.len() > UNTIL_TYPE {
                line[BEGINNING.len()..][..24].copy_from_slice(time(0, 0).as_bytes());
            }
            text.extend(ordinal(number).map_or(line.clone(), |number| numbered(&line, number)));
        }
        self.make(to, path, &text, None)
    }

    pub(super) fn segment(&mut self, of: u8, file: u8, place: Place) -> io::Result<bool> {
        let name = name_of(&format!("{}_{}", session(of), session(file)), place);
        let Some(path) = self.vacant(file, place, Some(name.as_ref()))? else { return Ok(false) };
        let first = Says::Meta(Meta { base: true, ..Meta::of(of) }).into();
        let text = self.bytes(&[first]);
        self.make(file, path, &text, None)
    }

    pub(super) fn migrate(&mut self, file: u8) -> io::Result<bool> {
        let Some(path) = self.path(file).filter(|path| !is_compressed(path)) else {
            return Ok(false);
        };
        let (Ok(before), Ok(text)) = (fs::metadata(&path), fs::read(&path)) else {
            return Ok(false);
        };
        let lines = (0..).zip(text.split_inclusive(|byte| *byte == b'\n'));
        let new: Vec<u8> = lines.flat_map(|(number, line)| numbered(line, number)).collect();
        if new == text {
            return Ok(false);
        }
        self.write_over(&path, &before, &new, true)?;
        Ok(true)
    }
}

/// A rollout line with its number, unless it has one. Anything else is unchanged.
fn numbered(line: &[u8], number: u16) -> Vec<u8> {
    if !line.starts_with(BEGINNING)
        || !line.get(UNTIL_TYPE..).is_some_and(|rest| rest.starts_with(b"\"type\""))
    {
        return line.to_vec();
    }
    let (before, after) = line.split_at(UNTIL_TYPE);
    [before, format!("\"ordinal\":{number},").as_bytes(), after].concat()
}
