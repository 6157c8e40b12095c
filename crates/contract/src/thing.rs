//! Things that change, stop, or are asked for: one vocabulary for what an approval covers and for what programs observe.
//! Without it the two could not be joined.

use crate::id::Digest;
use serde::{Deserialize, Serialize};

/// What kind of thing. Observed changes and asked-for scopes use the same kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Object {
    /// A target that is probed from outside, or the system as a whole.
    Target,
    /// A service or program that runs.
    Service,
    /// The machine as a whole: boot, shutdown.
    Boot,
    /// Kernel, boot and kernel parameters.
    Kernel,
    /// An installed package.
    Package,
    /// A container, as `podman/portal` (engine, and its name there).
    Container,
    /// An image that containers start from, as `podman/localhost/portal:1.2`.
    Image,
    /// A release of the contractor's own (an artefact), by its name.
    Release,
    /// A file or a tree of files, by absolute path.
    File,
    /// A scheduled job.
    Job,
    /// An account.
    Account,
    /// A rule of privilege or a grant.
    Privilege,
    /// A listening port, as `tcp/443`.
    Listener,
    /// A communication with another host, as `out tcp 443 192.0.2.7`.
    Flow,
    /// Rules of the firewall.
    Firewall,
    /// Addresses, routes, name resolution.
    Network,
    /// A certificate or host key.
    Certificate,
    /// A name in the DNS.
    Dns,
    /// An object of a database's schema, as `database/schema.table`.
    Schema,
    /// Test data, by its name (12.1.c, 12.1.d).
    TestData,
    /// What users must have: browser, addresses, certificates (12.2).
    Environment,
    /// A key by which the host is known (SSH).
    HostKey,
    /// A parameter of the running kernel.
    Parameter,
    /// A medium or device that was plugged in or out.
    Device,
    /// The baseline of watched files was made anew: what changed before it, nobody can say.
    Baseline,
    /// A watched tree that is no longer watched.
    Watch,
}

impl Object {
    /// All kinds, in the order pages list them.
    pub const ALL: [Self; 26] = [
        Self::Target,
        Self::Service,
        Self::Boot,
        Self::Kernel,
        Self::Package,
        Self::Container,
        Self::Image,
        Self::Release,
        Self::File,
        Self::Job,
        Self::Account,
        Self::Privilege,
        Self::Listener,
        Self::Flow,
        Self::Firewall,
        Self::Network,
        Self::Certificate,
        Self::Dns,
        Self::Schema,
        Self::TestData,
        Self::Environment,
        Self::HostKey,
        Self::Parameter,
        Self::Device,
        Self::Baseline,
        Self::Watch,
    ];

    /// The word in entries.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Service => "service",
            Self::Boot => "boot",
            Self::Kernel => "kernel",
            Self::Package => "package",
            Self::Container => "container",
            Self::Image => "image",
            Self::Release => "release",
            Self::File => "file",
            Self::Job => "job",
            Self::Account => "account",
            Self::Privilege => "privilege",
            Self::Listener => "listener",
            Self::Flow => "flow",
            Self::Firewall => "firewall",
            Self::Network => "network",
            Self::Certificate => "certificate",
            Self::Dns => "dns",
            Self::Schema => "schema",
            Self::TestData => "test_data",
            Self::Environment => "environment",
            Self::HostKey => "host_key",
            Self::Parameter => "parameter",
            Self::Device => "device",
            Self::Baseline => "baseline",
            Self::Watch => "watch",
        }
    }

    /// What people call it, in Japanese and in English.
    #[must_use]
    pub fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Target => ("監視対象", "Target"),
            Self::Service => ("サービス", "Service"),
            Self::Boot => ("起動・停止", "Boot"),
            Self::Kernel => ("カーネル・起動の設定", "Kernel"),
            Self::Package => ("パッケージ", "Package"),
            Self::Container => ("コンテナ", "Container"),
            Self::Image => ("コンテナイメージ", "Container image"),
            Self::Release => ("リリース", "Release"),
            Self::File => ("ファイル・設定", "File"),
            Self::Job => ("定期実行", "Scheduled job"),
            Self::Account => ("アカウント", "Account"),
            Self::Privilege => ("権限", "Privilege"),
            Self::Listener => ("待受けポート", "Listening port"),
            Self::Flow => ("通信", "Communication"),
            Self::Firewall => ("ファイアウォール", "Firewall"),
            Self::Network => ("ネットワークの設定", "Network"),
            Self::Certificate => ("証明書・鍵", "Certificate"),
            Self::Dns => ("DNS", "DNS"),
            Self::Schema => ("データベースの定義", "Database schema"),
            Self::TestData => ("テストデータ", "Test data"),
            Self::Environment => ("利用環境", "User environment"),
            Self::HostKey => ("ホスト鍵", "Host key"),
            Self::Parameter => ("カーネルの設定値", "Kernel parameter"),
            Self::Device => ("媒体・装置", "Medium or device"),
            Self::Baseline => ("ファイル監視の基準", "Baseline of watched files"),
            Self::Watch => ("監視対象の除外", "Tree no longer watched"),
        }
    }
}

