//! 4.5.a: what the doors of a system accept, as hosts tried their own and as probes meet the agreed targets, and until when
//! the certificates in use are good.
//!
//! This finds what is wrong, never that all is right: which suites are taken, and what goes unencrypted beside these doors,
//! nobody tried.

use crate::act::Importance;
use crate::case::{Case, HostCase};
use crate::evidence::host::Host;
use crate::fact::network::TlsEndpoint;
use crate::id::EntryNumber;
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use jiff::{SignedDuration, Timestamp};

/// Probes tell daily what they meet; so long it is believed.
const SIGHT_LIVES: SignedDuration = SignedDuration::from_hours(48);

/// One door that speaks TLS, or should.
struct Door {
    /// Where: a host and its port, or the name users type.
    place: String,
    /// The lowest version it accepts: the x of 1.x. None: it is not known.
    lowest: Option<u8>,
    /// It answers without encryption.
    plain: bool,
    /// The end of its certificate.
    not_after: Option<Timestamp>,
    entry: EntryNumber,
}

/// What was seen of the doors of the system.
pub(super) struct Doors {
    doors: Vec<Door>,
    /// The first host whose doors are not known.
    waits: Option<Box<Verdict>>,
}

/// The doors of the system that others reach, as hosts and probes saw them.
pub(super) fn doors(case: &Case<'_>) -> Doors {
    let silent = Host::default();
    let (mut doors, mut waits) = (Vec::new(), None);
    for (place, host) in case.hosts() {
        let host = HostCase { case, place, host: host.unwrap_or(&silent) };
        match host.looks(&["tls", "listeners"]) {
            Ok(()) => doors.extend(of_host(&host)),
            Err(unknown) => waits = waits.or(Some(unknown)),
        }
    }
    doors.extend(of_targets(case));
    Doors { doors, waits }
}

/// The doors of a host that listen now, and not for the host alone.
fn of_host(case: &HostCase<'_>) -> Vec<Door> {
    let Some(listeners) = case.host.listeners.newest() else { return Vec::new() };
    let open =
        |port: u16| listeners.items.iter().any(|socket| socket.port == port && !socket.is_local_only());
    let told = case.host.tls.values().filter(|told| open(told.value.port));
    let door = |told: &TlsEndpoint, entry| Door {
        place: format!("{} TCP {}", case.id(), told.port),
        lowest: told.lowest_minor,
        plain: told.lowest_minor.is_none() && told.highest_minor.is_none(),
        not_after: told.not_after,
        entry,
    };
    told.map(|told| door(&told.value, told.stamp.entry)).collect()
}

/// The agreed targets as each probe met them lately. A sight tells of one connection: 1.2 stands for 1.2 or lower there, so
/// it is the certificate that counts.
fn of_targets(case: &Case<'_>) -> Vec<Door> {
    let mut doors = Vec::new();
    for watched in case.evidence.agreements.targets() {
        if watched.target.system != *case.system || watched.ended.is_some() {
            continue;
        }
        for (_, sights) in case.evidence.environments.of(&watched.target.target) {
            let Some((stamp, seen)) = sights.iter().next_back() else { continue };
            if case.older_than(stamp.observed, SIGHT_LIVES) {
                continue;
            }
            let Some(tls) = &seen.tls else { continue };
            doors.push(Door {
                place: seen.name.clone(),
                lowest: None,
                plain: false,
                not_after: Some(tls.not_after),
                entry: stamp.entry,
            });
        }
    }
    doors
}

impl Doors {
    /// A door accepts less than was agreed (P-13).
    pub(super) fn too_old(&self, least: i64) -> Option<Verdict> {
        let old = |door: &&Door| door.lowest.is_some_and(|lowest| i64::from(lowest) < least);
        let worst = self.doors.iter().filter(old).min_by_key(|door| door.lowest)?;
        let (place, lowest) = (&worst.place, worst.lowest?);
        let count = self.doors.iter().filter(old).count();
        let cause = Sentence::new(
            format!(
                "合意より古い暗号を受け付ける入口が {count} 件あります（{place} は TLS 1.{lowest}、合意は 1.{least} 以上）。"
            ),
            format!(
                "{count} doors accept older encryption than agreed ({place} accepts TLS 1.{lowest}; agreed is 1.{least} or later)."
            ),
        );
        let next = Sentence::new(
            "受託者は、その入口の古い版の TLS を止めてください。",
            "The contractor turns the old versions of TLS off at that door.",
        );
        let entries = self.doors.iter().filter(old).map(|door| door.entry);
        Some(Verdict::broken(cause, next).with_evidence(EvidenceClass::E1, entries))
    }

