//! Who is told what: pure, from an entry or a turned standing to notices. Whoever did something is not told of it; his
//! other party is.

use jiff::Timestamp;
use yakujo_contract::act::Act;
use yakujo_contract::court::Court;
use yakujo_contract::entry::{Author, Body, Entry, Party};
use yakujo_contract::evidence::outside::View;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::OrderResult;
use yakujo_contract::fact::malware::{AvDetection, IsolationCause};
use yakujo_contract::id::{EntryNumber, HostId, RequestId};
use yakujo_contract::request::form::Form;
use yakujo_contract::request::{Filled, Step};
use yakujo_contract::standing::{Sentence, Standing};
use yakujo_contract::topic::Topic;

use crate::views::Change;

/// What a notice is about. People choose by it what reaches them by mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// 判定が変わった
    Standing,
    /// 申請・報告
    Request,
    /// 事案
    Incident,
    /// 所見
    Finding,
    /// 提案・申告
    Proposal,
    /// 提示の求め
    Disclosure,
    /// コメント
    Comment,
    /// ホストの沈黙
    Silence,
    /// 期限
    Due,
}

impl Kind {
    /// All, in the order pages list them.
    pub const ALL: [Self; 9] = [
        Self::Incident,
        Self::Due,
        Self::Request,
        Self::Finding,
        Self::Standing,
        Self::Silence,
        Self::Disclosure,
        Self::Proposal,
        Self::Comment,
    ];

    /// The word in the database and in webhooks.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Standing => "standing",
            Self::Request => "request",
            Self::Incident => "incident",
            Self::Finding => "finding",
            Self::Proposal => "proposal",
            Self::Disclosure => "disclosure",
            Self::Comment => "comment",
            Self::Silence => "silence",
            Self::Due => "due",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// What people call it, in Japanese and in English.
    #[must_use]
    pub fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Standing => ("判定の変化", "Standing"),
            Self::Request => ("申請・報告", "Request"),
            Self::Incident => ("事案", "Incident"),
            Self::Finding => ("所見", "Finding"),
            Self::Proposal => ("申告・提案", "Proposal"),
            Self::Disclosure => ("提示の求め", "Disclosure"),
            Self::Comment => ("コメント", "Comment"),
            Self::Silence => ("ホストの沈黙", "Silent host"),
            Self::Due => ("期限", "Deadline"),
        }
    }
}

/// Whether it can wait for the morning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// It can.
    Plain,
    /// It cannot: nights and holidays do not hold it back.
    Urgent,
}

/// Whom of a party it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circle {
    /// Everybody.
    All,
    /// Those who lead: of the city whoever decides and whoever is responsible for security, of the contractor its
    /// security lead.
    Leads,
}

impl Circle {
    /// The word in the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Leads => "leads",
        }
    }

    /// The circle of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::All, Self::Leads].into_iter().find(|circle| circle.word() == word)
    }
}

/// One notice for people of a party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The matter and what happened to it: the same key is told once.
    pub key: String,
    /// For whom.
    pub party: Party,
    /// For whom of them.
    pub circle: Circle,
    /// About what.
    pub kind: Kind,
    /// Whether it can wait.
    pub urgency: Urgency,
    /// One sentence. It also goes out by mail: no details, no names of people.
    pub sentence: Sentence,
    /// The page, below the contract's path, beginning with a slash.
    pub link: String,
    /// When.
    pub at: Timestamp,
}

/// The notices of one entry.
#[must_use]
pub fn of_entry(court: &Court, number: u64, entry: &Entry) -> Vec<Notice> {
    match &entry.body {
        Body::Act(act) => {
            let Author::Person { party, .. } = &entry.author else { return Vec::new() };
            let told = Telling { court, number, at: entry.received, to: other(*party) };
            told.act(act).into_iter().collect()
        }
        Body::Fact(Fact::HostSilence(_)) => {
            let Some(host) = &entry.host else { return Vec::new() };
            let sentence = Sentence::new(
                format!("ホスト {host} からの報告が途絶えています。"),
                format!("The host {host} is silent."),
            );
            let told = Telling { court, number, at: entry.received, to: Party::Contractor };
            vec![told.notice("silence", Kind::Silence, Urgency::Urgent, sentence, format!("/hosts/{host}"))]
        }
        Body::Fact(Fact::IsolationSeen(_)) => from_outside(court, number, entry),
        Body::Fact(fact) => of_fact(number, entry, fact),
    }
}

