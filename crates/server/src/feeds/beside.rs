//! One host beside what is known: plain functions.

use crate::views::concerns::{Compared, Concern, Counts, Untold};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use yakujo_contract::court::Court;
use yakujo_contract::evidence::host::Host;
use yakujo_contract::evidence::inventory;
use yakujo_contract::evidence::vulnerabilities::{Vulnerabilities, is_over};
use yakujo_contract::fact::vulnerability::{Feed, VulnMatch, VulnStatus};
use yakujo_contract::id::HostId;
use yakujo_feed::matching::{Installed, Match, Origin, concerns};
use yakujo_feed::parts::Known;

/// The system whose packages the feed knows.
const DEBIAN: &str = "debian";
/// A certain exploit, as EPSS writes it.
const CERTAIN: u32 = 1_000_000;

/// What is known of a host.
pub struct Subject {
    /// The host.
    pub host: HostId,
    /// The entry by which it is known.
    pub inventory: u64,
    /// Code name of its release.
    pub release: Result<String, Untold>,
    /// Its packages.
    pub installed: Vec<Installed>,
}

/// Hosts whose packages and system are known, each with the newest entry about either.
pub fn inventories(court: &Court) -> Vec<(HostId, u64)> {
    let hosts = court.evidence().hosts.iter();
    hosts.filter_map(|(id, host)| Some((id.clone(), inventory_of(host)?))).collect()
}

fn inventory_of(host: &Host) -> Option<u64> {
    host.packages.whole_list()?;
    let packages = host.packages.newest?.entry.0;
    Some(packages.max(host.system.as_ref()?.stamp.entry.0))
}

/// What is known of one of them now.
pub fn subject(court: &Court, id: &HostId) -> Option<Subject> {
    let host = court.evidence().hosts.get(id)?;
    let system = &host.system.as_ref()?.value;
    let release = match (system.os.as_str(), &system.codename) {
        (DEBIAN, Some(codename)) => Ok(codename.clone()),
        (DEBIAN, None) => Err(Untold::NoRelease),
        _ => Err(Untold::OtherSystem),
    };
    let installed = host.packages.installed().map(|(package, _)| {
        let short = package.name.split(':').next().unwrap_or(&package.name);
        Installed {
            name: package.name.clone(),
            source: package.source.clone().unwrap_or_else(|| short.to_owned()),
            source_version: package.source_version.clone().unwrap_or_else(|| package.version.clone()),
            origin: match host.packages.origin_of(&package.name) {
                inventory::Origin::Distributor => Origin::Distributor,
                inventory::Origin::Elsewhere => Origin::Elsewhere,
                inventory::Origin::Unknown => Origin::Unknown,
            },
        }
    });
    let installed = installed.collect();
    Some(Subject { host: id.clone(), inventory: inventory_of(host)?, release, installed })
}

/// Everything known that concerns it, also what is over.
pub fn beside(known: &Known, serial: u64, subject: &Subject, at: Timestamp) -> (Compared, Vec<Concern>) {
    let (untold, found) = match &subject.release {
        Ok(release) => (None, of_release(known, release, subject)),
        Err(untold) => (Some(*untold), Vec::new()),
    };
    let counts = found.iter().fold(Counts::default(), counted);
    (Compared { serial, inventory: subject.inventory, at, untold, counts }, found)
}

fn of_release(known: &Known, release: &str, subject: &Subject) -> Vec<Concern> {
    let found = concerns(known, release, &subject.installed);
    let version = |source: &str| {
        let package = subject.installed.iter().find(|package| package.source == source);
        package.map(|package| package.source_version.clone()).unwrap_or_default()
    };
    let unknown = found.unknown.iter().map(|source| Concern {
        place: place(None, source, VulnStatus::UnknownToFeed, None, None),
        id: None,
        source: source.clone(),
        version: version(source),
        status: VulnStatus::UnknownToFeed,
        fixed_version: None,
        note: None,
        exploited: None,
        epss_millionths: None,
    });
    found.matches.into_iter().map(of_match).chain(unknown).collect()
}

fn of_match(found: Match) -> Concern {
    Concern {
        place: place(Some(&found.id), &found.source, found.status, found.exploited, found.epss_millionths),
        id: Some(found.id),
        source: found.source,
        version: found.version,
        status: found.status,
        fixed_version: found.fixed_version,
        note: found.note,
        exploited: found.exploited,
        epss_millionths: found.epss_millionths,
    }
}

