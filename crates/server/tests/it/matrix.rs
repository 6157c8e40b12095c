//! Role × form × state × step: every cell is tried against the check in the writer's turn, and says what the rules of the
//! contract say. The rules stand here once more in words of their own; cells come from the code's own lists, so that a
//! new role, form, state or step does not compile, or is counted, before somebody says what it may do.

use super::site::Site;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use yakujo_contract::act::{Act, Role, Route, Withheld};
use yakujo_contract::entry::Party;
use yakujo_contract::id::{PostId, RequestId};
use yakujo_contract::request::flow::{Progress, State};
use yakujo_contract::request::form::{Ask, Form, Kind, Part, Path};
use yakujo_contract::request::{
    Edition, FieldValue, Filled, Manner, Opinion, Outcome, RequestNumber, Scope, StandingTerms, Step,
    Trigger, Window,
};
use yakujo_contract::thing::{Object, Thing};
use yakujo_server::decide::possible::WORDS;
use yakujo_server::decide::{Actor, Decision, check};
use yakujo_server::people::role_word;

/// One cell.
pub struct Cell {
    pub role: Role,
    pub form: Form,
    pub state: State,
    pub word: &'static str,
}

fn decided(path: Path) -> bool {
    matches!(path, Path::Approval | Path::Consultation)
}

/// The states a form passes through.
fn states(form: Form) -> BTreeSet<State> {
    let all = match form.row().path {
        Path::Approval | Path::Consultation => State::ALL.to_vec(),
        Path::Report => vec![
            State::Asked,
            State::Received,
            State::Consulted,
            State::Returned,
            State::Withdrawn,
            State::Reported,
            State::Confirmed,
        ],
        Path::Delivery => vec![
            State::Asked,
            State::Received,
            State::Returned,
            State::Withdrawn,
            State::Reported,
            State::Confirmed,
        ],
    };
    // A standing approval is used, again and again; it is never done.
    let never_done = [State::Done, State::Reported, State::Confirmed];
    all.into_iter().filter(|state| form != Form::F26 || !never_done.contains(state)).collect()
}

/// What the contract says of a cell. The approver holds the post that decides, the security officer stands in for him, the
/// staff hold the post that signs before; all decisions of the samples were the deputy's.
pub fn allowed(cell: &Cell) -> bool {
    use State::{Approved, Asked, Confirmed, Consulted, Done, Received, Reported, Returned, Revoked};
    let (party, path, state) = (cell.role.party(), cell.form.row().path, cell.state);
    let (city, contractor) = (party == Party::City, party == Party::Contractor);
    let asks = if path == Path::Delivery { Party::City } else { Party::Contractor };
    let other = party != asks && party != Party::Auditor;
    let open = [Asked, Received, Consulted].contains(&state);
    let seated = [Role::CityApprover, Role::CitySecurity].contains(&cell.role);
    match cell.word {
        "received" => other && state == Asked,
        "consulted" => city && path != Path::Delivery && open,
        "signed" => cell.role == Role::CityStaff && cell.form == Form::F09 && open,
        "approved" | "refused" => seated && decided(path) && open,
        "returned" => (city && state == Reported) || (other && open),
        "resubmitted" => party == asks && state == Returned,
        "withdrawn" => party == asks && (open || [Returned, Approved].contains(&state)),
        "revoked" => seated && state == Approved,
        "countersigned" => {
            let was_decided = [Approved, Done, Reported, Confirmed, Revoked].contains(&state);
            cell.role == Role::CityApprover && decided(path) && was_decided
        }
        "consented" => contractor && decided(path) && open,
        "invoked" => contractor && cell.form == Form::F26 && state == Approved,
        "done" => contractor && decided(path) && cell.form != Form::F26 && state == Approved,
        "reported" => {
            let now = match path {
                Path::Approval | Path::Consultation => {
                    [Done, Reported].contains(&state) || (cell.form == Form::F15 && state == Revoked)
                }
                Path::Report => open || [Reported, Confirmed].contains(&state),
                Path::Delivery => [Asked, Received, Reported].contains(&state),
            };
            contractor && now
        }
        "confirmed" => city && (state == Reported || (path == Path::Report && open)),
        other => panic!("say who may take the step {other}"),
    }
}

pub fn filled(form: Form, now: Timestamp) -> Filled {
    let row = form.row();
    let must = row.fields.iter().filter(|field| field.part == Part::Ask && field.need == Ask::Must);
    let value = |kind: Kind| match kind {
        Kind::Choice(choices) => FieldValue::Clear(choices[0].0.to_owned()),
        Kind::Moment => FieldValue::Clear(now.to_string()),
        Kind::Count => FieldValue::Clear("1".to_owned()),
        Kind::People => FieldValue::Withheld(Withheld { digest: "ab".repeat(32).try_into().unwrap() }),
        Kind::Line | Kind::Text | Kind::Auto => FieldValue::Clear("内容".to_owned()),
    };
    let window = Window { from: now, to: now + SignedDuration::from_hours(24), reserve_min: 0 };
    let thing = Thing { object: Object::File, name: "/etc/hosts".to_owned(), digest: None };
    let terms = StandingTerms { trigger: Trigger::FailureRepair, longest_min: 60, uses: 3, report_h: 24 };
    Filled {
        form,
        title: "申請".to_owned(),
        scope: Scope {
            systems: ["main".parse().unwrap()].into(),
            things: if row.things == Ask::Must { [thing].into() } else { [].into() },
            ..Scope::default()
        },
        window: (row.window != Ask::Never).then_some(window),
        limit: None,
        standing: (form == Form::F26).then_some(terms),
        fields: must.map(|field| (field.key.to_owned(), value(field.kind))).collect(),
        attachments: Vec::new(),
        links: [].into(),
        about: None,
    }
}

