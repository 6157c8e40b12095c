//! A report that begins from what was detected (F-05): what programs know is filled in, so that within the hour somebody
//! only has to add what only people know. Its clock runs from the detection, whether the draft is opened or not.

use super::request_fields::typed_moment;
use super::request_show;
use super::visit::Visit;
use super::words::Lang;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::malware::{AvAction, AvDetection, Done};
use yakujo_contract::id::EntryNumber;
use yakujo_contract::request::form::Form;

/// The fields of a report about the entry that the address names, as pairs of the form's fields; none where the entry does
/// not tell of malware.
#[must_use]
pub fn from_detection(visit: &Visit, form: Form) -> Vec<(String, String)> {
    let number = visit.asked("about").parse().ok().map(EntryNumber);
    let Some(number) = number.filter(|_| form == Form::F05) else { return Vec::new() };
    let Some(entry) = request_show::entry(visit, number) else { return Vec::new() };
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