/// What is exploited and stands first; then by what can be done; then the likelier.
fn place(
    id: Option<&str>,
    source: &str,
    status: VulnStatus,
    exploited: Option<bool>,
    epss: Option<u32>,
) -> String {
    let urgent = u8::from(exploited != Some(true) || is_over(status));
    let rank = match status {
        VulnStatus::UpdateAvailable => 0,
        VulnStatus::Open => 1,
        VulnStatus::UnknownToFeed => 2,
        VulnStatus::WillNotFix => 3,
        VulnStatus::NotAffected => 4,
        VulnStatus::Fixed => 5,
    };
    let unlikely = CERTAIN.saturating_sub(epss.unwrap_or_default());
    format!("{urgent}{rank}{unlikely:07} {} {source}", id.unwrap_or("~"))
}

fn counted(mut counts: Counts, one: &Concern) -> Counts {
    let count = match one.status {
        VulnStatus::UpdateAvailable => &mut counts.update,
        VulnStatus::Open => &mut counts.open,
        VulnStatus::UnknownToFeed => &mut counts.unknown,
        VulnStatus::WillNotFix => &mut counts.left,
        VulnStatus::NotAffected => &mut counts.not_affected,
        VulnStatus::Fixed => &mut counts.fixed,
    };
    *count = count.saturating_add(1);
    if one.exploited == Some(true) && !is_over(one.status) {
        counts.exploited = counts.exploited.saturating_add(1);
    }
    counts
}

/// What is over is counted, unless it is known to be exploited.
pub fn is_listed(one: &Concern) -> bool {
    !is_over(one.status) || one.exploited == Some(true)
}

/// What the ledger has to be told: what is known to be exploited, when it comes and whenever it stands otherwise.
pub fn news(known: &Vulnerabilities, subject: &Subject, found: &[Concern], feeds: &[Feed]) -> Vec<VulnMatch> {
    let told: BTreeMap<(&str, &str), &VulnMatch> = known
        .of_host(&subject.host)
        .map(|it| ((it.value.id.as_str(), it.value.source.as_str()), &it.value))
        .collect();
    let mut news = Vec::new();
    let mut seen = BTreeSet::new();
    for one in found {
        let Some(id) = &one.id else { continue };
        let known = told.get(&(id.as_str(), one.source.as_str())).copied();
        let now = stated(one, id, known, feeds);
        let is_news = match known {
            None => now.exploited && !is_over(now.status),
            Some(was) => standing(was) != standing(&now),
        };
        if is_news {
            news.push(now);
        }
        if known.is_some() {
            seen.insert((id.as_str(), one.source.as_str()));
        }
    }
    let gone = told.iter().filter(|(key, was)| !seen.contains(*key) && !is_over(was.status));
    news.extend(gone.filter_map(|(_, was)| no_more(was, subject, feeds)));
    news
}

fn standing(found: &VulnMatch) -> (&str, VulnStatus, Option<&String>, bool) {
    (&found.version, found.status, found.fixed_version.as_ref(), found.exploited)
}

fn stated(one: &Concern, id: &str, known: Option<&VulnMatch>, feeds: &[Feed]) -> VulnMatch {
    let before = known.is_some_and(|known| known.exploited);
    VulnMatch {
        id: id.to_owned(),
        source: one.source.clone(),
        version: one.version.clone(),
        status: one.status,
        fixed_version: one.fixed_version.clone(),
        exploited: one.exploited.unwrap_or(before),
        epss_millionths: one.epss_millionths,
        cvss_tenths: None,
        feeds: feeds.to_vec(),
        fix_evidence: (one.status == VulnStatus::Fixed).then(|| "version".to_owned()),
    }
}

/// The package is gone, or the feed says nothing of it any more: that is no fix.
fn no_more(was: &VulnMatch, subject: &Subject, feeds: &[Feed]) -> Option<VulnMatch> {
    let now = VulnMatch { feeds: feeds.to_vec(), ..was.clone() };
    if !subject.installed.iter().any(|package| package.source == was.source) {
        let fix_evidence = Some("removed".to_owned());
        return Some(VulnMatch { status: VulnStatus::NotAffected, fix_evidence, ..now });
    }
    (was.status != VulnStatus::UnknownToFeed)
        .then_some(VulnMatch { status: VulnStatus::UnknownToFeed, ..now })
}

