use super::desk::Desk;
use super::*;
use crate::malware::target::Target;
use crate::malware::vault::Vault;
use sha2::{Digest as _, Sha256};
use std::os::unix::fs::PermissionsExt as _;
use yakujo_contract::fact::agent::{OrderOutcome, OrderResult};
use yakujo_contract::fact::integrity::KnownGood;
use yakujo_contract::id::Digest;
use yakujo_contract::order::{Order, Permit, Permitted, Work};
use yakujo_contract::request::Trigger;
use yakujo_ledger::note::{Note, SigningKey};

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed("yakujo-orders/k-1", &[seed; 32]).unwrap()
}

fn peers() -> Vec<SocketAddr> {
    vec!["192.0.2.10:8444".parse().unwrap()]
}

pub(crate) fn order(id: &str, work: Work) -> Order {
    Order {
        order: id.parse().unwrap(),
        host: "web-1".parse().unwrap(),
        request: "q-1".parse().unwrap(),
        issued: at(0),
        expires: at(3_600),
        work,
    }
}

pub(crate) fn signed_by(key: &SigningKey, order: &Order) -> String {
    let mut note = Note::unsigned(&order.text().unwrap()).unwrap();
    key.sign(&mut note).unwrap();
    note.to_string()
}

/// A hand in a folder of its own that follows key 7.
pub(crate) struct Own {
    folder: tempfile::TempDir,
}

impl Own {
    pub(crate) fn new() -> Self {
        let own = Self { folder: tempfile::tempdir().unwrap() };
        let key = key(7).verifier().to_string();
        own.ask(&Ask::Pin { host: "web-1".parse().unwrap(), key }, 0);
        own
    }

