//! The kinds of damage.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::Damager;
use super::layout::{Cell, u16_at, u32_at, varint};

/// A kind damages one part and says how; `None` where the file has no such part.
type Kind = fn(&mut Damager) -> Option<String>;

/// Every kind with its name. The first one does something to any file but an empty one.
pub(super) const KINDS: [(&str, Kind); 19] = [
    ("bytes", Damager::change_bytes),
    ("bits", Damager::flip_bits),
    ("page", Damager::overwrite_page),
    ("page header", Damager::change_page_header),
    ("cell pointer", Damager::change_cell_pointer),
    ("cell count", Damager::change_cell_count),
    ("payload size", Damager::change_payload_size),
    ("row id", Damager::change_row_id),
    ("row id bit", Damager::flip_row_id),
    ("record header", Damager::change_record_header),
    ("child page", Damager::redirect_child),
    ("interior key", Damager::change_interior_key),
    ("overflow chain", Damager::redirect_chain),
    ("overflow of a marked row", Damager::redirect_marked_chain),
    ("file header", Damager::change_file_header),
    ("free list", Damager::change_free_list),
    ("pointer map", Damager::change_pointer_map),
    ("index", Damager::change_index),
    ("schema", Damager::change_schema),
];

/// Fields of the file header: offset, length, name, and values that are likely to matter.
const HEADER: [(usize, usize, &str, &[u32]); 13] = [
    (16, 2, "page size", &[1, 512, 1024, 2048, 8192, 16_384, 32_768, 4097]),
    (18, 1, "write version", &[0, 1, 3]),
    (19, 1, "read version", &[0, 1, 3]),
    (20, 1, "reserved bytes", &[1, 4, 8, 32, 255]),
    (21, 1, "payload fractions", &[0, 63, 65]),
    (24, 4, "change counter", &[0]),
    (28, 4, "page count", &[0, 1, 2, u32::MAX]),
    (32, 4, "first free page", &[0, 1, 2, 3, u32::MAX]),
    (36, 4, "free pages", &[0, 1, u32::MAX]),
    (44, 4, "schema format", &[0, 1, 2, 3, 5]),
    (52, 4, "largest root page", &[0, 1, u32::MAX]),
    (56, 4, "text encoding", &[0, 2, 3, 4]),
    (64, 4, "incremental vacuum", &[0, 1]),
];

/// What a row that can be a fact says before its overflow.
const MARKERS: [&[u8]; 4] =
    [b"websocket request:", b"websocket event:", b"Submission sub=", b"tags_json="];

impl Damager {
    fn up_to(&mut self, end: usize) -> usize {
        self.random.random_range(0..end.max(1))
    }

    fn page(&mut self) -> usize {
        1 + self.up_to(self.layout.pages)
    }

    fn of<T: Copy>(&mut self, some: &[T]) -> Option<T> {
        some.choose(&mut self.random).copied()
    }

    /// Writes the low `length` bytes of a number; nothing beyond the end of the file.
    fn put(&mut self, at: usize, length: usize, value: usize) {
        let value = (value as u64).to_be_bytes();
        if let Some(place) = self.bytes.get_mut(at..at + length) {
            place.copy_from_slice(&value[8 - length..]);
        }
    }

    /// Leaves of the trace table for most draws, pages of any tree for the others.
    fn tree_page(&mut self, interior: bool) -> Option<usize> {
        let only_logs = self.random.random_bool(0.7);
        let pages: Vec<usize> = self
            .layout
            .trees
            .iter()
            .filter(|tree| !only_logs || tree.name == "logs")
            .flat_map(|tree| if interior { &tree.interior } else { &tree.leaves })
            .copied()
            .collect();
        self.of(&pages)
    }

    fn cell(&mut self) -> Option<(usize, Cell)> {
        let page = self.tree_page(false)?;
        let cells = self.layout.cells(&self.bytes, page);
        let cell = cells.choose(&mut self.random)?.clone();
        Some((page, cell))
    }

