//! Where the parts of an SQLite database are in its bytes: pages by their use, cells, overflow
//! chains.
//!
//! Reads only as much as damaging needs, and stops quietly at whatever it cannot read: the bytes
//! may be anything.

use std::collections::HashSet;

/// Pages by their use. Page numbers count from 1.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) page_bytes: usize,
    /// Bytes of a page that SQLite uses.
    usable: usize,
    pub(super) pages: usize,
    pub(super) trees: Vec<Tree>,
    pub(super) trunks: Vec<usize>,
    /// Free pages that are no trunk.
    pub(super) free: Vec<usize>,
    /// Pages of the pointer map.
    pub(super) maps: Vec<usize>,
}

/// A table or an index.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) name: String,
    pub(super) interior: Vec<usize>,
    pub(super) leaves: Vec<usize>,
}

/// One cell of a page. Places are offsets into the file.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// Its entry in the page's array of cell pointers.
    pub(super) pointer_at: usize,
    /// The cell.
    pub(super) at: usize,
    /// The varint of its row id, or of its key on an interior page of a table.
    pub(super) id_at: Option<usize>,
    /// The record, if the cell has one.
    pub(super) record_at: Option<usize>,
    /// Bytes of the record on the page.
    pub(super) local: usize,
    /// The number of its first overflow page.
    pub(super) overflow_at: Option<usize>,
}

impl Layout {
    /// Reads `bytes`; `None` if they do not begin like a database.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(b"SQLite format 3\0") || bytes.len() < 512 {
            return None;
        }
        let page_bytes = match u16_at(bytes, 16)? {
            1 => 65_536,
            size if size >= 512 && size.is_power_of_two() => size,
            _ => return None,
        };
        let usable =
            page_bytes.checked_sub(usize::from(bytes[20])).filter(|&usable| usable >= 480)?;
        let mut layout =
            Self { page_bytes, usable, pages: bytes.len() / page_bytes, ..Self::default() };
        layout.read_trees(bytes);
        layout.read_free_list(bytes);
        if u32_at(bytes, 52)? != 0 {
            layout.maps = (2..=layout.pages).step_by(usable / 5 + 1).collect();
        }
        Some(layout)
    }

    /// The offset of a page's first byte.
    pub(super) fn offset(&self, page: usize) -> usize {
        page.saturating_sub(1) * self.page_bytes
    }

    /// Where the b-tree header of a page is.
    pub(super) fn header_at(&self, page: usize) -> usize {
        self.offset(page) + if page == 1 { 100 } else { 0 }
    }

    /// The cells of a b-tree page; none if it is no such page.
    pub(super) fn cells(&self, bytes: &[u8], page: usize) -> Vec<Cell> {
        let header = self.header_at(page);
        let (Some(&kind), Some(count)) = (bytes.get(header), u16_at(bytes, header + 3)) else {
            return Vec::new();
        };
        let array = header + if matches!(kind, 2 | 5) { 12 } else { 8 };
        (0..count).map_while(|place| self.cell(bytes, page, kind, array + 2 * place)).collect()
    }

    fn cell(&self, bytes: &[u8], page: usize, kind: u8, pointer_at: usize) -> Option<Cell> {
        let at = self.offset(page) + u16_at(bytes, pointer_at)?;
        let none =
            Cell { pointer_at, at, id_at: None, record_at: None, local: 0, overflow_at: None };
        let after_child = at + 4;
        let size_at = match kind {
            5 => return Some(Cell { id_at: Some(after_child), ..none }),
            2 => after_child,
            10 | 13 => at,
            _ => return None,
        };
        let (payload, mut next) = varint(bytes, size_at)?;
        let id_at = (kind == 13).then_some(next);
        if kind == 13 {
            next = varint(bytes, next)?.1;
        }
        let payload = usize::try_from(payload).ok()?;
        let most = if kind == 13 { self.usable - 35 } else { (self.usable - 12) * 64 / 255 - 23 };
        let least = (self.usable - 12) * 32 / 255 - 23;
        let spilled = least + (payload.max(least) - least) % (self.usable - 4);
        let local = match payload {
            whole if whole <= most => whole,
            _ if spilled <= most => spilled,
            _ => least,
        };
        let overflow_at = (payload > most).then_some(next + local);
        (next + local + 4 <= bytes.len()).then_some(Cell {
            id_at,
            record_at: Some(next),
            local,
            overflow_at,
            ..none
        })
    }

    /// The pages of the chain whose first page's number is at `at`.
    pub(super) fn chain(&self, bytes: &[u8], at: usize) -> Vec<usize> {
        let mut seen = HashSet::new();
        let mut next = u32_at(bytes, at);
        let mut pages = Vec::new();
        while let Some(page) =
            next.filter(|&page| (1..=self.pages).contains(&page) && seen.insert(page))
        {
            pages.push(page);
            next = u32_at(bytes, self.offset(page));
        }
        pages
    }

    fn read_trees(&mut self, bytes: &[u8]) {
        let schema = self.tree(bytes, "sqlite_schema".to_owned(), 1);
        let rows: Vec<(String, usize)> = schema
            .leaves
            .iter()
            .flat_map(|&page| self.cells(bytes, page))
            .filter_map(|cell| schema_row(bytes, &cell))
            .collect();
        self.trees = rows.into_iter().map(|(name, root)| self.tree(bytes, name, root)).collect();
        self.trees.insert(0, schema);
    }

    fn tree(&self, bytes: &[u8], name: String, root: usize) -> Tree {
        let mut tree = Tree { name, interior: Vec::new(), leaves: Vec::new() };
        let mut seen = HashSet::new();
        let mut due = vec![root];
        while let Some(page) = due.pop() {
            if !(1..=self.pages).contains(&page) || !seen.insert(page) {
                continue;
            }
            let header = self.header_at(page);
            match bytes[header] {
                2 | 5 => {
                    tree.interior.push(page);
                    due.extend(u32_at(bytes, header + 8));
                    due.extend(
                        self.cells(bytes, page).iter().filter_map(|cell| u32_at(bytes, cell.at)),
                    );
                }
                10 | 13 => tree.leaves.push(page),
                _ => {}
            }
        }
        tree
    }

    fn read_free_list(&mut self, bytes: &[u8]) {
        self.trunks = self.chain(bytes, 32);
        let leaves_of = |&trunk: &usize| {
            let at = self.offset(trunk);
            let count = u32_at(bytes, at + 4).unwrap_or(0).min(self.usable / 4 - 2);
            (0..count).filter_map(move |place| u32_at(bytes, at + 8 + 4 * place))
        };
        let pages = self.pages;
        self.free = self
            .trunks
            .iter()
            .flat_map(leaves_of)
            .filter(|page| (1..=pages).contains(page))
            .collect();
    }
}

