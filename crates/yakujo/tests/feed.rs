//! A feed on its way: made by one who reaches the Internet, carried, looked through, used by a host of this very system.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

/// `yakujo feed …` in a data folder.
fn feed(data: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_yakujo"));
    program.arg("--data").arg(data).arg("feed").args(arguments);
    program.output().unwrap()
}

fn done(data: &Path, arguments: &[&str]) -> String {
    let output = feed(data, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn answer(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The source of an installed package, its version, and this release.
fn really_installed() -> (String, String, String) {
    let source = answer("dpkg-query", &["-W", "-f", "${source:Package}", "libc6"]);
    let version = answer("dpkg-query", &["-W", "-f", "${source:Version}", "libc6"]);
    let release = answer("sh", &["-c", ". /etc/os-release; echo $VERSION_CODENAME"]);
    (source, version, release)
}

fn tracker(release: &str, source: &str, version: &str) -> Value {
    let in_release = |state: Value| json!({ "releases": { release: state } });
    json!({ source: {
        "CVE-2026-1001": in_release(json!({ "status": "resolved", "fixed_version": version, "urgency": "low" })),
        "CVE-2026-1002": in_release(json!({ "status": "resolved", "fixed_version": format!("{version}+later1"),
            "urgency": "high" })),
        "CVE-2026-1003": in_release(json!({ "status": "open", "urgency": "unimportant" })),
    } })
}

const PLAN: &str = r#"
usable_days = 7

[[part]]
kind = "debian_tracker"
file = "tracker.json"
source = "https://security-tracker.debian.org/tracker/data/json"
upstream_time = "2026-11-20T00:00:00Z"
licence = "see upstream"

[[part]]
kind = "kev"
file = "kev.json"
source = "https://www.cisa.gov/known-exploited-vulnerabilities-catalog"
licence = "CC0-1.0"
"#;

#[test]
fn a_bundle_is_made_carried_looked_through_and_tells_what_concerns_this_host() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, data) = (folder.path().join("desk"), folder.path().join("data"));
    std::fs::create_dir_all(&desk).unwrap();
    let at = |name: &str| desk.join(name).to_str().unwrap().to_owned();
    let (source, version, release) = really_installed();
    std::fs::write(at("tracker.json"), tracker(&release, &source, &version).to_string()).unwrap();
    let kev =
        json!({ "dateReleased": "2026-11-19T00:00:00Z", "vulnerabilities": [{ "cveID": "CVE-2026-1002" }] });
    std::fs::write(at("kev.json"), kev.to_string()).unwrap();
    std::fs::write(at("plan.toml"), PLAN).unwrap();

    let empty = feed(&data, &["concerns"]);
    assert!(!empty.status.success() && String::from_utf8_lossy(&empty.stderr).contains("feed import"));

    done(&data, &["key", "--output", &at("")]);
    assert_eq!(std::fs::metadata(at("maker.key")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!feed(&data, &["key", "--output", &at("")]).status.success(), "a key is never replaced");
    let plan = at("plan.toml");
    let key = at("maker.key");
    done(&data, &["build", &plan, "--key", &key, "--first", "--output", &at("")]);
    let (first, second, maker) = (at("yakujo-feeds-1.akb"), at("yakujo-feeds-2.akb"), at("maker.pub"));
    done(&data, &["build", &plan, "--key", &key, "--after", &first, "--output", &at("")]);

    let told = done(&data, &["check", &second, "--maker", &maker]);
    assert!(told.contains("serial 2") && told.contains("debian_tracker"), "{told}");
    done(&data, &["import", &second, "--maker", &maker]);
    let refused = feed(&data, &["import", &first, "--maker", &maker]);
    assert_eq!(refused.status.code(), Some(3));
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(why.contains("serial 1 is not above 2") && why.contains("serial 2 stays in use"), "{why}");
    let bytes = std::fs::read(&second).unwrap();
    std::fs::write(at("cut.akb"), &bytes[..bytes.len() - 60]).unwrap();
    assert_eq!(feed(&data, &["check", &at("cut.akb"), "--maker", &maker]).status.code(), Some(3));

    let told: Value = serde_json::from_str(&done(&data, &["concerns", "--json"])).unwrap();
    let matches = told["matches"].as_array().unwrap();
    let of = |id: &str| matches.iter().find(|found| found["id"] == id).unwrap();
    assert_eq!(of("CVE-2026-1001")["status"], "fixed");
    assert_eq!(of("CVE-2026-1002")["status"], "update_available");
    assert_eq!(of("CVE-2026-1002")["exploited"], true);
    assert_eq!(of("CVE-2026-1003")["status"], "will_not_fix");
    let shown = done(&data, &["concerns"]);
    assert!(shown.contains("CVE-2026-1002") && shown.contains("EXPLOITED"), "{shown}");
    assert!(!shown.contains("CVE-2026-1003"), "what nobody will fix is counted, not listed: {shown}");
}
