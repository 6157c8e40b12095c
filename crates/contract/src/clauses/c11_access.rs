//! Clause 11, アクセス制御: every account has a line in the ledger of accounts, and the city can look for itself.

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

const P27: ParameterId = ParameterId::new(27);
const VIEW_LIVES: SignedDuration = SignedDuration::from_hours(24);

/// What is wrong with one account, gravest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Finding {
    NotRevoked,
    Unlisted,
    Expired,
    OverPrivileged,
    Dormant,
    NewUnlisted,
    NotConfirmed,
    ToRevoke,
}

/// 11.a 受託者は、情報システムのアクセス制御を適切に行うこと。
///
/// Accounts nobody can log in with need no line. An account without a live line is a breach after P-27 `unlisted_h`, one
/// of a person that nobody used for `dormant_d`, too.
pub fn judge_11_a(case: &HostCase<'_>) -> Verdict {
    if let Err(unknown) = case.fresh("accounts") {
        return *unknown;
    }
    let Some(accounts) = case.host.accounts.newest() else {
        return case.not_observed("アカウント", "accounts");
    };
    let usable = accounts.items.iter().filter(|account| account.can_log_in());
    let mut findings: Vec<(Finding, &Account)> =
        usable.clone().filter_map(|account| Some((examine(case, account)?, *account))).collect();
    findings.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.name.cmp(&b.1.name)));
    if let Some((worst, account)) = findings.first() {
        return found(case, worst, account, findings.len(), accounts.entries);
    }
    if let Err(unknown) = all_read(case, &accounts) {
        return *unknown;
    }
    let (id, count) = (case.id(), usable.count());
    let cause = match count {
        0 => Sentence::new(
            format!("{id} に、ログインできるアカウントはありません。"),
            format!("No account of {id} can be used to log in."),
        ),
        count => Sentence::new(
            format!("{id} のログインできるアカウント {count} 件すべてが、合意した台帳にあります。"),
            format!("All {count} accounts of {id} that can log in stand in the agreed ledger."),
        ),
    };
    Verdict::kept(cause).measured_by([P27]).with_evidence(EvidenceClass::E1, accounts.entries)
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

fn examine(case: &HostCase<'_>, account: &Account) -> Option<Finding> {
    let lines = case.case.evidence.agreements.of_host("account", &case.place.system, &case.place.host);
    let grace = SignedDuration::from_hours(case.case.measure(P27, "unlisted_h").value);
    if let Some(reviewed) = revoked_by_the_city(case, account) {
        let late = case.case.older_than(reviewed, grace);
        return Some(if late { Finding::NotRevoked } else { Finding::ToRevoke });
    }
    let named: Vec<(Line<'_>, &AccountLine)> = lines
        .filter_map(|line| match line.matter {
            Matter::Account(declared) if declared.account == account.name => Some((line, declared)),
            _ => None,
        })
        .collect();
    let in_period = |line: &AccountLine| {
        case.case.passed(line.from) && !line.until.is_some_and(|until| case.case.passed(until))
    };
    if let Some((_, line)) = named.iter().find(|(line, declared)| line.is_agreed() && in_period(declared)) {
        if line.privileged == Trit::No && account.privileged {
            return Some(Finding::OverPrivileged);
        }
        return is_dormant(case, account, line.use_).then_some(Finding::Dormant);
    }
    if named.iter().any(|(line, declared)| line.is_declared() && in_period(declared)) {
        return Some(Finding::NotConfirmed);
    }
    if let Some(ended) = named.iter().filter_map(|(line, declared)| end_of(case, line, declared)).max() {
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
    review.value.iter().any(is_meant).then_some(review.stamp.received)
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
fn is_dormant(case: &HostCase<'_>, account: &Account, use_: AccountUse) -> bool {
    let rests = matches!(use_, AccountUse::Service | AccountUse::Emergency);
    let limit = SignedDuration::from_hours(case.case.measure(P27, "dormant_d").value.saturating_mul(24));
    let used = account.last_login;
    !rests && used.is_some_and(|used| case.case.older_than(used, limit))
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
    match worst {
        Finding::NotRevoked => Verdict::broken(cause, remove_it()).measured_by([P27]),
        Finding::ToRevoke => Verdict::unknown(cause, remove_it()).measured_by([P27]),
        Finding::Unlisted | Finding::Expired => Verdict::broken(cause, list_it()).measured_by([P27]),
        Finding::OverPrivileged => Verdict::broken(
            cause,
            Sentence::new(
                "受託者は、特権を外すか、台帳を改めて届け出てください。",
                "The contractor removes the privilege or declares it.",
            ),
        ),
        Finding::Dormant => Verdict::broken(
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
    }
    .with_evidence(EvidenceClass::E1, entries)
}

/// What is wrong with an account, in Japanese and in English.
fn words_of(finding: &Finding) -> (&'static str, &'static str) {
    match finding {
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
        Finding::Dormant => ("長く使われていないのに有効です", "is in force though nobody used it for long"),
        Finding::NewUnlisted => {
            ("まだ台帳にありません（猶予期間中）", "is not in the ledger yet (within the grace period)")
        }
        Finding::NotConfirmed => ("届け出済みですが、市の確認待ちです", "is declared and waits for the city"),
    }
}

fn remove_it() -> Sentence {
    Sentence::new("受託者は、そのアカウントを廃止してください。", "The contractor removes the account.")
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
        if let Err(unknown) = host_case.alive() {
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
