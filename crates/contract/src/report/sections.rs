//! The parts of F-23: what happened in the month, and whether anybody watched.

use super::changes::changes;
use super::clocks::Run;
use super::uptime::uptime_and_stops;
use super::{Cell, MOST_ROWS, Month, Observed, Section};
use crate::court::Court;
use crate::court::found::Found;
use crate::entry::{Body, Entry, Party};
use crate::fact::Fact;
use crate::fact::host::ResourceUse;
use crate::fact::malware::DaemonState;
use crate::finding::Settled;
use crate::id::{EntryNumber, HostId, RequestId};
use crate::request::clock::Duty;
use crate::request::flow::{Progress, State};
use crate::request::form::Form;
use crate::standing::Sentence;
use crate::terms::Terms;
use crate::thing::Object;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The month, and the court as it stood at its end.
pub(super) struct Within<'a> {
    pub(super) terms: &'a Terms,
    pub(super) court: &'a Court,
    pub(super) month: Month,
    pub(super) until: Timestamp,
    pub(super) first: EntryNumber,
}

impl Within<'_> {
    pub(super) fn begin(&self) -> Timestamp {
        self.month.begin()
    }

    pub(super) fn holds(&self, at: Timestamp) -> bool {
        (self.begin()..self.until).contains(&at)
    }

    /// Some of these entries came in the month.
    pub(super) fn told(&self, entries: &BTreeSet<EntryNumber>) -> bool {
        entries.last().is_some_and(|last| *last >= self.first)
    }
}

/// Hosts that a note names at most.
const HOSTS_NAMED: usize = 20;

/// What is gathered entry by entry, because the court does not keep it.
pub(super) struct Tally {
    begin: Timestamp,
    malware: Rows,
    backups: Rows,
    entrances: Rows,
    capacity: BTreeMap<(HostId, String), ResourceUse>,
    /// Kinds of facts each host ever told: a list is told when it changes, not every month.
    told: BTreeMap<HostId, BTreeSet<&'static str>>,
    /// Hosts that told anything in the month.
    heard: BTreeSet<HostId>,
    /// Hosts that were silent for a while in the month, or lost facts.
    interrupted: BTreeSet<HostId>,
    /// Hosts on which nothing looked for malware for a while in the month, whatever was installed.
    blind: BTreeSet<HostId>,
    /// Kinds of facts of places without a host, in the month.
    kinds: BTreeSet<&'static str>,
}

#[derive(Default)]
pub(super) struct Rows {
    rows: Vec<Vec<Cell>>,
    more: u64,
}

