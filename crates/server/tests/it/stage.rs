//! Everybody of the contract at a browser of his own, and for each form of the portal something that it can be sent about
//! now. Whoever adds a form says here what has to be there and what is typed.

use super::actions::{Action, wants};
use super::browser::{Browser, OWN_FORM};
use super::known_good;
use super::matrix::{Town, filled};
use super::site::{PASSWORD, Person, Site, job};
use super::wire::Reply;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use yakujo_contract::act::{Act, Document, DocumentKind, FindingClass, Matter, Role, WorkType};
use yakujo_contract::court::found::Found;
use yakujo_contract::duty::DutyId;
use yakujo_contract::entry::{Body, Entry, Party};
use yakujo_contract::id::{PersonId, ProposalId, RequestId};
use yakujo_contract::order::allowed;
use yakujo_contract::request::FieldValue;
use yakujo_contract::request::flow::State;
use yakujo_contract::request::form::{Ask, Form, Kind, Part};
use yakujo_ledger::note::{CosigningKey, Note};
use yakujo_server::people::role_word;
use yakujo_server::shelf::Shelf;
use yakujo_server::writer::NumberedFact;

/// What is sent.
pub struct Ready {
    pub path: String,
    pub fields: Vec<(String, String)>,
    pub file: Option<Vec<u8>>,
}

/// The stage.
pub struct Stage {
    pub town: Town,
    people: BTreeMap<&'static str, (Person, Browser)>,
    /// The number of the newest fact of host `jobs-1`: an agent leaves none out.
    facts: AtomicU64,
}

impl Stage {
    /// Everybody of contract `main` of this site, signed in and on his post.
    pub async fn set(site: Site) -> Self {
        let (mut people, mut actors) = (BTreeMap::new(), BTreeMap::new());
        for role in Role::ALL {
            let person = site.person("main", role).await;
            actors.insert(role_word(role), site.actor("main", &person.login).await.unwrap());
            let browser = site.sign_in(&person).await;
            people.insert(role_word(role), (person, browser));
        }
        let town = Town::seated(site, actors).await;
        let stage = Self { town, people, facts: AtomicU64::new(1) };
        for role in Role::ALL {
            stage.browser(role).get("/c/main").await;
        }
        stage
    }

    /// The browser of a role.
    pub fn browser(&self, role: Role) -> Browser {
        self.people[role_word(role)].1.clone()
    }

    /// Somebody of a role in a session of its own.
    pub async fn fresh(&self, role: Role) -> Browser {
        self.town.site.sign_in(&self.people[role_word(role)].0).await
    }

    fn site(&self) -> &Site {
        &self.town.site
    }

    fn id(&self, role: Role) -> String {
        self.town.actor(role).person.to_string()
    }

    /// Sends a form.
    pub async fn send(&self, browser: &Browser, ready: &Ready, marks: &[(&str, &str)]) -> Reply {
        let own = ready.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let fields: Vec<(&str, &str)> = own.chain(marks.iter().copied()).collect();
        match &ready.file {
            Some(file) => browser.upload(&ready.path, &fields, file).await,
            None => {
                let body = browser.form(&browser.csrf, &fields);
                browser.send("POST", &ready.path, OWN_FORM, &body).await
            }
        }
    }

    /// The acts in the ledger from this entry on: their kinds; of steps, which.
    pub fn acts(&self, from: u64) -> Vec<String> {
        let office = self.site().office("main");
        let entries = office.reader().entries(from..office.size());
        let act = |bytes: Vec<u8>| match Entry::from_bytes(&bytes).unwrap().body {
            Body::Act(Act::RequestStep { step, .. }) => Some(format!("step {}", step.word())),
            Body::Act(act) => Some(act.kind().to_owned()),
            Body::Fact(_) => None,
        };
        entries.filter_map(|entry| act(entry.unwrap())).collect()
    }

    /// Something this form can be sent about now, by whoever may; and what this role types.
    pub async fn ready(&self, action: Action, role: Role) -> Ready {
        let first = action.tail.split('/').nth(1).unwrap();
        let (path, fields) = match first {
            "hosts" | "systems" | "ledger" | "bundle" | "parameters" => self.of_hosts(action).await,
            "agreements" => self.of_agreements(action).await,
            "comments" => self.of_comments(action).await,
            "requests" => self.of_requests(action, role).await,
            "findings" => self.of_findings(action).await,
            "posts" => self.of_posts(action).await,
            "documents" | "disclosures" | "checksheets" => self.of_files(action).await,
            "people" => self.of_people(action, role).await,
            _ => self.of_account(action, role).await,
        };
        let uploads = ["/documents/new", "/checksheets", "/disclosures/{disclosure}"];
        let file = uploads.contains(&action.tail).then(|| self.file(action.tail));
        Ready { path: format!("/c/main{path}"), fields, file }
    }