/// The files of the accounts of a host (passwd(5), shadow(5), group(5), subuid(5)), with the copies and the lock that the
/// programs of `passwd` leave: nobody changes an account without them.
const BOOKS_OF_ACCOUNTS: [&str; 13] = [
    "/etc/passwd",
    "/etc/passwd-",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/group",
    "/etc/group-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/subuid",
    "/etc/subuid-",
    "/etc/subgid",
    "/etc/subgid-",
    "/etc/.pwd.lock",
];

/// Longest pattern, in characters.
pub const LONGEST_PATTERN: usize = 300;

/// One thing, or several of one kind by a pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thing {
    /// Kind.
    pub object: Object,
    /// Name; a trailing `*` stands for any ending, and nothing else does. Never empty.
    pub name: String,
    /// What it must be afterwards, where that is known before (F-09, F-14): another content is not covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

impl Thing {
    /// Whether the pattern covers a thing of this name.
    ///
    /// A pattern that ends in `/*` covers the tree below, not the folder's siblings: `/etc/nginx/*` is not
    /// `/etc/nginx-old/x`.
    #[must_use]
    pub fn covers(&self, object: Object, name: &str) -> bool {
        if self.object != object {
            return false;
        }
        match self.name.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => self.name == name,
        }
    }

    /// Whether things of this kind stand in that file, so that whoever changes the thing changes the file. Every account
    /// is told by itself: another one that was changed on the way is a change of its own.
    #[must_use]
    pub fn is_kept_in(&self, object: Object, name: &str) -> bool {
        self.object == Object::Account && object == Object::File && BOOKS_OF_ACCOUNTS.contains(&name)
    }

    /// Whether the content that was seen is the one that was asked for. Nothing asked for: any content is.
    pub fn allows(&self, seen: Option<&Digest>) -> Content {
        match (&self.digest, seen) {
            (None, _) => Content::Any,
            (Some(asked), Some(seen)) if asked == seen => Content::Same,
            (Some(_), Some(_)) => Content::Other,
            (Some(_), None) => Content::NotSeen,
        }
    }
}

/// How a content that was seen stands to the one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Content {
    /// No content was asked for.
    Any,
    /// The same.
    Same,
    /// Another.
    Other,
    /// It was not seen which.
    NotSeen,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thing(object: Object, name: &str) -> Thing {
        Thing { object, name: name.to_owned(), digest: None }
    }

    #[test]
    fn a_pattern_covers_its_kind_and_its_ending_only() {
        let tree = thing(Object::File, "/etc/nginx/*");
        assert!(tree.covers(Object::File, "/etc/nginx/nginx.conf"));
        assert!(!tree.covers(Object::File, "/etc/nginx-old/nginx.conf"));
        assert!(!tree.covers(Object::Job, "/etc/nginx/nginx.conf"));
        assert!(thing(Object::Package, "nginx").covers(Object::Package, "nginx"));
        assert!(!thing(Object::Package, "nginx").covers(Object::Package, "nginx-common"));
        assert!(!thing(Object::File, "/etc/*/x").covers(Object::File, "/etc/a/x"));
    }

    #[test]
    fn another_content_is_not_what_was_asked_for() {
        let digest = |fill: &str| Digest::try_from(fill.repeat(32)).unwrap();
        let release = Thing { digest: Some(digest("0a")), ..thing(Object::Release, "portal") };
        assert_eq!(release.allows(Some(&digest("0a"))), Content::Same);
        assert_eq!(release.allows(Some(&digest("0b"))), Content::Other);
        assert_eq!(release.allows(None), Content::NotSeen);
        assert_eq!(thing(Object::Release, "portal").allows(None), Content::Any);
    }

    #[test]
    fn the_word_of_a_kind_is_the_word_in_entries() {
        for object in Object::ALL {
            assert_eq!(serde_json::to_value(object).unwrap(), object.word());
        }
    }
}
