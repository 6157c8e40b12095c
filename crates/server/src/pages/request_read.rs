//! Reading a form back: what was typed becomes what an entry holds, or a list of the fields that cannot be read, each
//! with what to do about it.

use super::request_fields::{attached, name_of, object_of};
use super::visit::{Refusal, Visit};
use super::{era, request_words};
use crate::shelf::Shelf;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use yakujo_contract::act::Withheld;
use yakujo_contract::id::{EntryNumber, RequestId};
use yakujo_contract::request::form::{Ask, Field as Column, Form, Kind, Part};
use yakujo_contract::request::{
    Attachment, FieldValue, Filled, LONGEST_FIELD, NotFilled, RequestNumber, Scope, StandingTerms, Window,
};
use yakujo_contract::thing::Thing;

/// A field that cannot be taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Its name on the page.
    pub field: String,
    /// What to do.
    pub text: String,
}

/// Reads the fields of a form; keeps on after a field that is wrong, so that all are named at once.
pub struct Reading<'a> {
    visit: &'a Visit,
    /// What is wrong.
    pub wrong: Vec<Wrong>,
}

impl<'a> Reading<'a> {
    /// Begins.
    #[must_use]
    pub fn of(visit: &'a Visit) -> Self {
        Self { visit, wrong: Vec::new() }
    }

    /// The language of the page.
    #[must_use]
    pub fn lang(&self) -> super::words::Lang {
        self.visit.lang
    }

    /// Notes that a field is wrong.
    pub fn refuse(&mut self, field: &str, ja: &str, en: &str) {
        self.wrong.push(Wrong { field: field.to_owned(), text: self.visit.of(ja, en).to_owned() });
    }

    /// A text, bounded.
    pub fn text(&mut self, field: &str, need: Ask) -> String {
        let text = self.visit.typed(field).replace("\r\n", "\n").replace('\r', "\n");
        if text.is_empty() && need == Ask::Must {
            self.refuse(field, "入力してください。", "Fill this in.");
        } else if text.chars().count() > LONGEST_FIELD {
            self.refuse(field, "1,500文字以内にしてください。", "At most 1,500 characters.");
        } else if text.chars().any(|c| c.is_control() && c != '\n') {
            self.refuse(
                field,
                "使えない文字（制御文字）が入っています。消してください。",
                "A control character is in it: remove it.",
            );
        }
        text
    }

    /// A whole number; none where the field is empty.
    pub fn number<T: std::str::FromStr>(&mut self, field: &str, need: Ask) -> Option<T> {
        let typed = era::half_width(self.visit.typed(field)).replace(',', "");
        if typed.trim().is_empty() {
            if need == Ask::Must {
                self.refuse(field, "数を入力してください。", "Fill in a number.");
            }
            return None;
        }
        let read = typed.trim().parse().ok();
        if read.is_none() {
            self.refuse(field, "数字で入力してください。例：30", "A whole number, for example 30.");
        }
        read
    }

    /// An instant; none where the field is empty.
    pub fn moment(&mut self, field: &str, need: Ask) -> Option<Timestamp> {
        let typed = self.visit.typed(field);
        if typed.is_empty() {
            if need == Ask::Must {
                self.refuse(field, "日時を入力してください。例：R8.12.10 22:00", "Fill in date and time.");
            }
            return None;
        }
        let read = era::read(typed);
        if read.is_none() {
            self.refuse(
                field,
                "日時を読み取れません。例：R8.12.10 22:00、2026-12-10 22:00",
                "This is no date and time: 2026-12-10 22:00",
            );
        }
        read
    }

    /// A word of a closed set.
    pub fn word<T: serde::de::DeserializeOwned>(&mut self, field: &str, need: Ask) -> Option<T> {
        let typed = self.visit.typed(field);
        if typed.is_empty() && need != Ask::Must {
            return None;
        }
        let read = request_words::read_word(typed);
        if read.is_none() {
            self.refuse(field, "一つ選んでください。", "Choose one.");
        }
        read
    }

