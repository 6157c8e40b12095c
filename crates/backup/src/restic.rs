//! The `restic` program of the distribution, by argument vectors; the password goes by file.

use crate::command::{Call, Ended, run};
use crate::content::{Found, Of, emptied, has};
use crate::engine::{BackupError, Checked, Engine, Medium, Place, Snapshot, read_password, read_secret};
use crate::manifest::Manifest;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;
use yakujo_contract::id::Digest;

/// Where the program is.
pub const PROGRAM: &str = "/usr/bin/restic";
/// A backup, a check or a restore may take so long.
const LONG: Duration = Duration::from_secs(24 * 3_600);
/// Everything else.
const SHORT: Duration = Duration::from_secs(180);
/// Mark of the snapshot that is made to find out whether it can be removed.
const TRIED: &str = "yakujo=removable";
/// A snapshot was made, but not everything could be read.
const INCOMPLETE: i32 = 3;
/// Names that a file of credentials may set; `SSL_CERT_FILE` names the certificates of a store that no public authority
/// vouches for.
const CREDENTIALS: [&str; 7] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_DEFAULT_REGION",
    "RESTIC_REST_USERNAME",
    "RESTIC_REST_PASSWORD",
    "SSL_CERT_FILE",
];

/// restic on one repository.
#[derive(Debug, Clone)]
pub struct Restic {
    place: Place,
}

#[derive(Deserialize)]
struct Config {
    id: String,
}

/// The last line of a backup.
#[derive(Deserialize)]
struct Summary {
    total_files_processed: u64,
    total_bytes_processed: u64,
    data_added: u64,
    snapshot_id: String,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    tree: String,
    time: Timestamp,
}

/// Where a file was found.
#[derive(Deserialize)]
struct Hits {
    snapshot: String,
    matches: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    path: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    size: u64,
    mtime: Timestamp,
    ctime: Timestamp,
}

/// A path as a pattern that names it alone.
fn literally(path: &str) -> String {
    let special = |c: char| "*?[\\".contains(c);
    path.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// Whether a text is the whole id of a snapshot.
#[must_use]
pub fn is_id(text: &str) -> bool {
    text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit())
}

impl Restic {
    /// restic on this repository.
    #[must_use]
    pub fn new(place: Place) -> Self {
        Self { place }
    }

