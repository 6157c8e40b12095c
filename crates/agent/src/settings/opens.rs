//! Which folders may be held: an open there waits for a scan, so nothing the host itself lives on may be among them.

use super::Malware;
use std::path::Path;

/// Neither in one of these nor above one: a host whose programs, logs or data bases wait does not get up again.
const NEVER: [&str; 28] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/tmp",
    "/usr",
    "/var/cache",
    "/var/lib/clamav",
    "/var/lib/dpkg",
    "/var/lib/mysql",
    "/var/lib/postgresql",
    "/var/lib/systemd",
    "/var/lib/yakujo",
    "/var/lib/yakujo-act",
    "/var/lib/yakujo-agent",
    "/var/log",
    "/var/run",
    "/var/spool/cron",
    "/var/tmp",
];

/// Whether opens of the files there may be held.
#[must_use]
pub fn may_be_held(folder: &Path) -> bool {
    NEVER.iter().all(|never| !folder.starts_with(never) && !Path::new(never).starts_with(folder))
}

/// Refuses folders that must not be held, and settings that contradict each other.
pub(super) fn check(malware: &Malware) -> Result<(), String> {
    for folder in &malware.hold_opens {
        if !may_be_held(Path::new(folder)) {
            return Err(format!(
                "`hold_opens` must not name `{folder}`: the host itself opens files there; name the folder files come into"
            ));
        }
        if malware.exclude.iter().any(|left_out| Path::new(folder).starts_with(left_out)) {
            return Err(format!("`hold_opens` names `{folder}`, which `exclude` leaves out: choose one"));
        }
    }
    if malware.import.is_some() && !malware.hold_opens.is_empty() {
        return Err("`hold_opens` needs ClamAV, and with `import` that is not asked: choose one".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    #[test]
    fn what_the_host_lives_on_is_never_held() {
        for good in
            ["/srv/upload", "/srv", "/home", "/var/www/files", "/var/lib/nextcloud/files", "/etcetera"]
        {
            assert!(parse(&format!("[malware]\nhold_opens = [\"{good}\"]")).is_ok(), "{good}");
        }
        for bad in [
            "/",
            "//",
            "/etc",
            "/etc/ssl",
            "//usr/./lib",
            "/proc",
            "/var",
            "/var/lib",
            "/tmp/in",
            "srv",
            "/srv/../etc",
        ] {
            assert!(parse(&format!("[malware]\nhold_opens = [\"{bad}\"]")).is_err(), "{bad}");
        }
        for torn in ["exclude = [\"/srv\"]", "import = \"/srv/other.json\""] {
            assert!(parse(&format!("[malware]\nhold_opens = [\"/srv/upload\"]\n{torn}")).is_err(), "{torn}");
        }
    }
}