    /// From, to, reserve.
    pub fn window(&mut self, prefix: &str, need: Ask) -> Option<Window> {
        let name = |part: &str| format!("{prefix}{part}");
        let (from, to) = (self.moment(&name("from"), need), self.moment(&name("to"), need));
        let reserve_min = self.number(&name("reserve"), Ask::May).unwrap_or(0);
        match (from, to) {
            (Some(from), Some(to)) if from < to => Some(Window { from, to, reserve_min }),
            (Some(_), Some(_)) => {
                let (ja, en) = ("終了は、開始より後にしてください。", "The end comes after the beginning.");
                self.refuse(&name("to"), ja, en);
                None
            }
            (None, Some(_)) if self.visit.typed(&name("from")).is_empty() => {
                self.refuse(&name("from"), "開始も入力してください。", "Fill in the beginning, too.");
                None
            }
            (Some(_), None) if self.visit.typed(&name("to")).is_empty() => {
                self.refuse(&name("to"), "終了も入力してください。", "Fill in the end, too.");
                None
            }
            (Some(_) | None, _) => None,
        }
    }

    /// Systems, hosts, environment, things.
    pub fn scope(&mut self, prefix: &str, things: Ask) -> Scope {
        let name = |part: &str| format!("{prefix}{part}");
        let systems_field = name("systems");
        let systems: BTreeSet<_> =
            self.visit.typed_all(&systems_field).filter_map(|id| id.parse().ok()).collect();
        if systems.is_empty() {
            self.refuse(&systems_field, "一つ以上選んでください。", "Choose at least one.");
        }
        let things =
            if things == Ask::Never { BTreeSet::new() } else { self.things(&name("things"), things) };
        let environment = self.word(&name("environment"), Ask::May);
        Scope { systems, hosts: self.hosts(&name("hosts")), environment, things }
    }

    /// Hosts, separated by spaces.
    pub fn hosts(&mut self, field: &str) -> BTreeSet<yakujo_contract::id::HostId> {
        let typed = era::half_width(self.visit.typed(field));
        let words =
            typed.split(|c: char| c.is_whitespace() || ",、，".contains(c)).filter(|word| !word.is_empty());
        let read: Result<BTreeSet<_>, _> = words.map(str::parse).collect();
        let read = read.unwrap_or_else(|_| {
            self.refuse(field, "ホストのIDを読み取れません。例：web-1 web-2", "These are no ids of hosts.");
            BTreeSet::new()
        });
        let unplaced = {
            let court = self.visit.office.court();
            let placed = |host| court.places().values().any(|hosts| hosts.contains_key(host));
            read.iter().find(|host| !placed(host)).cloned()
        };
        if let Some(host) = unplaced {
            let text = match self.visit.lang {
                super::words::Lang::Ja => format!("「{host}」というホストはありません。"),
                super::words::Lang::En => format!("There is no host {host}."),
            };
            self.wrong.push(Wrong { field: field.to_owned(), text });
        }
        read
    }

    /// Things, one a line.
    pub fn things(&mut self, field: &str, need: Ask) -> BTreeSet<Thing> {
        let typed = self.text(field, need);
        let mut things = BTreeSet::new();
        for line in typed.lines().filter(|line| !line.trim().is_empty()) {
            match thing(line) {
                Some(thing) => {
                    things.insert(thing);
                }
                None => {
                    let shown: String = line.chars().take(60).collect();
                    let text = match self.visit.lang {
                        super::words::Lang::Ja => format!(
                            "「{shown}」を読み取れません。種類と名前を空白で区切ってください。例：ファイル /etc/nginx/nginx.conf"
                        ),
                        super::words::Lang::En => {
                            format!("“{shown}” cannot be read: file /etc/nginx/nginx.conf")
                        }
                    };
                    self.wrong.push(Wrong { field: field.to_owned(), text });
                    break;
                }
            }
        }
        things
    }

