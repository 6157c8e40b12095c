//! What a bundle says of itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use yakujo_contract::id::Digest;

/// Name of the manifest in a bundle; its signature has the ending [`SIGNATURE_ENDING`].
pub const MANIFEST: &str = "manifest.json";
/// See [`MANIFEST`].
pub const SIGNATURE_ENDING: &str = ".minisig";
/// Largest manifest, bytes.
pub const MAX_MANIFEST: u64 = 256 * 1024;
/// Largest part, bytes unpacked. The whole table of Debian's security tracker has about 80 MiB.
pub const MAX_PART: u64 = 256 * 1024 * 1024;
/// Parts of one bundle at most.
pub const MAX_PARTS: usize = 16;

/// The manifest: it is what the maker signs; everything else hangs on its digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this form: 1.
    pub v: u8,
    /// Only upwards.
    pub serial: u64,
    /// Digest of the manifest before this one, where the maker had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// When the maker put it together.
    pub made: Timestamp,
    /// From then on it is too old to be believed.
    pub stale_after: Timestamp,
    /// The parts, in the order of the file.
    pub parts: Vec<Part>,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What it is; each kind once.
    pub kind: Kind,
    /// Where the maker had it from.
    pub source: String,
    /// Upstream's own time: the age counts from here, never from an import.
    pub upstream_time: Timestamp,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
    /// Its licence, as an SPDX expression or in words.
    pub licence: String,
    /// Records, as its reader counts them.
    pub records: u64,
}

/// Kinds of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Debian's security tracker, `data.json`.
    DebianTracker,
    /// Known exploited vulnerabilities of CISA, `known_exploited_vulnerabilities.json`.
    Kev,
    /// EPSS scores of FIRST, `epss_scores-current.csv`.
    Epss,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::DebianTracker, Self::Kev, Self::Epss];

    /// The word in manifests and facts; also the name of the part in the file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::DebianTracker => "debian_tracker",
            Self::Kev => "kev",
            Self::Epss => "epss",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl Manifest {
    /// The part of a kind.
    #[must_use]
    pub fn part(&self, kind: Kind) -> Option<&Part> {
        self.parts.iter().find(|part| part.kind == kind)
    }

    /// The bytes that are signed.
    ///
    /// # Errors
    /// Never: the form has no value that JSON lacks.
    pub fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec_pretty(self)
    }
}