impl Rows {
    pub(super) fn push(&mut self, row: Vec<Cell>) {
        if self.rows.len() < MOST_ROWS {
            self.rows.push(row);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

pub(super) fn plain(text: impl ToString) -> Cell {
    Cell::Plain(text.to_string())
}

pub(super) fn both(ja: &str, en: &str) -> Cell {
    Cell::Both(Sentence::new(ja, en))
}

impl Tally {
    pub(super) fn new(begin: Timestamp) -> Self {
        Self {
            begin,
            malware: Rows::default(),
            backups: Rows::default(),
            entrances: Rows::default(),
            capacity: BTreeMap::new(),
            told: BTreeMap::new(),
            heard: BTreeSet::new(),
            interrupted: BTreeSet::new(),
            blind: BTreeSet::new(),
            kinds: BTreeSet::new(),
        }
    }

    pub(super) fn enter(&mut self, number: EntryNumber, entry: &Entry) {
        let Body::Fact(fact) = &entry.body else { return };
        let is_blind = matches!(fact, Fact::AvEngine(engine) if engine.daemon != DaemonState::Scanning);
        if let Some(host) = entry.host.as_ref().filter(|_| !is_blind) {
            self.told.entry(host.clone()).or_default().insert(fact.kind());
        }
        if entry.received < self.begin {
            return;
        }
        if let Some(host) = entry.host.as_ref().filter(|_| is_blind) {
            self.blind.insert(host.clone());
        }
        self.kinds.insert(fact.kind());
        if let Fact::DoorEvent(event) = fact {
            let row = vec![Cell::At(event.at), plain(&event.area), plain(&event.door), plain(number)];
            self.entrances.push(row);
        }
        let Some(host) = &entry.host else { return };
        match fact {
            Fact::HostSilence(_) | Fact::AgentGap(_) | Fact::AgentLoss(_) => {
                self.interrupted.insert(host.clone());
            }
            _ => {
                self.heard.insert(host.clone());
            }
        }
        self.enter_of_host(number, entry, host, fact);
    }

    fn enter_of_host(&mut self, number: EntryNumber, entry: &Entry, host: &HostId, fact: &Fact) {
        match fact {
            Fact::AvDetection(found) => self.malware.push(vec![
                Cell::At(entry.observed),
                plain(host),
                plain(&found.signature),
                plain(&found.path),
                plain(number),
            ]),
            Fact::BackupRun(run) => self.backups.push(vec![
                Cell::At(run.started),
                plain(host),
                plain(&run.job),
                Cell::Number(run.bytes),
                done(run.result == crate::fact::malware::Done::Done),
            ]),
            Fact::CapacitySample(sample) => {
                for used in &sample.resources {
                    self.keep_fullest(host, used);
                }
            }
            _ => {}
        }
    }

    fn keep_fullest(&mut self, host: &HostId, used: &ResourceUse) {
        let slot = self.capacity.entry((host.clone(), used.resource.clone())).or_insert_with(|| used.clone());
        if used.max > slot.max {
            *slot = used.clone();
        }
    }

    /// Whether the declared hosts told what a part rests on: all of them, without a break, or some, or none.
    fn observed(&self, month: &Within<'_>, kinds: &[&str]) -> Observed {
        let told = |host: &&HostId| {
            self.told.get(*host).is_some_and(|told| kinds.iter().any(|kind| told.contains(kind)))
        };
        let hosts: BTreeSet<&HostId> = month.court.evidence().agreements.declared_hosts().collect();
        let watched: Vec<&&HostId> =
            hosts.iter().filter(|host| told(host) && self.heard.contains(**host)).collect();
        let whole =
            watched.len() == hosts.len() && !watched.iter().any(|host| self.interrupted.contains(**host));
        let blind = kinds.contains(&"av.engine") && watched.iter().any(|host| self.blind.contains(**host));
        match (watched.is_empty(), whole && !blind) {
            (true, _) => Observed::No,
            (false, true) => Observed::Whole,
            (false, false) => Observed::Partly,
        }
    }

    /// Which declared hosts did not tell, or not all the time: whether a list is complete depends on them.
    fn missing(&self, month: &Within<'_>, kinds: &[&str]) -> Sentence {
        let (mut never, mut broken) = (BTreeSet::new(), BTreeSet::new());
        for host in month.court.evidence().agreements.declared_hosts() {
            let told = self.told.get(host).is_some_and(|told| kinds.iter().any(|kind| told.contains(kind)));
            if !told || !self.heard.contains(host) {
                never.insert(host.as_str());
            } else if self.interrupted.contains(host) {
                broken.insert(host.as_str());
            }
        }
        let said = |(ja, en): Title, hosts: &BTreeSet<&str>| {
            let named: Vec<&str> = hosts.iter().copied().take(HOSTS_NAMED).collect();
            let more = hosts.len().saturating_sub(named.len());
            let more = if more == 0 { String::new() } else { format!(" ＋{more}") };
            match hosts.is_empty() {
                true => Sentence::default(),
                false => Sentence::new(
                    format!("{ja}：{}{more}。", named.join("、")),
                    format!(" {en}: {}{more}.", named.join(", ")),
                ),
            }
        };
        let never = said(("観測していないホスト", "Hosts not watched"), &never);
        let broken = said(("観測が途切れたホスト", "Hosts with breaks"), &broken);
        Sentence::new(format!("{}{}", never.ja, broken.ja), format!("{}{}", never.en, broken.en))
    }

    /// The same of what no host tells: doors.
    fn observed_elsewhere(&self, kinds: &[&str]) -> Observed {
        if kinds.iter().any(|kind| self.kinds.contains(kind)) { Observed::Whole } else { Observed::No }
    }
}

fn done(well: bool) -> Cell {
    if well { both("成功", "done") } else { both("失敗", "failed") }
}

/// Every part, in the order of the paper.
pub(super) fn all(month: &Within<'_>, mut tally: Tally, late: &[Run]) -> Vec<Section> {
    let malware = std::mem::take(&mut tally.malware);
    let backups = std::mem::take(&mut tally.backups);
    let entrances = std::mem::take(&mut tally.entrances);
    let seen = |kinds: &[&str]| tally.observed(month, kinds);
    let watched = |kinds: &[&str]| (seen(kinds), tally.missing(month, kinds));
    let [uptime, stops] = uptime_and_stops(month);
    vec![
        uptime,
        stops,
        handed_in(month, "failures", ("障害・緊急停止", "Failures"), &[Form::F08]),
        changes(
            month,
            "changes",
            ("変更（F-10）", "Changes (F-10)"),
            watched(&["integrity.baseline", "package.set"]),
            &|object| !is_account(object) && object != Object::Flow,
        ),
        section(
            "entrances",
            ("入退域", "Entrances"),
            tally.observed_elsewhere(&["door.event"]),
            &ENTRANCE,
            entrances,
        ),
        section(
            "malware",
            ("不正プログラムの検知", "Malware found"),
            seen(&["av.engine"]),
            &MALWARE,
            malware,
        ),
        handed_in(month, "incidents", ("セキュリティ事案", "Incidents"), &[Form::F05]),
        handed_in(month, "vulnerabilities", ("脆弱性と対策の提示", "Vulnerabilities"), &[Form::F16]),
        section(
            "capacity",
            ("資源の利用率（最大時）", "Use of resources at most"),
            seen(&["capacity.sample"]),
            &CAPACITY,
            capacity(&tally.capacity),
        ),
        section("backups", ("バックアップ", "Backups"), seen(&["backup.run"]), &BACKUP, backups),
        changes(
            month,
            "accounts",
            ("アカウント・権限の異動", "Accounts and rights"),
            watched(&["account.set"]),
            &is_account,
        ),
        findings(month),
        overdue(month, late),
        handed_in(month, "inquiries", ("提供・提示の求め", "What the city asked for"), &[Form::F19]),
        handed_in(month, "requests", ("申請・報告", "Requests and reports"), &Form::ALL),
        next(month),
    ]
}

fn is_account(object: Object) -> bool {
    matches!(object, Object::Account | Object::Privilege)
}

pub(super) type Title = (&'static str, &'static str);

const MALWARE: [Title; 5] =
    [("検知日時", "When"), ("ホスト", "Host"), ("名称", "Name"), ("場所", "Where"), ("記録番号", "Entry")];
const CAPACITY: [Title; 5] = [
    ("ホスト", "Host"),
    ("資源", "Resource"),
    ("最大", "Maximum"),
    ("限界", "Limit"),
    ("利用率（％）", "Percent"),
];
const BACKUP: [Title; 5] =
    [("開始", "Began"), ("ホスト", "Host"), ("ジョブ", "Job"), ("バイト", "Bytes"), ("結果", "Result")];
const ENTRANCE: [Title; 4] = [("日時", "When"), ("区域", "Area"), ("扉", "Door"), ("記録番号", "Entry")];
const REQUEST: [Title; 5] =
    [("受付番号", "Number"), ("様式", "Form"), ("件名", "Title"), ("提出", "Handed in"), ("状態", "State")];
const FINDING: [Title; 4] =
    [("把握した日時", "Since"), ("規則", "Rule"), ("内容", "What"), ("扱い", "Settled")];
const OVERDUE: [Title; 5] = [
    ("期限", "Due"),
    ("申請番号", "Request"),
    ("期限のあること", "What"),
    ("誰の", "Whose"),
    ("実施", "Done"),
];
const NEXT: [Title; 5] = [
    ("開始", "From"),
    ("終了（予備を含む）", "To, with reserve"),
    ("受付番号", "Number"),
    ("様式", "Form"),
    ("件名", "Title"),
];

pub(super) fn section(
    key: &str,
    (ja, en): Title,
    observed: Observed,
    columns: &[Title],
    rows: Rows,
) -> Section {
    Section {
        key: key.to_owned(),
        title: Sentence::new(ja, en),
        observed,
        note: Sentence::default(),
        columns: columns.iter().map(|(ja, en)| Sentence::new(*ja, *en)).collect(),
        rows: rows.rows,
        more: rows.more,
    }
}

/// The number people use for a request.
pub(super) fn number(month: &Within<'_>, id: &RequestId) -> String {
    let known = month.court.evidence().requests.get(id).and_then(|request| request.number.as_ref());
    known.map_or_else(|| id.to_string(), ToString::to_string)
}

/// Requests with their numbers.
fn numbered<'a>(month: &'a Within<'_>) -> impl Iterator<Item = (String, &'a Progress)> {
    let all = month.court.evidence().requests.all();
    all.filter_map(|(_, request)| Some((request.number.as_ref()?.to_string(), request.progress.as_ref()?)))
}

/// What was handed in during the month. Paper is always watched: the ledger is where it is handed in.
fn handed_in(month: &Within<'_>, key: &str, title: Title, forms: &[Form]) -> Section {
    let of_month =
        |progress: &Progress| forms.contains(&progress.form()) && month.holds(progress.asked.received);
    let mut found: Vec<_> = numbered(month).filter(|(_, progress)| of_month(progress)).collect();
    found.sort_by_key(|(_, progress)| progress.asked);
    let mut rows = Rows::default();
    for (number, progress) in found {
        let row = progress.form().row();
        let (ja, en) = progress.state.name();
        rows.push(vec![
            plain(number),
            both(row.ja, row.en),
            plain(&progress.filled.title),
            Cell::At(progress.asked.received),
            both(ja, en),
        ]);
    }
    section(key, title, Observed::Whole, &REQUEST, rows)
}

/// What joining brought to light in the month, what people said of it, and what is open from before (課題).
fn findings(month: &Within<'_>) -> Section {
    let roll = month.court.roll(month.terms);
    let is_open = |settled: Settled| matches!(settled, Settled::Open | Settled::Proposed(_));
    let concerns = |found: &&Arc<Found>| {
        let since = found.finding.since;
        month.holds(since) || (since < month.begin() && is_open(found.settled))
    };
    let mut found: Vec<&Arc<Found>> = roll.all().iter().filter(concerns).collect();
    found.sort_by(|one, other| {
        (one.finding.since, &one.finding.id).cmp(&(other.finding.since, &other.finding.id))
    });
    let mut rows = Rows::default();
    for found in found {
        let (ja, en) = settled(found.settled);
        let row = found.finding.rule.row();
        rows.push(vec![
            Cell::At(found.finding.since),
            both(&format!("{} {}", row.key, row.ja), &format!("{} {}", row.key, row.en)),
            Cell::Both(found.words.clone()),
            both(ja, en),
        ]);
    }
    section("findings", ("所見・課題", "Findings"), Observed::Whole, &FINDING, rows)
}

fn settled(settled: Settled) -> (&'static str, &'static str) {
    match settled {
        Settled::Open => ("未分類", "open"),
        Settled::Proposed(_) => ("市の確認待ち", "waits for the city"),
        Settled::Violation => ("違反", "a violation"),
        Settled::Excused(_) => ("違反でない", "no violation"),
        Settled::Closed => ("処置済み", "closed"),
    }
}

/// Whatever was due in the month and not done in time, by either party.
fn overdue(month: &Within<'_>, late: &[Run]) -> Section {
    let mut rows = Rows::default();
    let mut seen = BTreeSet::new();
    for run in late {
        let what = due(run.clock.duty);
        // A request about two systems has one clock.
        if !seen.insert((run.clock.due.at, &run.request, what.ja.clone())) {
            continue;
        }
        let whose = match run.clock.of {
            Party::City => both("市", "the city"),
            Party::Contractor | Party::Auditor => both("受託者", "the contractor"),
        };
        let done = run.clock.met.filter(|met| *met < month.until);
        rows.push(vec![
            Cell::At(run.clock.due.at),
            plain(number(month, &run.request)),
            Cell::Both(what),
            whose,
            done.map_or_else(|| both("未実施", "not done"), Cell::At),
        ]);
    }
    section(
        "overdue",
        ("期限超過（市・受託者とも）", "Overdue, of either party"),
        Observed::Whole,
        &OVERDUE,
        rows,
    )
}

/// What is due, in words.
#[must_use]
pub fn due(duty: Duty) -> Sentence {
    match duty {
        Duty::Answer => Sentence::new("市の回答", "Answer of the city"),
        Duty::Writing => Sentence::new(
            "電話による了承の、書面での確認",
            "Written answer to what was said on the telephone",
        ),
        Duty::First => Sentence::new("第一報", "First notice"),
        Duty::Next => Sentence::new("続報", "Next report"),
        Duty::Final => Sentence::new("確報", "Final report"),
        Duty::Presentation => Sentence::new("情報と対策の提示", "Presentation"),
        Duty::Delivery => Sentence::new("提供", "Delivery"),
        Duty::Use(number) => {
            Sentence::new(format!("{number}回目の発動の事後報告"), format!("Report on use {number}"))
        }
    }
}

/// 翌月の予定: what was approved or asked for, with a window in the month that follows.
fn next(month: &Within<'_>) -> Section {
    let after = month.month.end()..month.month.after().end();
    let planned = |progress: &Progress| {
        let window = progress.window()?;
        let stands = progress.state.is_open() || progress.state == State::Approved;
        (stands && window.from < after.end && window.last() >= after.start).then_some(window)
    };
    let mut found: Vec<_> = numbered(month)
        .filter_map(|(number, progress)| Some((planned(progress)?, number, progress)))
        .collect();
    found.sort_by(|one, other| (one.0.from, &one.1).cmp(&(other.0.from, &other.1)));
    let mut rows = Rows::default();
    for (window, number, progress) in found {
        let row = progress.form().row();
        rows.push(vec![
            Cell::At(window.from),
            Cell::At(window.last()),
            plain(number),
            both(row.ja, row.en),
            plain(&progress.filled.title),
        ]);
    }
    section("next", ("翌月の予定", "Planned for the next month"), Observed::Whole, &NEXT, rows)
}

fn capacity(fullest: &BTreeMap<(HostId, String), ResourceUse>) -> Rows {
    let mut rows = Rows::default();
    for ((host, resource), used) in fullest {
        let percent = used.max.saturating_mul(100).checked_div(used.limit);
        let percent = percent.map_or_else(|| plain("―"), Cell::Number);
        rows.push(vec![
            plain(host),
            plain(resource),
            Cell::Number(used.max),
            Cell::Number(used.limit),
            percent,
        ]);
    }
    rows
}