    fn links(&mut self) -> BTreeSet<RequestId> {
        let typed = era::half_width(self.visit.typed("links")).to_uppercase();
        let words =
            typed.split(|c: char| c.is_whitespace() || ",、，".contains(c)).filter(|word| !word.is_empty());
        let mut links = BTreeSet::new();
        let court = self.visit.office.court();
        let mut missing = None;
        for word in words.take(50) {
            let number = RequestNumber::try_from(word.to_owned()).ok();
            match number.and_then(|number| court.evidence().requests.by_number(&number).cloned()) {
                Some(id) => {
                    links.insert(id);
                }
                None => missing = Some(word.chars().take(40).collect::<String>()),
            }
        }
        drop(court);
        if let Some(word) = missing {
            let text = match self.visit.lang {
                super::words::Lang::Ja => format!("「{word}」という番号はありません。例：R8-変更-0003"),
                super::words::Lang::En => format!("There is no {word}."),
            };
            self.wrong.push(Wrong { field: "links".to_owned(), text });
        }
        links
    }

    fn standing(&mut self) -> Option<StandingTerms> {
        let trigger = self.word("trigger", Ask::Must);
        let longest_min = self.number("longest", Ask::Must);
        let uses = self.number("uses", Ask::Must);
        let report_h = self.number("report_h", Ask::Must);
        Some(StandingTerms { trigger: trigger?, longest_min: longest_min?, uses: uses?, report_h: report_h? })
    }

    /// The form's own columns of one part. Texts about people come apart: they are kept outside the ledger.
    pub fn columns(
        &mut self,
        form: Form,
        part: Part,
    ) -> (BTreeMap<String, FieldValue>, Vec<(String, String)>) {
        let (mut fields, mut people) = (BTreeMap::new(), Vec::new());
        let own = form.row().fields.iter().filter(|column| column.part == part && column.kind != Kind::Auto);
        for column in own {
            let Some(text) = self.column(column) else { continue };
            if column.kind == Kind::People {
                people.push((column.key.to_owned(), text));
            } else {
                fields.insert(column.key.to_owned(), FieldValue::Clear(text));
            }
        }
        (fields, people)
    }

    fn column(&mut self, column: &Column) -> Option<String> {
        let name = name_of(column);
        match column.kind {
            Kind::Count => self.number::<u64>(&name, column.need).map(|number| number.to_string()),
            Kind::Moment => self.moment(&name, column.need).map(|instant| instant.to_string()),
            Kind::Choice(choices) => {
                let typed = self.visit.typed(&name);
                let known = choices.iter().any(|(word, _, _)| *word == typed);
                if !known && (column.need == Ask::Must || !typed.is_empty()) {
                    self.refuse(&name, "一つ選んでください。", "Choose one.");
                }
                known.then(|| typed.to_owned())
            }
            Kind::Line | Kind::Text | Kind::People | Kind::Auto => {
                Some(self.text(&name, column.need)).filter(|text| !text.is_empty())
            }
        }
    }

    /// The whole form.
    pub fn filled(&mut self, form: Form, attachments: Vec<Attachment>) -> Read {
        let row = form.row();
        let title = self.text("title", Ask::Must);
        let scope = self.scope("", row.things);
        let window = if row.window == Ask::Never { None } else { self.window("", row.window) };
        let limit = if row.window == Ask::Never { None } else { self.number("limit", Ask::May) };
        let standing = if form == Form::F26 { self.standing() } else { None };
        let (fields, people) = self.columns(form, Part::Ask);
        let about = self.number::<u64>("about", Ask::May).map(EntryNumber);
        if about.is_some_and(|number| number.0 >= self.visit.office.size()) {
            self.refuse("about", "その番号の記録はありません。", "There is no such entry.");
        }
        let links = self.links();
        let filled =
            Filled { form, title, scope, window, limit, standing, fields, attachments, links, about };
        if self.wrong.is_empty()
            && let Err(why) = filled.check()
        {
            let text = request_words::not_filled(self.visit.lang, &why);
            self.wrong.push(Wrong { field: field_of(&why), text });
        }
        Read { filled, people }
    }
}

/// A form that was read: what goes into the ledger, and texts that do not.
pub struct Read {
    /// Without the columns about people.
    pub filled: Filled,
    /// Key and text of those columns.
    pub people: Vec<(String, String)>,
}