    async fn of_hosts(&self, Action { tail, .. }: Action) -> (String, Fields) {
        let office = self.site().office("main");
        match tail {
            "/hosts/new" => {
                let host = format!("new-{}", self.town.next());
                (
                    tail.to_owned(),
                    typed(&[("host", &host), ("system", "main"), ("environment", "production")]),
                )
            }
            "/hosts/{host}/enrol" => ("/hosts/jobs-1/enrol".to_owned(), typed(&[])),
            "/hosts/{host}/revoke" => {
                let host = format!("d-{}", self.town.next());
                self.site().device("main", &host).await;
                let devices = office.people.devices().await.unwrap();
                let device = devices.into_iter().find(|device| device.host.as_str() == host).unwrap();
                let fields = typed(&[("device", device.id.as_str()), ("reason", "更新")]);
                (format!("/hosts/{host}/revoke"), fields)
            }
            "/systems/{system}/review" => {
                ("/systems/main/review".to_owned(), typed(&[("remark", "確認した")]))
            }
            "/ledger/{number}/correct" => {
                ("/ledger/0/correct".to_owned(), typed(&[("reason", "正しくは甲")]))
            }
            "/bundle" => (tail.to_owned(), typed(&[])),
            "/bundle/cosigned" => {
                office.publish().await.unwrap();
                let key = CosigningKey::from_seed("city.test/witness", &[7; 32]).unwrap();
                let mut note = Note::parse(&office.reader().signed_checkpoint()).unwrap();
                let time = u64::try_from(self.site().clock.now().as_second()).unwrap();
                note.add(key.cosign(&note, time).unwrap()).unwrap();
                let (witness, note) = (key.verifier().to_string(), note.to_string());
                (tail.to_owned(), typed(&[("witness", &witness), ("note", &note)]))
            }
            "/parameters/propose" => {
                let (id, terms) = office.terms().parameters.first_key_value().unwrap();
                let values =
                    terms.defaults.iter().map(|(key, value)| (format!("v-{key}"), value.to_string()));
                let mut fields = typed(&[("id", &id.to_string())]);
                fields.extend(values);
                (tail.to_owned(), fields)
            }
            other => panic!("say what is sent to {other}"),
        }
    }

    async fn of_agreements(&self, Action { tail, variant }: Action) -> (String, Fields) {
        if tail == "/agreements/new/{matter}" {
            let path = format!("/agreements/new/{variant}");
            return (path, if variant == "baseline" { self.a_baseline().await } else { typed(&A_MATTER) });
        }
        let proposal = self.proposal(variant).await;
        let act = tail.rsplit('/').next().unwrap();
        (format!("/agreements/{proposal}/{act}"), typed(&[("reason", "試験のため")]))
    }

    /// Only what a host told can be put before the city.
    async fn a_baseline(&self) -> Fields {
        let name = format!("watched-{}", self.town.next());
        let host = self.site().place_host("main", &name).await;
        known_good::tell(self.site(), &host, 1, known_good::baseline("ab")).await;
        typed(&[("system", "main"), ("host", &name), ("tree", &"ab".repeat(32))])
    }

    async fn proposal(&self, whose: &str) -> ProposalId {
        let proposal: ProposalId = format!("c-{}", self.town.next()).parse().unwrap();
        let duty = DutyId::parse("6.a").unwrap();
        let matter = Matter::NotApplicable { duty, system: None, reason: "試験".to_owned() };
        let role = if whose == "of the city" { Role::CityStaff } else { Role::Operator };
        self.town.act(role, Act::Proposed { proposal: proposal.clone(), matter }).await;
        proposal
    }

