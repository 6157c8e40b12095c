//! Clause 4. A judge that cannot decide yet says which evidence is missing and who can supply it.

use super::idle_cuts::{self, Idler};
use super::{deliveries, encryption, firewall, flows, login_methods};
use crate::act::{DocumentKind, Matter, Trit};
use crate::case::{Case, HostCase};
use crate::evidence::agreement::Line;
use crate::evidence::host::{Complete, Host};
use crate::fact::Coverage;
use crate::fact::network::{FlowSource, Listener};
use crate::fact::server::PortalCheck;
use crate::id::{DeviceId, EntryNumber, HostId};
use crate::parameter::ParameterId;
use crate::request::flow::Progress;
use crate::standing::{EvidenceClass, Sentence, Standing, Verdict};
use jiff::SignedDuration;

const P11: ParameterId = ParameterId::new(11);
const P12: ParameterId = ParameterId::new(12);
const P13: ParameterId = ParameterId::new(13);
const P14: ParameterId = ParameterId::new(14);

/// The server tries its doors every few minutes; a day without is no evidence.
const CHECK_LIVES: SignedDuration = SignedDuration::from_hours(24);

/// SSH, RDP, VNC.
const REMOTE_DOORS: [u16; 3] = [22, 3389, 5900];

/// 4.1.a 機密性の高い情報資産をインターネットに接続しているサーバ等の公開領域に保管しないこと。
pub fn judge_4_1_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new("公開領域のファイルを検査した結果がありません。", "Public areas were not inspected."),
        Sentence::new(
            "受託者は、公開領域の場所を届け出て、内容の検査を受けてください。",
            "The contractor declares its public areas and has them inspected.",
        ),
    )
}

/// 4.1.b また、データベースサーバ等は、ファイアウォール等でインターネットと分離されたセグメントに設置すること。
pub fn judge_4_1_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "データベースの口に外から届かないことを、外側から試した結果がありません。",
            "Whether database ports can be reached from outside was not tried.",
        ),
        Sentence::new(
            "受託者は、外部からの到達試験を行えるようにしてください。",
            "The contractor makes the probe from outside possible.",
        ),
    )
}

/// 4.2.a 受託者は、情報システムの利用中に一定の使用中断時間が経過したときには、そのセッションを遮断する機能を提供すること。
///
/// A host that lets people in by sshd or to a data base and never cuts them, or later than agreed for privileged work (P-11
/// `admin_min`), breaks it. Settings that are right do not show that the system's own pages cut anybody: that is tried at the
/// agreed targets, by roles, and the newest try of each counts for as long as agreed (P-11 `try_d`).
pub fn judge_4_2_a(case: &Case<'_>) -> Verdict {
    let limit_s = |idler| case.measure(P11, idle_key(idler)).value.saturating_mul(60);
    let admin_s = limit_s(Idler::Admin);
    let set = idle_settings(case, admin_s);
    let tried = idle_cuts::tried(case, limit_s);
    let doubts = [set.as_ref().err().map(|told| &**told), tried.as_ref().err().map(|told| &**told)];
    if let Some(broken) = doubts.into_iter().flatten().find(|told| told.standing == Standing::Broken) {
        return broken.clone().measured_by([P11]);
    }
    let (entries, tried) = match (set, tried) {
        (Err(unknown), _) => return *unknown,
        (Ok(entries), Ok(tried)) if !entries.is_empty() => (entries, tried),
        (Ok(entries), Ok(tried)) => {
            let cause = Sentence::new(
                "対象システムの画面の切断は試しましたが、観測するホストが登録されていません。",
                "The cut of the system's own pages was tried, but no observed host is registered.",
            );
            let next = Sentence::new(
                "受託者は、対象ホストを登録してください。",
                "The contractor registers the hosts.",
            );
            let entries = entries.into_iter().chain(tried.entries);
            return Verdict::unknown(cause, next).with_evidence(EvidenceClass::E1, entries);
        }
        (Ok(entries), Err(unknown)) => return waits_for_a_try(*unknown, admin_s / 60, entries),
    };
    let roles = tried.roles.into_iter().collect::<Vec<_>>().join(", ");
    let minutes = admin_s / 60;
    Verdict::kept(Sentence::new(
        format!(
            "ホストとデータベースの設定は {minutes} 分以内の切断で、対象システムの画面でも、試した利用者（{roles}）が合意した時間で切断されました。"
        ),
        format!(
            "Hosts and data bases are set to cut within {minutes} minutes; the system's own pages cut those who were tried ({roles}) in the agreed time."
        ),
    ))
    .measured_by([P11])
    .with_evidence(EvidenceClass::E1, entries.into_iter().chain(tried.entries))
}

