//! What a person types. Stable: README and scripts rely on it.

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use std::net::SocketAddr;
use std::path::PathBuf;

/// 約定 — security terms that machines observe, people approve and the city checks.
#[derive(Debug, Parser)]
#[command(name = "yakujo", version, about, propagate_version = true)]
pub struct Arguments {
    /// Data folder [default: $XDG_DATA_HOME/yakujo or ~/.local/share/yakujo]
    #[arg(long, global = true, value_name = "DIR", env = "YAKUJO_DATA")]
    pub data: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everything for one machine: server, portal, this host observed. Stop with Ctrl-C
    Up(Up),
    /// The server alone: portal and intake
    Serve(Up),
    /// The agent alone: observes this host for a server
    Agent(Agent),
    /// The part of the agent that acts: one question on standard input (started by the agent, as root)
    Act,
    /// Answers the opens that the agent holds (started by the agent; by hand it ends at once)
    #[command(hide = true)]
    Gate,
    /// Asks one question over the network for the agent (started by the agent, the question on standard input)
    #[command(hide = true)]
    Reach,
    /// One part of the agent (started by the agent; by hand it ends at once)
    #[command(hide = true)]
    Part(PartOf),
    /// Every duty with its standing, reason and evidence
    Status(Status),
    /// Judge files of entries without a server (tests, what-if)
    Replay(Replay),
    /// The monthly report (F-24, F-23), from a bundle or from the data folder
    Report(Report),
    /// Check a bundle without trusting whoever made it
    Verify(Verify),
    /// Take entries and proofs away as one file
    Bundle(Bundle),
    /// People of the portal
    #[command(subcommand)]
    User(User),
    /// Observed hosts and their device certificates
    #[command(subcommand)]
    Host(Host),
    /// Run one backup job of this host by hand, as the agent does by its schedule
    BackupJob(BackupJob),
    /// Leave a session of `agent.toml` alone now, and see whether it is cut (on a host whose agent runs)
    IdleTry(IdleTry),
    /// Remove old snapshots of a repository, by when the ledger heard of them (on the server)
    BackupRetain(BackupRetain),
    /// Try the key that the city keeps, on a repository or on a copy of its `config` and `keys` (on the server)
    BackupKey(BackupKey),
    /// What is known of vulnerabilities, as one signed file for networks that fetch nothing
    #[command(subcommand)]
    Feed(Feed),
    /// Copy the data folder while the server runs
    Backup(Backup),
    /// Put a backup into an empty data folder
    Restore(Restore),
    /// Look for what is wrong and say what to do
    Doctor(Doctor),
}

/// `up` and `serve`.
#[derive(Debug, Args)]
pub struct Up {
    /// Address of the portal; programs report to the next port
    #[arg(long, default_value = "127.0.0.1:8443", value_name = "ADDR:PORT")]
    pub listen: SocketAddr,
}

/// `agent`.
#[derive(Debug, Args)]
pub struct Agent {
    /// The portal, as https://HOST:PORT (only at the first start)
    #[arg(long, value_name = "URL", requires = "code_file")]
    pub server: Option<String>,
    /// File with the enrolment code that `yakujo host enrol` printed (`-`: standard input)
    #[arg(long, value_name = "FILE")]
    pub code_file: Option<PathBuf>,
}

/// `part`.
#[derive(Debug, Args)]
pub struct PartOf {
    /// Which
    pub part: AgentPart,
    /// The process that starts it, and with which it ends
    #[arg(long, value_name = "PID")]
    pub parent: u32,
    /// The one before was killed
    #[arg(long)]
    pub again: bool,
}

/// The parts.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum AgentPart {
    /// Keeps facts and speaks to the server
    Keep,
    /// Observes
    Collect,
    /// Has backups made
    Save,
}

/// `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// A past moment: `2026-11-22T05:00:00Z` or, in Japanese time, `2026-11-22 14:00`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub at: Option<Timestamp>,
    /// For programs (shape in the README)
    #[arg(long)]
    pub json: bool,
    /// Which contract of the data folder
    #[arg(long, default_value = "main", value_name = "ID")]
    pub contract: String,
}

