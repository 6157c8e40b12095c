//! 8.a, 8.b: what runs by timetable: crontabs, the folders of cron, timers of systemd; and the keys by which the host is known.
//! Commands of crontabs may hold passwords: of what not everybody may read only a sealed digest is told.

use crate::reading::{Items, Sources, open_content, sealed_content};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use yakujo_contract::change::Object;
use yakujo_contract::fact::state::Content;

const FILES: [&str; 2] = ["/etc/crontab", "/etc/anacrontab"];
const FOLDERS: [&str; 6] = [
    "/etc/cron.d",
    "/etc/cron.daily",
    "/etc/cron.hourly",
    "/etc/cron.monthly",
    "/etc/cron.weekly",
    "/var/spool/cron/crontabs",
];
const UNITS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/usr/local/lib/systemd/system"];
/// Files of one folder that are read.
const MOST: usize = 2_000;
const FOR_OTHERS_READ: u32 = 0o004;

/// Reads jobs and host keys.
#[must_use]
pub fn collect(sources: &Sources, seal: &[u8]) -> Vec<Items> {
    let mut jobs = Items::of(Object::Job);
    for path in FILES {
        enter(sources, path, seal, &mut jobs);
    }
    for folder in FOLDERS {
        for name in names(sources, folder, &mut jobs) {
            enter(sources, &format!("{folder}/{name}"), seal, &mut jobs);
        }
    }
    for folder in UNITS {
        for name in names(sources, folder, &mut jobs).into_iter().filter(|name| name.ends_with(".timer")) {
            enter(sources, &format!("{folder}/{name}"), seal, &mut jobs);
        }
    }
    let mut keys = Items::of(Object::HostKey);
    for name in names(sources, "/etc/ssh", &mut keys) {
        if name.starts_with("ssh_host_") && name.ends_with("_key.pub") {
            let path = format!("/etc/ssh/{name}");
            match sources.read(&path) {
                Ok(text) => {
                    // Type and key; the comment names people and hosts.
                    let key: Vec<&str> = text.split_whitespace().take(2).collect();
                    keys.items.insert(path, open_content(&key.join(" ")));
                }
                Err(error) => keys.missed(format!("{path}: {error}")),
            }
        }
    }
    vec![jobs, keys]
}

fn names(sources: &Sources, folder: &str, items: &mut Items) -> Vec<String> {
    let listed = match std::fs::read_dir(sources.path(folder)) {
        Ok(listed) => listed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            items.missed(format!("{folder}: {error}"));
            return Vec::new();
        }
    };
    listed.flatten().take(MOST).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn enter(sources: &Sources, path: &str, seal: &[u8], jobs: &mut Items) {
    let place = sources.path(path);
    match std::fs::metadata(&place) {
        // A link to nothing runs nothing; one to /dev/null masks a timer.
        Ok(outside) if outside.is_file() => match std::fs::read(&place) {
            Ok(bytes) => {
                drop(jobs.items.insert(path.to_owned(), content(&place, outside.mode(), &bytes, seal)))
            }
            Err(error) => jobs.missed(format!("{path}: {error}")),
        },
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => jobs.missed(format!("{path}: {error}")),
    }
}

fn content(path: &Path, mode: u32, bytes: &[u8], seal: &[u8]) -> Content {
    let is_crontab_of_a_person = path.parent().is_some_and(|folder| folder.ends_with("crontabs"));
    if mode & FOR_OTHERS_READ == 0 || is_crontab_of_a_person {
        return sealed_content(seal, bytes);
    }
    Content { value: None, ..open_content(&String::from_utf8_lossy(bytes)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn jobs_are_seen_and_the_crontab_of_a_person_is_sealed() {
        let tree = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = tree.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
        };
        write("etc/cron.d/report", "0 3 * * * root /bin/true\n");
        write("var/spool/cron/crontabs/hanako", "* * * * * curl -u me:password https://example.jp\n");
        write("etc/systemd/system/backup.timer", "[Timer]\nOnCalendar=daily\n");
        write("etc/systemd/system/backup.service", "[Service]\n");
        write("etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA root@host\n");
        let all = collect(&Sources::under(tree.path()), b"seal");
        let names: Vec<&str> = all[0].items.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["/etc/cron.d/report", "/etc/systemd/system/backup.timer", "/var/spool/cron/crontabs/hanako"]
        );
        let crontab = &all[0].items["/var/spool/cron/crontabs/hanako"];
        assert!(crontab.digest.is_none() && crontab.value.is_none() && crontab.sealed.is_some());
        assert!(all[0].items["/etc/cron.d/report"].digest.is_some());
        let key = &all[1].items["/etc/ssh/ssh_host_ed25519_key.pub"];
        assert_eq!(key.value.as_deref(), Some("ssh-ed25519 AAAA"));
    }
}