    /// A door that answers without encryption, where the work is important.
    pub(super) fn unencrypted(&self, importance: Importance) -> Option<Verdict> {
        let door = self.doors.iter().find(|door| door.plain)?;
        let place = &door.place;
        let cause = Sentence::new(
            format!("{place} は暗号化せずに応答します。"),
            format!("{place} answers without encryption."),
        );
        let next = Sentence::new(
            "受託者は、その入口を暗号化するか、閉じてください。",
            "The contractor encrypts that door, or closes it.",
        );
        let verdict = match importance {
            Importance::S | Importance::A => Verdict::broken(cause, next),
            Importance::B => Verdict::unknown(cause, next),
        };
        Some(verdict.with_evidence(EvidenceClass::E1, [door.entry]))
    }

    /// A certificate that is shown is over.
    pub(super) fn expired(&self, case: &Case<'_>) -> Option<Verdict> {
        let over = |door: &&Door| door.not_after.is_some_and(|end| case.passed(end));
        let door = self.doors.iter().filter(over).min_by_key(|door| door.not_after)?;
        let (place, end) = (&door.place, jst(door.not_after?));
        let cause = Sentence::new(
            format!("{place} の証明書は {end} に期限が切れています。"),
            format!("The certificate of {place} ended at {end}."),
        );
        Some(Verdict::broken(cause, renew()).with_evidence(EvidenceClass::E1, [door.entry]))
    }

    /// Nothing is wrong with what was seen, which is not everything.
    pub(super) fn not_all_tried(&self, case: &Case<'_>, warn: SignedDuration) -> Verdict {
        if let Some(unknown) = self.waits.as_ref().filter(|_| !self.doors.is_empty()) {
            return (**unknown).clone();
        }
        if self.doors.is_empty() {
            return never_tried();
        }
        let (count, entries) = (self.doors.len(), self.doors.iter().map(|door| door.entry));
        let ends = |door: &&Door| {
            door.not_after.is_some_and(|end| case.passed(end.saturating_sub(warn).unwrap_or(Timestamp::MIN)))
        };
        let ending = self.doors.iter().filter(ends).min_by_key(|door| door.not_after);
        let note = ending.and_then(|door| {
            let (place, end) = (&door.place, jst(door.not_after?));
            Some((
                format!("{place} の証明書は {end} に期限が切れます。"),
                format!(" The certificate of {place} ends at {end}."),
            ))
        });
        let next = if note.is_some() { renew() } else { try_all() };
        let note = note.unwrap_or_default();
        let cause = Sentence::new(
            format!(
                "見えた入口 {count} 件に古い暗号や期限切れの証明書はありませんが、暗号スイートと、ほかに暗号化しない通信がないかを試した結果がありません。{}",
                note.0
            ),
            format!(
                "The {count} doors that were seen take no old encryption and show no ended certificate; the suites, and whether anything else goes unencrypted, were not tried.{}",
                note.1
            ),
        );
        Verdict::unknown(cause, next).with_evidence(EvidenceClass::E1, entries)
    }
}

/// The duty is about systems that use the Internet; that one does not is for both parties to say.
pub(super) fn not_on_the_internet() -> Verdict {
    let cause = Sentence::new(
        "この情報システムは閉じたネットワークにあると届け出られ、インターネットを利用しないなら対象外ですが、その合意がありません。",
        "The system is declared to stand in a closed network; if it does not use the Internet the duty does not apply, which nobody agreed on.",
    );
    let next = Sentence::new(
        "受託者は対象外とする理由を届け出て、市は確認してください。",
        "The contractor proposes that the duty does not apply, and the city agrees.",
    );
    Verdict::unknown(cause, next)
}

fn never_tried() -> Verdict {
    let cause = Sentence::new(
        "インターネットに面した入口の暗号方式を試した結果がありません。",
        "The encryption of the Internet-facing entrances was not tried.",
    );
    Verdict::unknown(cause, try_all())
}

fn try_all() -> Sentence {
    Sentence::new(
        "受託者は、入口の一覧を届け出て、接続の試験を受けてください。",
        "The contractor declares its entrances and has them probed.",
    )
}

fn renew() -> Sentence {
    Sentence::new("受託者は、証明書を更新してください。", "The contractor renews the certificate.")
}
