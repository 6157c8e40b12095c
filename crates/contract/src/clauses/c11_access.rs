//! Clause 11, アクセス制御: every account has a line in the ledger of accounts, and the city can look for itself.

use super::account_use::{Rest, rest, shared_keys, told_in};
use super::reviews;
use crate::act::{AccountLine, AccountUse, Matter, ReviewedAccount, Trit};
use crate::case::{Case, HostCase};
use crate::evidence::agreement::Line;
use crate::evidence::host::Complete;
use crate::fact::Coverage;
use crate::fact::host::Account;
use crate::id::EntryNumber;
use crate::parameter::ParameterId;
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

const P27: ParameterId = ParameterId::new(27);
const VIEW_LIVES: SignedDuration = SignedDuration::from_hours(24);

/// What is wrong with one account, gravest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Finding {
    NotRevoked,
    OwnerLeft(Timestamp),
    Unlisted,
    Expired,
    OverPrivileged,
    Dormant(Option<Timestamp>),
    NewUnlisted,
    NotConfirmed,
    ToRevoke,
    OwnerLeaving(Timestamp),
    SharedKey,
    NotWatched,
    LogGap,
    NotSeen,
}

/// 11.a 受託者は、情報システムのアクセス制御を適切に行うこと。
///
/// Accounts nobody can log in with need no line. An account without a live line is a breach after P-27 `unlisted_h`, one
/// of people that nobody used for `dormant_d`, too; where nothing tells of log-ons, nobody knows. So is one whose owner, by its
/// line, left every role longer than `unlisted_h` ago. One key for the accounts of two persons may be one person's or two
/// people's: somebody has to say. Roles of data bases are accounts like those of the host.
pub fn judge_11_a(case: &HostCase<'_>) -> Verdict {
    if let Err(unknown) = case.fresh("accounts") {
        return *unknown;
    }
    let Some(accounts) = case.host.accounts.newest() else {
        return case.not_observed("アカウント", "accounts");
    };
    let usable: Vec<&Account> =
        accounts.items.iter().filter(|account| account.can_log_in()).copied().collect();
    let ledger = Ledger::of(case);
    let of_use = |use_: AccountUse| -> Vec<&Account> {
        let is_so = |account: &Account| ledger.in_force(case, account).is_some_and(|line| line.use_ == use_);
        usable.iter().filter(|account| is_so(account)).copied().collect()
    };
    let shared = shared_keys(&of_use(AccountUse::Person));
    let examined =
        usable.iter().map(|account| (examine(case, (&accounts, &ledger), &shared, account), *account));
    let mut findings: Vec<(Finding, &Account)> =
        examined.filter_map(|(finding, account)| Some((finding?, account))).collect();
    findings.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.name.cmp(&b.1.name)));
    if let Some((worst, account)) = findings.first() {
        return found(case, worst, account, findings.len(), accounts.entries);
    }
    if let Err(unknown) = all_read(case, &accounts) {
        return *unknown;
    }
    all_listed(case, usable.len(), of_use(AccountUse::Shared).len())
        .with_evidence(EvidenceClass::E1, accounts.entries)
}

/// Every account stands in the ledger. Of one that several people share the record does not tell who used it.
fn all_listed(case: &HostCase<'_>, count: usize, shared: usize) -> Verdict {
    let id = case.id();
    let note = match shared {
        0 => Default::default(),
        shared => (
            format!("うち {shared} 件は共用と合意したもので、誰が使ったかはこの記録では分かりません。"),
            format!(" {shared} of them are shared by agreement: who used them is not told here."),
        ),
    };
    let cause = match count {
        0 => Sentence::new(
            format!("{id} に、ログインできるアカウントはありません。"),
            format!("No account of {id} can be used to log in."),
        ),
        count => Sentence::new(
            format!("{id} のログインできるアカウント {count} 件すべてが、合意した台帳にあります。{}", note.0),
            format!("All {count} accounts of {id} that can log in stand in the agreed ledger.{}", note.1),
        ),
    };
    Verdict::kept(cause).measured_by([P27])
}