fn idle_key(idler: Idler) -> &'static str {
    match idler {
        Idler::Admin => "admin_min",
        Idler::Resident => "resident_min",
        Idler::Staff => "staff_min",
        Idler::Citizen => "citizen_min",
    }
}

/// The idle settings of the hosts, as far as they are right: the entries that say so.
fn idle_settings(case: &Case<'_>, limit_s: i64) -> Result<Vec<EntryNumber>, Box<Verdict>> {
    let (mut entries, mut waits) = (Vec::new(), None);
    for (place, host) in case.hosts() {
        let silent = Host::default();
        let host_case = HostCase { case, place, host: host.unwrap_or(&silent) };
        if let Err(unknown) = host_case.looks(&["sessions"]) {
            waits = waits.or(Some(unknown));
            continue;
        }
        let Some(policy) = &host_case.host.sessions else {
            waits =
                waits.or_else(|| Some(Box::new(host_case.not_observed("無操作切断の設定", "idle settings"))));
            continue;
        };
        entries.push(policy.stamp.entry);
        let late = idle_cuts::idle_too_long(&host_case, &policy.value, limit_s)
            .or_else(|| idle_cuts::database_too_long(&host_case, &policy.value, limit_s));
        if let Some(broken) = late {
            return Err(Box::new(broken.with_evidence(EvidenceClass::E1, [policy.stamp.entry])));
        }
        let what = Sentence::new("無操作切断の設定", "idle settings");
        waits = waits.or(host_case.whole(what, &policy.value.coverage, &[policy.stamp.entry]).err());
    }
    waits.map_or(Ok(entries), Err)
}

/// The settings are right; the system's own pages were not tried so that they show it.
fn waits_for_a_try(unknown: Verdict, minutes: i64, entries: Vec<EntryNumber>) -> Verdict {
    if entries.is_empty() {
        return unknown;
    }
    let cause = Sentence::new(
        format!("ホストとデータベースの設定は {minutes} 分以内の切断になっています。{}", unknown.cause.ja),
        format!("Hosts and data bases are set to cut within {minutes} minutes. {}", unknown.cause.en),
    );
    Verdict { cause, ..unknown }.measured_by([P11]).with_evidence(EvidenceClass::E1, entries)
}

/// 4.3.a 受託者は、情報システムの認証方法（ID、パスワード、ICカード、認証鍵等）を市に提供すること。
///
/// The sheet (F-12) is registered and the city accepted this version; a request to be shown or given means is answered.
/// What hosts are seen to accept by SSH has to be among the ways that the sheet declares.
pub fn judge_4_3_a(case: &Case<'_>) -> Verdict {
    let due = |progress: &Progress| progress.filled.moment("due").unwrap_or(progress.handed_in.received);
    let what = Sentence::new("認証方法", "authentication methods");
    let answered = deliveries::answered(case, &what, &["authentication"], due);
    if answered.standing == Standing::Broken {
        return answered;
    }
    let sheets = case.evidence.documents.all().filter_map(|(_, known)| {
        let newest = known.in_use()?;
        let concerns = newest.value.systems.is_empty() || newest.value.systems.contains(case.system);
        (newest.value.kind == DocumentKind::AuthenticationSheet && concerns).then_some((known, newest))
    });
    let Some((known, newest)) = sheets.max_by_key(|(_, newest)| newest.stamp) else {
        return Verdict::unknown(
            Sentence::new(
                "認証方式届（F-12）が提出されていません。",
                "The sheet of authentication methods (F-12) was not handed in.",
            ),
            Sentence::new(
                "受託者は、認証方式届（F-12）を文書に登録してください。",
                "The contractor registers F-12 as a document.",
            ),
        );
    };
    let (title, entry) = (&newest.value.title, newest.stamp.entry);
    match known.approval() {
        Some(approval) => login_methods::compared(case, &newest.value)
            .with_evidence(EvidenceClass::E3, [entry, approval.entry]),
        None => Verdict::unknown(
            Sentence::new(
                format!("認証方式届「{title}」の今の版を、市がまだ受領していません。"),
                format!("The city has not accepted this version of “{title}” yet."),
            ),
            Sentence::new(
                "市は、認証方式届を確かめて承認してください。",
                "The city looks at the sheet and accepts it.",
            ),
        )
        .with_evidence(EvidenceClass::E4, [entry]),
    }
}

