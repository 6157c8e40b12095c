//! `yakujo feed`: bundles of what is known of vulnerabilities, made where the Internet is reached, looked through and used
//! where it is not.

use crate::arguments::{Feed, FeedBuild, FeedConcerns, FeedFile, FeedImport, FeedKey};
use anyhow::{Context, bail};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use yakujo_agent::collect::c03_software;
use yakujo_agent::reading::Sources;
use yakujo_contract::fact::vulnerability::VulnStatus;
use yakujo_feed::build::{Maker, build, read_plan};
use yakujo_feed::import::{Checked, Site, check};
use yakujo_feed::manifest::Manifest;
use yakujo_feed::matching::{Concerns, Installed, Match, Origin, concerns};
use yakujo_feed::signed::{MakerKey, new_pair, public_of};
use yakujo_feed::store::{Import, Store};

/// Exit code of a bundle that is refused.
const REFUSED: u8 = 3;
/// Vulnerabilities shown of one state.
const SHOWN: usize = 20;

/// Runs the command.
pub fn run(data: &Path, command: &Feed) -> anyhow::Result<ExitCode> {
    let store = Store::of(&data.join("feeds"));
    match command {
        Feed::Key(key) => make_keys(key),
        Feed::Build(plan) => make(plan),
        Feed::Check(file) => Ok(looked_through(&store, file)?.1),
        Feed::Import(wanted) => import(&store, wanted),
        Feed::Concerns(wanted) => show_concerns(&store, wanted),
    }
}