/// Accounts beyond the list, and privilege given by rules that could not be read, are not known. An unreadable shadow
/// file needs no excuse: its accounts count as such that can log in.
fn all_read(case: &HostCase<'_>, accounts: &Complete<'_, Account>) -> Result<(), Box<Verdict>> {
    let left_out = Coverage { unreadable: 0, ..accounts.coverage.clone() };
    case.whole(Sentence::new("アカウント", "accounts"), &left_out, &accounts.entries)?;
    let Some(rules) = &case.host.privileges else { return Ok(()) };
    let what = Sentence::new("特権の規則", "rules of privilege");
    case.whole(what, &rules.value.coverage, &[rules.stamp.entry])
}

/// The ledger of accounts as far as it concerns one host: the lines of each name, agreed or not.
struct Ledger<'a>(BTreeMap<&'a str, Vec<(Line<'a>, &'a AccountLine)>>);

impl<'a> Ledger<'a> {
    fn of(case: &HostCase<'a>) -> Self {
        let mut lines: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for line in case.case.evidence.agreements.of_host("account", &case.place.system, &case.place.host) {
            let Matter::Account(declared) = line.matter else { continue };
            lines.entry(&declared.account).or_default().push((line, declared));
        }
        Self(lines)
    }

    fn lines(&self, account: &Account) -> impl Iterator<Item = &(Line<'a>, &'a AccountLine)> {
        self.0.get(account.name.as_str()).into_iter().flatten()
    }

