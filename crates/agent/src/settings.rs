//! What the operator of a host adds to what the agent observes anyway: one small file, `agent.toml` in the agent's folder.
//! It can only add. Nothing in it decides whether a duty is kept.

mod backups;
mod idle;
pub mod opens;

pub use backups::{BackupJob, BackupTool, DumpSource};
pub use idle::{IdleRole, IdleSession, SshDoor, WebDoor};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Name of the file.
pub const FILE: &str = "agent.toml";
/// Trees that are watched wherever they exist.
pub const ROOTS: [&str; 10] = [
    "/boot",
    "/etc",
    concat!("/root", "/.ssh"),
    "/srv/www",
    "/usr/lib/systemd",
    "/usr/local/bin",
    "/usr/local/lib/systemd",
    "/usr/local/sbin",
    "/var/spool/cron",
    "/var/www",
];
/// Most lines of each list.
const MOST: usize = 64;
/// Largest file.
const MOST_BYTES: usize = 64 * 1024;

/// The settings of an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentFile {
    /// Further trees whose files are watched: web roots, programs of its own.
    #[serde(default)]
    pub watch: Vec<String>,
    /// Further files with certificates.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// Further local ports that speak TLS.
    #[serde(default)]
    pub tls_ports: Vec<u16>,
    /// Data bases whose structure is observed.
    #[serde(default, rename = "database")]
    pub databases: Vec<Database>,
    /// Sessions that are left alone to see whether they are cut.
    #[serde(default, rename = "idle_session")]
    pub idle_sessions: Vec<IdleSession>,
    /// Where releases of the contractor's own are deployed.
    #[serde(default, rename = "release")]
    pub releases: Vec<Release>,
    /// Test data on this host, as declared (F-15).
    #[serde(default, rename = "test_data")]
    pub test_data: Vec<TestData>,
    /// Backup jobs of this host.
    #[serde(default, rename = "backup")]
    pub backups: Vec<BackupJob>,
    /// Files with the results of other backup products (`docs/formats/backup-results-v1.md`).
    #[serde(default)]
    pub backup_results: Vec<String>,
    /// Protection against malware.
    #[serde(default)]
    pub malware: Malware,
}

/// Protection against malware.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Malware {
    /// Further trees that are scanned, once a day and when something is written.
    #[serde(default)]
    pub scan: Vec<String>,
    /// Trees that are left out; both parties are told.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Whether files are scanned as soon as they are written.
    #[serde(default)]
    pub on_write: OnWrite,
    /// Folders in which whoever opens a file waits until it was scanned; what is malware is not opened.
    #[serde(default)]
    pub hold_opens: Vec<String>,
    /// Further folders for the quarantine, on other file systems, so that files there need not be copied.
    #[serde(default)]
    pub vaults: Vec<String>,
    /// A file with the results of another product (`docs/formats/malware-import-v1.md`); ClamAV is then not asked.
    #[serde(default)]
    pub import: Option<PathBuf>,
}

/// Whether files are scanned as soon as they are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnWrite {
    /// They are.
    #[default]
    On,
    /// Only once a day; both parties are told.
    Off,
}

/// Where a release is deployed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Its name, as in reports of tests (F-14).
    pub name: String,
    /// The file or folder that is the release, or a link to it.
    pub path: String,
}

/// Where a set of test data lies.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestData {
    /// Its name, as it stands in F-15.
    pub set: String,
    /// The file or folder.
    pub path: String,
    /// Where that is, in words for both parties.
    pub place: String,
    /// Where the data come from.
    #[serde(default)]
    pub origin: DataOrigin,
}

/// Where test data come from, as the operator says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataOrigin {
    /// Made by a program.
    Generated,
    /// Real data that were made unrecognisable.
    Masked,
    /// Published.
    Public,
    /// Real data.
    Real,
    /// Not said: whatever looks personal needs a permit.
    #[default]
    Unknown,
}

impl DataOrigin {
    /// The word in facts.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::Masked => "masked",
            Self::Public => "public",
            Self::Real => "real",
            Self::Unknown => "unknown",
        }
    }
}

/// A data base whose structure is observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `postgresql` or `mariadb`.
    pub product: Product,
    /// A name for it on this host (`main`).
    pub name: String,
    /// File with how to connect, readable by its owner alone: a connection service file of libpq with a section of this
    /// name, or an option file of MariaDB with a section `client`.
    pub access: PathBuf,
    /// The data bases in it (PostgreSQL only; without any, the one of the file. MariaDB shows all that its user may see).
    #[serde(default)]
    pub databases: Vec<String>,
}