/// 4.4.a 特定の場所又は装置からの接続を認証する手段として、自動の識別装置を必要に応じて導入すること。
///
/// First the decision whether it is needed; then the door: the intake must refuse whoever has no device certificate.
/// Remote doors of the hosts that do not go through it keep the duty 未確認.
pub fn judge_4_4_a(case: &Case<'_>) -> Verdict {
    let lines: Vec<Line<'_>> = case.evidence.agreements.of_system("device_need", case.system).collect();
    let newest = lines.iter().filter(|line| line.is_agreed()).max_by_key(|line| line.proposed);
    let check = case.evidence.portal.as_ref();
    let tried = check.map(|check| check.stamp.entry);
    let Some((line, need)) = newest.and_then(|line| match line.matter {
        Matter::DeviceNeed(need) if need.needed != Trit::Unsaid => Some((line, need)),
        _ => None,
    }) else {
        return undecided(&lines).with_evidence(EvidenceClass::E1, tried);
    };
    let decided = line.proposed.entry;
    if need.needed == Trit::No {
        let reason = &need.reason;
        return Verdict::kept(Sentence::new(
            format!("装置の認証は不要と双方が判断しています（{reason}）。"),
            format!("Both parties decided that no device authentication is needed ({reason})."),
        ))
        .with_evidence(EvidenceClass::E3, [decided]);
    }
    let Some(check) = check.filter(|check| !case.older_than(check.stamp.received, CHECK_LIVES)) else {
        return door_not_tried().with_evidence(EvidenceClass::E3, [decided]);
    };
    let entries = [check.stamp.entry, decided];
    by_door(case, &check.value).with_evidence(EvidenceClass::E1, entries)
}

fn undecided(lines: &[Line<'_>]) -> Verdict {
    let waiting = lines.iter().any(Line::is_declared);
    let (ja, en) = match waiting {
        true => (
            "装置の認証が必要かどうかの届出が、確認待ちです。",
            "The decision on device authentication waits for the other party.",
        ),
        false => (
            "装置の認証が必要かどうかの判断が記録されていません。",
            "Nobody decided whether device authentication is needed.",
        ),
    };
    Verdict::unknown(
        Sentence::new(ja, en),
        Sentence::new(
            "受託者は必要性の判断を届け出て、市は確認してください。",
            "The contractor declares the decision and the city agrees.",
        ),
    )
}

fn door_not_tried() -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "装置の証明書を持たない接続が拒まれるかを、24時間以内に試していません。",
            "Whether strangers are refused was not tried within 24 hours.",
        ),
        Sentence::new(
            "受託者は、サーバの稼働を確認してください。",
            "The contractor checks that the server works.",
        ),
    )
}

