//! Tiles and entry bundles as C2SP tlog-tiles writes them: how they are called, and what is in them.
//!
//! A tile of level `L` holds up to 256 neighbouring nodes of height `8·L`; a bundle holds up to 256 neighbouring
//! entries, each after its length in two bytes. A full one never changes. Reading a tile proves nothing: whoever reads
//! one compares it with a root.

use std::fmt;
use std::str::FromStr;

use crate::MAX_ENTRY_BYTES;
use crate::hash::{Hash, node_hash};

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u64 = 256;

/// Levels of tiles that a tree of at most 2^62 entries can have: 0 to 7.
pub const TILE_LEVELS: u8 = 8;

/// What a tile file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Entries: `tile/entries/…`.
    Entries,
    /// Hashes of nodes of height `8·level`: `tile/<level>/…`.
    Hashes {
        /// 0 for leaf hashes.
        level: u8,
    },
}

/// The name of a tile file, relative to the folder of the ledger: `tile/<L>/<N>` or, when not full, `tile/<L>/<N>.p/<W>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    /// Entries, or hashes of a level.
    pub kind: TileKind,
    /// Position among the tiles of this kind, from 0.
    pub index: u64,
    /// How many hashes or entries: 1 to 256, and 256 is a full tile.
    pub width: u16,
}

/// A text that is not the name of a tile, or bytes that are not its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not a path of the specification, or not written in the one allowed way.
    #[error("not the name of a tile")]
    Path,
    /// A tile has 32 bytes for each hash.
    #[error("{found} bytes where {width} hashes need {}", usize::from(*width) * 32)]
    Length {
        /// Hashes expected.
        width: u16,
        /// Bytes found.
        found: usize,
    },
    /// The lengths in a bundle do not add up to its size.
    #[error("the lengths of the entries do not add up to {expected} entries")]
    Bundle {
        /// Entries expected.
        expected: u16,
    },
}

impl TilePath {
    /// Whether the tile is full: then it never changes.
    #[must_use]
    pub fn is_full(&self) -> bool {
        u64::from(self.width) == TILE_WIDTH
    }

    /// The full tile at the same place.
    #[must_use]
    pub fn full(self) -> Self {
        Self { width: TILE_WIDTH as u16, ..self }
    }

    /// The folder that holds the unfinished forms of this tile: `tile/<L>/<N>.p`.
    #[must_use]
    pub fn partial_folder(&self) -> String {
        format!("{}.p", self.full())
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Entries => out.write_str("tile/entries/")?,
            TileKind::Hashes { level } => write!(out, "tile/{level}/")?,
        }
        let digits = self.index.to_string();
        let groups = digits.len().div_ceil(3);
        let padded = format!("{digits:0>width$}", width = groups * 3);
        for group in 0..groups {
            let mark = if group + 1 < groups { "x" } else { "" };
            let end = if group + 1 < groups { "/" } else { "" };
            write!(out, "{mark}{}{end}", padded.get(group * 3..group * 3 + 3).unwrap_or_default())?;
        }
        if self.is_full() { Ok(()) } else { write!(out, ".p/{}", self.width) }
    }
}

impl FromStr for TilePath {
    type Err = TileError;

    fn from_str(text: &str) -> Result<Self, TileError> {
        let path = parse(text).ok_or(TileError::Path)?;
        // One tile has one name: leading zeros and signs that the number parsers let through end here.
        if path.to_string() == text { Ok(path) } else { Err(TileError::Path) }
    }
}

fn parse(text: &str) -> Option<TilePath> {
    let (kind, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let kind = match kind {
        "entries" => TileKind::Entries,
        level => TileKind::Hashes { level: level.parse().ok().filter(|level| *level < 64)? },
    };
    let (number, width) = match rest.split_once(".p/") {
        Some((number, width)) => (number, width.parse().ok().filter(|width| (1..256).contains(width))?),
        None => (rest, TILE_WIDTH as u16),
    };
    let mut index = 0u64;
    for group in number.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        let value: u64 = digits.parse().ok().filter(|_| digits.len() == 3)?;
        index = index.checked_mul(1000)?.checked_add(value)?;
    }
    Some(TilePath { kind, index, width })
}

/// How many hashes the unfinished tile of this level holds in a tree of this size; 0 when there is none.
#[must_use]
pub fn open_width(size: u64, level: u8) -> u16 {
    (nodes_at(size, level) % TILE_WIDTH) as u16
}

/// How many complete nodes of height `8·level` a tree of this size has.
#[must_use]
pub fn nodes_at(size: u64, level: u8) -> u64 {
    size.checked_shr(8 * u32::from(level)).unwrap_or(0)
}

/// Each tile file that a tree of this size has at least, without the unfinished forms it had before: hashes of every
/// level and entries.
pub fn tiles_of(size: u64) -> impl Iterator<Item = TilePath> {
    let hashes = (0..TILE_LEVELS).map(move |level| (TileKind::Hashes { level }, nodes_at(size, level)));
    std::iter::once((TileKind::Entries, size)).chain(hashes).flat_map(|(kind, nodes)| {
        let full = (0..nodes / TILE_WIDTH).map(move |index| TilePath { kind, index, width: 256 });
        let width = (nodes % TILE_WIDTH) as u16;
        let open = (width > 0).then_some(TilePath { kind, index: nodes / TILE_WIDTH, width });
        full.chain(open)
    })
}