/// What cannot wait until somebody looks: malware, and what an agent did by itself or did not do. Both parties are told.
fn of_fact(number: u64, entry: &Entry, fact: &Fact) -> Vec<Notice> {
    let Some(host) = &entry.host else { return Vec::new() };
    let (key, ja, en) = match fact {
        Fact::IsolationState(state) => {
            let Some((ja, en)) = state.cause.map(isolation_words) else { return Vec::new() };
            ("isolation", format!("ホスト {host} {ja}。"), format!("The host {host} {en}."))
        }
        Fact::OrderOutcome(outcome) if outcome.result != OrderResult::Done => (
            "order",
            format!("ホスト {host} への指令は実行されませんでした。"),
            format!("An order to {host} was not carried out."),
        ),
        other => match other.detection() {
            Some(detection) => detected(host, detection),
            None => return Vec::new(),
        },
    };
    let notice = |party: Party| {
        let link = match (fact, party) {
            // The report is begun from what was detected.
            (Fact::AvDetection(_), Party::Contractor) => format!("/requests/new/F-05?about={number}"),
            _ => format!("/ledger/{number}"),
        };
        Notice {
            key: format!("{key}/{number}"),
            party,
            circle: Circle::All,
            kind: Kind::Incident,
            urgency: Urgency::Urgent,
            sentence: Sentence::new(ja.clone(), en.clone()),
            link,
            at: entry.received,
        }
    };
    [Party::City, Party::Contractor].map(notice).into()
}

/// A host that is cut off answered from outside: told once, until it is silent again.
fn from_outside(court: &Court, number: u64, entry: &Entry) -> Vec<Notice> {
    let Some(host) = &entry.host else { return Vec::new() };
    let known = court.evidence().hosts.get(host);
    let run = known.and_then(|known| known.looks_around(EntryNumber(number)));
    let Some(run) = run.filter(|run| run.view == View::Answers) else { return Vec::new() };
    let sentence = Sentence::new(
        format!("遮断中のホスト {host} が外から応答しました。"),
        format!("The host {host}, which is cut off, answers from outside."),
    );
    let notice = |party: Party| Notice {
        key: format!("outside/{}", run.first.entry.0),
        party,
        circle: Circle::All,
        kind: Kind::Incident,
        urgency: Urgency::Urgent,
        sentence: sentence.clone(),
        link: format!("/ledger/{}", run.first.entry.0),
        at: entry.received,
    };
    [Party::City, Party::Contractor].map(notice).into()
}

fn detected(host: &HostId, detection: &AvDetection) -> (&'static str, String, String) {
    let (ja, en) = if detection.may_have_run() {
        ("実行された疑いがあります", "it may have run")
    } else {
        ("隔離または遮断済みです", "it was held or refused")
    };
    (
        "detection",
        format!("ホスト {host} で不正プログラムを検知しました（{ja}）。"),
        format!("Malware was detected on {host}: {en}."),
    )
}

fn isolation_words(cause: IsolationCause) -> (&'static str, &'static str) {
    match cause {
        IsolationCause::Permit => (
            "を包括承認に基づきネットワークから遮断しました",
            "was cut off from the network under the standing approval",
        ),
        IsolationCause::Order => ("の遮断の指令を実行しました", "followed an order about its isolation"),
        IsolationCause::Reapplied => (
            "の遮断が外されていたため、もう一度遮断しました",
            "is cut off again: somebody had taken the rules away",
        ),
        IsolationCause::TimeLimit => {
            ("の遮断は最大時間に達し、終わりました", "is connected again: the longest time was over")
        }
        IsolationCause::BreakGlass => {
            ("の遮断を、ホストの管理者が手動で解除しました", "was connected again by hand, by local root")
        }
    }
}