fn make_keys(arguments: &FeedKey) -> anyhow::Result<ExitCode> {
    let (secret, public) = new_pair().map_err(anyhow::Error::msg)?;
    for (name, text, mode) in [("maker.key", &secret, 0o600), ("maker.pub", &public, 0o644)] {
        let path = arguments.output.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        let mut file = file.with_context(|| format!("{} cannot be made (does it exist?)", path.display()))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
    }
    println!(
        "{}: keep maker.key to yourself; give maker.pub to the sites, by a way they trust",
        arguments.output.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn make(arguments: &FeedBuild) -> anyhow::Result<ExitCode> {
    let secret = read(&arguments.key)?;
    let now = Timestamp::now();
    let previous = arguments.after.as_ref().map(|file| previous(file, &secret, now)).transpose()?;
    let plan = read_plan(&arguments.plan)?;
    let beside = arguments.plan.parent().unwrap_or(Path::new("."));
    let serial = previous.as_ref().map_or(1, |previous| previous.serial.saturating_add(1));
    let path = arguments.output.join(format!("yakujo-feeds-{serial}.akb"));
    let file = File::create_new(&path);
    let file = file.with_context(|| format!("{} cannot be made (does it exist?)", path.display()))?;
    let maker = Maker { secret: &secret, previous: previous.as_ref(), now };
    match build(&plan, beside, maker, BufWriter::new(&file)) {
        Ok(manifest) => {
            file.sync_all()?;
            say(&manifest);
            println!("{}", path.display());
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            std::fs::remove_file(&path)?;
            Err(error.into())
        }
    }
}

/// The manifest of the bundle before, signed by the same maker.
fn previous(file: &Path, secret: &str, now: Timestamp) -> anyhow::Result<Manifest> {
    let own = public_of(secret).map_err(anyhow::Error::msg)?;
    // However old it is, the next one follows it.
    let site = Site { keys: &[own], current: None, now, fewer: None };
    let bundle = BufReader::new(open(file)?);
    yakujo_feed::import::manifest_of(bundle, &site).with_context(|| file.display().to_string())
}

fn import(store: &Store, arguments: &FeedImport) -> anyhow::Result<ExitCode> {
    let who = Import { by: arguments.by.clone(), confirmed_by: arguments.confirmed_by.clone() };
    if who.by.is_some() && who.by == who.confirmed_by {
        bail!("whoever brings a bundle in cannot confirm it: name a second person");
    }
    let (checked, code) = looked_through(store, &arguments.file)?;
    if let Some(checked) = checked {
        checked.install(store, &who)?;
        println!("serial {} is in use", checked.manifest.serial);
    }
    Ok(code)
}

fn looked_through(store: &Store, arguments: &FeedFile) -> anyhow::Result<(Option<Checked>, ExitCode)> {
    let keys = arguments.maker.iter().map(|path| MakerKey::read(&read(path)?).map_err(anyhow::Error::msg));
    let keys: Vec<MakerKey> = keys.collect::<anyhow::Result<_>>()?;
    let current = store.current().context("the folder of feeds")?;
    let fewer = arguments.fewer.as_deref();
    let site = Site { keys: &keys, current: current.as_ref(), now: Timestamp::now(), fewer };
    match check(BufReader::new(open(&arguments.file)?), &site) {
        Ok(checked) if arguments.json => {
            println!("{}", String::from_utf8(checked.manifest.to_bytes()?)?);
            Ok((Some(checked), ExitCode::SUCCESS))
        }
        Ok(checked) => {
            say(&checked.manifest);
            Ok((Some(checked), ExitCode::SUCCESS))
        }
        Err(refused) => {
            eprintln!("yakujo: {} is refused: {refused}", arguments.file.display());
            match &current {
                Some(current) => eprintln!("serial {} stays in use", current.serial),
                None => eprintln!("nothing is in use yet"),
            }
            Ok((None, ExitCode::from(REFUSED)))
        }
    }
}

fn say(manifest: &Manifest) {
    println!("serial {}, made {}, to be used until {}", manifest.serial, manifest.made, manifest.stale_after);
    for part in &manifest.parts {
        let (kind, records, time) = (part.kind.word(), part.records, part.upstream_time);
        println!("  {kind:<15} {records:>8} records of {time}  {}", part.source);
    }
}

fn show_concerns(store: &Store, wanted: &FeedConcerns) -> anyhow::Result<ExitCode> {
    let Some((manifest, known)) = store.known().context("the folder of feeds")? else {
        bail!("no feed is in use: bring one in with `yakujo feed import`");
    };
    let sources = Sources::of_this_host();
    let inventory = c03_software::read(&sources).map_err(anyhow::Error::msg)?;
    let system = c03_software::system(&sources).map(|system| system.os).unwrap_or_default();
    if system != "debian" {
        bail!("the feed knows Debian, and this host is {system:?}: nothing can be said of it");
    }
    let release =
        c03_software::release_name(&sources).context("/etc/os-release names no VERSION_CODENAME")?;
    let installed: Vec<Installed> = inventory.packages.into_iter().map(installed).collect();
    let concerns = concerns(&known, &release, &installed);
    if Timestamp::now() >= manifest.stale_after {
        eprintln!("this feed was to be used until {}: what came after it is not known", manifest.stale_after);
    }
    if wanted.json {
        println!("{}", serde_json::to_string_pretty(&as_json(&manifest, &release, &concerns))?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{release}, {} packages, feed {} of {}", installed.len(), manifest.serial, manifest.made);
    show(&concerns, wanted.all);
    Ok(ExitCode::SUCCESS)
}

fn installed(package: c03_software::Installed) -> Installed {
    let origin = if package.by_distribution { Origin::Distributor } else { Origin::Elsewhere };
    let package = package.package;
    let short = package.name.split(':').next().unwrap_or(&package.name).to_owned();
    Installed {
        source: package.source.unwrap_or(short),
        source_version: package.source_version.unwrap_or(package.version),
        name: package.name,
        origin,
    }
}

/// States in the order of what is to be done about them.
const STATES: [(VulnStatus, &str); 6] = [
    (VulnStatus::UpdateAvailable, "a fixed version is on offer"),
    (VulnStatus::Open, "no fixed version yet"),
    (VulnStatus::UnknownToFeed, "not known to the feed"),
    (VulnStatus::WillNotFix, "the distributor will not fix it by an advisory"),
    (VulnStatus::NotAffected, "never concerned this release"),
    (VulnStatus::Fixed, "fixed"),
];

fn show(concerns: &Concerns, all: bool) {
    for (status, words) in STATES {
        let mut of_state: Vec<&Match> =
            concerns.matches.iter().filter(|found| found.status == status).collect();
        of_state
            .sort_by_key(|found| (found.exploited != Some(true), std::cmp::Reverse(found.epss_millionths)));
        println!("{:>6}  {words}", of_state.len());
        let is_work = matches!(status, VulnStatus::UpdateAvailable | VulnStatus::Open);
        let shown = if all {
            usize::MAX
        } else if is_work {
            SHOWN
        } else {
            0
        };
        of_state.iter().take(shown).for_each(|found| println!("          {}", line(found)));
        if is_work && of_state.len() > shown {
            println!("          … and {} more (--all, --json)", of_state.len().saturating_sub(shown));
        }
    }
    println!(
        "{:>6}  source packages the feed does not know (not from the distributor, or backports)",
        concerns.unknown.len()
    );
}

fn line(found: &Match) -> String {
    let exploited = if found.exploited == Some(true) { "  EXPLOITED" } else { "" };
    let fixed = found.fixed_version.as_ref().map(|version| format!(" -> {version}")).unwrap_or_default();
    let note = found.note.as_ref().map(|note| format!("  ({note})")).unwrap_or_default();
    let epss = found
        .epss_millionths
        .map(|score| format!("  EPSS {}.{:04}", score / 1_000_000, score % 1_000_000 / 100));
    let epss = epss.unwrap_or_default();
    format!("{:<16} {} {}{fixed}{exploited}{epss}{note}", found.id, found.source, found.version)
}

fn as_json(manifest: &Manifest, release: &str, concerns: &Concerns) -> serde_json::Value {
    let one = |found: &Match| {
        serde_json::json!({
            "id": found.id, "source": found.source, "version": found.version, "status": found.status,
            "fixed_version": found.fixed_version, "note": found.note, "exploited": found.exploited,
            "epss_millionths": found.epss_millionths,
        })
    };
    let times: BTreeMap<&str, Timestamp> =
        manifest.parts.iter().map(|part| (part.kind.word(), part.upstream_time)).collect();
    serde_json::json!({
        "release": release, "serial": manifest.serial, "stale_after": manifest.stale_after,
        "upstream_times": times, "matches": concerns.matches.iter().map(one).collect::<Vec<_>>(),
        "unknown": concerns.unknown,
    })
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| path.display().to_string())
}
