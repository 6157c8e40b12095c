//! `yakujo doctor` on notices that do not arrive, with the real program beside a server that runs.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use jiff::{SignedDuration, Timestamp};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use yakujo_contract::entry::Party;
use yakujo_contract::standing::Sentence;
use yakujo_server::notices::pacing::{Pace, Pacing};
use yakujo_server::notices::plan::{Circle, Kind, Notice, Urgency};
use yakujo_server::people::People;
use yakujo_server::people::mail::Again;
use yakujo_server::people::notices::Cursor;

struct Running(Child);

impl Running {
    fn start(data: &Path) -> Self {
        Self::logging(data, Stdio::null())
    }

    fn logging(data: &Path, log: Stdio) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_yakujo"));
        program.arg("--data").arg(data).args(["serve", "--listen", "127.0.0.1:0"]);
        let running = Self(program.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let began = Instant::now();
        while UnixStream::connect(data.join("console.sock")).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "it does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn doctor(data: &Path) -> Output {
    let program = Command::new(env!("CARGO_BIN_EXE_yakujo"))
        .arg("--data")
        .arg(data)
        .args(["doctor", "--json"])
        .output();
    program.unwrap()
}

/// What the doctor says of this place.
fn says(data: &Path, place: &str) -> serde_json::Value {
    let output = doctor(data);
    let all: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let found = all.iter().find(|finding| finding["place"] == place);
    assert!(found.is_some(), "{place} is not in {all:?}");
    found.unwrap().clone()
}

fn until(holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "it never comes");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn notice() -> Notice {
    Notice {
        key: "request/1".to_owned(),
        party: Party::City,
        circle: Circle::All,
        kind: Kind::Request,
        urgency: Urgency::Urgent,
        sentence: Sentence::new("試験。", "A test."),
        link: "/requests".to_owned(),
        at: Timestamp::now(),
    }
}

#[tokio::test]
async fn doctor_says_how_many_notices_wait_since_when_why_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    drop(Running::start(&data));
    assert_eq!(says(&data, "main notices")["ok"], true);

    // Somebody of the city gets mail, and a webhook stands beside it: the mail server has been away for two hours.
    let file = data.join("contracts/main/people.db");
    let people = People::open(&file).await.unwrap();
    let person = people.by_login("city").await.unwrap().id;
    let ago = Timestamp::now() - SignedDuration::from_hours(2);
    let code = people.choose_address(&person, "sato@example.jp", ago).await.unwrap().unwrap();
    assert!(people.verify_address(&person, &code, ago).await.unwrap());
    let url = "https://localhost:9/secret-path";
    let key = people.add_webhook(Party::City, url, Pace::AtOnce, ago).await.unwrap().unwrap();
    people.keep_notices(Cursor::Dues, 0, &[notice()]).await.unwrap();
    let pacing = Pacing { morning: None, opened: None };
    let letters = people.letters(pacing, ago, 10).await.unwrap();
    people.not_mailed(&letters[0], Again::Later, "Connection refused\r\n(os error 111)", ago).await.unwrap();

    let log = folder.path().join("log");
    let server = Running::logging(&data, std::fs::File::create(&log).unwrap().into());
    let mail = says(&data, "main notices city mail");
    assert_eq!(mail["ok"], false, "{mail}");
    let queue = &mail["queue"];
    assert_eq!(
        (queue["waiting"].as_i64(), queue["failing"].as_i64(), queue["given_up"].as_i64()),
        (Some(1), Some(1), Some(0))
    );
    let since: Timestamp = queue["failing_since"].as_str().unwrap().parse().unwrap();
    assert_eq!(since.as_millisecond(), ago.as_millisecond());
    assert_eq!(queue["last_error"], "Connection refused  (os error 111)");
    assert!(mail["words"].as_str().unwrap().contains("mail.toml とメールサーバを確かめ"), "{mail}");
    assert_eq!(doctor(&data).status.code(), Some(1));
    let hook = says(&data, "main notices city webhook");
    assert_eq!(hook["queue"]["waiting"], 1, "{hook}");
    let all = String::from_utf8(doctor(&data).stdout).unwrap();
    assert!(!all.contains("secret-path"), "where a webhook goes may hold a secret: {all}");

    std::fs::write(data.join("mail.toml"), "host = 1").unwrap();
    assert_eq!(says(&data, "mail.toml")["ok"], false);
    until(|| std::fs::read_to_string(&log).unwrap().contains("mail.toml cannot be used"));
    until(|| says(&data, "main notices city webhook")["queue"]["failing"] == 1);
    drop(server);
    let log = std::fs::read_to_string(&log).unwrap();
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    for secret in ["secret-path", "sato@example.jp", &key] {
        assert!(!log.contains(secret), "{secret} stands in the log: {log}");
    }
    people.sent(letters[0].number).await.unwrap();
    let left = doctor(&data).stdout;
    assert!(!String::from_utf8(left).unwrap().contains("main notices city mail"), "what arrived is not told");
}