fn post(id: &str) -> PostId {
    id.parse().unwrap()
}

/// The step as this role would take it at best.
pub fn step(word: &str, role: Role, form: Form, now: Timestamp) -> Step {
    let text = || "理由".to_owned();
    let manner = if role == Role::CityApprover { Manner::Own } else { Manner::Deputy };
    let kachou = post("kachou");
    match word {
        "received" => Step::Received,
        "consulted" => Step::Consulted { at: now, outcome: Outcome::Continues, record: text() },
        "signed" => Step::Signed {
            post: post("kakari"),
            manner: Manner::Own,
            opinion: Opinion::Agrees,
            remark: text(),
        },
        "approved" => {
            Step::Approved { post: kachou, manner, conditions: Vec::new(), window: None, scope: None }
        }
        "refused" => Step::Refused { post: kachou, manner, reason: text() },
        "returned" => Step::Returned { reason: text() },
        "resubmitted" => Step::Resubmitted { filled: Box::new(filled(form, now)) },
        "withdrawn" => Step::Withdrawn { reason: text() },
        "revoked" => Step::Revoked { post: kachou, manner, reason: text() },
        "countersigned" => Step::Countersigned { post: kachou },
        "consented" => {
            let who = Withheld { digest: "cd".repeat(32).try_into().unwrap() };
            Step::Consented { at: now, post: kachou, who, read_back: text() }
        }
        "invoked" => Step::Invoked { at: now, scope: filled(form, now).scope, reason: text(), because: None },
        "done" => Step::Done { from: now, to: now, result: text() },
        "reported" => Step::Reported {
            edition: Edition::Further,
            fields: BTreeMap::new(),
            attachments: Vec::new(),
            of_use: None,
        },
        "confirmed" => Step::Confirmed { remark: text() },
        other => panic!("say what the step {other} is"),
    }
}

/// The steps that lead to a state.
fn way(form: Form, state: State) -> Vec<(&'static str, Role)> {
    let contractor = ("done", Role::Operator);
    let (asker, other) = if form.row().path == Path::Delivery {
        (Role::CityStaff, Role::Operator)
    } else {
        (Role::Operator, Role::CityStaff)
    };
    let mut way = Vec::new();
    if form == Form::F09 && state != State::Returned {
        way.push(("signed", Role::CityStaff));
    }
    let decided = decided(form.row().path);
    let approved = ("approved", Role::CitySecurity);
    let reported = ("reported", Role::Operator);
    way.extend(match state {
        State::Asked => vec![],
        State::Received => vec![("received", other)],
        State::Consulted => vec![("consulted", Role::CityStaff)],
        State::Returned => vec![("returned", other)],
        State::Refused => vec![("refused", Role::CitySecurity)],
        State::Withdrawn => vec![("withdrawn", asker)],
        State::Approved => vec![approved],
        State::Revoked => vec![approved, ("revoked", Role::CitySecurity)],
        State::Done => vec![approved, contractor],
        State::Reported if decided => vec![approved, contractor, reported],
        State::Reported => vec![reported],
        State::Confirmed if decided => vec![approved, contractor, reported, ("confirmed", Role::CityStaff)],
        State::Confirmed => vec![reported, ("confirmed", Role::CityStaff)],
    });
    way
}

pub struct Town {
    pub site: Site,
    actors: BTreeMap<&'static str, Actor>,
    samples: AtomicU32,
}

impl Town {
    async fn begin() -> Self {
        Self::of(Site::start().await).await
    }

    /// People of every role and their posts in contract `main` of this site.
    pub async fn of(site: Site) -> Self {
        let office = site.office("main");
        let mut actors = BTreeMap::new();
        for role in Role::ALL {
            let login = format!("m-{}", role_word(role).replace('_', "."));
            let until = (role == Role::Auditor).then(|| site.clock.now() + SignedDuration::from_hours(24));
            office.enter_person(None, &login, &login, role, None, until).await.unwrap();
            let person = office.people.by_login(&login).await.unwrap().id;
            actors.insert(role_word(role), Actor { person, role, post: None });
        }
        Self::seated(site, actors).await
    }

    /// These people, on their posts.
    pub async fn seated(site: Site, actors: BTreeMap<&'static str, Actor>) -> Self {
        let town = Self { site, actors, samples: AtomicU32::new(0) };
        town.seat().await;
        town
    }

