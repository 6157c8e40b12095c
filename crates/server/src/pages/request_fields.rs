//! The fields of a form, made from its row of the table, and read back from what was typed. A field that cannot be read
//! is named, and everything typed stays.

use super::block::{Choice, Field, Input};
use super::visit::{Visit, refilled};
use super::{board, era, request_words, words};
use yakujo_contract::act::Environment;
use yakujo_contract::entry::Party;
use yakujo_contract::request::form::{Ask, Field as Column, Form, Kind, Part, Path};
use yakujo_contract::request::{Attachment, FieldValue, Filled, Trigger};
use yakujo_contract::thing::{Object, Thing};

/// The party that begins a form.
#[must_use]
pub fn begins(form: Form) -> Party {
    match form.row().path {
        Path::Approval | Path::Consultation | Path::Report => Party::Contractor,
        Path::Delivery => Party::City,
    }
}

/// Name of a column's field on the page.
#[must_use]
pub fn name_of(column: &Column) -> String {
    format!("x-{}", column.key)
}

/// Example of an instant.
#[must_use]
pub fn moment_hint<'a>(visit: &Visit) -> &'a str {
    visit
        .lang
        .of("例：R8.12.10 22:00、令和8年12月10日22時00分、2026-12-10 22:00", "For example 2026-12-10 22:00")
}

/// What to know of a consent by telephone before it is recorded.
#[must_use]
pub fn consent_hint<'a>(visit: &Visit) -> &'a str {
    visit.lang.of(
        "例：R8.12.10 22:00。電話から24時間以内に記録してください。過ぎると、記録した時からの了承として扱います。",
        "For example 2026-12-10 22:00. Record it within 24 hours of the call; later it counts from the record on.",
    )
}

/// The fields of a form that asks, tells or presents.
#[must_use]
pub fn of_form(visit: &Visit, form: Form) -> Vec<Field> {
    let row = form.row();
    let mut fields = vec![
        Field::line("title", visit.of("件名", "Title"), "")
            .hint(visit.of("一覧に出る短い名前。例：12月の定期保守による停止", "Short, as in lists")),
    ];
    fields.extend(of_scope(visit, row.things));
    if row.window != Ask::Never {
        fields.extend(of_window(visit, row.window));
    }
    if form == Form::F26 {
        fields.extend(of_standing(visit));
    }
    let own = row.fields.iter().filter(|column| column.part == Part::Ask && column.kind != Kind::Auto);
    fields.extend(own.map(|column| of_column(visit, column)));
    if matches!(form, Form::F05 | Form::F06 | Form::F08 | Form::F16) {
        let label = visit.of("対象の記録（台帳の番号）", "Entry it is about");
        let hint = visit.of(
            "検知・停止などの記録の番号。台帳の画面で確かめられます。例：1234",
            "Number of the entry, as in the ledger: 1234",
        );
        fields.push(Field::line("about", label, "").optional().hint(hint));
    }
    let links = Field::line("links", visit.of("関連番号", "Belongs to"), "").optional();
    fields.push(links.hint(visit.of("例：R8-変更-0003、R8-試験-0001", "For example R8-変更-0003")));
    fields.extend(of_file(visit));
    fields
}

fn of_scope(visit: &Visit, things: Ask) -> Vec<Field> {
    let systems = board::system_names(visit).into_iter().map(|(id, name)| (id.to_string(), name));
    let mut fields = vec![
        Field::any_of("systems", visit.of("対象の情報システム", "Systems"), systems)
            .hint(visit.of("※必須　一つ以上選んでください。", "(required) Choose at least one.")),
        Field::line("hosts", visit.of("対象のホスト", "Hosts"), "").optional().hint(visit.of(
            "空欄なら、システムの全ホストです。複数は空白で区切ります。例：web-1 web-2",
            "Empty: every host of the systems. Several: web-1 web-2",
        )),
    ];
    let every = (String::new(), visit.of("すべて", "Every").to_owned());
    let all = [Environment::Production, Environment::Test, Environment::Maintenance];
    let all = all.map(|it| (request_words::spelled(&it), words::environment(visit.lang, it).to_owned()));
    let environments = std::iter::once(every).chain(all);
    fields.push(Field::one_of("environment", visit.of("環境", "Environment"), environments).optional());
    if things != Ask::Never {
        let label = visit.of("対象物（1行に1つ）", "Things, one a line");
        let hint = visit.of(
            "種類と名前を空白で区切ります。例：「ファイル /etc/nginx/*」「パッケージ nginx」「リリース portal」。末尾の * は任意の文字です。内容が決まっているときは、最後にSHA-256を書きます。種類：サービス、パッケージ、リリース、ファイル、定期実行、アカウント、権限、待受けポート、ファイアウォール、ネットワーク、証明書、DNS、データベース、テストデータ、利用環境、カーネル、起動",
            "Kind and name: `file /etc/nginx/*`, `package nginx`, `release portal`. A trailing * matches any ending; a SHA-256 at the end binds the content.",
        );
        let field = Field::new("things", label, Input::Lines(String::new())).hint(hint);
        fields.push(if things == Ask::Must { field } else { field.optional() });
    }
    fields
}

