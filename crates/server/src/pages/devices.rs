//! Devices of a host: which certificates speak for it, a code for a new one, the end of an old one.

use super::block::{Block, Cell, Field, Form, Input, Link, Table, Tone};
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::matter;
use super::visit::{Answer, Refusal, Visit};
use crate::audience::Audience;
use crate::decide::may;
use crate::people::devices::Device;
use yakujo_contract::act::{Act, HostPlace, Matter};
use yakujo_contract::id::{DeviceId, HostId};

fn host(visit: &Visit) -> Result<HostId, Refusal> {
    let id: HostId = visit.part("host")?.parse().map_err(|_| Refusal::Absent)?;
    let known = visit.office.court().evidence().agreements.place_of(&id).is_some();
    if known { Ok(id) } else { Err(Refusal::Absent) }
}

/// The page.
///
/// # Errors
/// Absent, where the host was never declared.
pub async fn show(visit: Visit) -> Answer {
    let host = host(&visit)?;
    let wanted = Wanted::of(&visit);
    let devices = visit.office.people.devices().await?;
    let own: Vec<&Device> = devices.iter().filter(|device| device.host == host).collect();
    let (rows, next) = wanted.take(own.iter(), |device| device.id.to_string(), |device| row(&visit, device));
    let heads = [
        visit.of("機器証明書", "Certificate"),
        visit.of("状態", "State"),
        visit.of("期限", "Ends"),
        visit.of("最後の利用", "Last used"),
        visit.of("指紋（SHA-256）", "SHA-256"),
    ];
    let table = Table {
        caption: visit.of("機器証明書", "Device certificates").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("まだ登録された機器がありません。", "No device is enrolled yet.").to_owned(),
    };
    let list = List { name: "devices", table, next, keep: Vec::new() };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "このホストのエージェントが、サーバに身元を示すための証明書です。",
        "The certificates with which the agent of this host proves who it is.",
    );
    let mut page = Page::new("hosts", format!("{host} {}", visit.of("の機器証明書", ": certificates")), lead);
    page.trail = vec![
        Link::new(format!("{}/hosts", visit.base()), visit.of("ホスト", "Hosts")),
        Link::new(format!("{}/hosts/{host}", visit.base()), host.as_str()),
    ];
    page.blocks.extend(list.blocks(&visit, &wanted));
    if visit.may(Audience::Contractor) {
        enrol_again(&visit, &host, &mut page);
    }
    let in_force = own.iter().filter(|device| device.is_in_force(visit.now) && may_revoke(&visit, device));
    let choices: Vec<(String, String)> =
        in_force.map(|device| (device.id.to_string(), device.id.to_string())).collect();
    if !choices.is_empty() {
        end_one(&visit, &host, choices, &mut page);
    }
    frame::show(&visit, &page)
}

fn row(visit: &Visit, device: &Device) -> Vec<Cell> {
    let state = if device.revoked.is_some() {
        visit.of("失効", "Revoked")
    } else if device.is_in_force(visit.now) {
        visit.of("有効", "In force")
    } else {
        visit.of("期限切れ", "Expired")
    };
    vec![
        Cell::code(device.id.as_str()),
        Cell::Tag(state.to_owned()),
        Cell::time(visit.lang, device.not_after),
        Cell::time(visit.lang, device.used),
        Cell::code(device.fingerprint.as_str()),
    ]
}

fn may_revoke(visit: &Visit, device: &Device) -> bool {
    let act = Act::DeviceRevoked { device: device.id.clone(), reason: String::new() };
    visit.session().is_ok_and(|session| may(session.person.role, &act))
}

fn end_one(visit: &Visit, host: &HostId, choices: Vec<(String, String)>, page: &mut Page) {
    page.push(Block::Heading(visit.of("失効", "Revoke").to_owned()));
    let text = visit.of(
        "失効すると、その証明書のエージェントからの記録を受け付けなくなります。元に戻せません（新しく登録し直します）。",
        "Nothing more is taken from the agent with this certificate. It cannot be undone: enrol again.",
    );
    page.push(Block::note(Tone::Warn, "", text));
    let fields = vec![
        Field::one_of("device", visit.of("機器証明書", "Certificate"), choices),
        Field::new("reason", visit.of("理由", "Reason"), Input::Lines(String::new())),
    ];
    let form = visit.form(&format!("/hosts/{host}/revoke"), visit.of("失効させる", "Revoke"), fields);
    page.push(Block::Form(Form { class: "grave", ..form }));
}

