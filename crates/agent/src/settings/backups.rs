//! Backup jobs: `[[backup]]` of `agent.toml`.

use super::{MOST, Product, plain_name, plain_path};
use jiff::civil::Time;
use serde::Deserialize;

/// A backup job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupJob {
    /// Its name on this host.
    pub name: String,
    /// The asset it saves, as the register of assets calls it.
    pub asset: String,
    /// Files and folders.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Data bases, saved by their own dump programs.
    #[serde(default)]
    pub database: Option<DumpSource>,
    /// A folder, or `sftp:…`, `s3:…`, `rest:…`, `rclone:…`.
    pub repository: String,
    /// File with the password of the repository, readable by its owner alone.
    pub password: String,
    /// What makes the backups; without it rustic in a folder, and restic elsewhere.
    #[serde(default)]
    pub tool: Option<BackupTool>,
    /// Settings of `ssh` for `sftp:`.
    #[serde(default)]
    pub ssh_config: Option<String>,
    /// File with the credentials of an object store, readable by its owner alone.
    #[serde(default)]
    pub credentials: Option<String>,
    /// Hours between two runs.
    #[serde(default = "a_day")]
    pub every_h: u32,
    /// The time of day in Japan at which a run begins (`02:10`), where `every_h` is whole days.
    #[serde(default)]
    pub at: Option<Time>,
    /// Days between two checks of the repository.
    #[serde(default = "a_week")]
    pub check_d: u32,
    /// Percent of the content that a check reads back.
    #[serde(default = "a_part")]
    pub check_percent: u8,
    /// Days between two restore drills.
    #[serde(default = "a_quarter")]
    pub drill_d: u32,
    /// Most memory of a run, MiB.
    #[serde(default = "a_gibibyte")]
    pub memory_mib: u64,
}

/// What makes backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupTool {
    /// Linked into this program; reaches folders only.
    Rustic,
    /// The program of the distribution.
    Restic,
}

/// Data bases that are dumped.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DumpSource {
    /// `postgresql` or `mariadb`.
    pub product: Product,
    /// Section of the connection service file (PostgreSQL).
    #[serde(default)]
    pub service: String,
    /// File with how to connect, readable by its owner alone.
    pub access: String,
    /// As `access`, to a server on which a restore drill may make a data base `yakujo_drill`.
    pub scratch: String,
    /// The data bases.
    pub databases: Vec<String>,
}

fn a_day() -> u32 {
    24
}

fn a_week() -> u32 {
    7
}

fn a_part() -> u8 {
    5
}

fn a_quarter() -> u32 {
    92
}

fn a_gibibyte() -> u64 {
    1_024
}

/// Checks what the form alone does not.
///
/// # Errors
/// A sentence that says what is wrong.
pub(super) fn check(jobs: &[BackupJob]) -> Result<(), String> {
    if jobs.len() > MOST {
        return Err(format!("more than {MOST} backup jobs"));
    }
    let mut names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|two| two.first() == two.get(1)) {
        return Err("two backup jobs have one name".to_owned());
    }
    jobs.iter()
        .try_for_each(|job| check_one(job).map_err(|reason| format!("backup `{}`: {reason}", job.name)))
}

