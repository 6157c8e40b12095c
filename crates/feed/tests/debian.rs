//! What concerns a host, by the states of Debian's tracker: release, source package and source version alone.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use debversion::Version;
use proptest::prelude::*;
use std::cmp::Ordering;
use std::process::Command;
use yakujo_contract::fact::vulnerability::VulnStatus;
use yakujo_feed::manifest::Kind;
use yakujo_feed::matching::{Concerns, Installed, Match, Origin, concerns};
use yakujo_feed::parts::Known;

fn known() -> Known {
    let mut known = Known::default();
    known.read(Kind::DebianTracker, include_bytes!("samples/tracker.json")).unwrap();
    known.read(Kind::Kev, include_bytes!("samples/kev.json")).unwrap();
    known.read(Kind::Epss, include_bytes!("samples/epss.csv")).unwrap();
    known
}

fn package(name: &str, source: &str, source_version: &str, origin: Origin) -> Installed {
    let [name, source, source_version] = [name, source, source_version].map(ToOwned::to_owned);
    Installed { name, source, source_version, origin }
}

fn openssl(version: &str, origin: Origin) -> Concerns {
    concerns(&known(), "bookworm", &[package("libssl3", "openssl", version, origin)])
}

fn of<'a>(concerns: &'a Concerns, id: &str) -> &'a Match {
    concerns.matches.iter().find(|found| found.id == id).unwrap()
}

#[test]
fn each_state_of_the_tracker_is_a_state_and_what_will_not_be_fixed_is_not_open() {
    let before = openssl("3.0.15-1~deb12u1", Origin::Distributor);
    let update = of(&before, "CVE-2026-0001");
    assert_eq!(update.status, VulnStatus::UpdateAvailable);
    assert_eq!(update.fixed_version.as_deref(), Some("3.0.16-1~deb12u1"));
    assert_eq!(update.exploited, Some(true), "KEV says so");
    assert_eq!(update.epss_millionths, Some(932_110));
    let unimportant = of(&before, "CVE-2026-0002");
    assert_eq!(
        (unimportant.status, unimportant.note.as_deref()),
        (VulnStatus::WillNotFix, Some("unimportant"))
    );
    let no_dsa = of(&before, "CVE-2026-0003");
    assert_eq!(
        (no_dsa.status, no_dsa.note.as_deref()),
        (VulnStatus::WillNotFix, Some("no-dsa: Minor issue"))
    );
    assert_eq!(of(&before, "CVE-2026-0004").status, VulnStatus::Open);
    assert_eq!(of(&before, "CVE-2026-0005").status, VulnStatus::NotAffected);
    assert_eq!(of(&before, "CVE-2026-0006").status, VulnStatus::UnknownToFeed);
    let open = before.matches.iter().filter(|found| found.status == VulnStatus::Open).count();
    assert_eq!(open, 1);
    let after = openssl("3.0.16-1~deb12u1", Origin::Distributor);
    assert_eq!(of(&after, "CVE-2026-0001").status, VulnStatus::Fixed);
    assert!(after.unknown.is_empty());
}

#[test]
fn what_did_not_come_from_the_distributor_is_unknown_to_the_feed() {
    for backport in ["3.5.1-1~bpo12+1", "3.0.17-1~bpo12+1"] {
        let answer = openssl(backport, Origin::Distributor);
        assert!(answer.matches.is_empty() && answer.unknown.contains("openssl"), "{backport}: {answer:?}");
    }
    let third_party = openssl("3.9.9-1", Origin::Elsewhere);
    assert!(third_party.matches.is_empty() && third_party.unknown.contains("openssl"), "{third_party:?}");
    // A host without lists: what is lower is lower; what is higher may be anything.
    let no_lists = openssl("3.9.9-1", Origin::Unknown);
    assert_eq!(of(&no_lists, "CVE-2026-0001").status, VulnStatus::UnknownToFeed);
    assert_eq!(of(&no_lists, "CVE-2026-0004").status, VulnStatus::Open);
    let no_lists = openssl("3.0.15-1~deb12u1", Origin::Unknown);
    assert_eq!(of(&no_lists, "CVE-2026-0001").status, VulnStatus::UpdateAvailable);
}

