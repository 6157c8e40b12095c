//! A server with its contracts in a folder of its own, on free ports, with a clock that the test moves.

use super::browser::Browser;
use super::wire::{Reply, ServersTime, Wire};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::OnceCell;
use totp_rs::{Builder, Secret};
use yakujo_contract::act::{Act, Document, DocumentKind, Environment, HostPlace, Matter, Role, WorkType};
use yakujo_contract::duty::DutyId;
use yakujo_contract::fact::Fact;
use yakujo_contract::id::ProposalId;
use yakujo_contract::id::{Digest, HostId};
use yakujo_contract::request::form::Form;
use yakujo_contract::request::{Attachment, FieldValue, Filled, RequestNumber, Scope, Window};
use yakujo_contract::target::{Expected, Means, Target};
use yakujo_server::checksheets::{Checksheets, Hand};
use yakujo_server::console::enrol;
use yakujo_server::decide::Actor;
use yakujo_server::office::Office;
use yakujo_server::pages::checksheets::prepared;
use yakujo_server::pages::press::Leaf;
use yakujo_server::people::role_word;
use yakujo_server::server::Running;
use yakujo_server::settings::Settings;
use yakujo_server::shelf::Shelf;
use yakujo_server::writer::NumberedFact;

/// A password nobody tries first.
pub const PASSWORD: &str = "窓口の朝は紅茶と新聞から";

/// The time; it passes when the test says so.
#[derive(Debug, Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    pub fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }

    pub fn pass(&self, duration: SignedDuration) {
        self.0.fetch_add(duration.as_secs(), Ordering::SeqCst);
    }
}

/// A running server.
pub struct Site {
    pub server: Running,
    pub clock: Clock,
    pub folder: tempfile::TempDir,
    contractor: OnceCell<Browser>,
}

/// Somebody with password and authenticator.
pub struct Person {
    pub login: String,
    pub contract: String,
    totp: Vec<u8>,
    /// The answer to the redeemed link.
    pub redeemed: Reply,
    /// The browser that redeemed the link.
    pub browser: Browser,
}

/// What an agent sends its facts with.
pub struct Device {
    pub wire: Wire,
    pub certificate: String,
    pub key: rcgen::KeyPair,
}

impl Device {
    /// Sends JSON; none where the connection is closed without an answer.
    pub async fn post(&self, path: &str, body: &str) -> Option<Reply> {
        Browser::new(self.wire.clone()).try_send("POST", path, JSON, body).await
    }
}

/// The headers of programs.
pub const JSON: &[(&str, &str)] = &[("Content-Type", "application/json")];

impl Site {
    /// With one contract, `main`.
    pub async fn start() -> Self {
        Self::with(&["main"]).await
    }

    /// With these contracts.
    pub async fn with(contracts: &[&str]) -> Self {
        Self::from(contracts, "").await
    }

    /// With one contract whose webhooks trust this authority, too.
    pub async fn trusting(authority: &str) -> Self {
        Self::from(&["main"], authority).await
    }

    async fn from(contracts: &[&str], authority: &str) -> Self {
        super::press::install();
        let folder = tempfile::tempdir().unwrap();
        for contract in contracts {
            let own = folder.path().join("contracts").join(contract);
            std::fs::create_dir_all(&own).unwrap();
            if !authority.is_empty() {
                std::fs::write(own.join("webhook-ca.pem"), authority).unwrap();
            }
        }
        // Handshakes look at the machine's own clock, so the test's begins there.
        let clock = Clock(Arc::new(AtomicI64::new(Timestamp::now().as_second())));
        let server = Running::start(settings(folder.path(), &clock)).await.unwrap();
        let site = Self { server, clock, folder, contractor: OnceCell::new() };
        for contract in contracts {
            site.register_document(contract).await;
            site.ask_and_show(contract).await;
            site.watch(contract, "web", "窓口", &["this-host"]).await;
            site.ask_for_a_stop(contract).await;
            site.name_post(contract, "kachou", "情報政策課長").await;
            site.job_appeared(contract, "/etc/cron.d/report").await;
            site.bring_a_checksheet(contract).await;
        }
        site
    }

    /// A procedure, so that the pages of documents have something to show.
    async fn register_document(&self, contract: &str) {
        let office = self.office(contract);
        let digest = Shelf::of(office.folder()).keep("起動と停止の手順".as_bytes()).unwrap();
        let document = Document {
            document: "o-1".parse().unwrap(),
            title: "起動・停止手順書".to_owned(),
            kind: DocumentKind::Procedure,
            systems: Vec::new(),
            work: vec![WorkType::StartStop],
            methods: [].into(),
            version: "1".to_owned(),
            digest,
            audience: vec![Role::Operator],
            reason: "新規".to_owned(),
        };
        office.decide(None, Act::DocumentRegistered(document), None).await.unwrap();
    }