fn check_one(job: &BackupJob) -> Result<(), String> {
    if !plain_name(&job.name) {
        return Err("a name has 1 to 63 letters, digits, `_`, `-`, `.`".to_owned());
    }
    let is_line = |text: &str, most: usize| {
        !text.is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
    };
    if !is_line(&job.asset, 100) {
        return Err("`asset` is the name of an asset, of 1 to 100 letters".to_owned());
    }
    if !is_line(&job.repository, 1_000) || job.repository.starts_with('-') {
        return Err("`repository` is a folder or sftp:, s3:, rest:, rclone:".to_owned());
    }
    if job.paths.is_empty() && job.database.is_none() {
        return Err("neither `paths` nor `database` says what is saved".to_owned());
    }
    let files = [&job.ssh_config, &job.credentials].into_iter().flatten();
    job.paths.iter().chain(files).chain([&job.password]).try_for_each(|path| plain_path(path))?;
    if job.is_elsewhere() {
        if job.tool == Some(BackupTool::Rustic) {
            return Err("rustic reaches folders only: leave `tool` out".to_owned());
        }
    } else {
        plain_path(&job.repository)?;
    }
    let numbers = (1..=744).contains(&job.every_h)
        && (1..=31).contains(&job.check_d)
        && (1..=100).contains(&job.check_percent)
        && (1..=732).contains(&job.drill_d)
        && (256..=65_536).contains(&job.memory_mib);
    if !numbers {
        return Err("every_h 1-744, check_d 1-31, check_percent 1-100, drill_d 1-732, memory_mib 256-65536"
            .to_owned());
    }
    if job.at.is_some() && !job.every_h.is_multiple_of(24) {
        return Err("with `at`, `every_h` is whole days".to_owned());
    }
    job.database.as_ref().map_or(Ok(()), check_source)
}

fn check_source(source: &DumpSource) -> Result<(), String> {
    plain_path(&source.access)?;
    plain_path(&source.scratch)?;
    let named = source.product == Product::Mariadb || plain_name(&source.service);
    if !named || source.databases.is_empty() || source.databases.len() > MOST {
        return Err("`database` needs `service` (PostgreSQL) and 1 to 64 `databases`".to_owned());
    }
    if !source.databases.iter().all(|name| plain_name(name)) {
        return Err("a name of a data base has 1 to 63 letters, digits, `_`, `-`, `.`".to_owned());
    }
    Ok(())
}

impl BackupJob {
    /// The repository is no folder of this host.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        ["sftp:", "s3:", "rest:", "rclone:"].iter().any(|start| self.repository.starts_with(start))
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    const GOOD: &str = "[[backup]]\nname = \"daily\"\nasset = \"住民台帳\"\npaths = [\"/srv/city\"]\nrepository = \"/backup/r\"\npassword = \"/etc/yakujo/r\"\n";

    #[test]
    fn a_job_needs_a_name_an_asset_something_to_save_and_a_repository() {
        let job = parse(GOOD).unwrap().backups.remove(0);
        assert_eq!((job.every_h, job.check_d, job.check_percent, job.drill_d), (24, 7, 5, 92));
        let twice = format!("{GOOD}{GOOD}");
        assert!(parse(&twice).unwrap_err().contains("one name"));
        let database = "[backup.database]\nproduct = \"postgresql\"\nservice = \"main\"\naccess = \"/a\"\nscratch = \"/b\"\ndatabases = [\"city\"]\n";
        assert!(parse(&format!("{GOOD}{database}")).is_ok());
        for (from, to) in [
            ("name = \"daily\"", "name = \"../x\""),
            ("asset = \"住民台帳\"", "asset = \"\""),
            ("paths = [\"/srv/city\"]", ""),
            ("paths = [\"/srv/city\"]", "paths = [\"srv\"]"),
            ("repository = \"/backup/r\"", "repository = \"--help\""),
            ("repository = \"/backup/r\"", "repository = \"r\""),
            ("repository = \"/backup/r\"", "repository = \"sftp:h:/r\"\ntool = \"rustic\""),
            ("repository = \"/backup/r\"", "repository = \"/backup/r\"\nevery_h = 0"),
            ("repository = \"/backup/r\"", "repository = \"/backup/r\"\nevery_h = 5\nat = \"02:10\""),
            ("repository = \"/backup/r\"", "repository = \"/backup/r\"\ncheck_percent = 0"),
            ("repository = \"/backup/r\"", "repository = \"/backup/r\"\nsecret = \"x\""),
        ] {
            let bad = GOOD.replace(from, to);
            assert_ne!(bad, GOOD);
            assert!(parse(&bad).is_err(), "{bad}");
        }
    }
}