    fn change_bytes(&mut self) -> Option<String> {
        let at = self.up_to(self.bytes.len());
        let end = (at + self.random.random_range(1..=64)).min(self.bytes.len());
        let fill = *[0, 0xff, b'a'].choose(&mut self.random)?;
        let is_random = self.random.random_bool(0.7);
        for place in at..end {
            self.bytes[place] = if is_random { self.random.random() } else { fill };
        }
        (at < end).then(|| format!("{at}..{end}"))
    }

    fn flip_bits(&mut self) -> Option<String> {
        let count = self.random.random_range(1..=8);
        let mut places = Vec::new();
        for _ in 0..count {
            let at = self.up_to(self.bytes.len());
            *self.bytes.get_mut(at)? ^= 1 << self.random.random_range(0..8);
            places.push(at);
        }
        Some(format!("at {places:?}"))
    }

    fn overwrite_page(&mut self) -> Option<String> {
        let (page, source) = (self.page(), self.page());
        let size = self.layout.page_bytes;
        let (to, from) = (self.layout.offset(page), self.layout.offset(source));
        if size == 0 || to + size > self.bytes.len() || from + size > self.bytes.len() {
            return None;
        }
        let length = if self.random.random_bool(0.5) { size } else { 512.min(size) };
        let skipped = size - length;
        match self.up_to(4) {
            0 => self.bytes[to + skipped..to + size].fill(0),
            1 => self.bytes.copy_within(from + skipped..from + size, to + skipped),
            2 => {
                for at in to..to + size {
                    self.bytes.swap(at, from + at - to);
                }
                return Some(format!("{page} and {source} exchanged"));
            }
            _ => {
                self.bytes.truncate(to + skipped);
                return Some(format!("file cut at {page}"));
            }
        }
        Some(format!("{length} bytes of {page} overwritten, from {source}"))
    }

    fn change_page_header(&mut self) -> Option<String> {
        let interior = self.random.random_bool(0.2);
        let page = self.tree_page(interior)?;
        let at = self.layout.header_at(page);
        let (offset, length, name) = self.of(&[
            (0, 1, "type"),
            (1, 2, "first free block"),
            (5, 2, "content"),
            (7, 1, "fragments"),
        ])?;
        let value = match offset {
            0 => self.of(&[0, 2, 5, 10, 13])?,
            _ => self.up_to(if length == 1 { 256 } else { self.layout.page_bytes }),
        };
        self.put(at + offset, length, value);
        Some(format!("{name} of page {page} = {value}"))
    }

    fn change_cell_pointer(&mut self) -> Option<String> {
        let (page, cell) = self.cell()?;
        let other = self.layout.cells(&self.bytes, page).choose(&mut self.random)?.clone();
        let (own, others) =
            (u16_at(&self.bytes, cell.pointer_at)?, u16_at(&self.bytes, other.pointer_at)?);
        let value = match self.up_to(5) {
            0 => self.up_to(self.layout.page_bytes),
            1 => others,
            2 => {
                self.put(other.pointer_at, 2, own);
                others
            }
            3 => own ^ 1 << self.random.random_range(0..12),
            _ => own + self.random.random_range(0..40),
        };
        self.put(cell.pointer_at, 2, value);
        Some(format!("page {page}, {own} = {value}"))
    }

    fn change_cell_count(&mut self) -> Option<String> {
        let interior = self.random.random_bool(0.2);
        let page = self.tree_page(interior)?;
        let at = self.layout.header_at(page) + 3;
        let count = u16_at(&self.bytes, at)?;
        let value = match self.up_to(4) {
            0 => self.up_to(count + 1),
            1 => count + 1 + self.up_to(3),
            _ => count.saturating_sub(1),
        };
        self.put(at, 2, value);
        Some(format!("page {page}, {count} = {value}"))
    }

    /// Gives a varint another value of the same length.
    fn change_varint(&mut self, at: usize) -> Option<String> {
        let (before, end) = varint(&self.bytes, at)?;
        let length = end - at;
        let bits = 7 * length.min(8) as u32;
        let value = match self.up_to(4) {
            0 => self.random.random::<u64>(),
            1 => before ^ (1 << self.random.random_range(0..bits)),
            2 => before.wrapping_add(self.random.random_range(1..=3)),
            _ => before.wrapping_sub(self.random.random_range(1..=3)),
        } & ((1_u64 << bits) - 1);
        for place in 0..length {
            let low = (value >> (7 * (length - 1 - place)) & 0x7f) as u8;
            self.bytes[at + place] = if place + 1 < length { low | 0x80 } else { low };
        }
        Some(format!("{before} = {value}"))
    }