/// Which product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Product {
    /// PostgreSQL.
    Postgresql,
    /// MariaDB.
    Mariadb,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not readable.
    #[error("{0} cannot be read: {1}")]
    Read(PathBuf, std::io::Error),
    /// Not understood.
    #[error("{0}: {1}")]
    Meaning(PathBuf, String),
}

/// Reads the settings; without a file there are none.
///
/// # Errors
/// When the file cannot be read or is not understood: an agent that silently observes less than its operator wrote down
/// would be worse than none.
pub fn load(folder: &Path) -> Result<AgentFile, SettingsError> {
    let path = folder.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text).map_err(|reason| SettingsError::Meaning(path, reason)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(AgentFile::default()),
        Err(error) => Err(SettingsError::Read(path, error)),
    }
}

/// Reads the text of the settings.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn parse(text: &str) -> Result<AgentFile, String> {
    if text.len() > MOST_BYTES {
        return Err(format!("the file has more than {MOST_BYTES} bytes"));
    }
    let file: AgentFile = toml::from_str(text).map_err(|error| error.to_string())?;
    let releases = file.releases.iter().map(|release| &release.path);
    let malware = &file.malware;
    let trees = malware.scan.iter().chain(&malware.exclude).chain(&malware.hold_opens).chain(&malware.vaults);
    let import = malware.import.as_ref().map(|path| path.to_string_lossy().into_owned());
    let paths = file.watch.iter().chain(&file.certificates).chain(releases).chain(&file.backup_results);
    let test_data = file.test_data.iter().map(|data| &data.path);
    paths.chain(test_data).chain(trees).chain(&import).try_for_each(|path| plain_path(path))?;
    if file.watch.len() > MOST
        || file.certificates.len() > MOST
        || file.databases.len() > MOST
        || file.tls_ports.len() > MOST
        || file.releases.len() > MOST
        || file.test_data.len() > MOST
        || file.backup_results.len() > MOST
        || [&malware.scan, &malware.exclude, &malware.hold_opens, &malware.vaults]
            .iter()
            .any(|list| list.len() > MOST)
    {
        return Err(format!("a list has more than {MOST} lines"));
    }
    backups::check(&file.backups)?;
    opens::check(malware)?;
    let words =
        |text: &str| !text.trim().is_empty() && text.len() <= 200 && !text.chars().any(char::is_control);
    let mut sets: Vec<&String> = file.test_data.iter().map(|data| &data.set).collect();
    sets.sort_unstable();
    let twice = sets.windows(2).any(|two| two.first() == two.get(1));
    if twice || !file.test_data.iter().all(|data| words(&data.set) && words(&data.place)) {
        return Err("`test_data` has a `set` (each once) and a `place`, in a few words".to_owned());
    }
    let is_plain = |text: &String| plain_name(text);
    let mut names: Vec<&String> = file.releases.iter().map(|release| &release.name).collect();
    names.sort_unstable();
    if !names.iter().all(|name| is_plain(name)) || names.windows(2).any(|two| two.first() == two.get(1)) {
        return Err(
            "a name of a release has 1 to 63 letters, digits, `_`, `-`, `.`, and is given once".to_owned()
        );
    }
    for database in &file.databases {
        if !std::iter::once(&database.name).chain(&database.databases).all(is_plain) {
            return Err("a name of a data base has 1 to 63 letters, digits, `_`, `-`, `.`".to_owned());
        }
        if database.databases.len() > MOST {
            return Err(format!("more than {MOST} data bases in `{}`", database.name));
        }
    }
    idle::check(&file)?;
    Ok(file)
}

/// An absolute path that leads where it says.
fn plain_path(path: &str) -> Result<(), String> {
    let is_plain =
        Path::new(path).is_absolute() && !path.contains("..") && !path.chars().any(char::is_control);
    if is_plain && path.len() <= 1_000 {
        return Ok(());
    }
    Err(format!("`{path}` is no absolute path without `..`"))
}

fn plain_name(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (1..=63).contains(&text.len()) && text.chars().all(letter)
}

