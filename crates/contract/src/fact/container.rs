//! Facts about containers and the images they start from. Of a container neither environment nor command line is told: they
//! may hold secrets.

use super::{Coverage, Part};
use crate::id::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `container.set` (8.a, 8.b): all containers of a host, as their engines keep them, whether they run or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerSet {
    /// Part of the list.
    pub part: Part,
    /// The containers, by name.
    pub containers: Vec<Container>,
    /// What could not be read: an engine that is there and keeps its containers where they cannot be read.
    #[serde(default)]
    pub coverage: Coverage,
}

/// One container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// Engine and name, as in `state.change`: `docker/portal`, `podman/portal`, `podman:yamada/portal` for one of an account.
    pub name: String,
    /// Its id, 64 hexadecimal digits.
    pub id: String,
    /// The name of the image it was made from, as it was asked for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// The id of that image: SHA-256 of its configuration, which names its layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<Digest>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Whether it runs.
    pub state: Running,
    /// Since when it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Whether it has all rights of the host. Absent: not known before its first start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    /// Whether it uses the network of the host and has none of its own. Absent: not known before its first start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_network: Option<bool>,
    /// Its ports that are published, as `127.0.0.1:8080->80/tcp`. Absent: the engine does not keep them where they can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Vec<String>>,
    /// Files and folders of the host that it may write to, as `/srv/data:/data`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<String>,
}

/// Whether a container runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Running {
    /// It was never started.
    Created,
    /// It runs.
    Running,
    /// Its processes are held.
    Paused,
    /// It ran.
    Stopped,
}

/// `image.set` (8.a, 8.b): all images of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSet {
    /// Part of the list.
    pub part: Part,
    /// The images, by engine and id.
    pub images: Vec<Image>,
    /// What could not be read.
    #[serde(default)]
    pub coverage: Coverage,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Engine, and the account where it is one of an account: `docker`, `podman`, `podman:yamada`.
    pub engine: String,
    /// Its id: SHA-256 of its configuration, which names its layers.
    pub id: Digest,
    /// Its names: `localhost/portal:1.2`. None: an older image whose name now stands for another.
    pub names: Vec<String>,
    /// Digests of its manifest, as registries know it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<Digest>,
    /// When it was made, by its own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Bytes of its layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}