fn of_window(visit: &Visit, need: Ask) -> Vec<Field> {
    let hint = moment_hint(visit);
    let from = Field::line("from", visit.of("開始", "From"), "").hint(hint);
    let to = Field::line("to", visit.of("終了", "To"), "").hint(hint);
    let reserve = Field::line("reserve", visit.of("予備時間（分）", "Reserve, minutes"), "").optional();
    let limit = Field::line("limit", visit.of("期間中の回数の上限", "At most how often"), "").optional();
    let limit = limit.hint(visit.of("空欄なら、回数の上限はありません。", "Empty: any number."));
    match need {
        Ask::Must => vec![from, to, reserve, limit],
        Ask::May | Ask::Never => vec![from.optional(), to.optional(), reserve, limit],
    }
}

fn of_standing(visit: &Visit) -> Vec<Field> {
    let triggers = Trigger::ALL
        .map(|it| (request_words::spelled(&it), request_words::trigger(visit.lang, it).to_owned()));
    vec![
        Field::one_of("trigger", visit.of("発動のきっかけ", "Set off by"), triggers),
        Field::line("longest", visit.of("1回の最大時間（分）", "Longest use, minutes"), ""),
        Field::line("uses", visit.of("使える回数", "Number of uses"), ""),
        Field::line("report_h", visit.of("事後報告の期限（時間）", "Report due after, hours"), ""),
    ]
}

/// One column as a field.
#[must_use]
pub fn of_column(visit: &Visit, column: &Column) -> Field {
    let (name, label) = (name_of(column), visit.of(column.ja, column.en));
    let field = match column.kind {
        Kind::Line => Field::line(&name, label, ""),
        Kind::Text => Field::new(&name, label, Input::Lines(String::new())),
        Kind::Count => Field::new(&name, label, Input::Digits("off")),
        Kind::Moment => Field::line(&name, label, "").hint(moment_hint(visit)),
        Kind::Choice(choices) => {
            let words =
                choices.iter().map(|(word, ja, en)| ((*word).to_owned(), visit.of(ja, en).to_owned()));
            if column.need == Ask::Must {
                Field::one_of(&name, label, words)
            } else {
                let none = (String::new(), "－".to_owned());
                Field::one_of(&name, label, std::iter::once(none).chain(words))
            }
        }
        Kind::People | Kind::Auto => Field::line(&name, label, "").hint(visit.of(
            "氏名は台帳の外に保管され、台帳には照合値だけが残ります。",
            "Names are kept outside the ledger, which holds a digest only.",
        )),
    };
    if column.need == Ask::Must { field } else { field.optional() }
}

/// What is attached: files that came before, and one more.
#[must_use]
pub fn of_file(visit: &Visit) -> Vec<Field> {
    let kept = attached(visit);
    let mut fields = Vec::new();
    if !kept.is_empty() {
        let choices = kept.iter().map(|file| Choice {
            value: file.digest.to_string(),
            label: format!("{}（{}）", file.name, request_words::bytes(file.bytes)),
            chosen: true,
        });
        let label = visit.of("添付済み（外すときは印を消す）", "Attached; untick to take it off");
        fields.push(Field::new("keep", label, Input::AnyOf(choices.collect())).optional());
    }
    fields.push(
        Field::line("file_name", visit.of("添付の名称", "Name of the attachment"), "")
            .optional()
            .hint(visit.of("例：停止手順書。添付するときだけ。", "Where something is attached.")),
    );
    fields.push(
        Field::new("file", visit.of("添付（32 MBまで）", "Attachment (up to 32 MB)"), Input::File)
            .optional()
            .hint(visit.of(
                "確認画面から戻ると、もう1件添付できます。",
                "Come back from the next page for another.",
            )),
    );
    fields
}

/// One hidden field per attachment that is on the shelf: `digest:bytes:name`.
pub const ATTACHED: &str = "attached";