#[test]
fn the_version_of_the_source_package_counts_not_that_of_the_binary_one() {
    // gcc 4:12.2.0-3 is built from gcc-defaults 1.203: as a version of the source it would be far above, or far below.
    let with = |version| {
        concerns(&known(), "bookworm", &[package("gcc", "gcc-defaults", version, Origin::Distributor)])
    };
    assert_eq!(of(&with("1.203"), "CVE-2026-0007").status, VulnStatus::Fixed);
    assert_eq!(of(&with("1.202"), "CVE-2026-0007").status, VulnStatus::UpdateAvailable);
    // An epoch: without it 9.20 would be above 1:9.18.
    let bind =
        |version| concerns(&known(), "bookworm", &[package("bind9", "bind9", version, Origin::Distributor)]);
    assert_eq!(of(&bind("9.20.0-1"), "CVE-2026-0008").status, VulnStatus::UpdateAvailable);
    assert_eq!(of(&bind("1:9.18.33-1~deb12u2"), "CVE-2026-0008").status, VulnStatus::Fixed);
}

#[test]
fn two_binaries_of_one_source_are_one_and_the_lower_version_counts() {
    let half = [
        package("libssl3", "openssl", "3.0.16-1~deb12u1", Origin::Distributor),
        package("openssl", "openssl", "3.0.15-1~deb12u1", Origin::Distributor),
    ];
    let answer = concerns(&known(), "bookworm", &half);
    assert_eq!(of(&answer, "CVE-2026-0001").status, VulnStatus::UpdateAvailable);
    let unsure =
        concerns(&known(), "bookworm", &[package("x", "openssl", "3.0.15-1~deb12u1", Origin::Unknown)]);
    assert_eq!(
        of(&unsure, "CVE-2026-0005").status,
        VulnStatus::UnknownToFeed,
        "never affected only where it is theirs"
    );
    let mixed = [
        package("libssl3", "openssl", "3.0.16-1~deb12u1", Origin::Distributor),
        package("libssl-dev", "openssl", "3.0.16-1~deb12u1", Origin::Elsewhere),
    ];
    assert!(concerns(&known(), "bookworm", &mixed).unknown.contains("openssl"));
}

#[test]
fn of_a_release_the_tracker_does_not_know_nothing_is_said() {
    let installed = [package("libssl3", "openssl", "3.0.16-1", Origin::Distributor)];
    for release in ["noble", "", "bookworm-security"] {
        let answer = concerns(&known(), release, &installed);
        assert!(answer.matches.is_empty() && answer.unknown.contains("openssl"), "{release}: {answer:?}");
    }
    let trixie = concerns(&known(), "trixie", &installed);
    assert_eq!(of(&trixie, "CVE-2026-0001").status, VulnStatus::Open, "each release has states of its own");
}

/// dpkg's own answer.
fn dpkg(one: &str, other: &str) -> Ordering {
    let is = |relation: &str| {
        let status =
            Command::new("/usr/bin/dpkg").args(["--compare-versions", one, relation, other]).status();
        status.unwrap().success()
    };
    if is("lt") {
        Ordering::Less
    } else if is("gt") {
        Ordering::Greater
    } else {
        Ordering::Equal
    }
}

fn version() -> impl Strategy<Value = String> {
    let part =
        prop_oneof!["[0-9]{1,3}", "[a-z]{1,3}", Just("~".to_owned()), Just("+".to_owned()), "\\.[0-9]"];
    let upstream = prop::collection::vec(part, 0..4).prop_map(|parts| parts.concat());
    (
        prop_oneof![Just(""), Just("0:"), Just("1:")],
        0_u8..20,
        upstream,
        prop_oneof!["", "-1", "-1~deb12u[12]", "-0\\+b1"],
    )
        .prop_map(|(epoch, first, rest, revision)| format!("{epoch}{first}{rest}{revision}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn versions_are_ordered_as_dpkg_orders_them(one in version(), other in version()) {
        let parsed: (Version, Version) = (one.parse().unwrap(), other.parse().unwrap());
        prop_assert_eq!(parsed.0.cmp(&parsed.1), dpkg(&one, &other), "{} and {}", one, other);
    }
}