    async fn of_comments(&self, Action { tail, variant }: Action) -> (String, Fields) {
        let office = self.site().office("main");
        if tail == "/comments" {
            let (topic, scope) = variant.split_once(' ').unwrap();
            let about = match topic {
                "duty" => "duty/9.b/main".to_owned(),
                "proposal" => format!("proposal/{}", self.proposal("of the city").await),
                "request" => format!("request/{}", self.town.sample(Form::F07, State::Asked).await),
                "finding" => format!("finding/{}", self.finding().await.finding.id),
                other => panic!("say what there is to say of a {other}"),
            };
            return (tail.to_owned(), typed(&[("about", &about), ("scope", scope), ("text", "一言")]));
        }
        let role = if variant == "of the city" { Role::CityStaff } else { Role::Operator };
        let about = "duty/9.b/main".parse().unwrap();
        let said = office.say(self.town.actor(role), about, "消すべき文", None).await.unwrap();
        while office.views().comment(said.0).await.unwrap().is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        (format!("/comments/{}/erase", said.0), typed(&[("reason", "個人情報")]))
    }

    async fn of_requests(&self, action: Action, role: Role) -> (String, Fields) {
        let number = self.town.next();
        let nonce = format!("{number:032x}");
        let later = (self.site().clock.now() + SignedDuration::from_hours(3)).to_string();
        match action.tail {
            "/requests/new/{form}" => {
                let form = Form::from_key(action.variant).unwrap();
                let mut fields = self.form_fields(form, Part::Ask);
                fields.extend(typed(&[("nonce", &nonce), ("go", "send")]));
                (format!("/requests/new/{}", action.variant), fields)
            }
            "/requests/drafts/{draft}/drop" => ("/requests/drafts/d-none/drop".to_owned(), typed(&[])),
            "/requests/call" => {
                let mut fields = typed(&[("nonce", &nonce), ("kind", "F-07"), ("systems", "main")]);
                let at = self.site().clock.now().to_string();
                fields.extend(typed(&[("at", &at), ("to", &later), ("post", "kachou"), ("who", "佐藤")]));
                fields.extend(typed(&[("read_back", "窓口を止める。")]));
                (action.tail.to_owned(), fields)
            }
            "/requests/{request}/edit" => self.of_request(Form::F07, State::Returned, "edit", role).await,
            "/requests/{request}/report" => self.of_request(Form::F07, State::Done, "report", role).await,
            "/requests/{request}/order" => {
                let request = self.town.sample(Form::F07, State::Approved).await;
                let office = self.site().office("main");
                let now = self.site().clock.now();
                let offers = allowed::offers(office.court().evidence(), &request, now);
                let offer = serde_json::to_string(offers.first().unwrap()).unwrap();
                (format!("/requests/{request}/order"), typed(&[("order", &offer), ("go", "send")]))
            }
            "/requests/{request}/step/{step}" => {
                let (form, state) = wants(action.variant);
                self.of_request(form, state, action.variant, role).await
            }
            other => panic!("say what is sent to {other}"),
        }
    }

    /// A request in this state, and this step of it as this role would take it.
    pub async fn of_request(&self, form: Form, state: State, word: &str, role: Role) -> (String, Fields) {
        let request = self.town.sample(form, state).await;
        let tail = if ["edit", "report"].contains(&word) { word.to_owned() } else { format!("step/{word}") };
        (format!("/requests/{request}/{tail}"), self.step_fields(&request, form, word, role))
    }

    /// What this role types for a step, on the page as it is now.
    pub fn step_fields(&self, request: &RequestId, form: Form, word: &str, role: Role) -> Fields {
        let newest = {
            let office = self.site().office("main");
            let court = office.court();
            court.evidence().requests.get(request).unwrap().newest().unwrap()
        };
        let mut fields = typed(&[("go", "send"), ("newest", &newest.to_string())]);
        let now = self.site().clock.now().to_string();
        match word {
            "edit" => fields.extend(self.form_fields(form, Part::Ask)),
            "report" => fields.extend(self.form_fields(form, Part::Result)),
            _ => {
                let seat = match (word, role) {
                    ("signed", _) => "kakari|own",
                    (_, Role::CitySecurity) => "kachou|deputy",
                    _ => "kachou|own",
                };
                let own = [
                    ("seat", seat),
                    ("reason", "理由"),
                    ("record", "協議した"),
                    ("remark", "付言"),
                    ("opinion", "agrees"),
                    ("outcome", "agreed"),
                    ("at", now.as_str()),
                    ("from", now.as_str()),
                    ("to", now.as_str()),
                    ("post", "kachou"),
                    ("who", "佐藤 次郎"),
                    ("read_back", "復唱した"),
                    ("result", "終えた"),
                ];
                // An approval without these is of the window that was asked for.
                let own = own.into_iter().filter(|(part, _)| word != "approved" || *part == "seat");
                fields.extend(own.map(|(part, value)| (format!("{word}-{part}"), value.to_owned())));
            }
        }
        fields
    }