    fn change_payload_size(&mut self) -> Option<String> {
        let (page, cell) = self.cell()?;
        Some(format!("page {page}, {}", self.change_varint(cell.at)?))
    }

    fn change_row_id(&mut self) -> Option<String> {
        let (page, cell) = self.cell()?;
        Some(format!("page {page}, {}", self.change_varint(cell.id_at?)?))
    }

    fn flip_row_id(&mut self) -> Option<String> {
        let (page, cell) = self.cell()?;
        let (before, end) = varint(&self.bytes, cell.id_at?)?;
        self.bytes[end - 1] ^= 1 << self.random.random_range(0..7);
        Some(format!("page {page}, {before} = {}", varint(&self.bytes, cell.id_at?)?.0))
    }

    fn change_record_header(&mut self) -> Option<String> {
        let (page, cell) = self.cell()?;
        let record = cell.record_at?;
        let length = usize::from(*self.bytes.get(record)?).clamp(1, 20);
        let at = record + self.up_to(length);
        let before = *self.bytes.get(at)?;
        let value = match self.up_to(3) {
            0 => self.random.random(),
            1 => before ^ 1 << self.random.random_range(0..8),
            _ => before.wrapping_add(1),
        };
        self.bytes[at] = value;
        Some(format!("page {page}, byte {} {before} = {value}", at - record))
    }

    fn redirect_child(&mut self) -> Option<String> {
        let page = self.tree_page(true)?;
        let header = self.layout.header_at(page);
        let children: Vec<usize> = self
            .layout
            .cells(&self.bytes, page)
            .iter()
            .map(|cell| cell.at)
            .chain([header + 8])
            .collect();
        let at = if self.random.random_bool(0.3) { header + 8 } else { self.of(&children)? };
        let other = self.of(&children)?;
        let before = u32_at(&self.bytes, at)?;
        let value = match self.up_to(5) {
            0 => self.page(),
            1 => u32_at(&self.bytes, other)?,
            2 => self.tree_page(false)?,
            3 => page,
            _ => self.of(&[0, self.layout.pages + 1, u32::MAX as usize])?,
        };
        self.put(at, 4, value);
        Some(format!("page {page}, {before} = {value}"))
    }

    fn change_interior_key(&mut self) -> Option<String> {
        let page = self.tree_page(true)?;
        let cells = self.layout.cells(&self.bytes, page);
        let at = cells.choose(&mut self.random)?.id_at?;
        Some(format!("page {page}, {}", self.change_varint(at)?))
    }

    fn redirect_chain(&mut self) -> Option<String> {
        self.redirect(|_, _| true)
    }

    fn redirect_marked_chain(&mut self) -> Option<String> {
        self.redirect(|bytes, cell| {
            let local =
                cell.record_at.and_then(|at| bytes.get(at..at + cell.local)).unwrap_or_default();
            MARKERS.iter().any(|marker| memchr::memmem::find(local, marker).is_some())
        })
    }

    fn redirect(&mut self, is_meant: fn(&[u8], &Cell) -> bool) -> Option<String> {
        let logs = self.layout.trees.iter().find(|tree| tree.name == "logs")?;
        let cells: Vec<Cell> =
            logs.leaves.iter().flat_map(|&page| self.layout.cells(&self.bytes, page)).collect();
        let spilled = |cell: &&Cell| cell.overflow_at.is_some();
        let meant: Vec<&Cell> =
            cells.iter().filter(spilled).filter(|cell| is_meant(&self.bytes, cell)).collect();
        let first = meant.choose(&mut self.random)?.overflow_at?;
        let chain = self.layout.chain(&self.bytes, first);
        let other = cells
            .iter()
            .filter(spilled)
            .collect::<Vec<_>>()
            .choose(&mut self.random)?
            .overflow_at?;
        let other = self.layout.chain(&self.bytes, other);
        // The pointer to any page of the chain.
        let pointers: Vec<usize> =
            [first].into_iter().chain(chain.iter().map(|&page| self.layout.offset(page))).collect();
        let at = self.of(&pointers)?;
        let before = u32_at(&self.bytes, at)?;
        let (free, trunks) = (self.layout.free.clone(), self.layout.trunks.clone());
        let value = match self.up_to(8) {
            0 => 0,
            1 => self.of(&chain)?,
            2 => self.of(&free).or_else(|| trunks.first().copied())?,
            3 => self.page(),
            4 => self.layout.pages + 1,
            5 => *chain.last()?,
            _ => self.of(&other)?,
        };
        self.put(at, 4, value);
        Some(format!("at {at}, of {} pages, {before} = {value}", chain.len()))
    }