    /// The line both parties agreed on that is in force.
    fn in_force(&self, case: &HostCase<'_>, account: &Account) -> Option<&'a AccountLine> {
        let mut lines = self.lines(account);
        lines.find(|(line, declared)| line.is_agreed() && in_period(case, declared)).map(|(_, line)| *line)
    }
}

fn in_period(case: &HostCase<'_>, line: &AccountLine) -> bool {
    case.case.passed(line.from) && !line.until.is_some_and(|until| case.case.passed(until))
}

fn examine(
    case: &HostCase<'_>,
    (accounts, ledger): (&Complete<'_, Account>, &Ledger<'_>),
    shared: &BTreeSet<&str>,
    account: &Account,
) -> Option<Finding> {
    let grace = SignedDuration::from_hours(case.case.measure(P27, "unlisted_h").value);
    if let Some(reviewed) = revoked_by_the_city(case, account) {
        let late = case.case.older_than(reviewed, grace);
        return Some(if late { Finding::NotRevoked } else { Finding::ToRevoke });
    }
    if let Some(line) = ledger.in_force(case, account) {
        let evidence = case.case.evidence;
        let left = line.owner.as_ref().and_then(|owner| evidence.leaves(owner));
        if let Some(left) = left.filter(|left| case.case.passed(*left)) {
            let late = case.case.older_than(left, grace);
            return Some(if late { Finding::OwnerLeft(left) } else { Finding::OwnerLeaving(left) });
        }
        if line.privileged == Trit::No && account.privileged {
            return Some(Finding::OverPrivileged);
        }
        let is_shared = shared.contains(account.name.as_str()).then_some(Finding::SharedKey);
        return rested(case, accounts, account, line.use_).into_iter().chain(is_shared).min();
    }
    if ledger.lines(account).any(|(line, declared)| line.is_declared() && in_period(case, declared)) {
        return Some(Finding::NotConfirmed);
    }
    if let Some(ended) =
        ledger.lines(account).filter_map(|(line, declared)| end_of(case, line, declared)).max()
    {
        let late = case.case.older_than(ended, grace);
        return Some(if late { Finding::Expired } else { Finding::NewUnlisted });
    }
    let first_seen = case.host.account_first_seen.get(&account.name);
    let late = first_seen.is_none_or(|seen| case.case.older_than(seen.observed, grace));
    Some(if late { Finding::Unlisted } else { Finding::NewUnlisted })
}

/// When the city said in its last review of the system that the account has to go.
fn revoked_by_the_city(case: &HostCase<'_>, account: &Account) -> Option<Timestamp> {
    let review = case.case.evidence.access_reviews.get(case.case.system)?;
    let is_meant = |it: &ReviewedAccount| it.host == case.place.host && it.account == account.name;
    review.value.revoke.iter().any(is_meant).then_some(review.stamp.received)
}

/// When a line that was in force once ended, by its date or by an act. A line the city never agreed to gives no grace.
fn end_of(case: &HostCase<'_>, line: &Line<'_>, declared: &AccountLine) -> Option<Timestamp> {
    let proposal = case.case.evidence.agreements.proposal(line.id)?;
    if proposal.agreed.is_empty() {
        return None;
    }
    let by_act = proposal.ended.map(|ended| ended.observed);
    by_act.or(declared.until).filter(|end| case.case.passed(*end))
}

/// Nobody logged in for so long (P-27 `dormant_d`). Programs and break-glass accounts may rest.
fn rested(
    case: &HostCase<'_>,
    accounts: &Complete<'_, Account>,
    account: &Account,
    use_: AccountUse,
) -> Option<Finding> {
    match use_ {
        AccountUse::Service | AccountUse::Emergency => return None,
        AccountUse::Person | AccountUse::Shared => {}
    }
    let limit = SignedDuration::from_hours(case.case.measure(P27, "dormant_d").value.saturating_mul(24));
    match rest(case, accounts, account, limit) {
        Rest::Short => None,
        Rest::Long(used) => Some(Finding::Dormant(used)),
        Rest::NotWatched => Some(Finding::NotWatched),
        Rest::Gap => Some(Finding::LogGap),
        Rest::NotSeen => Some(Finding::NotSeen),
    }
}

fn found(
    case: &HostCase<'_>,
    worst: &Finding,
    account: &Account,
    count: usize,
    entries: Vec<EntryNumber>,
) -> Verdict {
    let (id, name) = (case.id(), &account.name);
    let others = if count > 1 {
        (format!("ほか{}件。", count - 1), format!(" And {} more.", count - 1))
    } else {
        Default::default()
    };
    let (ja, en) = words_of(worst);
    let cause = Sentence::new(
        format!("{id} の {name} は{ja}。{}", others.0),
        format!("{name} on {id} {en}.{}", others.1),
    );
    let told = told_by(case, worst, account);
    match worst {
        Finding::NotRevoked | Finding::OwnerLeft(_) => Verdict::broken(cause, remove_it()).measured_by([P27]),
        Finding::ToRevoke | Finding::OwnerLeaving(_) => {
            Verdict::unknown(cause, remove_it()).measured_by([P27])
        }
        Finding::Unlisted | Finding::Expired => Verdict::broken(cause, list_it()).measured_by([P27]),
        Finding::OverPrivileged => Verdict::broken(
            cause,
            Sentence::new(
                "受託者は、特権を外すか、台帳を改めて届け出てください。",
                "The contractor removes the privilege or declares it.",
            ),
        ),
        Finding::Dormant(_) => Verdict::broken(
            cause,
            Sentence::new(
                "受託者は、アカウントを止めるか、必要な理由を台帳に届け直してください。",
                "The contractor disables the account, or declares anew why it is needed.",
            ),
        )
        .measured_by([P27]),
        Finding::NewUnlisted => Verdict::unknown(cause, list_it()).measured_by([P27]),
        Finding::NotConfirmed => Verdict::unknown(
            cause,
            Sentence::new(
                "市は、アカウント台帳の届出を確認してください。",
                "The city looks at the declared accounts.",
            ),
        ),
        Finding::SharedKey => Verdict::unknown(
            cause,
            Sentence::new(
                "受託者は、人ごとに別の鍵にするか、共用として台帳に届け直してください。",
                "The contractor gives each person a key of their own, or declares the account as shared.",
            ),
        ),
        Finding::LogGap | Finding::NotSeen => Verdict::unknown(cause, say_whether()).measured_by([P27]),
        Finding::NotWatched => return not_watched(case, cause).with_evidence(EvidenceClass::E1, entries),
    }
    .with_evidence(EvidenceClass::E1, told.into_iter().chain(entries))
}

/// The entry of the last use of the account, or the one in which its owner left, where that is what is wrong.
fn told_by(case: &HostCase<'_>, worst: &Finding, account: &Account) -> Option<EntryNumber> {
    match worst {
        Finding::Dormant(_) => told_in(case, &account.name),
        Finding::OwnerLeft(_) | Finding::OwnerLeaving(_) => {
            let line = Ledger::of(case).in_force(case, account)?;
            case.case.evidence.told_of_leaving(line.owner.as_ref()?)
        }
        _ => None,
    }
}

/// No log of log-ons was ever read, or it is read no more, for a reason its collector tells.
fn not_watched(case: &HostCase<'_>, cause: Sentence) -> Verdict {
    let why = case.fresh("logins").err().filter(|_| case.host.log_ons.since().is_some());
    let next = why.map_or_else(
        || {
            Sentence::new(
                "受託者は、systemd のジャーナルか rsyslog を動かし、ログオンの記録をエージェントに読ませてください。",
                "The contractor runs systemd's journal or rsyslog, and lets the agent read who logs on.",
            )
        },
        |unknown| unknown.next,
    );
    Verdict::unknown(cause, next).measured_by([P27])
}

/// What is wrong with an account, in Japanese and in English.
fn words_of(finding: &Finding) -> (String, String) {
    let (ja, en) = match finding {
        Finding::Dormant(Some(used)) => {
            let used = jst(*used);
            return (
                format!("長く使われていないのに有効です（最後の利用 {used}）"),
                format!("is in force though nobody used it for long (last used {used})"),
            );
        }
        Finding::OwnerLeft(left) => {
            return words_of_owner(*left, "のに、まだ使えます", "and can still be used");
        }
        Finding::OwnerLeaving(left) => {
            return words_of_owner(*left, "アカウントです（猶予期間中）", "within the grace period");
        }
        Finding::NotRevoked => (
            "市が棚卸しで廃止を求めたのに、まだ使えます",
            "can still be used though the city's review revoked it",
        ),
        Finding::ToRevoke => (
            "市が棚卸しで廃止を求めました（猶予期間中）",
            "was revoked by the city's review (within the grace period)",
        ),
        Finding::Unlisted => ("台帳にないアカウントです", "is in no line of the ledger"),
        Finding::Expired => ("台帳の期限が切れています", "has an expired line in the ledger"),
        Finding::OverPrivileged => ("台帳にない特権を持っています", "has privilege its line does not give"),
        Finding::Dormant(None) => (
            "観測を始めてから長く、一度も使われていないのに有効です",
            "is in force though nobody used it since it was first seen, long ago",
        ),
        Finding::NewUnlisted => {
            ("まだ台帳にありません（猶予期間中）", "is not in the ledger yet (within the grace period)")
        }
        Finding::NotConfirmed => ("届け出済みですが、市の確認待ちです", "is declared and waits for the city"),
        Finding::SharedKey => (
            "別の人のアカウントと同じ鍵で開き、一人だけが使うものか分かりません",
            "is opened by a key that opens another person's account, too: whether one person alone uses it is not known",
        ),
        Finding::LogGap => (
            "長く使われていないように見えますが、その間のログオンの記録に欠けがあり分かりません",
            "looks unused, but lines of the log of log-ons are missing within that time",
        ),
        Finding::NotSeen => (
            "使われているか分かりません（データベースの利用は、つながっている間しか見えません）",
            "may be used or not: use of a data base is seen only while somebody is connected",
        ),
        Finding::NotWatched => (
            "使われているか分かりません（ログオンの記録が読めていません）",
            "may be used or not: no record of log-ons is read",
        ),
    };
    (ja.to_owned(), en.to_owned())
}

/// The owner left; what that means.
fn words_of_owner(left: Timestamp, ja: &str, en: &str) -> (String, String) {
    let left = jst(left);
    (format!("持ち主が離任した（{left}）{ja}"), format!("belongs to somebody who left (at {left}), {en}"))
}

fn remove_it() -> Sentence {
    Sentence::new("受託者は、そのアカウントを廃止してください。", "The contractor removes the account.")
}

fn say_whether() -> Sentence {
    Sentence::new(
        "受託者は、要らなければ廃止し、プログラム用や共用ならその用途で台帳に届け直してください。",
        "The contractor removes it if it is not needed, or declares anew that a program or several people use it.",
    )
}

fn list_it() -> Sentence {
    Sentence::new(
        "受託者は、アカウントを台帳に届け出るか、廃止してください。",
        "The contractor declares the account or removes it.",
    )
}

/// 11.b また、市がアクセス制御等の状況を確認できるようにすること。
pub fn judge_11_b(case: &Case<'_>) -> Verdict {
    let Some(check) = &case.evidence.portal else { return never_tried() };
    let entry = check.stamp.entry;
    if case.older_than(check.stamp.received, VIEW_LIVES) {
        return never_tried().with_evidence(EvidenceClass::E1, [entry]);
    }
    if !check.value.portal_answers {
        return Verdict::broken(
            Sentence::new("市の確認画面が応答しません。", "The city's view does not answer."),
            Sentence::new("受託者は、ポータルを復旧してください。", "The contractor brings the portal back."),
        )
        .with_evidence(EvidenceClass::E1, [entry]);
    }
    if let Some(stale) = stale_host(case, entry) {
        return *stale;
    }
    if check.value.city_accounts == 0 {
        return Verdict::unknown(
            Sentence::new(
                "サインインできる市の利用者がおらず、市は確認できません。",
                "Nobody of the city can sign in, so the city cannot look.",
            ),
            Sentence::new(
                "受託者は、市の利用者を登録してください。",
                "The contractor registers people of the city.",
            ),
        )
        .with_evidence(EvidenceClass::E1, [entry]);
    }
    let Some(seen) = check.value.city_last_seen else {
        return Verdict::unknown(
            Sentence::new(
                "市の利用者がまだ一度もサインインしておらず、確認できる状態かが分かりません。",
                "Nobody of the city has signed in yet, so it is not known whether the city can look.",
            ),
            Sentence::new(
                "市は、一度サインインして画面を確認してください。",
                "The city signs in once and looks.",
            ),
        )
        .with_evidence(EvidenceClass::E1, [entry]);
    };
    let (seen, review) = (jst(seen), reviews::reviewed(case));
    let reviewed = case.evidence.access_reviews.get(case.system).map(|latest| latest.stamp.entry);
    Verdict::kept(Sentence::new(
        format!("市はアカウントと権限の現況を確認できます（市の最終サインイン {seen}）。{}", review.ja),
        format!(
            "The city can see accounts and rights as they are (last sign-in of the city {seen}). {}",
            review.en
        ),
    ))
    .with_evidence(EvidenceClass::E1, [entry].into_iter().chain(reviewed))
}

fn never_tried() -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "市の確認画面が24時間以内に試験されていません。",
            "The city's view was not tried within the last 24 hours.",
        ),
        Sentence::new(
            "受託者は、サーバの稼働を確認してください。",
            "The contractor checks that the server works.",
        ),
    )
}

/// The view is worth nothing where the accounts behind it are not current.
fn stale_host(case: &Case<'_>, entry: EntryNumber) -> Option<Box<Verdict>> {
    let mut any = false;
    for (place, host) in case.hosts() {
        any = true;
        let silent = crate::evidence::host::Host::default();
        let host_case = HostCase { case, place, host: host.unwrap_or(&silent) };
        // Readings come when accounts change: only the collector's own word tells that they are still looked at.
        if let Err(unknown) = host_case.alive().and_then(|()| host_case.looks(&["accounts"])) {
            return Some(unknown);
        }
        if host_case.host.accounts.newest().is_none() {
            return Some(Box::new(host_case.not_observed("アカウント", "accounts")));
        }
    }
    if any {
        return None;
    }
    let cause = Sentence::new(
        "観測するホストがなく、市が確認できる情報がありません。",
        "No host is observed, so there is nothing the city could look at.",
    );
    let next =
        Sentence::new("受託者は、対象ホストを登録してください。", "The contractor registers the hosts.");
    Some(Box::new(Verdict::unknown(cause, next).with_evidence(EvidenceClass::E1, [entry])))
}