#[cfg(test)]
mod tests {
    use super::*;
    use yakujo_contract::entry::{Author, Body, Entry};
    use yakujo_contract::evidence::Evidence;
    use yakujo_contract::fact::Fact;
    use yakujo_contract::id::EntryNumber;

    fn at() -> Timestamp {
        "2026-11-26T00:00:00Z".parse().unwrap()
    }

    fn subject(source: &str) -> Subject {
        let installed = Installed {
            name: source.to_owned(),
            source: source.to_owned(),
            source_version: "1".to_owned(),
            origin: Origin::Distributor,
        };
        Subject {
            host: "web-1".parse().unwrap(),
            inventory: 1,
            release: Ok("bookworm".to_owned()),
            installed: vec![installed],
        }
    }

    fn concern(status: VulnStatus, exploited: Option<bool>) -> Concern {
        Concern {
            place: String::new(),
            id: Some("CVE-2026-1".to_owned()),
            source: "openssl".to_owned(),
            version: "1".to_owned(),
            status,
            fixed_version: None,
            note: None,
            exploited,
            epss_millionths: None,
        }
    }

    /// What is told, one round after the other, each with what was told before it.
    fn told(rounds: &[(&str, Vec<Concern>)]) -> Vec<Vec<(VulnStatus, bool)>> {
        let mut evidence = Evidence::default();
        let mut number = 0;
        let mut all = Vec::new();
        for (source, found) in rounds {
            let news = news(&evidence.vulnerabilities, &subject(source), found, &[]);
            all.push(news.iter().map(|it| (it.status, it.exploited)).collect());
            for fact in news {
                number += 1;
                let entry = Entry {
                    v: 1,
                    author: Author::Server,
                    host: Some("web-1".parse().unwrap()),
                    seq: None,
                    observed: at(),
                    received: at(),
                    seen: None,
                    body: Body::Fact(Fact::VulnMatch(fact)),
                };
                evidence.enter(EntryNumber(number), &entry);
            }
        }
        all
    }

    #[test]
    fn what_is_known_to_be_exploited_is_told_when_it_comes_and_when_it_stands_otherwise() {
        use VulnStatus::{Fixed, NotAffected, Open, UnknownToFeed, UpdateAvailable};
        let one = |status, exploited| ("openssl", vec![concern(status, exploited)]);
        let rounds = [
            one(Open, Some(false)),
            one(Open, Some(true)),
            one(Open, Some(true)),
            one(UpdateAvailable, Some(true)),
            // A feed without a list of what is exploited takes nothing back.
            one(UpdateAvailable, None),
            one(Fixed, Some(true)),
            one(Fixed, Some(true)),
            one(Open, Some(true)),
            // The feed says nothing of it any more; that is no fix.
            ("openssl", Vec::new()),
            ("openssl", Vec::new()),
            ("other", Vec::new()),
            ("other", Vec::new()),
        ];
        let expected: Vec<Vec<(VulnStatus, bool)>> = vec![
            vec![],
            vec![(Open, true)],
            vec![],
            vec![(UpdateAvailable, true)],
            vec![],
            vec![(Fixed, true)],
            vec![],
            vec![(Open, true)],
            vec![(UnknownToFeed, true)],
            vec![],
            vec![(NotAffected, true)],
            vec![],
        ];
        assert_eq!(told(&rounds), expected);
        let fixed_before = one(Fixed, Some(true));
        assert_eq!(told(&[fixed_before]), [vec![]], "what never stood open is no news");
    }

    #[test]
    fn what_is_exploited_and_open_stands_first_and_what_is_over_last() {
        use VulnStatus::{Fixed, Open, UpdateAvailable};
        let of = |status, exploited, epss| place(Some("CVE"), "p", status, exploited, epss);
        let order = [
            of(Open, Some(true), None),
            of(UpdateAvailable, Some(false), Some(900_000)),
            of(UpdateAvailable, Some(false), Some(100)),
            of(UpdateAvailable, None, None),
            of(Open, None, Some(900_000)),
            of(Fixed, Some(true), None),
        ];
        assert!(order.is_sorted(), "{order:#?}");
    }
}