/// `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Files of entries, JSON Lines in format entry v1, in any order; or bundles
    #[arg(required_unless_present = "expect", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Judge as of this moment [default: the last entry]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub at: Option<Timestamp>,
    /// For programs: the same shape as `status --json`
    #[arg(long)]
    pub json: bool,
    /// Run a scenario file and compare with what it expects
    #[arg(long, value_name = "FILE", conflicts_with_all = ["files", "at"])]
    pub expect: Option<PathBuf>,
    /// Contract file [default: the standard terms]
    #[arg(long, value_name = "FILE")]
    pub terms: Option<PathBuf>,
}

/// `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// Bundles or files of entries, in the order of the ledger, from its first entry [default: the data folder]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The month, as `2026-10`
    #[arg(long, value_name = "MONTH")]
    pub month: yakujo_contract::report::Month,
    /// Which paper
    #[arg(long, value_enum, default_value = "f24")]
    pub form: ReportForm,
    /// As what
    #[arg(long, value_enum, default_value = "csv")]
    pub format: ReportFormat,
    /// Where to [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Of a month that is not over: up to this moment [default: now, to the minute]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,
    /// In English
    #[arg(long)]
    pub english: bool,
    /// Contract file, with files [default: the standard terms]
    #[arg(long, value_name = "FILE", requires = "files")]
    pub terms: Option<PathBuf>,
    /// Which contract of the data folder
    #[arg(long, default_value = "main", value_name = "ID", conflicts_with = "files")]
    pub contract: String,
}

/// The papers of a month.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ReportForm {
    /// 月次適合報告: how every duty stood
    F24,
    /// 月報: what happened
    F23,
}

/// What a report is handed out as.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ReportFormat {
    /// A4 pages
    Pdf,
    /// A workbook
    Xlsx,
    /// CSV, UTF-8 with byte order mark
    Csv,
    /// CSV, Shift_JIS
    Csv932,
    /// For programs
    Json,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// The bundle
    pub bundle: PathBuf,
    /// Your own policy: which keys must have signed
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// A checkpoint you kept; may be given several times
    #[arg(long = "head", value_name = "FILE")]
    pub heads: Vec<PathBuf>,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

/// `bundle`.
#[derive(Debug, Args)]
pub struct Bundle {
    /// File to write
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// First entry
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    pub first: u64,
    /// Number of entries [default: all]
    #[arg(long, value_name = "NUMBER")]
    pub count: Option<u64>,
    /// Which contract of the data folder
    #[arg(long, default_value = "main", value_name = "ID")]
    pub contract: String,
}

/// `user`.
#[derive(Debug, Subcommand)]
pub enum User {
    /// Who can sign in
    List(List),
    /// Enter a person and print a one-time sign-in link
    Add(UserAdd),
    /// A new one-time link for somebody who cannot sign in
    Link(UserLink),
}

/// `… list`.
#[derive(Debug, Args)]
pub struct List {
    /// For programs
    #[arg(long)]
    pub json: bool,
    /// Which contract of the data folder
    #[arg(long, default_value = "main", value_name = "ID")]
    pub contract: String,
}

/// `user add`.
#[derive(Debug, Args)]
pub struct UserAdd {
    /// Sign-in name: a-z, 0-9, '-', '.'
    pub login: String,
    /// Name, as it is written
    #[arg(long)]
    pub name: String,
    /// `city_staff`, `city_approver`, `city_security`, `operator`, `security_lead` or `auditor`
    #[arg(long)]
    pub role: String,
    /// Post, for a city approver
    #[arg(long)]
    pub post: Option<String>,
    /// Until when; required for auditors
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,
    /// Which contract of the data folder
    #[arg(long, default_value = "main", value_name = "ID")]
    pub contract: String,
}

/// `user link`.
#[derive(Debug, Args)]
pub struct UserLink {
    /// Sign-in name
    pub login: String,
    /// Which contract of the data folder
    #[arg(long, default_value = "main", value_name = "ID")]
    pub contract: String,
}

/// `host`.
#[derive(Debug, Subcommand)]
pub enum Host {
    /// Observed hosts and when they were last heard
    List(List),
    /// Print a one-time code with which a host's agent enrols
    Enrol(HostEnrol),
    /// Refuse a device from now on
    Revoke(HostRevoke),
    /// On a host that is cut off: connect it again by hand, as root. Both parties are told
    Release,
}