fn by_door(case: &Case<'_>, check: &PortalCheck) -> Verdict {
    if !check.intake_refuses_strangers {
        return Verdict::broken(
            Sentence::new(
                "装置の証明書を持たない接続が受け付けられました。",
                "A connection without a device certificate was let in.",
            ),
            Sentence::new(
                "受託者は、直ちに受付口を閉じて原因を調べてください。",
                "The contractor closes the door at once.",
            ),
        );
    }
    if check.dormant_devices > 0 {
        let (count, days) = (check.dormant_devices, case.measure(P12, "dormant_d").value);
        return Verdict::broken(
            Sentence::new(
                format!("{days} 日以上使われていない装置の証明書が {count} 件、有効なままです。"),
                format!("{count} device certificates unused for {days} days are still in force."),
            ),
            Sentence::new(
                "受託者は、使わない装置の証明書を失効させてください。",
                "The contractor revokes them.",
            ),
        )
        .measured_by([P12]);
    }
    if let Some(copied) = copied(case) {
        return copied;
    }
    if let Some((device, entry)) = lives_too_long(case) {
        return too_long(case, device, entry);
    }
    if let Some(unknown) = doors_not_seen(case) {
        return *unknown;
    }
    if let Some((host, port)) = other_remote_door(case) {
        return Verdict::unknown(
            Sentence::new(
                format!("{host} の遠隔操作の口（TCP {port}）が装置を認証するかを観測できていません。"),
                format!(
                    "Whether the remote door of {host} (TCP {port}) authenticates devices is not observed."
                ),
            ),
            Sentence::new(
                "受託者は、その口を閉じるか、装置認証のある経路に限ってください。",
                "The contractor closes it, or leads it through a path that authenticates devices.",
            ),
        );
    }
    let devices = check.devices;
    Verdict::kept(Sentence::new(
        format!("証明書を持つ装置 {devices} 台だけが接続でき、それ以外は拒まれることを試験しました。"),
        format!("Only {devices} devices with certificates get in; others are refused, as tried."),
    ))
    .measured_by([P12])
}

/// Two used the certificate of one device at once, and it is still in force: one of them is not the host.
fn copied(case: &Case<'_>) -> Option<Verdict> {
    let twins = case.hosts().filter_map(|(place, host)| Some((place, host?.twin.as_ref()?)));
    let (place, twin) = twins.into_iter().find(|(_, twin)| {
        let device = case.evidence.devices.get(&twin.value.device);
        device.and_then(|device| device.revoked).is_none_or(|revoked| revoked < twin.stamp)
    })?;
    let (host, device) = (&place.host, &twin.value.device);
    let verdict = Verdict::broken(
        Sentence::new(
            format!("{host} の証明書（装置 {device}）が、同時に2か所から使われました。"),
            format!("The certificate of {host} (device {device}) was used by two at once."),
        ),
        Sentence::new(
            "受託者は、どちらが本物かを調べ、その装置を失効させて登録し直してください。",
            "The contractor finds out which one is the host, revokes the device and enrols it again.",
        ),
    );
    Some(verdict.with_evidence(EvidenceClass::E1, [twin.stamp.entry]))
}

fn too_long(case: &Case<'_>, device: &DeviceId, entry: EntryNumber) -> Verdict {
    let days = case.measure(P12, "cert_life_d").value;
    Verdict::broken(
        Sentence::new(
            format!("装置 {device} の証明書の有効期間が {days} 日を超えています。"),
            format!("The certificate of device {device} lives longer than {days} days."),
        ),
        Sentence::new(
            "受託者は、有効期間の短い証明書に替えてください。",
            "The contractor replaces it by one of a shorter life.",
        ),
    )
    .measured_by([P12])
    .with_evidence(EvidenceClass::E1, [entry])
}

/// A certificate in force of one of the system's hosts that was issued for longer than agreed (P-12).
fn lives_too_long<'a>(case: &Case<'a>) -> Option<(&'a DeviceId, EntryNumber)> {
    let limit = SignedDuration::from_hours(case.measure(P12, "cert_life_d").value.saturating_mul(24));
    // Issued a moment before or after its first day; a day is no longer life.
    let limit = limit.saturating_add(SignedDuration::from_hours(24));
    for (id, device) in &case.evidence.devices {
        let Some(enrolled) = &device.enrolled else { continue };
        let (host, not_after) = &enrolled.value;
        let ours = case.hosts().any(|(place, _)| place.host == *host);
        let in_force = device.revoked.is_none_or(|revoked| revoked < enrolled.stamp);
        let long = not_after.duration_since(enrolled.stamp.observed) > limit;
        if ours && in_force && long && !case.passed(*not_after) {
            return Some((id, enrolled.stamp.entry));
        }
    }
    None
}

