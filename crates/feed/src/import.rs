//! Looking through a bundle before it is believed: signature, serial, digests, upstream's times, reading, and how much of
//! it is left.

use crate::manifest::{Kind, MANIFEST, MAX_MANIFEST, MAX_PART, MAX_PARTS, Manifest, Part, SIGNATURE_ENDING};
use crate::parts::Known;
use crate::refused::Refused;
use crate::signed::{self, MakerKey};
use crate::{build, store};
use jiff::{SignedDuration, Timestamp};
use std::io::Read;

/// What was looked through, in the words of `feed.imported`.
pub const CHECKS: [&str; 6] =
    ["signature", "serial", "upstream times", "digests", "reading", "number of records"];

/// Largest bundle, bytes as it travels.
const MAX_BUNDLE: u64 = 512 * 1024 * 1024;
/// A part may lose so many of a hundred records without anybody being asked.
const MAY_LOSE: u64 = 20;
/// Clocks of upstream may be ahead by so much.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// A bundle that may be used.
#[derive(Debug)]
pub struct Checked {
    /// What it says of itself.
    pub manifest: Manifest,
    /// The manifest's bytes and its signature, to be kept with it.
    pub(crate) signed: (Vec<u8>, String),
    /// The parts' bytes, in the order of the manifest.
    pub(crate) contents: Vec<Vec<u8>>,
    /// Why a part may have lost many records, where somebody looked into it.
    pub(crate) fewer: Option<String>,
    /// What it says.
    pub known: Known,
}

/// Against what a bundle is held.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The makers this site knows.
    pub keys: &'a [MakerKey],
    /// What is in use.
    pub current: Option<&'a Manifest>,
    /// Now.
    pub now: Timestamp,
    /// Why a part may have lost many records, where somebody looked into it.
    pub fewer: Option<&'a str>,
}

/// Looks through a bundle. Nothing of the store is touched.
///
/// # Errors
/// Why it is refused.
pub fn check(bundle: impl Read, site: &Site<'_>) -> Result<Checked, Refused> {
    let mut tar = archive(bundle)?;
    let mut members = tar.entries().map_err(no_bundle)?.raw(true);
    let (manifest, signed) = signed_manifest(&mut members, site)?;
    is_newer(&manifest, site)?;
    let (mut known, mut contents) = (Known::default(), Vec::new());
    for part in &manifest.parts {
        let content = member(members.next(), part.kind.word(), MAX_PART.min(part.size))
            .map_err(|what| Refused::NotAsSigned { kind: part.kind, what })?;
        is_whole(part, &content, &mut known, site)?;
        contents.push(content);
    }
    if members.next().is_some() {
        return Err(Refused::NoBundle("it holds more than was signed".to_owned()));
    }
    Ok(Checked { manifest, signed, contents, fewer: site.fewer.map(ToOwned::to_owned), known })
}

/// What a bundle of a known maker says of itself, its parts unread, however old it is.
///
/// # Errors
/// When it is no bundle, or nobody known signed it.
pub fn manifest_of(bundle: impl Read, site: &Site<'_>) -> Result<Manifest, Refused> {
    let mut tar = archive(bundle)?;
    Ok(signed_manifest(&mut tar.entries().map_err(no_bundle)?.raw(true), site)?.0)
}

fn no_bundle(error: std::io::Error) -> Refused {
    Refused::NoBundle(error.to_string())
}

type Unpacked<R> = zstd::Decoder<'static, std::io::BufReader<std::io::Take<R>>>;

fn archive<R: Read>(bundle: R) -> Result<tar::Archive<Unpacked<R>>, Refused> {
    let bundle = bundle.take(MAX_BUNDLE);
    Ok(tar::Archive::new(zstd::Decoder::new(bundle).map_err(no_bundle)?))
}

/// The manifest, and its bytes with their signature. Nothing is read of what nobody known has signed.
fn signed_manifest<R: Read>(
    members: &mut tar::Entries<'_, R>,
    site: &Site<'_>,
) -> Result<(Manifest, (Vec<u8>, String)), Refused> {
    let bytes = member(members.next(), MANIFEST, MAX_MANIFEST).map_err(Refused::NoBundle)?;
    let name = format!("{MANIFEST}{SIGNATURE_ENDING}");
    let signature = member(members.next(), &name, MAX_MANIFEST).map_err(Refused::NoBundle)?;
    let signature = String::from_utf8(signature).map_err(|error| Refused::Signature(error.to_string()))?;
    signed::verify(site.keys, &bytes, &signature)?;
    let manifest = serde_json::from_slice(&bytes).map_err(|error| Refused::NoBundle(error.to_string()))?;
    Ok((manifest, (bytes, signature)))
}