    /// A number that was not given before.
    pub fn next(&self) -> u32 {
        self.samples.fetch_add(1, Ordering::SeqCst)
    }

    pub fn actor(&self, role: Role) -> Actor {
        self.actors[role_word(role)].clone()
    }

    pub async fn act(&self, role: Role, act: Act) {
        let what = format!("{role:?} {act:?}");
        let done = self.site.office("main").decide(Some(self.actor(role)), act, None).await;
        done.unwrap_or_else(|refusal| panic!("{what}: {refusal}"));
    }

    async fn seat(&self) {
        let now = self.site.clock.now();
        let holder = |role| self.actor(role).person;
        let taken =
            |id, role| Act::PostTaken { post: post(id), person: holder(role), from: now, until: None };
        let until = now + SignedDuration::from_hours(24);
        self.act(Role::CitySecurity, Act::PostNamed { post: post("kakari"), name: "係長".to_owned() }).await;
        self.act(Role::CitySecurity, taken("kachou", Role::CityApprover)).await;
        self.act(Role::CitySecurity, taken("kakari", Role::CityStaff)).await;
        let deputy = Act::DeputyNamed {
            post: post("kachou"),
            person: holder(Role::CitySecurity),
            from: now,
            until,
            reason: "出張".to_owned(),
        };
        self.act(Role::CitySecurity, deputy).await;
        let route = Route { before: vec![post("kakari")], concur: Vec::new(), decides: post("kachou") };
        self.act(Role::CitySecurity, Act::RouteSet { form: Form::F09, importance: None, route }).await;
    }

    /// A request of this form in this state.
    pub async fn sample(&self, form: Form, state: State) -> RequestId {
        let now = self.site.clock.now();
        let id: RequestId = format!("s-{}", self.next()).parse().unwrap();
        let asks = if form.row().path == Path::Delivery { Role::CityStaff } else { Role::Operator };
        let number = RequestNumber::new("R0", form, 1);
        let asked = Act::RequestAsked { request: id.clone(), number, filled: Box::new(filled(form, now)) };
        self.act(asks, asked).await;
        for (word, role) in way(form, state) {
            let step = step(word, role, form, now);
            self.act(role, Act::RequestStep { request: id.clone(), step }).await;
        }
        assert_eq!(self.progress(&id).state, state, "{form:?}");
        id
    }

    fn progress(&self, id: &RequestId) -> Progress {
        let office = self.site.office("main");
        let court = office.court();
        court.evidence().requests.get(id).unwrap().progress.clone().unwrap()
    }

    /// Tries one cell.
    fn is_taken(&self, id: &RequestId, cell: &Cell) -> bool {
        let now = self.site.clock.now();
        let step = step(cell.word, cell.role, cell.form, now);
        let act = Act::RequestStep { request: id.clone(), step };
        let decision = Decision { actor: Some(self.actor(cell.role)), act, seen: None, newest: None };
        let office = self.site.office("main");
        check(&office.court(), office.terms(), &decision, now).is_ok()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_take_exactly_the_steps_that_the_contract_gives_it() {
    let town = Town::begin().await;
    let (mut tried, mut taken, mut wrong) = (0, 0, Vec::new());
    for form in Form::ALL {
        for state in states(form) {
            let id = town.sample(form, state).await;
            for role in Role::ALL {
                for word in WORDS {
                    let cell = Cell { role, form, state, word };
                    let (says, does) = (allowed(&cell), town.is_taken(&id, &cell));
                    tried += 1;
                    taken += usize::from(does);
                    if says != does {
                        wrong.push(format!("{role:?} {form:?} {state:?} {word}: taken {does}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cells: {wrong:#?}", wrong.len());
    let cells: usize = Form::ALL.into_iter().map(|form| states(form).len()).sum();
    assert_eq!(tried, cells * Role::ALL.len() * WORDS.len(), "no cell is left out");
    assert!(taken > 500, "{taken} of {tried}");
    town.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_step_leads_to_a_state_that_the_form_does_not_have() {
    let town = Town::begin().await;
    let office = town.site.office("main");
    for form in Form::ALL {
        for state in states(form) {
            let id = town.sample(form, state).await;
            for (role, word) in Role::ALL.into_iter().flat_map(|role| WORDS.map(|word| (role, word))) {
                let now = town.site.clock.now();
                let mut progress = town.progress(&id);
                let actor = town.actor(role);
                let by = yakujo_contract::request::flow::By { person: actor.person, party: role.party() };
                let stamp = yakujo_contract::evidence::latest::Stamp {
                    seq: 0,
                    observed: now,
                    received: now,
                    entry: yakujo_contract::id::EntryNumber(u64::MAX),
                };
                let court = office.court();
                let rules = court.evidence().rules_for(&progress.filled.scope.systems, now);
                if progress.follow(rules, &by, stamp, &step(word, role, form, now)).is_ok() {
                    assert!(states(form).contains(&progress.state), "{form:?} {state:?} {word}");
                }
            }
        }
    }
    town.site.stop().await;
}