/// A host whose sockets nobody sees may have a door that nobody knows.
fn doors_not_seen(case: &Case<'_>) -> Option<Box<Verdict>> {
    let silent = Host::default();
    case.hosts().find_map(|(place, host)| {
        let host = HostCase { case, place, host: host.unwrap_or(&silent) };
        match host.alive() {
            Err(unknown) => Some(unknown),
            Ok(()) if host.host.listeners.newest().is_some() => None,
            Ok(()) => Some(Box::new(host.not_observed("待ち受けている通信", "listening sockets"))),
        }
    })
}

/// SSH, RDP or VNC on a host, reachable from the network.
fn other_remote_door<'a>(case: &Case<'a>) -> Option<(&'a HostId, u16)> {
    for (place, host) in case.hosts() {
        let Some(listeners) = host.and_then(|host| host.listeners.newest()) else { continue };
        let mut remote = listeners.items.iter().filter(|socket| !socket.is_local_only());
        if let Some(door) = remote.find(|socket| REMOTE_DOORS.contains(&socket.port)) {
            return Some((&place.host, door.port));
        }
    }
    None
}

/// 4.5.a インターネットを利用する情報システムでは、業務の重要度に応じて、https、VPN等により暗号化を行い、通信路での盗聴及び改ざんから保護すること。
///
/// A door that accepts older TLS than agreed (P-13), a certificate that is over, and plain text that carries important work break
/// it. That nothing of the kind was seen keeps nothing.
pub fn judge_4_5_a(case: &Case<'_>) -> Verdict {
    if case.segment().is_closed() && case.internet_facing() != Trit::Yes {
        return encryption::not_on_the_internet();
    }
    let doors = encryption::doors(case);
    let least = case.measure(P13, "tls_minor").value;
    let warn = SignedDuration::from_hours(case.measure(P14, "warn_d").value.saturating_mul(24));
    let too_old = doors.too_old(least).map(|broken| broken.measured_by([P13]));
    let found = [doors.unencrypted(case.importance()), too_old, doors.expired(case)];
    let mut found: Vec<Verdict> = found.into_iter().flatten().collect();
    found.sort_by_key(|verdict| verdict.standing != Standing::Broken);
    found.into_iter().next().unwrap_or_else(|| doors.not_all_tried(case, warn).measured_by([P14]))
}

/// 4.5.b 不要な通信はファイアウォール等により遮断すること.
///
/// Needed is what stands in the agreed list of communication: what listens, who comes in, where the host goes out to.
/// What stays on the host itself does not count. Where nothing refuses what no rule names the verdict says so: the list is kept
/// to by what listens, not by a wall.
pub fn judge_4_5_b(case: &HostCase<'_>) -> Verdict {
    decided(case).unwrap_or_else(|verdict| *verdict)
}

fn decided(case: &HostCase<'_>) -> Result<Verdict, Box<Verdict>> {
    case.fresh("listeners")?;
    let Some(listeners) = case.host.listeners.newest() else {
        return Err(Box::new(case.not_observed("待ち受けている通信", "listening sockets")));
    };
    let lines: Vec<Line<'_>> =
        case.case.evidence.agreements.of_host("flow", &case.place.system, &case.place.host).collect();
    let open: Vec<&Listener> =
        listeners.items.iter().filter(|socket| !socket.is_local_only()).copied().collect();
    let id = case.id();
    if !lines.iter().any(Line::is_agreed) {
        let count = open.len();
        let verdict = Verdict::unknown(
            Sentence::new(
                format!("通信要件の一覧が合意されていません（{id} で外から届く待ち受け {count} 件を観測）。"),
                format!("No list of needed communication is agreed ({count} reachable sockets on {id})."),
            ),
            list_flows(),
        );
        return Err(Box::new(verdict.with_evidence(EvidenceClass::E1, listeners.entries)));
    }
    sockets_beside(case, &lines, &open, &listeners)?;
    let seen = flows::beside(case)?;
    let rules = case.host.firewall.as_ref().map(|rules| rules.stamp.entry);
    let entries = listeners.entries.into_iter().chain(rules);
    Ok(all_listed(case, open.len(), &seen).with_evidence(EvidenceClass::E1, entries))
}

