//! Putting a bundle together, at the maker's.

use crate::manifest::{Kind, MANIFEST, MAX_PART, Manifest, Part, SIGNATURE_ENDING};
use crate::parts::Known;
use crate::signed;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use yakujo_contract::id::Digest;

/// A plan, as TOML: the parts, and how long the bundle may be used.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Days from when it is made until it is too old.
    pub usable_days: u16,
    /// The parts.
    #[serde(rename = "part")]
    pub parts: Vec<Planned>,
}

/// One part of a plan.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// What it is.
    pub kind: Kind,
    /// The file as upstream gave it; beside the plan where it is no absolute path.
    pub file: PathBuf,
    /// Where it was fetched from.
    pub source: String,
    /// Upstream's time (`Last-Modified`), where the file itself bears none.
    #[serde(default)]
    pub upstream_time: Option<Timestamp>,
    /// Its licence.
    pub licence: String,
}

/// Why a bundle cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The plan.
    #[error("the plan cannot be read: {0}")]
    Plan(String),
    /// A part.
    #[error("{}: {why}", .kind.word())]
    Part {
        /// Which.
        kind: Kind,
        /// Why.
        why: String,
    },
    /// The key.
    #[error("{0}")]
    Key(String),
    /// A file.
    #[error("{path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The bundle cannot be written.
    #[error("the bundle cannot be written")]
    Write(#[from] std::io::Error),
}

/// Reads a plan.
///
/// # Errors
/// When it cannot be read, or says nothing.
pub fn read_plan(path: &Path) -> Result<Plan, BuildError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| BuildError::File { path: path.to_owned(), source })?;
    let plan: Plan = toml::from_str(&text).map_err(|error| BuildError::Plan(error.to_string()))?;
    for kind in Kind::ALL {
        if plan.parts.iter().filter(|part| part.kind == kind).count() > 1 {
            return Err(BuildError::Plan(format!("{} stands twice", kind.word())));
        }
    }
    if plan.parts.is_empty() {
        return Err(BuildError::Plan("it has no parts".to_owned()));
    }
    Ok(plan)
}

/// What a bundle follows, and who signs it.
#[derive(Debug, Clone, Copy)]
pub struct Maker<'a> {
    /// The secret key's file, its text.
    pub secret: &'a str,
    /// The manifest before this one.
    pub previous: Option<&'a Manifest>,
    /// Now.
    pub now: Timestamp,
}

/// Makes a bundle. `beside` is the folder of the plan.
///
/// # Errors
/// When a part cannot be read, or the bundle not be written.
pub fn build(plan: &Plan, beside: &Path, maker: Maker<'_>, out: impl Write) -> Result<Manifest, BuildError> {
    let mut parts = Vec::new();
    let mut contents = Vec::new();
    for planned in &plan.parts {
        let bytes = read_file(&beside.join(&planned.file))?;
        parts.push(part(planned, &bytes)?);
        contents.push(bytes);
    }
    let serial = maker.previous.map_or(1, |previous| previous.serial.saturating_add(1));
    let usable = SignedDuration::from_hours(i64::from(plan.usable_days).saturating_mul(24));
    let manifest = Manifest {
        v: 1,
        serial,
        previous: maker.previous.map(digest_of).transpose()?,
        made: maker.now,
        stale_after: maker.now.saturating_add(usable).map_err(|error| BuildError::Plan(error.to_string()))?,
        parts,
    };
    write(&manifest, &contents, maker.secret, out)?;
    Ok(manifest)
}

/// Digest of a manifest.
///
/// # Errors
/// Never in practice; see [`Manifest::to_bytes`].
pub fn digest_of(manifest: &Manifest) -> Result<Digest, BuildError> {
    let bytes = manifest.to_bytes().map_err(|error| BuildError::Plan(error.to_string()))?;
    Ok(sha256(&bytes))
}

/// SHA-256 of bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest {
    let text: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Digest::try_from(text).unwrap_or_else(|_| unreachable!("64 hexadecimal digits are a digest"))
}

fn part(planned: &Planned, bytes: &[u8]) -> Result<Part, BuildError> {
    let kind = planned.kind;
    let wrong = |why: String| BuildError::Part { kind, why };
    let counted = Known::default().read(kind, bytes).map_err(wrong)?;
    let upstream_time = counted.time.or(planned.upstream_time);
    let missing = || wrong("upstream_time is missing, and the file itself bears none".to_owned());
    Ok(Part {
        kind,
        source: planned.source.clone(),
        upstream_time: upstream_time.ok_or_else(missing)?,
        sha256: sha256(bytes),
        size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        licence: planned.licence.clone(),
        records: counted.records,
    })
}

fn read_file(path: &Path) -> Result<Vec<u8>, BuildError> {
    let wrong = |source| BuildError::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(wrong)?;
    file.take(MAX_PART.saturating_add(1)).read_to_end(&mut bytes).map_err(wrong)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_PART) {
        return Err(wrong(std::io::Error::other(format!("larger than {MAX_PART} bytes"))));
    }
    Ok(bytes)
}

fn write(manifest: &Manifest, contents: &[Vec<u8>], secret: &str, out: impl Write) -> Result<(), BuildError> {
    let bytes = manifest.to_bytes().map_err(|error| BuildError::Plan(error.to_string()))?;
    let comment = format!("yakujo-feeds serial {} made {}", manifest.serial, manifest.made);
    let signature = signed::sign(secret, &bytes, &comment).map_err(BuildError::Key)?;
    let mut tar = tar::Builder::new(zstd::Encoder::new(out, 12)?);
    put(&mut tar, MANIFEST, &bytes)?;
    put(&mut tar, &format!("{MANIFEST}{SIGNATURE_ENDING}"), signature.as_bytes())?;
    for (part, content) in manifest.parts.iter().zip(contents) {
        put(&mut tar, part.kind.word(), content)?;
    }
    tar.into_inner()?.finish()?.flush()?;
    Ok(())
}

fn put(tar: &mut tar::Builder<impl Write>, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(u64::try_from(bytes.len()).map_err(std::io::Error::other)?);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, bytes)
}