    /// Waits until the views, which follow what is stored, have a host's fact of this number.
    pub async fn heard(&self, contract: &str, host: &HostId, seq: u64) {
        let office = self.office(contract);
        for _ in 0..200 {
            let last = office.court().evidence().hosts.get(host).and_then(|host| host.last_received);
            if last.is_some_and(|stamp| stamp.seq >= seq) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("fact {seq} of {host} is not in the views after 10 s");
    }

    /// One of the first two people.
    pub async fn actor(&self, contract: &str, login: &str) -> Option<Actor> {
        let person = self.office(contract).people.by_login(login).await.unwrap();
        Some(Actor { person: person.id, role: person.role, post: None })
    }

    /// Both parties agree on something that these probes try.
    pub async fn watch(&self, contract: &str, id: &str, name: &str, probes: &[&str]) {
        let target = Target {
            target: id.parse().unwrap(),
            system: "main".parse().unwrap(),
            name: name.to_owned(),
            means: Means::Tcp,
            address: "192.0.2.1:443".to_owned(),
            expected: Expected::default(),
            authority: None,
            reference: None,
            every_s: 20,
            probes: probes.iter().map(|probe| probe.parse().unwrap()).collect(),
        };
        let office = self.office(contract);
        let proposal: ProposalId = format!("target-{id}").parse().unwrap();
        let proposed = Act::Proposed { proposal: proposal.clone(), matter: Matter::Target(target) };
        office.decide(self.actor(contract, "contractor").await, proposed, None).await.unwrap();
        office.decide(self.actor(contract, "city").await, Act::Agreed { proposal }, None).await.unwrap();
    }

    /// Somebody of the city asks to be shown something, and somebody of the contractor hands it over.
    async fn ask_and_show(&self, contract: &str) {
        let office = self.office(contract);
        let (city, contractor) =
            (self.actor(contract, "city").await, self.actor(contract, "contractor").await);
        let act = Act::DisclosureRequested {
            request: "r-1".parse().unwrap(),
            duty: DutyId::parse("9.b").unwrap(),
            system: "main".parse().unwrap(),
            detail: "10月の利用率".to_owned(),
            due: self.clock.now() + SignedDuration::from_hours(24 * 30),
        };
        office.decide(city, act, None).await.unwrap();
        let digest = Shelf::of(office.folder()).keep("利用率".as_bytes()).unwrap();
        let act = Act::DisclosureDelivered { request: "r-1".parse().unwrap(), digest };
        office.decide(contractor.clone(), act, None).await.unwrap();
        let about = "duty/9.b/main".parse().unwrap();
        office.say(contractor.unwrap(), about, "10月の分をお渡ししました。", None).await.unwrap();
    }

    /// A job appeared on a host, and nobody asked for it: there is a finding.
    pub async fn job_appeared(&self, contract: &str, name: &str) {
        let host = self.place_host(contract, "jobs-1").await;
        let now = self.clock.now();
        let told = NumberedFact { seq: 1, observed: now, fact: job(name, now) };
        self.office(contract).store_facts(host, 1, vec![told]).await.unwrap();
    }

    /// The contractor declares a host of the first system.
    pub async fn place_host(&self, contract: &str, name: &str) -> HostId {
        let host: HostId = name.parse().unwrap();
        let system = "main".parse().unwrap();
        let place = HostPlace { host: host.clone(), system, environment: Environment::Production };
        let proposal = format!("host-{name}").parse().unwrap();
        let declared = Act::Proposed { proposal, matter: Matter::Host(place) };
        let contractor = self.actor(contract, "contractor").await;
        self.office(contract).decide(contractor, declared, None).await.unwrap();
        host
    }

    /// A check-sheet of the city with one question.
    async fn bring_a_checksheet(&self, contract: &str) {
        let office = self.office(contract);
        let text = |words: &str| yakujo_paper::BookCell::Text(words.to_owned());
        let book = yakujo_paper::Book {
            made: "2026-11-22T05:05:03Z".to_owned(),
            sheets: vec![yakujo_paper::BookSheet {
                name: "点検表".to_owned(),
                heads: ["No.", "確認事項", "回答"].map(str::to_owned).to_vec(),
                rows: vec![vec![text("1"), text("時刻を同期しているか。"), text("")]],
                ..yakujo_paper::BookSheet::default()
            }],
            ..yakujo_paper::Book::default()
        };
        let bytes = yakujo_paper::write_book(&book).unwrap();
        let read = yakujo_paper::read_book(&bytes).unwrap();
        let leaf = |grid: yakujo_paper::Grid| Leaf { name: grid.name, rows: grid.rows };
        let leaves: Vec<Leaf> = read.sheets.into_iter().map(leaf).collect();
        let hand = Hand { person: None, at: self.clock.now() };
        let file = Shelf::of(office.folder()).keep(&bytes).unwrap();
        let in_force = office.terms().duties.iter().map(|terms| terms.duty).collect();
        let (title, known) = ("昨年度の点検表".to_owned(), Vec::new());
        let mut sheet = prepared(file, title, hand.clone(), (&leaves, &known), &in_force).unwrap();
        sheet.settled = Some(hand);
        Checksheets::of(office.folder()).keep(&sheet).unwrap();
    }

    /// The city names a post.
    pub async fn name_post(&self, contract: &str, post: &str, name: &str) {
        let act = Act::PostNamed { post: post.parse().unwrap(), name: name.to_owned() };
        let security = self.actor(contract, "city").await;
        self.office(contract).decide(security, act, None).await.unwrap();
    }

    /// Somebody of the contractor asks for a stop, with a document.
    async fn ask_for_a_stop(&self, contract: &str) {
        let office = self.office(contract);
        let person = office.people.by_login("contractor").await.unwrap();
        let actor = Actor { person: person.id, role: person.role, post: None };
        let digest = Shelf::of(office.folder()).keep("停止の手順".as_bytes()).unwrap();
        let act = Act::RequestAsked {
            request: "q-1".parse().unwrap(),
            number: RequestNumber::new("R0", Form::F07, 1),
            filled: Box::new(a_stop(self.clock.now(), digest)),
        };
        office.decide(Some(actor), act, None).await.unwrap();
    }

    pub fn office(&self, contract: &str) -> Arc<Office> {
        self.server.house.office(contract).unwrap()
    }

    /// Somebody who has never been here.
    pub fn stranger(&self) -> Browser {
        let time = Arc::new(ServersTime(self.clock.clone()));
        Browser::new(Wire::new(self.server.portal, self.server.house.authority.pem(), time, None))
    }

    /// The contractor's security lead of the first contract, signed in.
    pub async fn contractor(&self) -> Browser {
        let sign_in = async { self.sign_in(&self.person("main", Role::SecurityLead).await).await };
        self.contractor.get_or_init(|| sign_in).await.clone()
    }

    /// A new person of a contract; an auditor for an hour.
    pub async fn person(&self, contract: &str, role: Role) -> Person {
        let office = self.office(contract);
        let login = format!("{}-{contract}", role_word(role).replace('_', "."));
        let until = (role == Role::Auditor).then(|| self.clock.now() + SignedDuration::from_hours(1));
        let name = format!("{contract} の {login}");
        let link = office.enter_person(None, &login, &name, role, None, until).await.unwrap();
        self.redeem(contract, &login, &link).await
    }

    /// Redeems a one-time link in a browser of its own.
    pub async fn redeem(&self, contract: &str, login: &str, link: &str) -> Person {
        let mut browser = self.stranger();
        let path = format!("/c/{contract}/link/{link}");
        let page = browser.get(&path).await;
        let totp = totp_of(&page);
        let code = self.code(&totp);
        let fields = [("password", PASSWORD), ("again", PASSWORD), ("code", code.as_str())];
        let redeemed = browser.post(&path, &fields).await;
        assert_eq!(redeemed.status, 200, "{}", redeemed.body);
        let (login, contract) = (login.to_owned(), contract.to_owned());
        Person { login, contract, totp, redeemed, browser }
    }

    /// The six digits of an authenticator.
    pub fn code(&self, totp: &[u8]) -> String {
        let device = Builder::new().with_secret(totp.to_vec()).with_account_name("x").build().unwrap();
        device.generate(self.clock.now().as_second().try_into().unwrap()).to_string()
    }

    /// What the ledger calls the running sessions of a person.
    pub async fn sessions(&self, person: &Person) -> Vec<String> {
        let office = self.office(&person.contract);
        let id = office.people.by_login(&person.login).await.unwrap().id;
        let running = office.people.sessions_of(&id, &office.session_limits()).await.unwrap();
        running.into_iter().map(|session| session.name).collect()
    }

    /// The six digits of a person now.
    pub fn code_of(&self, person: &Person) -> String {
        self.code(&person.totp)
    }

    /// Signs in with a browser of its own. A code counts once, so a minute passes before.
    pub async fn sign_in(&self, person: &Person) -> Browser {
        let mut browser = self.stranger();
        let reply = self.try_sign_in(&mut browser, person, PASSWORD).await;
        assert_eq!(reply.status, 303, "{}", reply.body);
        let home = browser.get(&format!("/c/{}", person.contract)).await;
        assert_eq!(home.status, 200);
        browser
    }

    /// Types name, password and the right code.
    pub async fn try_sign_in(&self, browser: &mut Browser, person: &Person, password: &str) -> Reply {
        self.clock.pass(SignedDuration::from_mins(1));
        let path = format!("/c/{}/sign-in", person.contract);
        browser.get(&path).await;
        let code = self.code(&person.totp);
        browser.post(&path, &[("login", &person.login), ("password", password), ("code", &code)]).await
    }

    /// Enrols a device of a host, as an agent does.
    pub async fn device(&self, contract: &str, host: &str) -> Device {
        let office = self.office(contract);
        let (host, system) = (host.parse().unwrap(), "main".parse().unwrap());
        let code = enrol(&office, host, system, Environment::Production).await.unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
        let body = serde_json::json!({ "code": *code, "csr": request }).to_string();
        let reply = self.stranger().send("POST", "/enrol/v1", JSON, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let enrolled: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
        let certificate = enrolled["certificate"].as_str().unwrap().to_owned();
        Device { wire: self.intake(Some((&certificate, &key.serialize_pem()))), certificate, key }
    }

    /// The intake, as a device or as a stranger.
    pub fn intake(&self, device: Option<(&str, &str)>) -> Wire {
        let time = Arc::new(ServersTime(self.clock.clone()));
        Wire::new(self.server.intake, self.server.house.authority.pem(), time, device)
    }

    /// The entries from this number on, but for what the server states about its own doors every now and then.
    pub fn entries(&self, contract: &str, from: u64) -> Vec<String> {
        let office = self.office(contract);
        let entries = office.reader().entries(from..office.size());
        let texts = entries.map(|entry| String::from_utf8(entry.unwrap()).unwrap());
        texts.filter(|text| !text.contains("portal.check")).collect()
    }

    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// Another server on the same folder.
    pub async fn restart(self) -> Self {
        self.server.stop().await;
        let server = Running::start(settings(self.folder.path(), &self.clock)).await.unwrap();
        Self { server, clock: self.clock, folder: self.folder, contractor: OnceCell::new() }
    }
}

/// A planned stop three weeks ahead.
pub fn a_stop(now: Timestamp, digest: Digest) -> Filled {
    let from = now + SignedDuration::from_hours(24 * 21);
    let to = from + SignedDuration::from_hours(2);
    let fields = [
        ("class", "stop"),
        ("reason", "保守のため"),
        ("impact", "窓口の業務"),
        ("announced", "前日に掲示"),
        ("give_up", "2026-12-10T14:00:00Z"),
        ("roll_back", "前の版に戻す。30分"),
    ];
    let clear = |(key, text): (&str, &str)| (key.to_owned(), FieldValue::Clear(text.to_owned()));
    Filled {
        form: Form::F07,
        title: "定期保守による停止".to_owned(),
        scope: Scope { systems: ["main".parse().unwrap()].into(), ..Scope::default() },
        window: Some(Window { from, to, reserve_min: 30 }),
        limit: None,
        standing: None,
        fields: fields.into_iter().map(clear).collect(),
        attachments: vec![Attachment { name: "停止手順".to_owned(), digest, bytes: 15 }],
        links: [].into(),
        about: None,
    }
}

/// What a server of a test is started with.
pub fn settings(data: &std::path::Path, clock: &Clock) -> Settings {
    // Another test of the same process may have installed it: that is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = clock.clone();
    Settings {
        data: data.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        clock: Arc::new(move || clock.now()),
        this_host: "this-host".to_owned(),
    }
}

/// The secret of the authenticator on the page of a link.
pub fn totp_of(page: &Reply) -> Vec<u8> {
    let secret = page.between("<pre tabindex=\"0\">", "</pre>").replace(' ', "");
    assert!(!secret.is_empty(), "{}", page.body);
    Secret::try_from_base32(secret).unwrap().to_vec()
}

/// A job that appeared by an instant.
pub fn job(name: &str, until: Timestamp) -> Fact {
    let part = serde_json::json!({ "index": 0, "of": 1, "set": "ab".repeat(32) });
    let fact = serde_json::json!({ "kind": "state.change", "part": part, "object": "job", "until": until,
        "items": [{ "name": name, "after": { "digest": "cd".repeat(32), "value": "0 3 * * *" } }] });
    serde_json::from_value(fact).unwrap()
}
