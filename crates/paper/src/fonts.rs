//! Fonts of the machine: a fixed list in the order of preference, so that the same machine always prints the same way.
//!
//! TrueType fonts come first: they are embedded as ordinary subsets, which every reader can search. What none of them
//! can write is known before anything is typeset, and said; it never becomes a silent box.

use crate::PaperError;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};
use typst::foundations::Bytes;
use typst::layout::Abs;
use typst::text::{Font, FontBook, FontInfo, FontInstance, FontVariant, FontVariations};
use typst::utils::LazyHash;

/// Where Debian and people put fonts.
const FOLDERS: [&str; 2] = ["/usr/share/fonts", "/usr/local/share/fonts"];
/// How deep these folders are searched.
const DEPTH: usize = 4;
/// A larger file is no font of the list.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The files, in the order of preference. Regular and bold of one family follow each other.
const FILES: [&str; 10] = [
    "BIZUDPGothic-Regular.ttf",
    "BIZUDPGothic-Bold.ttf",
    "BIZUDGothic-Regular.ttf",
    "BIZUDGothic-Bold.ttf",
    "ipaexg.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJK-Bold.ttc",
    "ipamjm.ttf",
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
];
/// In a collection, the Japanese face is the one that is used.
const FACES_OF_COLLECTION: &str = "Noto Sans CJK JP";

/// One face of a file; its bytes are read when a sheet needs them.
struct Face {
    path: PathBuf,
    index: u32,
    font: OnceLock<Option<FontInstance>>,
    sha256: OnceLock<String>,
}

/// The fonts that were found.
pub struct Fonts {
    book: LazyHash<FontBook>,
    faces: Vec<Face>,
    families: Vec<String>,
}

/// A font that a document was typeset with. Another file gives other bytes, so the document names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FontUsed {
    /// Name of the file, without its folder: where fonts lie differs from machine to machine.
    pub file: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

impl std::fmt::Display for FontUsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} sha256:{}", self.file, self.sha256)
    }
}

static OF_THIS_MACHINE: LazyLock<Fonts> =
    LazyLock::new(|| Fonts::find(&FOLDERS.map(PathBuf::from)).unwrap_or_else(|_| Fonts::none()));

impl Fonts {
    /// The fonts of this machine, looked for once.
    ///
    /// # Errors
    /// [`PaperError::NoFont`].
    pub fn of_this_machine() -> Result<&'static Self, PaperError> {
        if OF_THIS_MACHINE.faces.is_empty() {
            return Err(PaperError::NoFont(FOLDERS.join(", ")));
        }
        Ok(&OF_THIS_MACHINE)
    }

    /// The fonts of the list that lie under these folders.
    ///
    /// # Errors
    /// When a font that is there cannot be read.
    pub fn find(folders: &[PathBuf]) -> Result<Self, PaperError> {
        let mut fonts = Self::none();
        let mut book = FontBook::new();
        for name in FILES {
            let Some(path) = folders.iter().find_map(|folder| look_for(folder, name, DEPTH)) else {
                continue;
            };
            let bytes = std::fs::read(&path).map_err(|error| PaperError::Font(name.to_owned(), error))?;
            for (index, face) in (0_u32..).zip(FontInfo::iter(&bytes)) {
                if name.ends_with(".ttc") && face.family != FACES_OF_COLLECTION {
                    continue;
                }
                if !fonts.families.contains(&face.family) {
                    fonts.families.push(face.family.clone());
                }
                book.push(face);
                let (font, sha256) = (OnceLock::new(), OnceLock::new());
                fonts.faces.push(Face { path: path.clone(), index, font, sha256 });
            }
        }
        fonts.book = LazyHash::new(book);
        Ok(fonts)
    }

    fn none() -> Self {
        Self { book: LazyHash::new(FontBook::new()), faces: Vec::new(), families: Vec::new() }
    }

    /// Whether some family can write it, in regular and in bold: the typesetter chooses the family first.
    #[must_use]
    pub fn can_write(&self, c: char) -> bool {
        let faces = || (0..self.faces.len()).filter_map(|index| Some((index, self.book.info(index)?)));
        let whole = |family: &String| {
            faces()
                .filter(|(_, face)| face.family == *family)
                .all(|(index, face)| face.coverage.contains(u32::from(c)) && self.has_glyph(index, c))
        };
        self.families.iter().any(whole)
    }

    /// Some fonts name characters for which they have only the box.
    fn has_glyph(&self, index: usize, c: char) -> bool {
        self.instance(index).and_then(|font| font.ttf().glyph_index(c)).is_some_and(|glyph| glyph.0 != 0)
    }

    /// The families, in the order of preference.
    #[must_use]
    pub fn families(&self) -> &[String] {
        &self.families
    }

    /// A font of the typesetter as the file it came from.
    pub(crate) fn used(&self, font: &Font) -> Option<FontUsed> {
        let data = font.data().as_slice();
        let is_it = |it: &FontInstance| std::ptr::eq(it.font().data().as_slice(), data);
        let face =
            self.faces.iter().find(|face| face.font.get().and_then(Option::as_ref).is_some_and(is_it))?;
        let file = face.path.file_name()?.to_string_lossy().into_owned();
        Some(FontUsed { file, sha256: face.sha256.get_or_init(|| digest(data)).clone() })
    }

    pub(crate) fn book(&self) -> &LazyHash<FontBook> {
        &self.book
    }

    pub(crate) fn font(&self, index: usize) -> Option<Font> {
        self.instance(index).map(|font| font.font().clone())
    }

    fn instance(&self, index: usize) -> Option<&FontInstance> {
        let face = self.faces.get(index)?;
        let read = || {
            let font = Font::new(Bytes::new(std::fs::read(&face.path).ok()?), face.index)?;
            Some(font.instantiate(FontVariant::default(), Abs::pt(10.0), &FontVariations::default()))
        };
        face.font.get_or_init(read).as_ref()
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

fn look_for(folder: &Path, name: &str, depth: usize) -> Option<PathBuf> {
    let here = folder.join(name);
    if here.metadata().is_ok_and(|file| file.is_file() && file.len() <= MAX_BYTES) {
        return Some(here);
    }
    let deeper = depth.checked_sub(1)?;
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    // The order of a directory is chance; the same machine must print the same way.
    folders.sort();
    folders.iter().find_map(|folder| look_for(folder, name, deeper))
}
