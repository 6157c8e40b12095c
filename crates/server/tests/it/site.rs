//! A server with its contracts in a folder of its own, on free ports, with a clock that the test moves.

use super::browser::Browser;
use super::wire::{Reply, ServersTime, Wire};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::OnceCell;
use totp_rs::{Builder, Secret};
use yakujo_contract::act::{Act, Document, DocumentKind, Environment, Role, WorkType};
use yakujo_contract::duty::DutyId;
use yakujo_server::console::enrol;
use yakujo_server::decide::Actor;
use yakujo_server::office::Office;
use yakujo_server::people::role_word;
use yakujo_server::server::Running;
use yakujo_server::settings::Settings;
use yakujo_server::shelf::Shelf;

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
        let folder = tempfile::tempdir().unwrap();
        for contract in contracts {
            std::fs::create_dir_all(folder.path().join("contracts").join(contract)).unwrap();
        }
        // Handshakes look at the machine's own clock, so the test's begins there.
        let clock = Clock(Arc::new(AtomicI64::new(Timestamp::now().as_second())));
        let server = Running::start(settings(folder.path(), &clock)).await.unwrap();
        let site = Self { server, clock, folder, contractor: OnceCell::new() };
        for contract in contracts {
            site.register_document(contract).await;
            site.ask_and_show(contract).await;
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
            version: "1".to_owned(),
            digest,
            audience: vec![Role::Operator],
            reason: "新規".to_owned(),
        };
        office.decide(None, Act::DocumentRegistered(document), None).await.unwrap();
    }

    /// Somebody of the city asks to be shown something, and somebody of the contractor hands it over.
    async fn ask_and_show(&self, contract: &str) {
        let office = self.office(contract);
        let mut actors = Vec::new();
        for login in ["city", "contractor"] {
            let person = office.people.by_login(login).await.unwrap();
            actors.push(Some(Actor { person: person.id, role: person.role, post: None }));
        }
        let [city, contractor] = <[_; 2]>::try_from(actors).unwrap();
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
        office.decide(contractor, act, None).await.unwrap();
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