fn other(party: Party) -> Party {
    match party {
        Party::City => Party::Contractor,
        Party::Contractor | Party::Auditor => Party::City,
    }
}

struct Telling<'a> {
    court: &'a Court,
    number: u64,
    at: Timestamp,
    to: Party,
}

impl Telling<'_> {
    fn notice(&self, key: &str, kind: Kind, urgency: Urgency, sentence: Sentence, link: String) -> Notice {
        let key = format!("{key}/{}", self.number);
        Notice { key, party: self.to, circle: Circle::All, kind, urgency, sentence, link, at: self.at }
    }

    fn plain(&self, kind: Kind, ja: String, en: String, link: String) -> Option<Notice> {
        Some(self.notice(kind.word(), kind, Urgency::Plain, Sentence::new(ja, en), link))
    }

    fn act(&self, act: &Act) -> Option<Notice> {
        match act {
            Act::RequestAsked { request, number, filled } => {
                Some(self.asked(request, &number.to_string(), filled))
            }
            Act::RequestStep { request, step } => self.step(request, step),
            Act::Proposed { proposal, .. } => self.plain(
                Kind::Proposal,
                "申告・提案が合意を待っています。".to_owned(),
                "A proposal waits for your agreement.".to_owned(),
                format!("/agreements/{proposal}"),
            ),
            Act::Agreed { proposal } | Act::Refused { proposal, .. } => self.plain(
                Kind::Proposal,
                "申告・提案への回答がありました。".to_owned(),
                "A proposal was answered.".to_owned(),
                format!("/agreements/{proposal}"),
            ),
            Act::DisclosureRequested { .. } => self.plain(
                Kind::Disclosure,
                "市から提示の求めがありました。".to_owned(),
                "The city asks to be shown something.".to_owned(),
                "/disclosures".to_owned(),
            ),
            Act::DisclosureDelivered { .. } => self.plain(
                Kind::Disclosure,
                "求めた資料が提示されました。".to_owned(),
                "What you asked for was handed over.".to_owned(),
                "/disclosures".to_owned(),
            ),
            Act::FindingClassified { finding, .. } | Act::FindingClosed { finding, .. } => self.plain(
                Kind::Finding,
                "所見が分類または終結されました。".to_owned(),
                "A finding was classified or closed.".to_owned(),
                format!("/findings/{finding}"),
            ),
            Act::CommentMade { about, .. } => self.plain(
                Kind::Comment,
                "コメントがありました。".to_owned(),
                "There is a comment.".to_owned(),
                place(about),
            ),
            _ => None,
        }
    }

    fn asked(&self, request: &RequestId, number: &str, filled: &Filled) -> Notice {
        let row = filled.form.row();
        let sentence = Sentence::new(
            format!("{}（{number}）が提出されました。", row.ja),
            format!("{number} ({}) was handed in.", row.en),
        );
        let (kind, urgency) = match filled.form {
            Form::F05 | Form::F08 => (Kind::Incident, Urgency::Urgent),
            _ => (Kind::Request, Urgency::Plain),
        };
        self.notice("request", kind, urgency, sentence, format!("/requests/{request}"))
    }

    fn step(&self, request: &RequestId, step: &Step) -> Option<Notice> {
        let known = self.court.evidence().requests.get(request)?;
        // A step that changed nothing concerns nobody.
        let is_void = known.void.iter().any(|entry| entry.0 == self.number);
        let number = known.number.as_ref().filter(|_| !is_void)?;
        let (ja, en) = match step {
            Step::Received => ("が受け付けられました", "was taken in"),
            Step::Consulted { .. } => ("の協議が記録されました", "was discussed"),
            Step::Signed { .. } | Step::Countersigned { .. } => return None,
            Step::Approved { .. } => ("が承認されました", "was approved"),
            Step::Refused { .. } => ("が不承認となりました", "was refused"),
            Step::Returned { .. } => ("が差し戻されました", "was returned"),
            Step::Resubmitted { .. } => ("が再提出されました", "was handed in again"),
            Step::Withdrawn { .. } => ("が取り下げられました", "was withdrawn"),
            Step::Revoked { .. } => ("の承認が取り消されました", "is no longer approved"),
            Step::Consented { .. } => (
                "に電話による了承が記録されました。書面での確認が必要です",
                "has consent by telephone, which waits for writing",
            ),
            Step::Invoked { .. } => ("の包括承認が発動されました", "was used, as a standing approval"),
            Step::Done { .. } => ("が実施されました", "was done"),
            Step::Reported { .. } => ("に報告・提供がありました", "was reported on"),
            Step::Confirmed { .. } => ("が確認されました", "was confirmed"),
        };
        let urgency = match step {
            Step::Revoked { .. } | Step::Consented { .. } | Step::Invoked { .. } => Urgency::Urgent,
            _ => Urgency::Plain,
        };
        let sentence = Sentence::new(format!("{number} {ja}。"), format!("{number} {en}."));
        Some(self.notice("request", Kind::Request, urgency, sentence, format!("/requests/{request}")))
    }
}

