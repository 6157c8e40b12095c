//! A report that begins from what was detected (F-05): what programs know is filled in, so that within the hour somebody
//! only has to add what only people know. Its clock runs from the detection, whether the draft is opened or not, and the
//! city reads it on the page of the entry before anybody has opened it.

use super::block::{Block, Cell, Tone};
use super::request_fields::typed_moment;
use super::request_show;
use super::visit::Visit;
use super::words::Lang;
use super::{board, findings, request_fields};
use crate::audience::Audience;
use yakujo_contract::entry::Entry;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::malware::{AvAction, AvDetection, Done};
use yakujo_contract::id::{EntryNumber, RequestId};
use yakujo_contract::request::auto;
use yakujo_contract::request::flow::Progress;
use yakujo_contract::request::form::Form;

/// The fields of a report about the entry that the address names, as pairs of the form's fields; none where the entry does
/// not tell of malware.
#[must_use]
pub fn from_detection(visit: &Visit, form: Form) -> Vec<(String, String)> {
    let number = visit.asked("about").parse().ok().map(EntryNumber);
    let Some(number) = number.filter(|_| form == Form::F05) else { return Vec::new() };
    request_show::entry(visit, number).map_or_else(Vec::new, |entry| known(visit, number, &entry))
}

/// What programs know of a detection, as pairs of the form's fields.
fn known(visit: &Visit, number: EntryNumber, entry: &Entry) -> Vec<(String, String)> {
    let detection = entry.fact().and_then(Fact::detection);
    let (Some(detection), Some(host)) = (detection, &entry.host) else { return Vec::new() };
    let system = {
        let court = visit.office.court();
        court.evidence().agreements.place_of(host).map(|place| place.system.to_string())
    };
    let title = match visit.lang {
        Lang::Ja => format!("{host} で検知した不正プログラム（{}）", detection.signature),
        Lang::En => format!("Malware on {host} ({})", detection.signature),
    };
    let ran = if detection.may_have_run() { "yes" } else { "no" };
    let mut pairs = vec![
        ("title".to_owned(), title.chars().take(200).collect()),
        ("hosts".to_owned(), host.to_string()),
        ("about".to_owned(), number.to_string()),
        ("x-class".to_owned(), "malware".to_owned()),
        ("x-known".to_owned(), typed_moment(entry.received)),
        ("x-executed".to_owned(), ran.to_owned()),
        ("x-situation".to_owned(), situation(visit.lang, detection)),
    ];
    pairs.extend(system.map(|system| ("systems".to_owned(), system)));
    pairs
}

/// The report of a detection as far as programs can write it, for everybody who may read the entry; empty where the entry
/// tells of no malware. It says itself that it is no report.
#[must_use]
pub fn shown(visit: &Visit, number: EntryNumber, entry: &Entry) -> Vec<Block> {
    let pairs = known(visit, number, entry);
    if pairs.is_empty() {
        return Vec::new();
    }
    let lead = visit.of(
        "観測したことだけから作った速報の案です。受託者の報告ではありません。影響や個人情報の有無など、人にしか分からないことは、受託者が F-05 に書いて提出します。",
        "A first report made of what was observed alone. It is not the contractor's report: what only people know, the contractor writes into F-05.",
    );
    let heading = visit.of("セキュリティ事案報告書（F-05）の速報案", "Draft of the report (F-05)");
    let mut blocks = vec![Block::Heading(heading.to_owned()), Block::note(Tone::Plain, "", lead)];
    let (mut fields, reported) = clock(visit, number, entry);
    fields.extend(of_pairs(visit, &pairs));
    fields.extend(observed(visit, entry));
    blocks.push(Block::Fields(fields));
    if !reported && visit.may(Audience::Contractor) {
        let href = format!("{}/requests/new/F-05?about={number}", visit.base());
        let words = visit.of("この内容から報告書を書き始める", "Begin the report from this").to_owned();
        blocks.push(Block::Buttons(vec![(href, words, "")]));
    }
    blocks
}

type Row = (String, Cell);