    fn change_file_header(&mut self) -> Option<String> {
        if self.random.random_bool(0.1) {
            let at = self.up_to(self.bytes.len().min(100));
            *self.bytes.get_mut(at)? ^= 1 << self.random.random_range(0..8);
            return Some(format!("a bit at {at}"));
        }
        let &(at, length, name, values) = HEADER.choose(&mut self.random)?;
        let value = if self.random.random_bool(0.7) {
            self.of(values)? as usize
        } else {
            self.up_to(self.layout.pages + 2)
        };
        self.put(at, length, value);
        Some(format!("{name} = {value}"))
    }

    fn change_free_list(&mut self) -> Option<String> {
        let trunks = self.layout.trunks.clone();
        let trunk = self.of(&trunks)?;
        let at = self.layout.offset(trunk);
        let count = u32_at(&self.bytes, at + 4)?;
        let (offset, value) = match self.up_to(4) {
            0 => (0, self.page()),
            1 => (4, self.of(&[0, count + 1, u32::MAX as usize])?),
            // A page in use is called free.
            2 => (8 + 4 * self.up_to(count), self.tree_page(false)?),
            _ => (8 + 4 * self.up_to(count), self.page()),
        };
        self.put(at + offset, 4, value);
        Some(format!("trunk at {at}, byte {offset} = {value}"))
    }

    fn change_pointer_map(&mut self) -> Option<String> {
        let maps = self.layout.maps.clone();
        let (map, entry) = (self.of(&maps)?, self.up_to(self.layout.page_bytes / 5));
        let at = self.layout.offset(map) + 5 * entry;
        let (kind, parent) = (self.random.random_range(0..=5), self.page());
        if self.random.random_bool(0.7) {
            self.put(at, 1, kind);
        }
        if self.random.random_bool(0.7) {
            self.put(at + 1, 4, parent);
        }
        Some(format!("at {at}, type {kind}, parent {parent}"))
    }

    fn change_index(&mut self) -> Option<String> {
        let indexes = self.layout.trees.iter().filter(|tree| tree.name.starts_with("idx"));
        let pages: Vec<usize> =
            indexes.flat_map(|tree| tree.leaves.iter().chain(&tree.interior)).copied().collect();
        let page = self.of(&pages)?;
        let (at, size) = (self.layout.offset(page), self.layout.page_bytes);
        match self.up_to(3) {
            0 => {
                let count = u16_at(&self.bytes, at + 3)?;
                self.put(at + 3, 2, count.saturating_sub(1));
                return Some(format!("page {page}, one cell fewer than {count}"));
            }
            1 => self.bytes.get_mut(at + 200..at + size)?.fill(0),
            _ => {
                for _ in 0..8 {
                    let at = at + self.up_to(size);
                    *self.bytes.get_mut(at)? = self.random.random();
                }
            }
        }
        Some(format!("bytes of page {page}"))
    }

    fn change_schema(&mut self) -> Option<String> {
        let pages = self.layout.trees.first()?.leaves.clone();
        let page = self.of(&pages)?;
        let cells = self.layout.cells(&self.bytes, page);
        let cell = cells.choose(&mut self.random)?;
        let length = if self.random.random_bool(0.5) { 60 } else { cell.local };
        let at = cell.at + self.up_to(length);
        let value = self.random.random();
        *self.bytes.get_mut(at)? = value;
        Some(format!("page {page}, byte {at} = {value}"))
    }
}