fn place(about: &Topic) -> String {
    match about {
        Topic::Duty(duty, _) => format!("/duty/{duty}"),
        Topic::Proposal(id) => format!("/agreements/{id}"),
        Topic::Request(id) => format!("/requests/{id}"),
        Topic::Finding(id) => format!("/findings/{id}"),
    }
}

/// Turns told one by one at most; more at once are one notice that leads to the board.
pub const MOST_TURNS: usize = 5;

/// The notices of standings that turned 不適合 or 未確認 at once, for both parties.
#[must_use]
pub fn of_turns(turns: &[Change]) -> Vec<Notice> {
    let worse: Vec<&Change> = turns
        .iter()
        .filter(|turn| matches!(turn.verdict.standing, Standing::Broken | Standing::Unknown))
        .collect();
    let both = |key: String, at: Timestamp, sentence: Sentence, link: String, urgency: Urgency| {
        [Party::City, Party::Contractor].map(|party| Notice {
            key: key.clone(),
            party,
            circle: Circle::All,
            kind: Kind::Standing,
            urgency,
            sentence: sentence.clone(),
            link: link.clone(),
            at,
        })
    };
    let Some(last) = worse.last() else { return Vec::new() };
    if worse.len() > MOST_TURNS {
        let count = worse.len();
        let sentence = Sentence::new(
            format!("{count} 件の判定が不適合または未確認になりました。"),
            format!("{count} duties turned broken or unknown."),
        );
        let key = format!("turns/{}", last.at.as_microsecond());
        // One broken duty among many is as urgent as alone.
        let broken = worse.iter().any(|turn| matches!(turn.verdict.standing, Standing::Broken));
        let urgency = if broken { Urgency::Urgent } else { Urgency::Plain };
        return both(key, last.at, sentence, "/board".to_owned(), urgency).into();
    }
    let one = |turn: &&Change| {
        let (ja, en, urgency) = match turn.verdict.standing {
            Standing::Broken => ("不適合", "broken", Urgency::Urgent),
            _ => ("未確認", "unknown", Urgency::Plain),
        };
        let (duty, system) = (turn.duty, &turn.system);
        let sentence = Sentence::new(
            format!("義務 {duty}（{system}）の判定が{ja}になりました。"),
            format!("The duty {duty} ({system}) turned {en}."),
        );
        let key = format!("turn/{duty}/{system}/{}", turn.at.as_microsecond());
        both(key, turn.at, sentence, format!("/duty/{duty}"), urgency)
    };
    worse.iter().flat_map(one).collect()
}