    /// The ids of all snapshots.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn snapshots(&self) -> Result<Vec<String>, BackupError> {
        self.listed(&[])
    }

    fn listed(&self, wanted: &[&str]) -> Result<Vec<String>, BackupError> {
        let arguments: Vec<&str> = std::iter::once("snapshots").chain(wanted.iter().copied()).collect();
        let ended = Self::good(self.call(&arguments, SHORT)?)?;
        let listed: Option<Vec<Listed>> =
            serde_json::from_str(&ended.output).map_err(|_| BackupError::Answer("restic"))?;
        Ok(listed.unwrap_or_default().into_iter().map(|listed| listed.id).collect())
    }

    /// Removes these snapshots, each by its id, and what nothing else needs.
    ///
    /// # Errors
    /// When they were not removed; an id that is none is refused before anything is.
    pub fn forget(&self, ids: &[&str]) -> Result<(), BackupError> {
        if ids.is_empty() || !ids.iter().all(|id| is_id(id)) {
            return Err(BackupError::Refused("snapshots are removed by their whole ids only"));
        }
        // Never by dates or by counting: without an id, restic would choose by itself.
        for some in ids.chunks(500) {
            let arguments: Vec<&str> = std::iter::once("forget").chain(some.iter().copied()).collect();
            Self::good(self.call(&arguments, LONG)?)?;
        }
        Self::good(self.call(&["prune"], LONG)?).map(|_| ())
    }

    /// Whether what this key saves can be removed with it: tried with a snapshot of one word, made for that. Where it cannot,
    /// the snapshot stays, and is the one that the next try takes. `folder` is an empty one.
    ///
    /// # Errors
    /// When it could not be tried.
    pub fn removes(&self, folder: &Path) -> Result<bool, BackupError> {
        let mut tries = self.listed(&["--tag", TRIED])?;
        if tries.is_empty() {
            let file = folder.join("removable");
            std::fs::write(&file, "may this be removed?\n")
                .map_err(|e| BackupError::File(file.clone(), e))?;
            let file = file.to_str().ok_or(BackupError::Refused("the folder of the job is no UTF-8"))?;
            Self::good(self.call(&["backup", "--tag", TRIED, "--", file], LONG)?)?;
            tries = self.listed(&["--tag", TRIED])?;
        }
        let [id, ..] = tries.as_slice() else { return Err(BackupError::Answer("restic")) };
        let asked = self.call(&["forget", id], LONG)?;
        let is_there = self.listed(&["--tag", TRIED])?.contains(id);
        // Still there and never asked for: somebody else's lock, a connection that was lost.
        if is_there && !asked.errors.contains("Remove(<snapshot/") {
            return Err(BackupError::Repository(asked.reason()));
        }
        Ok(!is_there)
    }

    /// Brings one snapshot into a new repository in a folder of this host, for a program that reaches folders only. The
    /// repository has the same password; returned with the id that the snapshot has there.
    ///
    /// # Errors
    /// When it is not whole.
    pub fn copy(&self, snapshot: &str, into: &Path) -> Result<(Place, String), BackupError> {
        let repository = into.to_str().ok_or(BackupError::Refused("the folder of the job is no UTF-8"))?;
        let copy = Self { place: Place { repository: repository.to_owned(), ..self.place.clone() } };
        let password = self.place.password.display().to_string();
        let mut from = self.ssh()?;
        from.extend(["--from-repo".to_owned(), self.place.repository.clone()]);
        from.extend(["--from-password-file".to_owned(), password]);
        let with = |words: &[&str]| -> Vec<String> {
            words.iter().map(|word| (*word).to_owned()).chain(from.iter().cloned()).collect()
        };
        let (make, bring) = (with(&["init", "--copy-chunker-params"]), with(&["copy", snapshot]));
        for (arguments, limit) in [(make, SHORT), (bring, LONG)] {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            Self::good(copy.call(&arguments, limit)?)?;
        }
        match copy.snapshots()?.as_slice() {
            [id] => Ok((copy.place, id.clone())),
            _ => Err(BackupError::Answer("restic")),
        }
    }

    /// An answer in JSON; nothing found is an empty list.
    fn answer<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<Vec<T>, BackupError> {
        let ended = Self::good(self.call(arguments, LONG)?)?;
        let answer: Result<Option<Vec<T>>, _> = serde_json::from_str(&ended.output);
        Ok(answer.map_err(|_| BackupError::Answer("restic"))?.unwrap_or_default())
    }

    fn call(&self, arguments: &[&str], limit: Duration) -> Result<Ended, BackupError> {
        self.call_into(arguments, None, limit)
    }

    fn call_into(
        &self,
        arguments: &[&str],
        output_to: Option<File>,
        limit: Duration,
    ) -> Result<Ended, BackupError> {
        // Said here, before a program that only says "wrong password" gets to read it.
        read_password(&self.place.password)?;
        let mut all = vec!["--no-cache".to_owned(), "--quiet".to_owned(), "--json".to_owned()];
        all.extend(["--repo".to_owned(), self.place.repository.clone()]);
        all.extend(["--password-file".to_owned(), self.place.password.display().to_string()]);
        all.extend(self.ssh()?);
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        let call = Call { arguments: all, environment: self.environment()?, output_to, ..Call::default() };
        Ok(run(Path::new(PROGRAM), call, limit)?)
    }

    /// How restic starts `ssh`, where the operator has settings for it.
    fn ssh(&self) -> Result<Vec<String>, BackupError> {
        let (Some(file), Medium::Sftp) = (&self.place.ssh_config, self.place.medium()) else {
            return Ok(Vec::new());
        };
        let host = self.place.repository.split(':').nth(1).unwrap_or_default();
        let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "@._-/".contains(c));
        let file = file.display().to_string();
        // restic cuts this text at spaces: neither word may bring further ones along.
        if host.is_empty() || host.starts_with('-') || !is_plain(host) || !is_plain(&file) {
            return Err(BackupError::Refused("with ssh_config write sftp:HOST:/path, with plain names"));
        }
        Ok(vec!["-o".to_owned(), format!("sftp.command=/usr/bin/ssh -F {file} {host} -s sftp")])
    }

    fn environment(&self) -> Result<Vec<(String, String)>, BackupError> {
        let home = std::env::var("HOME").unwrap_or_else(|_| "/nonexistent".to_owned());
        let mut environment = vec![("HOME".to_owned(), home)];
        let Some(file) = &self.place.credentials else { return Ok(environment) };
        for line in read_secret(file)?.lines().filter(|line| !line.trim().is_empty()) {
            match line.split_once('=') {
                Some((name, value)) if CREDENTIALS.contains(&name) => {
                    environment.push((name.to_owned(), value.to_owned()));
                }
                _ => {
                    let reason = format!("a line is none of {}", CREDENTIALS.join("=, "));
                    return Err(BackupError::Password(file.clone(), reason));
                }
            }
        }
        Ok(environment)
    }

    fn good(ended: Ended) -> Result<Ended, BackupError> {
        if ended.code == Some(0) {
            return Ok(ended);
        }
        if ended.errors.contains("wrong password or no key found") {
            return Err(BackupError::WrongKey);
        }
        Err(BackupError::Repository(ended.reason()))
    }
}

impl Engine for Restic {
    fn tool(&self) -> Result<String, BackupError> {
        let call = Call { arguments: vec!["version".to_owned()], ..Call::default() };
        let ended = run(Path::new(PROGRAM), call, SHORT)?;
        let mut words = ended.output.split_whitespace();
        match (words.next(), words.next()) {
            (Some("restic"), Some(version)) => Ok(format!("restic {version}")),
            _ => Err(BackupError::Answer("restic")),
        }
    }

    fn make(&self) -> Result<(), BackupError> {
        Self::good(self.call(&["init"], SHORT)?).map(|_| ())
    }