fn enrol_again(visit: &Visit, host: &HostId, page: &mut Page) {
    page.push(Block::Heading(visit.of("エージェントの登録", "Enrol an agent").to_owned()));
    let text = visit.of(
        "一度だけ使える登録コードを発行します。24時間有効です。",
        "Issues a code that works once within 24 hours.",
    );
    page.push(Block::Text(text.to_owned()));
    let label = visit.of("登録コードを発行する", "Issue a code");
    page.push(Block::Form(visit.form(&format!("/hosts/{host}/enrol"), label, Vec::new())));
}

/// The form for a host that is not known yet.
///
/// # Errors
/// When a template fails.
pub async fn form(visit: Visit) -> Answer {
    frame::show(&visit, &form_page(&visit, ""))
}

fn form_page(visit: &Visit, wrong: &str) -> Page {
    let lead = visit.of(
        "ホストの所属を申告し、そのホストで動かすエージェントの登録コードを発行します。",
        "Declares the place of a host and issues a code for its agent.",
    );
    let mut page = Page::new("hosts", visit.of("ホストを加える", "Add a host"), lead);
    page.trail = vec![Link::new(format!("{}/hosts", visit.base()), visit.of("ホスト", "Hosts"))];
    if !wrong.is_empty() {
        page.push(Block::note(Tone::Bad, "", wrong));
    }
    let fields = visit.prefilled(matter::fields(visit, "host"));
    let label = visit.of("加えて登録コードを発行する", "Add and issue a code");
    page.push(Block::Form(visit.form("/hosts/new", label, fields)));
    page
}

/// Declares a host and shows the code for its agent.
///
/// # Errors
/// When a field cannot be read, or the act is refused.
pub async fn add(visit: Visit) -> Answer {
    let place = match matter::read(&visit, "host") {
        Ok(Matter::Host(place)) => place,
        Ok(_) | Err(_) => {
            let text = visit.of(
                "ホスト名は半角の英小文字・数字・ハイフン・点で入力してください。",
                "A host is of a-z, 0-9, '-', '.'.",
            );
            return frame::show_wrong(&visit, &form_page(&visit, text));
        }
    };
    code(&visit, place).await
}

/// A code for a host that is known.
///
/// # Errors
/// When the act is refused.
pub async fn enrol(visit: Visit) -> Answer {
    let host = host(&visit)?;
    let place = visit.office.court().evidence().agreements.place_of(&host).cloned();
    code(&visit, place.ok_or(Refusal::Absent)?).await
}

async fn code(visit: &Visit, place: HostPlace) -> Answer {
    let host = place.host.clone();
    let known = visit.office.court().evidence().agreements.place_of(&host).cloned();
    if known.as_ref() != Some(&place) {
        let proposal = crate::people::new_id('a')?.try_into()?;
        visit.act(Act::Proposed { proposal, matter: Matter::Host(place) }).await?;
    }
    let lives = crate::office::ONE_TIME_LIVES;
    let code = visit.office.people.issue_enrolment(&host, visit.now, lives).await?;
    let title = visit.of("エージェントを登録してください", "Enrol the agent");
    let mut page = Page::new("hosts", title, "");
    page.trail = vec![
        Link::new(format!("{}/hosts", visit.base()), visit.of("ホスト", "Hosts")),
        Link::new(format!("{}/hosts/{host}", visit.base()), host.as_str()),
    ];
    let text = visit.of(
        "この登録コードは24時間、1回だけ使えます。この画面を閉じると、二度と表示されません。",
        "The code works once within 24 hours. It is not shown again.",
    );
    page.push(Block::note(Tone::Warn, host.as_str(), text));
    page.push(Block::Text(
        visit
            .of(
                "対象のホストで、次のコードをファイル（例：code.txt、所有者だけが読める）に保存し、コマンドを実行します。",
                "On that host, save the code in a file only you can read (code.txt), then run the command.",
            )
            .to_owned(),
    ));
    page.push(Block::Pre(format!("{}@{}", &*code, visit.authority)));
    page.push(Block::Pre(format!("yakujo agent --server https://{} --code-file code.txt", visit.host)));
    frame::show(visit, &page)
}

/// Revokes a device.
///
/// # Errors
/// Absent, where the host has no such device in force.
pub async fn revoke(visit: Visit) -> Answer {
    let host = host(&visit)?;
    let device: DeviceId = visit.typed("device").parse().map_err(|_| Refusal::Absent)?;
    let devices = visit.office.people.devices().await?;
    let own = devices.iter().any(|known| known.id == device && known.host == host && known.revoked.is_none());
    if !own {
        return Err(Refusal::Absent);
    }
    visit
        .act(Act::DeviceRevoked { device: device.clone(), reason: visit.typed("reason").to_owned() })
        .await?;
    visit.office.end_device(&device, &devices).await?;
    visit.go(&format!("/hosts/{host}/devices"))
}