/// Name and root page in a row of the schema table.
fn schema_row(bytes: &[u8], cell: &Cell) -> Option<(String, usize)> {
    let record = cell.record_at?;
    let (header_bytes, mut at) = varint(bytes, record)?;
    let mut value_at = record + usize::try_from(header_bytes).ok()?;
    let mut values = Vec::new();
    for _ in 0..4 {
        let (serial, next) = varint(bytes, at)?;
        let length = match usize::try_from(serial).ok()? {
            serial @ 0..=4 => serial,
            5 => 6,
            6 | 7 => 8,
            8..=11 => 0,
            text => (text - 12) / 2,
        };
        let value = bytes.get(value_at..value_at.checked_add(length)?)?;
        values.push(if serial == 9 { &[1][..] } else { value });
        (at, value_at) = (next, value_at + length);
    }
    let root = values[3]
        .iter()
        .try_fold(0_usize, |sum, &byte| sum.checked_mul(256)?.checked_add(byte.into()))?;
    Some((String::from_utf8_lossy(values[1]).into_owned(), root))
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..at + 2).map(|two| usize::from(two[0]) << 8 | usize::from(two[1]))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at + 4)?;
    Some(four.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)))
}

/// The variable-length integer at `at`, and the offset behind it.
pub(super) fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for place in 0..9 {
        let byte = *bytes.get(at + place)?;
        if place == 8 {
            return Some((value << 8 | u64::from(byte), at + 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            return Some((value, at + place + 1));
        }
    }
    None
}