    /// The fields of one part of a form, as its page has them.
    fn form_fields(&self, form: Form, part: Part) -> Fields {
        let now = self.site().clock.now();
        let sample = filled(form, now);
        let row = form.row();
        let mut fields = Fields::new();
        if part == Part::Ask {
            let (from, to) = (now.to_string(), (now + SignedDuration::from_hours(24)).to_string());
            fields.extend(typed(&[("title", "申請"), ("systems", "main")]));
            if row.things == Ask::Must {
                fields.extend(typed(&[("things", "ファイル /etc/hosts")]));
            }
            if row.window != Ask::Never {
                fields.extend(typed(&[("from", &from), ("to", &to)]));
            }
            if form == Form::F26 {
                fields.extend(typed(&[("trigger", "failure_repair"), ("longest", "60"), ("uses", "3")]));
                fields.extend(typed(&[("report_h", "24")]));
            }
        }
        for column in row.fields.iter().filter(|it| it.part == part && it.need == Ask::Must) {
            let value = match (column.kind, sample.fields.get(column.key)) {
                (Kind::Choice(choices), _) => choices[0].0.to_owned(),
                (Kind::Moment, _) => now.to_string(),
                (Kind::Count, _) => "1".to_owned(),
                (_, Some(FieldValue::Clear(text))) => text.clone(),
                _ => "内容".to_owned(),
            };
            fields.push((format!("x-{}", column.key), value));
        }
        fields
    }