/// `host enrol`.
#[derive(Debug, Args)]
pub struct HostEnrol {
    /// Name of the host: a-z, 0-9, '-', '.'
    pub host: String,
    /// The system it serves
    #[arg(long, default_value = "main")]
    pub system: String,
    /// `production`, `test` or `maintenance`
    #[arg(long, default_value = "production")]
    pub environment: String,
    /// Which contract of the data folder
    #[arg(long, default_value = "main", value_name = "ID")]
    pub contract: String,
}

/// `host revoke`.
#[derive(Debug, Args)]
pub struct HostRevoke {
    /// The device, as `host list` names it
    pub device: String,
    /// Why
    #[arg(long)]
    pub reason: String,
    /// Which contract of the data folder
    #[arg(long, default_value = "main", value_name = "ID")]
    pub contract: String,
}

/// `feed`.
#[derive(Debug, Subcommand)]
pub enum Feed {
    /// Make a maker's pair of keys: `maker.key` to sign with, `maker.pub` for the sites
    Key(FeedKey),
    /// Put what upstream publishes together and sign it (where the Internet is reached)
    Build(FeedBuild),
    /// Look through a bundle without putting it into use
    Check(FeedFile),
    /// Look through a bundle and put it into use; refused, the one before stays
    Import(FeedImport),
    /// What of it concerns this host
    Concerns(FeedConcerns),
}

/// `feed key`.
#[derive(Debug, Args)]
pub struct FeedKey {
    /// Folder for the two files; existing ones are not replaced
    #[arg(long, short, value_name = "DIR")]
    pub output: PathBuf,
}

/// `feed build`.
#[derive(Debug, Args)]
pub struct FeedBuild {
    /// The plan: which files, from where, under which licence
    #[arg(value_name = "PLAN.toml")]
    pub plan: PathBuf,
    /// The maker's secret key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The bundle made before this one; its number plus one is the number of this
    #[arg(long, value_name = "FILE", required_unless_present = "first")]
    pub after: Option<PathBuf>,
    /// There is none before this one
    #[arg(long, conflicts_with = "after")]
    pub first: bool,
    /// Folder to write `yakujo-feeds-NUMBER.akb` to
    #[arg(long, short, value_name = "DIR")]
    pub output: PathBuf,
}

/// `feed check` and `feed import`.
#[derive(Debug, Args)]
pub struct FeedFile {
    /// The bundle
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Public key of a maker who is believed (several may be named)
    #[arg(long, value_name = "FILE", required = true)]
    pub maker: Vec<PathBuf>,
    /// Take it although a part lost more than a fifth of its records: why it did
    #[arg(long, value_name = "REASON")]
    pub fewer: Option<String>,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

/// `feed import`.
#[derive(Debug, Args)]
pub struct FeedImport {
    /// The bundle, as for `feed check`
    #[command(flatten)]
    pub file: FeedFile,
    /// Sign-in name of who brings it in; the portal shows it
    #[arg(long, value_name = "LOGIN")]
    pub by: Option<String>,
    /// Sign-in name of the second person, who looked at it, too
    #[arg(long, value_name = "LOGIN", requires = "by")]
    pub confirmed_by: Option<String>,
}

/// `feed concerns`.
#[derive(Debug, Args)]
pub struct FeedConcerns {
    /// Also what is fixed, never concerned this release, or will not be fixed
    #[arg(long)]
    pub all: bool,
    /// For programs: everything
    #[arg(long)]
    pub json: bool,
}

/// `backup-job`.
#[derive(Debug, Args)]
pub struct BackupJob {
    /// The agent's folder, with `agent.toml`
    #[arg(long, value_name = "DIR")]
    pub folder: PathBuf,
    /// What to do
    #[arg(value_enum)]
    pub work: BackupWork,
    /// The job, as `agent.toml` names it
    pub job: String,
    /// The file to write the city's key to (`escrow`)
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Hand the result to the agent, by this file named in its `backup_results`
    #[arg(long, value_name = "FILE")]
    pub results: Option<PathBuf>,
    /// A file as it was saved (`content`)
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// SHA-256 of its content (`content`)
    #[arg(long, value_name = "SHA256")]
    pub digest: Option<String>,
    /// The file to write the content to (`content`)
    #[arg(long, value_name = "FILE")]
    pub into: Option<PathBuf>,
    /// Files as they look now (`saved`)
    #[arg(long, value_name = "FILE", hide = true)]
    pub list: Option<PathBuf>,
    /// The agent's process that starts it, and with which it ends
    #[arg(long, value_name = "PID", hide = true)]
    pub parent: Option<u32>,
}

/// What is done with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BackupWork {
    /// Make the repository
    Make,
    /// Back up
    Run,
    /// Check the repository, reading a part back
    Check,
    /// Restore the last snapshot into a scratch folder and compare it with the originals
    Drill,
    /// Make a second key for the city and write it to a new file
    Escrow,
    /// Write a content of a file, from the newest snapshot that has it
    Content,
    /// Say which files the last run saved as they look now
    #[value(hide = true)]
    Saved,
}