    /// A file with this content, that was put into the quarantine beside the hand: root, quarantine, where it lay, item.
    fn held(&self, content: &str) -> (PathBuf, Vault, PathBuf, String) {
        let root = self.folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("agent")).unwrap();
        let vault = Vault::open(&root.join("agent/quarantine")).unwrap();
        let path = root.join("upload.php");
        std::fs::write(&path, content).unwrap();
        let item = vault.hold(&Target::open(&path).unwrap(), None, None).item;
        (root, vault, path, item)
    }

    pub(crate) fn act(&self) -> PathBuf {
        self.folder.path().join("act")
    }

    pub(crate) fn ask(&self, ask: &Ask, second: i64) -> Answer {
        answer(&self.act(), ask, at(second)).unwrap()
    }

    /// Hands an order over; what became of it.
    pub(crate) fn hand(&self, note: &str, second: i64) -> OrderOutcome {
        self.hand_with(note, second, Elsewhere::Nowhere("it is nowhere".to_owned()), None)
    }

    /// The same, with what is known of a content that the hand does not hold.
    fn hand_with(
        &self,
        note: &str,
        second: i64,
        elsewhere: Elsewhere,
        file: Option<OwnedFd>,
    ) -> OrderOutcome {
        let ask = Ask::Order { note: note.to_owned(), peers: peers(), elsewhere };
        let answer = answer_with(&self.act(), &ask, file, at(second)).unwrap();
        let last = answer.told.last().unwrap();
        self.ask(&Ask::Kept { to: last.number }, second);
        match &last.fact {
            Fact::OrderOutcome(outcome) => outcome.clone(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn only_what_the_pinned_key_signed_for_this_host_and_this_hour_is_done_and_once() {
    let own = Own::new();
    let end = |id: &str| order(id, Work::EndPermit { permit: "o-0".parse().unwrap() });
    let refused = |note: &str, second: i64, why: &str| {
        let outcome = own.hand(note, second);
        assert_eq!(outcome.result, OrderResult::Refused, "{why}");
        assert!(outcome.reason.contains(why), "{} is not {why}", outcome.reason);
    };
    let good = signed_by(&key(7), &end("o-1"));
    refused(&signed_by(&key(8), &end("o-1")), 0, "not signed");
    refused(&good.replacen("o-0", "o-9", 1), 0, "not signed");
    refused(&good, 3_600, "expired");
    refused(&good, -700, "check the clock");
    let other = Order { host: "web-2".parse().unwrap(), ..end("o-1") };
    refused(&signed_by(&key(7), &other), 0, "another host");
    refused("yakujo-order/v1\n{}\n", 0, "no order");
    // None of these has used it up.
    assert_eq!(own.hand(&good, 1).result, OrderResult::Done);
    refused(&good, 2, "used before");
    let again = Order { work: Work::Reconnect {}, ..end("o-1") };
    refused(&signed_by(&key(7), &again), 3, "used before");
}

#[test]
fn an_order_that_another_key_signed_as_well_is_not_followed() {
    let own = Own::new();
    let mut note = Note::unsigned(&order("o-1", Work::Reconnect {}).text().unwrap()).unwrap();
    key(7).sign(&mut note).unwrap();
    SigningKey::from_seed("somebody", &[9; 32]).unwrap().sign(&mut note).unwrap();
    assert!(own.hand(&note.to_string(), 0).reason.contains("not signed"));
}

#[test]
fn the_key_that_was_pinned_first_stays() {
    let own = Own::new();
    let other = Ask::Pin { host: "web-1".parse().unwrap(), key: key(8).verifier().to_string() };
    assert!(matches!(answer(&own.act(), &other, at(0)), Err(ActError::OtherKey(_))));
    assert!(matches!(
        answer(&own.act(), &Ask::Pin { host: "web-1".parse().unwrap(), key: "x".to_owned() }, at(0)),
        Err(ActError::Key)
    ));
}

#[test]
fn a_folder_that_others_may_enter_is_not_believed() {
    let own = Own::new();
    std::fs::set_permissions(own.act(), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(answer(&own.act(), &Ask::Look {}, at(0)), Err(ActError::Folder(_))));
}

#[test]
fn an_order_that_was_interrupted_is_told_as_failed_and_not_begun_again() {
    let own = Own::new();
    let begun = order("o-1", Work::Reconnect {});
    Desk::open(&own.act()).unwrap().claim(&begun).unwrap().unwrap();
    let answer = own.ask(&Ask::Look {}, 5);
    let Fact::OrderOutcome(outcome) = &answer.told[0].fact else { panic!("{answer:?}") };
    assert_eq!((outcome.result, outcome.order.as_ref()), (OrderResult::Failed, Some(&begun.order)));
    assert_eq!(own.ask(&Ask::Look {}, 6).told.len(), 1, "told once, and kept until the agent has it");
    own.ask(&Ask::Kept { to: answer.told[0].number }, 7);
    assert!(own.ask(&Ask::Look {}, 8).told.is_empty());
    assert_eq!(own.hand(&signed_by(&key(7), &begun), 9).result, OrderResult::Refused);
}

#[test]
fn without_a_permit_that_counts_nothing_is_done_by_itself() {
    let own = Own::new();
    let suspected = Ask::Suspected { peers: peers() };
    assert!(own.ask(&suspected, 0).told.is_empty(), "no permit");
    let permit = |acts: &[Permitted], from: i64, until: i64| {
        Work::Permit(Permit {
            trigger: Trigger::MalwareSuspected,
            acts: acts.iter().copied().collect(),
            longest_min: 10,
            uses: 1,
            from: at(from),
            until: at(until),
        })
    };
    for (id, work) in [
        ("o-1", permit(&[Permitted::Quarantine], 0, 3_000)),
        ("o-2", permit(&[Permitted::Isolate], 1_000, 3_000)),
        ("o-3", permit(&[Permitted::Isolate], 0, 10)),
    ] {
        assert_eq!(own.hand(&signed_by(&key(7), &order(id, work)), 1).result, OrderResult::Done);
    }
    let answer = own.ask(&suspected, 20);
    assert!(answer.told.is_empty() && !answer.isolated, "{answer:?}");
    assert_eq!(answer.quarantine.map(|permit| permit.until), Some(at(3_000)), "the quarantine is allowed");
    assert_eq!(own.ask(&suspected, 3_000).quarantine, None);
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::try_from(crate::reading::hex(&Sha256::digest(bytes))).unwrap()
}

#[test]
fn a_file_gets_the_content_that_was_agreed_on_with_its_mode_and_only_that() {
    let own = Own::new();
    let site = own.folder.path().join("www");
    std::fs::create_dir(&site).unwrap();
    let (page, good, bad) = (site.join("index.html"), b"welcome".as_slice(), b"defaced".as_slice());
    let path = page.to_str().unwrap().to_owned();
    let roots = vec![site.to_str().unwrap().to_owned()];
    std::fs::write(&page, good).unwrap();
    std::fs::set_permissions(&page, std::fs::Permissions::from_mode(0o640)).unwrap();
    own.ask(&Ask::Hold { roots: roots.clone() }, 0);

    std::fs::write(&page, bad).unwrap();
    std::fs::set_permissions(&page, std::fs::Permissions::from_mode(0o666)).unwrap();
    // The hand looks on while somebody changes the page again and again: the first content stays.
    for round in 0..6 {
        std::fs::write(&page, format!("defaced {round}")).unwrap();
        own.ask(&Ask::Hold { roots: roots.clone() }, 10 + round);
    }
    std::fs::write(&page, bad).unwrap();
    let restore = |id: &str, digest: Digest| {
        let work = Work::Restore { path: path.clone(), digest };
        own.hand(&signed_by(&key(7), &order(id, work)), 100)
    };
    let unknown = restore("o-1", digest(b"never there"));
    assert_eq!((unknown.result, std::fs::read(&page).unwrap().as_slice()), (OrderResult::Failed, bad));

    let done = restore("o-2", digest(good));
    assert_eq!(done.result, OrderResult::Done, "{}", done.reason);
    assert_eq!((done.before, done.digest), (Some(digest(bad)), Some(digest(good))));
    assert_eq!(std::fs::read(&page).unwrap(), good);
    assert_eq!(std::fs::metadata(&page).unwrap().permissions().mode() & 0o7777, 0o640);
    assert_eq!(std::fs::read_dir(&site).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn what_is_gone_can_be_put_back_for_a_month_and_then_makes_room() {
    let own = Own::new();
    let site = own.folder.path().join("www");
    std::fs::create_dir(&site).unwrap();
    let page = site.join("index.html");
    std::fs::write(&page, "welcome").unwrap();
    std::fs::write(site.join("other"), "other").unwrap();
    let (hold, day) = (Ask::Hold { roots: vec![site.to_str().unwrap().to_owned()] }, 24 * 3_600);
    own.ask(&hold, 0);
    std::fs::remove_file(&page).unwrap();
    let wanted = Wanted { path: page.to_str().unwrap().to_owned(), digest: digest(b"welcome") };
    let is_held = |second| {
        own.ask(&hold, second);
        !own.ask(&Ask::Holds { contents: vec![wanted.clone()] }, second).holds.is_empty()
    };
    assert!(is_held(day) && is_held(31 * day));
    // Back and gone again: the month begins anew.
    std::fs::write(&page, "welcome").unwrap();
    assert!(is_held(40 * day));
    std::fs::remove_file(&page).unwrap();
    assert!(is_held(41 * day) && is_held(71 * day));
    assert!(!is_held(73 * day));
    let place = |content: &[u8]| own.act().join("contents").join(digest(content).as_str());
    assert!(!place(b"welcome").exists() && place(b"other").exists());
}

#[test]
fn a_link_on_the_way_leads_nowhere() {
    let own = Own::new();
    let (site, elsewhere) = (own.folder.path().join("www"), own.folder.path().join("elsewhere"));
    std::fs::create_dir(&site).unwrap();
    let page = site.join("index.html");
    std::fs::write(&page, "welcome").unwrap();
    own.ask(&Ask::Hold { roots: vec![site.to_str().unwrap().to_owned()] }, 0);
    std::fs::rename(&site, &elsewhere).unwrap();
    std::fs::write(elsewhere.join("index.html"), "precious").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &site).unwrap();
    let work = Work::Restore { path: page.to_str().unwrap().to_owned(), digest: digest(b"welcome") };
    let outcome = own.hand(&signed_by(&key(7), &order("o-1", work)), 1);
    assert_eq!(outcome.result, OrderResult::Failed);
    assert_eq!(std::fs::read_to_string(elsewhere.join("index.html")).unwrap(), "precious");
}

#[test]
fn content_that_was_changed_where_it_is_held_is_not_put_back() {
    let own = Own::new();
    let site = own.folder.path().join("www");
    std::fs::create_dir(&site).unwrap();
    std::fs::write(site.join("a"), "welcome").unwrap();
    own.ask(&Ask::Hold { roots: vec![site.to_str().unwrap().to_owned()] }, 0);
    std::fs::write(own.act().join("contents").join(digest(b"welcome").as_str()), "other").unwrap();
    let work =
        Work::Restore { path: site.join("a").to_str().unwrap().to_owned(), digest: digest(b"welcome") };
    let note = signed_by(&key(7), &order("o-1", work));
    let ask = Ask::Order { note: note.clone(), peers: peers(), elsewhere: Elsewhere::NotSought };
    let answer = own.ask(&ask, 1);
    assert!(answer.wants.is_some() && answer.told.is_empty(), "it is sought elsewhere: {answer:?}");
    let outcome = own.hand_with(&note, 2, Elsewhere::Nowhere("no snapshot has it".to_owned()), None);
    assert_eq!((outcome.result, outcome.reason.as_str()), (OrderResult::Failed, "no snapshot has it"));
}

/// A file that is too large for the hand to hold it, and what it is.
fn large() -> Vec<u8> {
    b"a long film. ".repeat((17 << 20) / 13)
}

#[test]
fn content_from_elsewhere_is_believed_by_its_digest_and_gets_the_mode_the_hand_saw_first() {
    let own = Own::new();
    let site = own.folder.path().join("www");
    std::fs::create_dir(&site).unwrap();
    let (film, good) = (site.join("film"), large());
    std::fs::write(&film, &good).unwrap();
    std::fs::set_permissions(&film, std::fs::Permissions::from_mode(0o640)).unwrap();
    let hold = Ask::Hold { roots: vec![site.to_str().unwrap().to_owned()] };
    let holding = own.ask(&hold, 0).holding.unwrap();
    assert_eq!((holding.files, holding.left_out, holding.missing.len()), (0, 1, 1), "{holding:?}");

    std::fs::write(&film, "defaced").unwrap();
    std::fs::set_permissions(&film, std::fs::Permissions::from_mode(0o4777)).unwrap();
    own.ask(&hold, 10);
    let work = |id: &str| {
        let work = Work::Restore { path: film.to_str().unwrap().to_owned(), digest: digest(&good) };
        signed_by(&key(7), &order(id, work))
    };
    let found = |content: &[u8]| {
        let path = own.folder.path().join("found");
        std::fs::write(&path, content).unwrap();
        let job = KnownGood::Snapshot { job: "site".to_owned(), snapshot: "ab".to_owned(), at: at(0) };
        (Elsewhere::Found(job), Some(OwnedFd::from(std::fs::File::open(path).unwrap())))
    };
    let (elsewhere, file) = found(b"another film");
    let refused = own.hand_with(&work("o-1"), 20, elsewhere, file);
    assert_eq!(refused.result, OrderResult::Failed);
    assert!(refused.reason.contains("not the right one"), "{}", refused.reason);
    assert_eq!(std::fs::read(&film).unwrap(), b"defaced", "nothing was put there");

    let (elsewhere, file) = found(&good);
    let done = own.hand_with(&work("o-2"), 30, elsewhere, file);
    assert_eq!(done.result, OrderResult::Done, "{}", done.reason);
    assert!(matches!(&done.source, Some(KnownGood::Snapshot { job, .. }) if job == "site"), "{done:?}");
    assert_eq!((done.digest, done.before), (Some(digest(&good)), Some(digest(b"defaced"))));
    assert!(std::fs::read(&film).unwrap() == good);
    assert_eq!(std::fs::metadata(&film).unwrap().permissions().mode() & 0o7777, 0o640);
    assert_eq!(std::fs::read_dir(&site).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn an_item_of_the_quarantine_is_removed_by_order_once_and_never_comes_back() {
    let own = Own::new();
    let (root, vault, path, item) = own.held("malware");
    assert!(root.join("agent/quarantine").join(&item).exists());
    let remove = |id: &str| signed_by(&key(7), &order(id, Work::Remove { item: item.clone() }));
    assert_eq!(own.hand(&remove("o-1"), 10).result, OrderResult::Done);
    assert!(!root.join("agent/quarantine").join(&item).exists());
    assert!(vault.records.note(&item).is_ok(), "what it was is still known");
    assert_eq!(own.hand(&remove("o-2"), 20).result, OrderResult::Failed, "there is nothing to remove");
    let back = signed_by(&key(7), &order("o-3", Work::GiveBack { item }));
    assert_eq!(own.hand(&back, 30).result, OrderResult::Failed);
    assert!(!path.exists());
}

#[test]
fn an_item_of_the_quarantine_goes_back_by_order_and_never_over_another_file() {
    let own = Own::new();
    let (_, _, path, item) = own.held("no malware after all");
    std::fs::write(&path, "something new").unwrap();
    let give_back = |id: &str| signed_by(&key(7), &order(id, Work::GiveBack { item: item.clone() }));
    assert_eq!(own.hand(&give_back("o-1"), 10).result, OrderResult::Failed);
    assert_eq!(std::fs::read(&path).unwrap(), b"something new");
    std::fs::remove_file(&path).unwrap();
    let note = give_back("o-2");
    let told = own.ask(&Ask::Order { note, peers: peers(), elsewhere: Elsewhere::NotSought }, 20).told;
    let kinds: Vec<&str> = told.iter().map(|told| told.fact.kind()).collect();
    assert_eq!(kinds.last_chunk(), Some(&["quarantine.restore", "order.outcome"]));
    assert_eq!(std::fs::read(&path).unwrap(), b"no malware after all");
}