impl AgentFile {
    /// The trees that are watched: those of every host, and the operator's own. A tree within another one is left out.
    #[must_use]
    pub fn roots(&self) -> Vec<String> {
        // However the operator spells it, a tree has one name: what was seen below it is found again by its bytes.
        let spelled = self.watch.iter().map(|path| Path::new(path).components().collect::<PathBuf>());
        let own: Vec<String> = spelled.map(|path| path.to_string_lossy().into_owned()).collect();
        let mut roots: Vec<&str> = ROOTS.into_iter().chain(own.iter().map(String::as_str)).collect();
        roots.sort_unstable();
        roots.dedup();
        let within = |root: &str| {
            let parents = Path::new(root).ancestors().skip(1);
            parents.into_iter().any(|parent| roots.iter().any(|other| Path::new(other) == parent))
        };
        roots.iter().filter(|root| !within(root)).map(|root| (*root).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn settings_add_trees_and_never_take_one_away() {
        let file = parse("watch = [\"/opt/city/htdocs/\", \"/etc/nginx\", \"/etc\"]").unwrap();
        let roots = file.roots();
        assert!(roots.contains(&"/opt/city/htdocs".to_owned()) && roots.contains(&"/etc".to_owned()));
        assert!(!roots.contains(&"/etc/nginx".to_owned()), "it is watched within /etc");
        assert!(ROOTS.iter().all(|root| AgentFile::default().roots().iter().any(|known| known == root)));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for bad in [
            "wotch = []",
            "watch = [\"etc\"]",
            "watch = [\"/etc/../root\"]",
            "watch = [\"/a\\nb\"]",
            "[[database]]\nproduct = \"oracle\"\nname = \"x\"\naccess = \"/a\"",
            "[[database]]\nproduct = \"mariadb\"\nname = \"\"\naccess = \"/a\"",
            "[[idle_session]]\ntarget = \"a\"\nrole = \"staff\"",
            "[[idle_session]]\ntarget = \"a\"\nrole = \"king\"\ndatabase = \"main\"",
            "[[idle_session]]\ntarget = \"a\"\nrole = \"staff\"\ndatabase = \"not-above\"",
            "[[idle_session]]\ntarget = \"a\"\nrole = \"staff\"\nweb = { page = \"x\", text = \"y\", access = \"/z\" }",
            "[[idle_session]]\ntarget = \"a\"\nrole = \"staff\"\nssh = { account = \"-o\", key = \"x\", known_hosts = \"/z\" }",
            "[[release]]\nname = \"a b\"\npath = \"/a\"",
            "[malware]\nexclude = [\"srv\"]",
            "[[test_data]]\nset = \"a\"\nplace = \"\"\npath = \"/a\"",
            "[[test_data]]\nset = \"a\"\nplace = \"b\"\npath = \"a\"",
            "[[test_data]]\nset = \"a\"\nplace = \"b\"\npath = \"/a\"\norigin = \"good\"",
            "[malware]\non_write = \"sometimes\"",
            "[malware]\nimport = \"relative.json\"",
            "[[release]]\nname = \"portal\"\npath = \"a\"",
            "[[release]]\nname = \"portal\"\npath = \"/a\"\n[[release]]\nname = \"portal\"\npath = \"/b\"",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let many: Vec<String> = (0..65).map(|n| format!("\"/w{n}\"")).collect();
        assert!(parse(&format!("watch = [{}]", many.join(","))).is_err());
        let good = "[[database]]\nproduct = \"postgresql\"\nname = \"main\"\naccess = \"/a\"\ndatabases = [\"city\"]";
        assert_eq!(parse(good).unwrap().databases[0].databases, ["city"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail(text in "(watch = \\[|\"/[a-z.]{0,3}\"|\\]|\n|[^a]{0,4}){0,12}") {
            let _ = parse(&text).map(|file| file.roots());
        }
    }

    #[test]
    fn a_tree_has_one_name_however_it_is_spelled() {
        let watch = ["/srv//web/", "/srv/./web", "/srv/web"].map(str::to_owned).to_vec();
        let roots = AgentFile { watch, ..AgentFile::default() }.roots();
        assert_eq!(roots.iter().filter(|root| root.contains("/web")).collect::<Vec<_>>(), ["/srv/web"]);
        let all = AgentFile { watch: vec!["//".to_owned()], ..AgentFile::default() };
        assert_eq!(all.roots(), ["/"]);
    }
}