/// `idle-try`.
#[derive(Debug, Args)]
pub struct IdleTry {
    /// The target, as in `[[idle_session]]` of `agent.toml`
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// The role: `admin`, `resident`, `staff`, `citizen`
    #[arg(value_name = "ROLE")]
    pub role: String,
    /// Seconds to leave it alone, instead of the agreed minutes and one more
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<u32>,
    /// For programs: the fact that was recorded
    #[arg(long)]
    pub json: bool,
}

/// `backup-retain`.
#[derive(Debug, Args)]
pub struct BackupRetain {
    /// The repository, as restic takes it
    #[arg(long, value_name = "PLACE")]
    pub repository: String,
    /// File with its password
    #[arg(long, value_name = "FILE")]
    pub password: PathBuf,
    /// Settings of ssh for `sftp:`
    #[arg(long, value_name = "FILE")]
    pub ssh_config: Option<PathBuf>,
    /// File with the credentials of an object store
    #[arg(long, value_name = "FILE")]
    pub credentials: Option<PathBuf>,
    /// Remove them, and enter it in the ledger; without it, only say what would be removed
    #[arg(long)]
    pub apply: bool,
    /// Which contract of the data folder
    #[arg(long, default_value = "main", value_name = "ID")]
    pub contract: String,
}

/// `backup-key`.
#[derive(Debug, Args)]
pub struct BackupKey {
    /// Folder of the repository, or of a copy of its `config` and `keys`
    pub folder: PathBuf,
    /// Which repository it should be, by the beginning of its id
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// File with the key (`-`: standard input); without it, it is asked for
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Write the result to this file instead of the ledger, for `backup_results` of an agent (on a machine without the ledger)
    #[arg(long, value_name = "FILE", requires = "id")]
    pub results: Option<PathBuf>,
    /// Which contract of the data folder
    #[arg(long, default_value = "main", value_name = "ID")]
    pub contract: String,
}

/// `backup`.
#[derive(Debug, Args)]
pub struct Backup {
    /// Folder to make; must not exist
    pub to: PathBuf,
}

/// `restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// Folder made by `backup`
    pub from: PathBuf,
}

/// `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// For programs
    #[arg(long)]
    pub json: bool,
}

/// Reads a moment: RFC 3339, or date and time of day in Japan.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    // A day alone means its end: everything of that day is in.
    let civil = match (text.len(), text.parse::<jiff::civil::Date>()) {
        (10, Ok(day)) => Ok(day.at(23, 59, 59, 0)),
        _ => text.parse::<jiff::civil::DateTime>(),
    };
    let zoned = civil.and_then(|civil| civil.to_zoned(yakujo_contract::calendar::japan()));
    zoned.map(|zoned| zoned.timestamp()).map_err(|_| {
        format!("`{text}` is no moment: write 2026-11-22T05:00:00Z, or in Japanese time 2026-11-22 14:00")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_moment_is_utc_or_japanese_time() {
        let utc = moment("2026-11-22T05:00:00Z").unwrap();
        assert_eq!(moment("2026-11-22 14:00").unwrap(), utc);
        assert_eq!(moment("2026-11-22").unwrap().to_string(), "2026-11-22T14:59:59Z");
        assert!(moment("yesterday").unwrap_err().contains("write 2026"));
    }
}