fn field_of(why: &NotFilled) -> String {
    match why {
        NotFilled::Missing(key) | NotFilled::Choice(key) => format!("x-{key}"),
        NotFilled::Unknown(key) => format!("x-{key}"),
        NotFilled::Scope => "systems".to_owned(),
        NotFilled::Digest => "things".to_owned(),
        NotFilled::Window => "to".to_owned(),
        NotFilled::Standing => "longest".to_owned(),
        NotFilled::Text => "title".to_owned(),
    }
}

/// `ファイル /etc/nginx/nginx.conf [SHA-256]`
fn thing(line: &str) -> Option<Thing> {
    let line = line.replace('\u{3000}', " ");
    let (kind, rest) = line.trim().split_once(char::is_whitespace)?;
    let rest = rest.trim();
    let (name, digest) = match rest.rsplit_once(char::is_whitespace) {
        Some((name, last)) => match last.to_ascii_lowercase().try_into() {
            Ok(digest) => (name.trim(), Some(digest)),
            Err(_) => (rest, None),
        },
        None => (rest, None),
    };
    (!name.is_empty()).then_some(())?;
    Some(Thing { object: object_of(kind)?, name: name.to_owned(), digest })
}

/// The attachments of a form: those that came before and are still wanted, and the file that came now, put on the shelf.
///
/// # Errors
/// When the shelf fails.
pub async fn attachments(visit: &Visit) -> Result<Vec<Attachment>, Refusal> {
    let wanted: BTreeSet<&str> = visit.typed_all("keep").collect();
    let mut kept = attached(visit);
    // The page of confirmation carries them without boxes to tick.
    if visit.form.iter().any(|(name, _)| name == "file_name") {
        kept.retain(|file| wanted.contains(file.digest.as_str()));
    }
    let bytes = visit.file.as_ref().map(|file| file.bytes.clone()).filter(|bytes| !bytes.is_empty());
    let Some(bytes) = bytes else { return Ok(kept) };
    let name: String = visit.typed("file_name").chars().filter(|c| !c.is_control()).take(100).collect();
    let name = if name.is_empty() { visit.of("添付", "Attachment").to_owned() } else { name };
    let length = u64::try_from(bytes.len())?;
    let shelf = Shelf::of(visit.office.folder());
    let digest = tokio::task::spawn_blocking(move || shelf.keep(&bytes)).await??;
    kept.push(Attachment { name, digest, bytes: length });
    Ok(kept)
}

/// Keeps texts about people outside the ledger, and puts their digests into the fields.
///
/// # Errors
/// When the database fails.
pub async fn withhold(
    visit: &Visit,
    fields: &mut BTreeMap<String, FieldValue>,
    people: &[(String, String)],
) -> Result<Vec<Withheld>, Refusal> {
    let mut kept = Vec::new();
    for (key, text) in people {
        let withheld = visit.office.people.keep(text).await?;
        kept.push(withheld.clone());
        fields.insert(key.clone(), FieldValue::Withheld(withheld));
    }
    Ok(kept)
}

/// What was kept for an act that was refused then is erased again.
///
/// # Errors
/// When the database fails.
pub async fn forget(visit: &Visit, kept: &[Withheld]) -> Result<(), Refusal> {
    for withheld in kept {
        visit.office.people.erase(&withheld.digest).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use yakujo_contract::thing::Object;

    #[test]
    fn a_thing_is_written_as_kind_and_name() {
        let read = |line| thing(line).map(|thing| (thing.object, thing.name, thing.digest.is_some()));
        assert_eq!(read("ファイル /etc/a b"), Some((Object::File, "/etc/a b".to_owned(), false)));
        assert_eq!(read("file　/etc/nginx/*"), Some((Object::File, "/etc/nginx/*".to_owned(), false)));
        let digest = "0a".repeat(32);
        let line = format!("リリース portal {digest}");
        assert_eq!(read(&line), Some((Object::Release, "portal".to_owned(), true)));
        for bad in ["", "ファイル", "何か x", "/etc/nginx"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_kind_of_thing_can_be_written_by_its_own_names() {
        for object in Object::ALL {
            assert_eq!(object_of(object.word()), Some(object));
            assert_eq!(object_of(object.name().0), Some(object));
        }
    }
}