/// Reads a tile of `width` hashes.
///
/// # Errors
/// When the bytes are not exactly that many hashes.
pub fn read_hashes(bytes: &[u8], width: u16) -> Result<Vec<Hash>, TileError> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if hashes.len() != usize::from(width) || !rest.is_empty() {
        return Err(TileError::Length { width, found: bytes.len() });
    }
    Ok(hashes.iter().map(|bytes| Hash(*bytes)).collect())
}

/// The bytes of a tile.
#[must_use]
pub fn write_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Reads a bundle of `width` entries.
///
/// # Errors
/// When the bytes are not exactly that many entries.
pub fn read_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    let entries = split_bundle(bytes).filter(|entries| entries.len() == usize::from(width));
    entries.ok_or(TileError::Bundle { expected: width })
}

/// Splits length-prefixed entries; `None` when the last one is not complete.
pub(crate) fn split_bundle(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bytes = rest;
    }
    Some(entries)
}

/// Adds an entry to the bytes of a bundle. The caller has refused entries above [`MAX_ENTRY_BYTES`]; what is longer is
/// cut, which no proof would accept.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    let entry = entry.get(..MAX_ENTRY_BYTES).unwrap_or(entry);
    bundle.extend_from_slice(&(entry.len() as u16).to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// The root of the perfect subtree over these nodes; their number is a power of two (a full tile, or an aligned part
/// of one). Of none or of another number, `None`.
#[must_use]
pub fn perfect_root(nodes: &[Hash]) -> Option<Hash> {
    if !nodes.len().is_power_of_two() {
        return None;
    }
    let mut row = nodes.to_vec();
    while row.len() > 1 {
        let (pairs, _) = row.as_chunks::<2>();
        row = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    row.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hashes(level: u8, index: u64, width: u16) -> TilePath {
        TilePath { kind: TileKind::Hashes { level }, index, width }
    }

    #[test]
    fn tiles_are_called_as_in_the_specification() {
        let entries = TilePath { kind: TileKind::Entries, index: 1_234_067, width: 256 };
        assert_eq!(entries.to_string(), "tile/entries/x001/x234/067");
        assert_eq!(hashes(0, 0, 256).to_string(), "tile/0/000");
        assert_eq!(hashes(2, 1_000, 5).to_string(), "tile/2/x001/000.p/5");
        assert_eq!(hashes(2, 1_000, 5).partial_folder(), "tile/2/x001/000.p");
    }

    #[test]
    fn a_tile_has_one_name_only() {
        for wrong in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/00/000",
            "tile/+1/000",
            "tile/64/000",
            "tile/8/-01",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/x001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/+1",
            "tile/0/000.p",
            "tile/0/000.p/1/2",
            "/tile/0/000",
            "tile/0/000/",
            "tile/data/000",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
            "tile/0/00é",
        ] {
            assert_eq!(wrong.parse::<TilePath>(), Err(TileError::Path), "{wrong}");
        }
    }

    #[test]
    fn a_tree_of_70_000_has_the_tiles_that_the_specification_counts() {
        let tiles: Vec<_> = tiles_of(70_000).filter(|tile| tile.kind != TileKind::Entries).collect();
        assert_eq!(tiles.len(), 273 + 1 + 1 + 1 + 1);
        for expected in
            [hashes(0, 272, 256), hashes(0, 273, 112), hashes(1, 0, 256), hashes(1, 1, 17), hashes(2, 0, 1)]
        {
            assert!(tiles.contains(&expected), "{expected}");
        }
        assert_eq!(tiles_of(256).count(), 3);
        assert_eq!(tiles_of(0).count(), 0);
    }

    proptest! {
        #[test]
        fn every_name_is_read_back(level in 0u8..64, index: u64, width in 1u16..=256) {
            prop_assert_eq!(hashes(level, index, width).to_string().parse(), Ok(hashes(level, index, width)));
        }

        #[test]
        fn no_text_makes_the_reader_of_names_panic(text in "(tile/)?[0-9a-z/.+-]{0,40}|.{0,40}") {
            if let Ok(path) = text.parse::<TilePath>() {
                prop_assert_eq!(path.to_string(), text);
            }
        }

        #[test]
        fn no_bytes_make_the_reader_of_bundles_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..600),
            width: u16,
        ) {
            let _ = read_hashes(&bytes, width);
            if let Ok(entries) = read_bundle(&bytes, width) {
                let mut again = Vec::new();
                entries.iter().for_each(|entry| push_entry(&mut again, entry));
                prop_assert_eq!(again, bytes);
            }
        }

        #[test]
        fn a_bundle_gives_back_its_entries(
            entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..70), 0..20),
        ) {
            let mut bundle = Vec::new();
            entries.iter().for_each(|entry| push_entry(&mut bundle, entry));
            let read = read_bundle(&bundle, entries.len() as u16).unwrap();
            prop_assert_eq!(read, entries.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
    }
}
