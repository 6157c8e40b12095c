//! `yakujo report` from a bundle, on another machine: the bytes that the portal hands out.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs fails like the test")]

use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use yakujo_contract::act::{Act, Matter};
use yakujo_contract::report::{Month, Report};
use yakujo_server::monthly::Stage;
use yakujo_server::office::Office;
use yakujo_server::pages::list;
use yakujo_server::pages::report_face::{self as face, Which};
use yakujo_server::pages::words::Lang;
use yakujo_server::server::Running;
use yakujo_server::settings::Settings;

/// The report of a month, as the portal has it.
async fn of_portal(office: &Arc<Office>, month: Month) -> Arc<Report> {
    for _ in 0..600 {
        match office.monthly.of(office, month, office.now()) {
            Stage::Ready(report) => return report,
            Stage::Failed(why) => panic!("{why}"),
            Stage::Making(..) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    panic!("the report is not made within a minute")
}

/// What the portal hands out, by the words of the command line.
fn handed_out(report: &Report, which: Which, format: &str) -> Vec<u8> {
    let lang = Lang::Ja;
    match format {
        "csv" => list::with_mark(&face::csv(report, which, lang)),
        "csv932" => list::cp932(&face::csv(report, which, lang), lang),
        "xlsx" => {
            let book = serde_json::from_value(face::book(report, which, lang)).unwrap();
            yakujo_paper::write_book(&book).unwrap()
        }
        "json" => face::json(report).unwrap(),
        _ => {
            let sheet = serde_json::from_value(face::sheet(report, which, lang)).unwrap();
            yakujo_paper::print(&sheet, yakujo_paper::Fonts::of_this_machine().unwrap()).unwrap().bytes
        }
    }
}

/// The program on another machine: nothing of this one's surroundings.
fn elsewhere(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_yakujo"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs([("TZ", "America/New_York"), ("LC_ALL", "tr_TR.UTF-8"), ("HOME", "/nonexistent")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_on_another_machine_gives_the_bytes_of_the_portal() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // The contract begins forty days ago, so that its first month is over.
    let clock = Arc::new(AtomicI64::new(SignedDuration::from_hours(-40 * 24).as_secs()));
    let shifted = clock.clone();
    let now = move || Timestamp::now() + SignedDuration::from_secs(shifted.load(Ordering::SeqCst));
    let listen = "127.0.0.1:0".parse().unwrap();
    let settings =
        Settings { data: data.clone(), listen, clock: Arc::new(now), this_host: "this-host".to_owned() };
    let server = Running::start(settings).await.unwrap();
    let office = server.house.office("main").unwrap();
    let month = Month::of(office.now());
    let propose = async |name: &str| {
        let values =
            office.terms().parameters.iter().map(|(id, terms)| (*id, terms.defaults.clone())).collect();
        let matter = Matter::Parameters { from: office.now(), values };
        let act = Act::Proposed { proposal: name.parse().unwrap(), matter };
        office.decide(None, act, None).await.unwrap();
    };
    propose("a-first").await;
    clock.store(0, Ordering::SeqCst);
    propose("a-later").await;
    let report = of_portal(&office, month).await;
    assert!(report.is_whole() && report.entries > 1 && report.entries < office.size());
    office.publish().await.unwrap();
    let other = tempfile::tempdir().unwrap();
    let mut bundle = std::fs::File::create(other.path().join("evidence.jsonl")).unwrap();
    yakujo_server::disclose::bundle(&office, 0..u64::MAX, &mut bundle).unwrap();
    let month = month.to_string();
    for which in Which::ALL {
        for format in ["csv", "csv932", "xlsx", "json", "pdf"] {
            let asked = ["report", "--month", &month, "--form", which.word(), "--format", format];
            let made = elsewhere(other.path(), &[&asked[..], &["evidence.jsonl"]].concat());
            assert!(made == handed_out(&report, which, format), "{} as {format} differs", which.word());
            if let Ok(look) = std::env::var("PAPER_LOOK") {
                std::fs::write(format!("{look}/{}.{format}", which.word()), &made).unwrap();
            }
        }
    }
    let root = office.reader().root(report.entries).unwrap().to_string();
    assert_eq!(report.root, root, "the report names the head it was made of");
    server.stop().await;
    let path = data.to_str().unwrap();
    let asked = ["--data", path, "report", "--month", &month, "--format", "json"];
    assert!(
        elsewhere(other.path(), &asked) == handed_out(&report, Which::F24, "json"),
        "from the data folder"
    );
}