    /// Something nobody asked for was seen just now.
    pub async fn finding(&self) -> Arc<Found> {
        self.site().clock.pass(SignedDuration::from_secs(1));
        let number = self.town.next();
        let (now, name) = (self.site().clock.now(), format!("/etc/cron.d/job-{number}"));
        let fact = job(&name, now);
        let told = NumberedFact { seq: self.facts.fetch_add(1, Ordering::SeqCst) + 1, observed: now, fact };
        let office = self.site().office("main");
        office.store_facts("jobs-1".parse().unwrap(), 1, vec![told]).await.unwrap();
        // What is stored is judged a moment later.
        for _ in 0..2_000 {
            let found = office.court().roll(office.terms()).all().to_vec();
            if let Some(found) = found.into_iter().find(|found| found.finding.names.contains(&name)) {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("{name} is no finding");
    }

    async fn of_findings(&self, Action { tail, .. }: Action) -> (String, Fields) {
        let found = self.finding().await;
        let finding = found.finding.id.clone();
        if tail.ends_with("/close") {
            let class = FindingClass::Violation;
            let reason = "時間を超えた".to_owned();
            let said = Act::FindingClassified { finding: finding.clone(), class, reason };
            self.town.act(Role::CityStaff, said).await;
            return (format!("/findings/{finding}/close"), typed(&[("remark", "処置を確かめた")]));
        }
        let newest = found.newest().to_string();
        let fields = typed(&[("class", "justified"), ("reason", "依頼した"), ("newest", &newest)]);
        (format!("/findings/{finding}/classify"), fields)
    }

    async fn of_posts(&self, Action { tail, variant }: Action) -> (String, Fields) {
        let now = self.site().clock.now();
        let tomorrow = now + SignedDuration::from_hours(24);
        let (holder, other) = (self.town.actor(Role::CityApprover).person, self.id(Role::CityStaff));
        let post = format!("p-{}", self.town.next());
        self.site().name_post("main", &post, "係長").await;
        let id = || post.parse().unwrap();
        let taken = Act::PostTaken { post: id(), person: holder.clone(), from: now, until: None };
        match (tail, variant) {
            ("/posts/new", _) => (tail.to_owned(), typed(&[("name", "課長補佐")])),
            ("/posts/route", _) => (tail.to_owned(), typed(&[("form", "F-11"), ("decides", "kachou")])),
            ("/posts/move", _) => {
                self.town.act(Role::CitySecurity, taken).await;
                let mut fields =
                    typed(&[("from", &tomorrow.to_string()), ("reason", "異動"), ("go", "send")]);
                fields.push((format!("to-{post}-{holder}"), "nobody".to_owned()));
                (tail.to_owned(), fields)
            }
            (_, act) => {
                if act == "leave" {
                    self.town.act(Role::CitySecurity, taken).await;
                }
                let person = if act == "leave" { holder.to_string() } else { other };
                if act == "end" {
                    let named = Act::DeputyNamed {
                        post: id(),
                        person: person.parse().unwrap(),
                        from: now,
                        until: tomorrow,
                        reason: "出張".to_owned(),
                    };
                    self.town.act(Role::CitySecurity, named).await;
                }
                let until = tomorrow.to_string();
                let own = [
                    ("person", person.as_str()),
                    ("until", until.as_str()),
                    ("reason", "出張"),
                    ("name", "改名"),
                ];
                let own = own.map(|(part, value)| (format!("{act}-{part}"), value.to_owned()));
                (format!("/posts/{post}/act/{act}"), own.to_vec())
            }
        }
    }

    async fn of_files(&self, Action { tail, .. }: Action) -> (String, Fields) {
        let last = tail.rsplit('/').next().unwrap();
        let month = (self.site().clock.now() + SignedDuration::from_hours(24 * 30)).to_string();
        match tail {
            "/documents/new" => {
                let mut fields =
                    typed(&[("title", "手順書"), ("kind", "procedure"), ("audience", "operator")]);
                fields.extend(typed(&[("version", "1"), ("reason", "新規"), ("work", "start_stop")]));
                (tail.to_owned(), fields)
            }
            "/checksheets" => (tail.to_owned(), typed(&[("title", "点検表")])),
            "/checksheets/{sheet}" => (format!("/checksheets/{}", self.sheet()), typed(&ANSWERS)),
            "/checksheets/{sheet}/columns" => {
                let columns = [("question", "B"), ("answer", "C"), ("evidence", "H"), ("day", "I")];
                let mut fields = typed(&columns);
                fields.extend(typed(&[("tab", "点検表"), ("head", "1")]));
                (format!("/checksheets/{}/columns", self.sheet()), fields)
            }
            "/disclosures" => {
                let fields =
                    [("duty", "9.b"), ("system", "main"), ("detail", "利用率"), ("due", month.as_str())];
                (tail.to_owned(), typed(&fields))
            }
            "/disclosures/{disclosure}" => {
                let request: ProposalId = format!("r-{}", self.town.next()).parse().unwrap();
                let act = Act::DisclosureRequested {
                    request: request.clone(),
                    duty: DutyId::parse("9.b").unwrap(),
                    system: "main".parse().unwrap(),
                    detail: "利用率".to_owned(),
                    due: month.parse().unwrap(),
                };
                self.town.act(Role::CityStaff, act).await;
                (format!("/disclosures/{request}"), typed(&[]))
            }
            _ => {
                let fields =
                    [("version", "1"), ("outcome", "no_change"), ("reason", "確認"), ("why", "廃止")];
                (format!("/documents/{}/{last}", self.document().await), typed(&fields))
            }
        }
    }

    fn sheet(&self) -> String {
        let office = self.site().office("main");
        let sheets = yakujo_server::checksheets::Checksheets::of(office.folder());
        sheets.all().unwrap().first().unwrap().file.to_string()
    }

    async fn document(&self) -> String {
        let office = self.site().office("main");
        let id = format!("o-s{}", self.town.next());
        let document = Document {
            document: id.parse().unwrap(),
            title: "手順書".to_owned(),
            kind: DocumentKind::Procedure,
            systems: Vec::new(),
            work: vec![WorkType::StartStop],
            methods: [].into(),
            version: "1".to_owned(),
            digest: Shelf::of(office.folder()).keep("手順".as_bytes()).unwrap(),
            audience: vec![Role::Operator],
            reason: "新規".to_owned(),
        };
        self.town.act(Role::Operator, Act::DocumentRegistered(document)).await;
        id
    }

    fn file(&self, tail: &str) -> Vec<u8> {
        if tail != "/checksheets" {
            return "内容".as_bytes().to_vec();
        }
        let number = yakujo_paper::BookCell::Text(self.town.next().to_string());
        let text = |words: &str| yakujo_paper::BookCell::Text(words.to_owned());
        let sheet = yakujo_paper::BookSheet {
            name: "点検表".to_owned(),
            heads: ["No.", "確認事項", "回答"].map(str::to_owned).to_vec(),
            rows: vec![vec![number, text("時刻を同期しているか。"), text("")]],
            ..yakujo_paper::BookSheet::default()
        };
        let made = "2026-11-22T05:05:03Z".to_owned();
        let book = yakujo_paper::Book { made, sheets: vec![sheet], ..yakujo_paper::Book::default() };
        yakujo_paper::write_book(&book).unwrap()
    }

    async fn of_people(&self, Action { tail, .. }: Action, role: Role) -> (String, Fields) {
        let (office, login) = (self.site().office("main"), format!("n{}", self.town.next()));
        let staff = if role.party() == Party::Contractor { Role::Operator } else { Role::CityStaff };
        if tail == "/people/new" {
            let fields = [("name", "新任 花子"), ("login", login.as_str()), ("role", role_word(staff))];
            return (tail.to_owned(), typed(&fields));
        }
        office.enter_person(None, &login, "同僚", staff, None, None).await.unwrap();
        let id: PersonId = office.people.by_login(&login).await.unwrap().id;
        if tail.ends_with("/erase") {
            let left = Act::PersonLeft { person: id.clone(), role: staff, reason: "異動".to_owned() };
            office.decide(None, left, None).await.unwrap();
            office.people.leave(&id, self.site().clock.now()).await.unwrap();
        }
        (format!("/people/{id}/{}", tail.rsplit('/').next().unwrap()), typed(&[("reason", "異動")]))
    }

    async fn of_account(&self, Action { tail, .. }: Action, role: Role) -> (String, Fields) {
        let person = &self.people[role_word(role)].0;
        let fields = match tail {
            "/sign-out" | "/extend" | "/account/mail/kinds" => typed(&[]),
            "/deliveries/again" | "/deliveries/drop" => typed(&[("go", "send")]),
            "/notices/read" => typed(&[("upto", "0")]),
            "/account/mail" => typed(&[("address", "madoguchi@example.lg.jp")]),
            "/account/mail/code" => typed(&[("code", "00000000")]),
            "/account/mail/pace" => typed(&[("pace", "digest")]),
            "/webhooks" => typed(&[("url", &format!("https://hooks.example.lg.jp/{}", self.town.next()))]),
            "/webhooks/{webhook}/remove" => typed(&[]),
            "/account/link" => typed(&[("password", PASSWORD)]),
            "/account/end" => typed(&[("session", &self.site().sessions(person).await[0])]),
            other => panic!("say what is sent to {other}"),
        };
        (tail.replace("{webhook}", "w-none"), fields)
    }
}

/// Names and values.
pub type Fields = Vec<(String, String)>;

fn typed(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Every kind of matter reads some of these.
const A_MATTER: [(&str, &str); 43] = [
    ("system", "main"),
    ("name", "窓口"),
    ("importance", "B"),
    ("segment", "internet"),
    ("internet_facing", "unsaid"),
    ("host", "jobs-1"),
    ("environment", "production"),
    ("protocol", "tcp"),
    ("port", "443"),
    ("purpose", "窓口の業務"),
    ("until", "2028-12-31"),
    ("account", "backup"),
    ("use", "service"),
    ("privileged", "no"),
    ("need", "バックアップ"),
    ("pattern", "/var/cache/app"),
    ("ruling", "allowed"),
    ("reason", "業務に使用"),
    ("resource", "disk:/"),
    ("limit", "1000"),
    ("at_limit", "受付が止まる"),
    ("needed", "no"),
    ("product", "PostgreSQL 15"),
    ("cycle", "15"),
    ("basis", "公式の告知"),
    ("duty", "6.a"),
    ("target", "front"),
    ("means", "tcp"),
    ("address", "192.0.2.7:443"),
    ("every_s", "60"),
    ("probes", "server"),
    ("from", "2028-01-01"),
    ("days", "2028/1/10,成人の日"),
    ("object", "file"),
    ("functions", ""),
    ("status", ""),
    ("latency_ms", ""),
    ("text", ""),
    ("asset", "住民記録の表"),
    ("place", "db-1"),
    ("confidentiality", "3"),
    ("personal", "yes"),
    ("continuity", "yes"),
];

const ANSWERS: [(&str, &str); 5] = [
    ("kept", "適"),
    ("broken", "否"),
    ("unknown", "未確認"),
    ("exempt", "例外"),
    ("not_applicable", "対象外"),
];