/// The listening sockets beside the list.
fn sockets_beside(
    case: &HostCase<'_>,
    lines: &[Line<'_>],
    open: &[&Listener],
    listeners: &Complete<'_, Listener>,
) -> Result<(), Box<Verdict>> {
    let id = case.id();
    let needed = |socket: &Listener, line: &Line<'_>| covers(case, line.matter, socket);
    let listed = |socket: &Listener| lines.iter().any(|line| line.is_agreed() && needed(socket, line));
    let unlisted: Vec<&Listener> = open.iter().filter(|socket| !listed(socket)).copied().collect();
    let told = |socket: &Listener| lines.iter().any(|line| line.is_declared() && needed(socket, line));
    if let Some(first) = unlisted.iter().find(|socket| !told(socket)) {
        let (what, count) = (describe(first), unlisted.len());
        let verdict = Verdict::broken(
            Sentence::new(
                format!("{id} で、通信要件の一覧にない待ち受けが {count} 件あります（{what}）。"),
                format!("{count} listening sockets of {id} stand on no list ({what})."),
            ),
            Sentence::new(
                "受託者は、不要なら閉じ、必要なら通信要件を届け出てください。",
                "The contractor closes it, or declares why it is needed.",
            ),
        );
        return Err(Box::new(verdict.with_evidence(EvidenceClass::E1, listeners.entries.iter().copied())));
    }
    // Names of programs may be missing; sockets may not.
    let left_out = Coverage { unreadable: 0, ..listeners.coverage.clone() };
    case.whole(Sentence::new("待ち受け", "listening sockets"), &left_out, &listeners.entries)?;
    if unlisted.is_empty() {
        return Ok(());
    }
    let waiting = unlisted.len();
    let verdict = Verdict::unknown(
        Sentence::new(
            format!("{id} の待ち受け {waiting} 件が、届け出済みで市の確認待ちです。"),
            format!("{waiting} declared sockets of {id} wait for the city."),
        ),
        flows::city_looks(),
    );
    Err(Box::new(verdict.with_evidence(EvidenceClass::E1, listeners.entries.iter().copied())))
}

fn all_listed(case: &HostCase<'_>, open: usize, seen: &flows::Covered) -> Verdict {
    let id = case.id();
    let (ja, en) = match seen.count {
        0 => (
            "この1日にほかの機器との通信は観測されていません。".to_owned(),
            "No communication was seen.".to_owned(),
        ),
        count => (
            format!("この1日に観測した通信 {count} 件は、合意した一覧か変更票（F-09）の範囲にあります。"),
            format!("{count} communications of the last day stand on the list or on a ticket (F-09)."),
        ),
    };
    let (short_ja, short_en) = match seen.by {
        FlowSource::Tracking => ("", ""),
        FlowSource::Sockets => (
            "接続の追跡（conntrack）がないため、数秒で終わる通信と、接続のないUDPの通信は見えていません。",
            " Without tracking of connections, what lasts seconds and UDP without a connection are not seen.",
        ),
    };
    let wall = firewall::caution(case);
    Verdict::kept(Sentence::new(
        format!(
            "{id} で外から届く待ち受け {open} 件は、すべて合意した一覧にあります。{ja}{short_ja}{}",
            wall.ja
        ),
        format!("All {open} reachable sockets of {id} stand on the agreed list. {en}{short_en}{}", wall.en),
    ))
}

fn covers(case: &HostCase<'_>, matter: &Matter, socket: &Listener) -> bool {
    let Matter::Flow(flow) = matter else { return false };
    let same = flow.direction.is_in() && flow.protocol == socket.protocol && flow.port == socket.port;
    same && !flow.until.is_some_and(|until| case.case.passed(until))
}

fn describe(socket: &Listener) -> String {
    let protocol = socket.protocol.name();
    let program = socket.program.as_deref().unwrap_or("?");
    format!("{protocol} {} {program}", socket.port)
}

fn list_flows() -> Sentence {
    Sentence::new(
        "受託者は必要な通信を届け出て、市は確認してください。",
        "The contractor declares the needed communication and the city agrees.",
    )
}
