//! 4.2.a: how long somebody may idle, by the settings of hosts and data bases, and as probes tried at the system itself.

use crate::case::{Case, HostCase};
use crate::evidence::agreement::Watched;
use crate::evidence::latest::Latest;
use crate::fact::access::{SessionPolicy, SshCase};
use crate::fact::probe::ProbeSessionCut;
use crate::id::EntryNumber;
use crate::parameter::ParameterId;
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use jiff::SignedDuration;
use std::collections::BTreeSet;

const P11: ParameterId = ParameterId::new(11);
/// A try is good for so many days where the contract has no number of its own (P-11 `try_d`).
const TRY_LIVES_D: i64 = 7;
/// A try waits the agreed time and a minute more; one that waited longer than this beyond it does not show that the cut came
/// in time.
const SLACK_S: i64 = 120;

/// Whose idleness an agreed time is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idler {
    Admin,
    Resident,
    Staff,
    Citizen,
}

impl Idler {
    /// Whose it is, by the role of the test account; a role with another name is held to the strictest rules.
    fn of(role: &str) -> Option<Self> {
        match role {
            "resident" => Some(Self::Resident),
            "staff" => Some(Self::Staff),
            "citizen" => Some(Self::Citizen),
            "admin" | "privileged" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// Somebody who logs in by sshd may stay idle for longer than agreed. A limit of the shell counts only where people cannot
/// take it off.
pub(super) fn idle_too_long(case: &HostCase<'_>, policy: &SessionPolicy, limit_s: i64) -> Option<Verdict> {
    let shell = policy.shell_s.filter(|_| policy.shell_fixed).or(policy.login_s);
    let cut = |ssh: &SshCase| ssh.channel_s.into_iter().chain(shell).min();
    let open = policy.ssh_cases.iter().filter(|ssh| !ssh.methods.is_empty());
    let late = |ssh: &&SshCase| cut(ssh).is_none_or(|seconds| i64::from(seconds) > limit_s);
    let worst = open.filter(late).max_by_key(|ssh| cut(ssh).map_or(u32::MAX, |seconds| seconds))?;
    let (id, minutes) = (case.id(), limit_s / 60);
    let who = worst.accounts.first()?;
    let from = worst.from.join(", ");
    let cause = match cut(worst) {
        None => Sentence::new(
            format!(
                "{id} に SSH で入った {who} 等（接続元 {from}）は、操作しなくても切断されません（合意 {minutes} 分）。"
            ),
            format!(
                "{who} and others who log in to {id} by SSH (from {from}) are never cut for idleness (agreed: {minutes} min)."
            ),
        ),
        Some(seconds) => Sentence::new(
            format!(
                "{id} に SSH で入った {who} 等（接続元 {from}）は、{seconds} 秒たつまで切断されません（合意 {minutes} 分）。"
            ),
            format!(
                "{who} and others who log in to {id} by SSH (from {from}) are cut after {seconds} s only (agreed: {minutes} min)."
            ),
        ),
    };
    let next = Sentence::new(
        "受託者は、sshd の ChannelTimeout と UnusedConnectionTimeout を設定してください（ClientAliveInterval では切断されません）。",
        "The contractor sets ChannelTimeout and UnusedConnectionTimeout of sshd (ClientAliveInterval cuts no idle session).",
    );
    Some(Verdict::broken(cause, next))
}

/// A session of a data base may stay idle for longer than agreed, or for ever.
pub(super) fn database_too_long(
    case: &HostCase<'_>,
    policy: &SessionPolicy,
    limit_s: i64,
) -> Option<Verdict> {
    let late = policy
        .databases
        .iter()
        .filter(|database| database.idle_s.is_none_or(|seconds| i64::from(seconds) > limit_s));
    let worst = late.max_by_key(|database| database.idle_s.unwrap_or(u32::MAX))?;
    let (id, name, minutes) = (case.id(), &worst.name, limit_s / 60);
    let cause = match worst.idle_s {
        None => Sentence::new(
            format!(
                "{id} のデータベース {name} のセッションは、操作しなくても切断されません（合意 {minutes} 分）。"
            ),
            format!(
                "Sessions of the data base {name} on {id} are never cut for idleness (agreed: {minutes} min)."
            ),
        ),
        Some(seconds) => Sentence::new(
            format!(
                "{id} のデータベース {name} のセッションは、{seconds} 秒たつまで切断されません（合意 {minutes} 分）。"
            ),
            format!(
                "Sessions of the data base {name} on {id} are cut after {seconds} s only (agreed: {minutes} min)."
            ),
        ),
    };
    let next = Sentence::new(
        "受託者は、idle_session_timeout（PostgreSQL）または wait_timeout と interactive_timeout（MariaDB）を合意した時間以内にするか、例外を市と合意してください。",
        "The contractor sets idle_session_timeout (PostgreSQL), or wait_timeout and interactive_timeout (MariaDB), within the agreed time, or both parties agree on an exception.",
    );
    Some(Verdict::broken(cause, next))
}

/// What probes found at the targets of the system.
pub(super) struct Tried {
    /// The roles that were cut in time.
    pub roles: BTreeSet<String>,
    /// The entries that say so.
    pub entries: Vec<EntryNumber>,
}

/// How the tries at the agreed targets of the system went; `limit_s` is the agreed time of an idler.
///
/// # Errors
/// 不適合 where a session was not cut, 未確認 where it was not tried lately, or not so that it shows anything.
pub(super) fn tried(case: &Case<'_>, limit_s: impl Fn(Idler) -> i64) -> Result<Tried, Box<Verdict>> {
    let ours = |watched: &Watched<'_>| watched.target.system == *case.system && watched.ended.is_none();
    let targets: Vec<_> =
        case.evidence.agreements.targets().filter(ours).map(|watched| watched.target).collect();
    let tries: Vec<_> = targets.iter().flat_map(|target| case.evidence.idle_cuts.of(target)).collect();
    let all = [Idler::Admin, Idler::Resident, Idler::Staff, Idler::Citizen];
    let strictest = || all.into_iter().map(&limit_s).min().unwrap_or_default();
    let limit = |tried: &ProbeSessionCut| Idler::of(&tried.role).map_or_else(strictest, &limit_s);
    let is_cut = |tried: &Latest<ProbeSessionCut>| {
        let idle_s = i64::from(tried.value.idle_s);
        tried.value.cut
            && tried.value.old_token_refused
            && idle_s <= limit(&tried.value).saturating_add(SLACK_S)
    };
    // What another probe found at the same place afterwards counts: the one before it may be gone.
    let is_over = |tried: &Latest<ProbeSessionCut>| {
        let same = |other: &&&Latest<ProbeSessionCut>| {
            other.value.target == tried.value.target && other.value.role == tried.value.role
        };
        tries.iter().filter(same).any(|other| is_cut(other) && other.stamp.observed > tried.stamp.observed)
    };
    for tried in &tries {
        if let Some(broken) = not_cut(&tried.value, limit(&tried.value)).filter(|_| !is_over(tried)) {
            return Err(Box::new(broken.with_evidence(EvidenceClass::E1, [tried.stamp.entry])));
        }
    }
    let lives = try_lives(case);
    let is_good =
        |tried: &Latest<ProbeSessionCut>| is_cut(tried) && !case.older_than(tried.stamp.observed, lives);
    let good: Vec<_> = tries.iter().filter(|tried| is_good(tried)).collect();
    let done: BTreeSet<(&str, &str)> =
        good.iter().map(|tried| (tried.value.target.as_str(), tried.value.role.as_str())).collect();
    let waits = |tried: &&Latest<ProbeSessionCut>| {
        !done.contains(&(tried.value.target.as_str(), tried.value.role.as_str()))
    };
    let not_tried = targets.iter().flat_map(|target| case.evidence.idle_cuts.not_tried(target));
    if let Some(waiting) = not_tried.filter(waits).max_by_key(|tried| tried.stamp) {
        return Err(Box::new(could_not_be_tried(waiting)));
    }
    if let Some(waiting) = tries.iter().copied().find(waits) {
        return Err(Box::new(tried_long_ago(case, waiting, lives)));
    }
    if good.is_empty() {
        return Err(Box::new(never_tried()));
    }
    Ok(Tried {
        roles: good.iter().map(|tried| tried.value.role.clone()).collect(),
        entries: good.iter().map(|tried| tried.stamp.entry).collect(),
    })
}

/// A session that was left alone for the agreed time lives on, or what it was opened with does.
fn not_cut(tried: &ProbeSessionCut, limit_s: i64) -> Option<Verdict> {
    let (target, role, idle_s) = (&tried.target, &tried.role, tried.idle_s);
    let cause = match (tried.cut, tried.old_token_refused) {
        (true, true) => return None,
        (true, false) => Sentence::new(
            format!(
                "{target}（{role}）は {idle_s} 秒の中断で切断されましたが、前のセッションの鍵がまだ使えます。"
            ),
            format!(
                "{target} ({role}) was cut after {idle_s} s, but the old token of the session is still taken."
            ),
        ),
        // It was not left alone for long enough to show anything.
        (false, _) if i64::from(idle_s) < limit_s => return None,
        (false, _) => Sentence::new(
            format!(
                "{target}（{role}）は、{idle_s} 秒操作しなくても切断されませんでした（合意 {} 分）。",
                limit_s / 60
            ),
            format!(
                "{target} ({role}) was not cut after {idle_s} s of idleness (agreed: {} min).",
                limit_s / 60
            ),
        ),
    };
    let next = Sentence::new(
        "受託者は、合意した時間でサーバ側から切断し、古いセッションを無効にしてください。",
        "The contractor cuts on the server after the agreed time, and lets the old session end.",
    );
    Some(Verdict::broken(cause, next))
}

/// For how long a try shows how things stand.
fn try_lives(case: &Case<'_>) -> SignedDuration {
    let days = case.measure(P11, "try_d").value;
    let days = if days == 0 { TRY_LIVES_D } else { days };
    SignedDuration::from_hours(days.saturating_mul(24))
}

fn could_not_be_tried(tried: &Latest<ProbeSessionCut>) -> Verdict {
    let (target, role, at) = (&tried.value.target, &tried.value.role, jst(tried.stamp.observed));
    let why = tried.value.not_tried.as_deref().unwrap_or_default();
    let cause = Sentence::new(
        format!("{target}（{role}）の切断は {at} に試せませんでした（{why}）。"),
        format!("The cut of {target} ({role}) could not be tried at {at}: {why}."),
    );
    Verdict::unknown(cause, try_it()).with_evidence(EvidenceClass::E1, [tried.stamp.entry])
}

fn tried_long_ago(case: &Case<'_>, tried: &Latest<ProbeSessionCut>, lives: SignedDuration) -> Verdict {
    let (target, role, at) = (&tried.value.target, &tried.value.role, jst(tried.stamp.observed));
    let cause = if case.older_than(tried.stamp.observed, lives) {
        let days = lives.as_hours() / 24;
        Sentence::new(
            format!("{target}（{role}）の切断の試験は {at} が最後で、{days}日を過ぎています。"),
            format!("The cut of {target} ({role}) was last tried at {at}, over {days} days ago."),
        )
    } else {
        let idle_s = tried.value.idle_s;
        Sentence::new(
            format!(
                "{target}（{role}）の切断の試験は {idle_s} 秒の中断で、合意した時間で切れるかを示していません。"
            ),
            format!(
                "{target} ({role}) was left alone for {idle_s} s, which does not show whether the agreed time is kept."
            ),
        )
    };
    Verdict::unknown(cause, try_it()).with_evidence(EvidenceClass::E1, [tried.stamp.entry])
}

fn never_tried() -> Verdict {
    let cause = Sentence::new(
        "対象システムで、無操作のセッションが切断されるかを試した結果がありません。",
        "Whether idle sessions of the system are cut was not tried.",
    );
    Verdict::unknown(cause, try_it())
}

fn try_it() -> Sentence {
    Sentence::new(
        "受託者は、試験用の利用者を用意し、切断の試験を受けてください。",
        "The contractor provides a test account for the cut to be tried.",
    )
}