/// When the report is due, or the reports there are; and whether there is one.
fn clock(visit: &Visit, number: EntryNumber, entry: &Entry) -> (Vec<Row>, bool) {
    let roll = findings::roll(visit);
    if let Some(open) = roll.unreported().iter().find(|open| open.entry == number) {
        let left = match open.due.duration_since(visit.now).as_secs() {
            ..0 => visit.of("期限超過", "Overdue").to_owned(),
            left => match visit.lang {
                Lang::Ja => format!("残り {}", request_show::length(visit.lang, left)),
                Lang::En => format!("{} left", request_show::length(visit.lang, left)),
            },
        };
        let due = Cell::Many(vec![Cell::time(visit.lang, open.due), Cell::text(left)]);
        let none = visit.of("まだ提出されていません", "Not handed in yet");
        let words = |ja, en| visit.of(ja, en).to_owned();
        let rows = vec![
            (words("受託者の報告", "Report of the contractor"), Cell::Tag(none.to_owned())),
            (words("報告の期限", "Report due"), due),
        ];
        return (rows, false);
    }
    let reports = reports(visit, number, entry);
    let cell = if reports.is_empty() {
        // The host belongs to no system, or so much was found since that this one is no longer counted.
        Cell::text(visit.of("この検知の報告は確かめられません", "No report of this can be found"))
    } else {
        request_show::links(visit, reports.iter())
    };
    (vec![(visit.of("受託者の報告", "Report of the contractor").to_owned(), cell)], !reports.is_empty())
}

/// The reports of a detection: those that name it; else those of malware in its system that name none and came after it.
fn reports(visit: &Visit, number: EntryNumber, entry: &Entry) -> Vec<RequestId> {
    let court = visit.office.court();
    let evidence = court.evidence();
    let place = entry.host.as_ref().and_then(|host| evidence.agreements.place_of(host));
    let Some(system) = place.map(|place| &place.system) else { return Vec::new() };
    let reports: Vec<(&RequestId, &Progress)> = evidence
        .requests
        .of_system(system)
        .filter_map(|(id, request)| Some((id, request.progress.as_ref()?)))
        .filter(|(_, it)| it.reports_detection(number, entry.observed))
        .collect();
    let is_named = reports.iter().any(|(_, it)| it.filled.about.is_some());
    let about = reports.into_iter().filter(|(_, it)| it.filled.about.is_some() == is_named);
    about.map(|(id, _)| id.clone()).collect()
}

/// The pairs by the names of their fields.
fn of_pairs(visit: &Visit, pairs: &[(String, String)]) -> Vec<Row> {
    let names = board::system_names(visit);
    let columns = Form::F05.row().fields;
    let row = |(key, value): &(String, String)| -> Option<Row> {
        let named = |ja, en| visit.of(ja, en).to_owned();
        match key.as_str() {
            "title" => Some((named("件名", "Title"), Cell::text(value.as_str()))),
            "hosts" => {
                let href = format!("{}/hosts/{value}", visit.base());
                Some((named("対象機器", "Machine"), Cell::link(href, value.as_str())))
            }
            "systems" => {
                let name = value.parse().ok().and_then(|id| names.get(&id).cloned());
                Some((named("情報システム", "System"), Cell::text(name.unwrap_or_else(|| value.clone()))))
            }
            _ => {
                let column = columns.iter().find(|column| request_fields::name_of(column) == *key)?;
                let label = visit.of(column.ja, column.en).to_owned();
                Some((label, request_show::of_text(visit.lang, column, value)))
            }
        }
    };
    pairs.iter().filter_map(row).collect()
}

/// The fields that are filled in from what was observed since.
fn observed(visit: &Visit, entry: &Entry) -> Vec<Row> {
    let known = auto::of_detection(visit.office.court().evidence(), entry, visit.now);
    let columns = Form::F05.row().fields;
    let row = |(key, shown): &(&str, auto::Auto)| {
        let column = columns.iter().find(|column| column.key == *key)?;
        Some((visit.of(column.ja, column.en).to_owned(), request_show::of_auto(visit, shown)))
    };
    known.iter().filter_map(row).collect()
}

fn situation(lang: Lang, detection: &AvDetection) -> String {
    let done = match (detection.action, detection.result) {
        (AvAction::Quarantined, Done::Done) => lang.of("隔離しました", "It is in the quarantine"),
        (AvAction::Denied, Done::Done) => lang.of("アクセスを遮断しました", "Access to it was refused"),
        (AvAction::Removed, Done::Done) => lang.of("駆除しました", "It was removed"),
        (AvAction::None, _) => lang.of("まだ何もされていません", "Nothing was done yet"),
        (AvAction::Quarantined | AvAction::Denied | AvAction::Removed, Done::Failed) => {
            lang.of("処置に失敗しました", "What was tried did not work")
        }
    };
    let (path, signature, digest) = (&detection.path, &detection.signature, detection.digest.as_str());
    match lang {
        Lang::Ja => format!("{path} に {signature} を検知しました（SHA-256 {digest}）。{done}。"),
        Lang::En => format!("{signature} was found in {path} (SHA-256 {digest}). {done}."),
    }
}