/// The next member of the archive, which has to be this one.
fn member<R: Read>(
    entry: Option<std::io::Result<tar::Entry<'_, R>>>,
    name: &str,
    most: u64,
) -> Result<Vec<u8>, String> {
    let entry = entry.ok_or_else(|| format!("{name} is missing"))?.map_err(|error| error.to_string())?;
    let path = entry.path().map_err(|error| error.to_string())?.into_owned();
    if path.as_os_str() != name || !entry.header().entry_type().is_file() {
        return Err(format!("{name} is missing; {:?} stands in its place", path.display().to_string()));
    }
    let size = entry.size();
    if size > most {
        return Err(format!("{name} has {size} bytes, more than {most}"));
    }
    let mut bytes = Vec::new();
    entry.take(most).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()) != Ok(size) {
        return Err(format!("{name} is cut short: {} of {size} bytes", bytes.len()));
    }
    Ok(bytes)
}

fn is_newer(manifest: &Manifest, site: &Site<'_>) -> Result<(), Refused> {
    if manifest.v != 1 {
        return Err(Refused::NoBundle(format!("form {} is not known to this version", manifest.v)));
    }
    let kinds: std::collections::BTreeSet<Kind> = manifest.parts.iter().map(|part| part.kind).collect();
    if manifest.parts.len() > MAX_PARTS || kinds.len() != manifest.parts.len() {
        return Err(Refused::NoBundle("too many parts, or one twice".to_owned()));
    }
    if site.now >= manifest.stale_after {
        return Err(Refused::Stale(manifest.stale_after));
    }
    let latest = site.now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
    if let Some(part) = manifest.parts.iter().find(|part| part.upstream_time > latest) {
        return Err(Refused::Future { kind: part.kind, offered: part.upstream_time });
    }
    let Some(current) = site.current else { return Ok(()) };
    if manifest.serial <= current.serial {
        return Err(Refused::Serial { offered: manifest.serial, known: current.serial });
    }
    for known in &current.parts {
        let Some(part) = manifest.part(known.kind) else { return Err(Refused::Missing(known.kind)) };
        if part.upstream_time < known.upstream_time {
            let (offered, known) = (part.upstream_time, known.upstream_time);
            return Err(Refused::Older { kind: part.kind, offered, known });
        }
    }
    Ok(())
}

fn is_whole(part: &Part, content: &[u8], known: &mut Known, site: &Site<'_>) -> Result<(), Refused> {
    let kind = part.kind;
    let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
    if length != part.size {
        let what = format!("{length} bytes, and {} were signed", part.size);
        return Err(Refused::NotAsSigned { kind, what });
    }
    if build::sha256(content) != part.sha256 {
        return Err(Refused::NotAsSigned { kind, what: "other bytes than were signed".to_owned() });
    }
    let counted = known.read(kind, content).map_err(|why| Refused::Unreadable { kind, why })?;
    if counted.records == 0 {
        return Err(Refused::Unreadable { kind, why: "it has no records".to_owned() });
    }
    if counted.records != part.records {
        let what = format!("{} records, and {} were signed", counted.records, part.records);
        return Err(Refused::NotAsSigned { kind, what });
    }
    if counted.time.is_some_and(|time| time != part.upstream_time) {
        let what = "upstream's time is not the one the part itself bears".to_owned();
        return Err(Refused::NotAsSigned { kind, what });
    }
    let before = site.current.and_then(|current| current.part(kind)).map_or(0, |part| part.records);
    let left = before.saturating_mul(100_u64.saturating_sub(MAY_LOSE));
    if counted.records.saturating_mul(100) < left && site.fewer.is_none_or(|reason| reason.trim().is_empty())
    {
        return Err(Refused::Fewer { kind, offered: counted.records, known: before });
    }
    Ok(())
}

impl Checked {
    /// Puts it into use.
    ///
    /// # Errors
    /// When the store fails; what was in use stays.
    pub fn install(&self, store: &store::Store, import: &store::Import) -> Result<(), Refused> {
        store.install(self, import)
    }
}