/// What was attached before, as the form carries it. Only what is still wanted.
#[must_use]
pub fn attached(visit: &Visit) -> Vec<Attachment> {
    let read = |text: &str| {
        let (digest, rest) = text.split_once(':')?;
        let (bytes, name) = rest.split_once(':')?;
        Some(Attachment {
            name: name.to_owned(),
            digest: digest.to_owned().try_into().ok()?,
            bytes: bytes.parse().ok()?,
        })
    };
    visit.typed_all(ATTACHED).filter_map(read).take(20).collect()
}

/// As a hidden field.
#[must_use]
pub fn attached_field(file: &Attachment) -> (String, String) {
    (ATTACHED.to_owned(), format!("{}:{}:{}", file.digest, file.bytes, file.name))
}

/// Fields filled in with pairs that came from a draft or an earlier version.
#[must_use]
pub fn filled_with(fields: Vec<Field>, pairs: &[(String, String)]) -> Vec<Field> {
    fields.into_iter().map(|field| refilled(field, pairs)).collect()
}

/// A form that was filled in, as pairs of its page's fields. `people` tells the withheld texts.
#[must_use]
pub fn pairs_of(
    visit: &Visit,
    filled: &Filled,
    people: &dyn Fn(&FieldValue) -> String,
) -> Vec<(String, String)> {
    let scope = &filled.scope;
    let mut pairs = vec![("title".to_owned(), filled.title.clone())];
    pairs.extend(scope.systems.iter().map(|system| ("systems".to_owned(), system.to_string())));
    let hosts: Vec<&str> = scope.hosts.iter().map(yakujo_contract::id::HostId::as_str).collect();
    let things: Vec<String> = scope.things.iter().map(|thing| thing_line(visit, thing)).collect();
    let links: Vec<String> = {
        let court = visit.office.court();
        let requests = &court.evidence().requests;
        let number =
            |id| requests.get(id).and_then(|request| request.number.as_ref()).map(ToString::to_string);
        filled.links.iter().filter_map(number).collect()
    };
    let mut add = |name: &str, value: String| pairs.push((name.to_owned(), value));
    add("hosts", hosts.join(" "));
    add("environment", scope.environment.map(|it| request_words::spelled(&it)).unwrap_or_default());
    add("things", things.join("\n"));
    add("links", links.join(" "));
    if let Some(window) = filled.window {
        add("from", typed_moment(window.from));
        add("to", typed_moment(window.to));
        add("reserve", window.reserve_min.to_string());
    }
    add("limit", filled.limit.map(|limit| limit.to_string()).unwrap_or_default());
    if let Some(terms) = &filled.standing {
        add("trigger", request_words::spelled(&terms.trigger));
        add("longest", terms.longest_min.to_string());
        add("uses", terms.uses.to_string());
        add("report_h", terms.report_h.to_string());
    }
    add("about", filled.about.map(|number| number.to_string()).unwrap_or_default());
    for column in filled.form.row().fields {
        let Some(value) = filled.fields.get(column.key) else { continue };
        let text = match (value, column.kind) {
            (FieldValue::Clear(text), Kind::Moment) => {
                text.parse().map_or_else(|_| text.clone(), typed_moment)
            }
            (FieldValue::Clear(text), _) => text.clone(),
            (FieldValue::Withheld(_), _) => people(value),
        };
        add(&name_of(column), text);
    }
    pairs.extend(filled.attachments.iter().map(attached_field));
    pairs
}

/// `2026-12-10 22:00`
#[must_use]
pub fn typed_moment(instant: jiff::Timestamp) -> String {
    era::exact(instant).trim_end_matches(" JST").trim_end_matches(":00").to_owned()
}

/// A thing as one line of the form.
#[must_use]
pub fn thing_line(visit: &Visit, thing: &Thing) -> String {
    let (ja, _) = thing.object.name();
    let kind = visit.of(ja, thing.object.word());
    match &thing.digest {
        Some(digest) => format!("{kind} {} {digest}", thing.name),
        None => format!("{kind} {}", thing.name),
    }
}

/// The kind that a word at the beginning of a line means: the word of entries, the Japanese name, or its beginning.
#[must_use]
pub fn object_of(word: &str) -> Option<Object> {
    let exact = Object::ALL.into_iter().find(|object| object.word() == word || object.name().0 == word);
    // `ファイル` stands for `ファイル・設定`.
    let part = || Object::ALL.into_iter().find(|object| object.name().0.split('・').any(|part| part == word));
    exact.or_else(part).or_else(|| {
        let mut begins = Object::ALL.into_iter().filter(|object| object.name().0.starts_with(word));
        match (begins.next(), begins.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    })
}