    fn identity(&self) -> Result<String, BackupError> {
        let ended = Self::good(self.call(&["cat", "config"], SHORT)?)?;
        let config: Config =
            serde_json::from_str(&ended.output).map_err(|_| BackupError::Answer("restic"))?;
        Ok(config.id)
    }

    fn back_up(&self, paths: &[PathBuf], host: &str, job: &str) -> Result<Snapshot, BackupError> {
        let tag = format!("job={job}");
        let mut arguments = vec!["backup", "--host", host, "--tag", &tag, "--"];
        let texts: Option<Vec<&str>> = paths.iter().map(|path| path.to_str()).collect();
        arguments.extend(texts.ok_or(BackupError::Refused("a path of the job is no UTF-8"))?);
        let ended = self.call(&arguments, LONG)?;
        // What could not be read is counted by the manifest.
        let ended = if ended.code == Some(INCOMPLETE) { ended } else { Self::good(ended)? };
        let last = ended.output.lines().rev().find(|line| line.contains("\"summary\""));
        let summary: Summary =
            last.and_then(|line| serde_json::from_str(line).ok()).ok_or(BackupError::Answer("restic"))?;
        let ended = Self::good(self.call(&["snapshots", &summary.snapshot_id], SHORT)?)?;
        let listed: Vec<Listed> =
            serde_json::from_str(&ended.output).map_err(|_| BackupError::Answer("restic"))?;
        let [listed] = listed.as_slice() else { return Err(BackupError::Answer("restic")) };
        Ok(Snapshot {
            id: listed.id.clone(),
            tree: Digest::try_from(listed.tree.clone()).map_err(|_| BackupError::Answer("restic"))?,
            files: summary.total_files_processed,
            bytes: summary.total_bytes_processed,
            added: summary.data_added,
        })
    }

    fn expects(&self, originals: &Manifest) -> u64 {
        originals.files()
    }

    fn keeps_named_folders(&self) -> bool {
        true
    }

    fn check(&self, read_percent: u8) -> Result<Checked, BackupError> {
        let part = format!("--read-data-subset={read_percent}%");
        let mut arguments = vec!["check"];
        match read_percent {
            0 => {}
            1..100 => arguments.push(&part),
            _ => arguments.push("--read-data"),
        }
        let ended = self.call(&arguments, LONG)?;
        if ended.code == Some(0) {
            return Ok(Checked { errors: 0 });
        }
        // Found is not failed: the program ends alike when it cannot reach or open the repository.
        let is_about_content = ended.errors.contains("repository contains errors");
        if !is_about_content {
            Self::good(ended)?;
            return Err(BackupError::Answer("restic"));
        }
        let said = ended.errors.lines().filter(|line| !line.starts_with("Fatal:") && !line.trim().is_empty());
        Ok(Checked { errors: u64::try_from(said.count()).unwrap_or(u64::MAX).max(1) })
    }

    fn restore(&self, snapshot: &str, into: &Path) -> Result<(), BackupError> {
        let into = into.to_str().ok_or(BackupError::Refused("the scratch folder is no UTF-8"))?;
        Self::good(self.call(&["restore", snapshot, "--target", into], LONG)?).map(|_| ())
    }

    fn seek(&self, of: Of<'_>, digest: &Digest, into: &mut File) -> Result<Option<Found>, BackupError> {
        let path = of.path.to_str().ok_or(BackupError::Refused("the path is no UTF-8"))?;
        let tag = format!("job={}", of.job);
        let failed = |error: std::io::Error| BackupError::Repository(format!("restoring: {error}"));
        let own = ["--host", of.host, "--tag", &tag];
        let mut snapshots: Vec<Listed> = self.answer(&[&["snapshots"], &own[..]].concat())?;
        snapshots.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.time));
        let pattern = literally(path);
        let hits: Vec<Hits> = self.answer(&[&["find"], &own[..], &["--", &pattern]].concat())?;
        // The same content is in many snapshots, and read once.
        let mut tried = BTreeSet::new();
        for Listed { id, time, .. } in snapshots {
            let hits = hits.iter().filter(|hits| hits.snapshot == id).flat_map(|hits| &hits.matches);
            let Some(seen) = hits.into_iter().find(|hit| hit.path == path && hit.kind == "file") else {
                continue;
            };
            if !tried.insert((seen.size, seen.mtime, seen.ctime)) {
                continue;
            }
            emptied(into).map_err(failed)?;
            let output = into.try_clone().map_err(failed)?;
            Self::good(self.call_into(&["dump", &id, path], Some(output), LONG)?)?;
            if has(into, digest).map_err(failed)? {
                return Ok(Some(Found { snapshot: id, at: time }));
            }
        }
        Ok(None)
    }

    fn add_key(&self, password: &Path) -> Result<(), BackupError> {
        read_password(password)?;
        let file = password.to_str().ok_or(BackupError::Refused("the password file is no UTF-8"))?;
        Self::good(self.call(&["key", "add", "--new-password-file", file], SHORT)?).map(|_| ())
    }
}
