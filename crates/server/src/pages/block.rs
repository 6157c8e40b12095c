//! What pages are made of: typed pieces, each rendered by one template that escapes everything. A page cannot forget a
//! label, a token of a form, or the word beside a colour, because the pieces have no place to leave them out.

use super::era;
use super::words::{self, Lang};
use askama::Template;
use jiff::Timestamp;
use yakujo_contract::id::EntryNumber;
use yakujo_contract::standing::Standing;

/// One thing in a table or a list of fields.
#[derive(Debug, Clone, Template)]
#[template(path = "cell.html")]
pub enum Cell {
    /// Plain text.
    Text(String),
    /// Less important text.
    Small(String),
    /// A name of a program, a digest.
    Code(String),
    /// A number.
    Number(String),
    /// A short mark in a frame.
    Tag(String),
    /// A link.
    Link {
        /// Where to.
        href: String,
        /// Its words.
        text: String,
    },
    /// A verdict.
    Chip(Chip),
    /// A moment.
    Time {
        /// RFC 3339.
        iso: String,
        /// `2026-11-22 14:05:03 JST`
        shown: String,
        /// 和暦, shown on hover.
        wareki: String,
    },
    /// A button that posts at once.
    Act(Act),
    /// Several, one under the other.
    Many(Vec<Cell>),
}

/// A verdict as symbol, word and colour.
#[derive(Debug, Clone)]
pub struct Chip {
    /// Class of the style sheet.
    pub class: &'static str,
    /// ○×△－／
    pub sign: &'static str,
    /// The word.
    pub word: String,
    /// Where it leads; empty: nowhere.
    pub href: String,
}

/// A small form of one button.
#[derive(Debug, Clone)]
pub struct Act {
    /// Where it posts to.
    pub action: String,
    /// The session's token.
    pub csrf: String,
    /// Hidden fields.
    pub hidden: Vec<(String, String)>,
    /// The verb.
    pub label: String,
    /// Class of the button.
    pub class: &'static str,
}

impl Cell {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Whether a path, an address or a digest in it is so long that a column would become as wide as it.
    fn has_long_word(text: &str) -> bool {
        const LONGEST: usize = 16;
        text.split(|letter: char| !letter.is_ascii_graphic()).any(|word| word.len() > LONGEST)
    }

    /// A name of a program, a digest.
    pub fn code(text: impl Into<String>) -> Self {
        Self::Code(text.into())
    }

    /// A number.
    pub fn number(number: impl ToString) -> Self {
        Self::Number(number.to_string())
    }

    /// A link.
    pub fn link(href: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Link { href: href.into(), text: text.into() }
    }

    /// A verdict.
    #[must_use]
    pub fn standing(lang: Lang, standing: &Standing) -> Self {
        Self::Chip(Chip::of(lang, standing, String::new()))
    }

    /// A moment.
    #[must_use]
    pub fn time(lang: Lang, instant: Timestamp) -> Self {
        Self::Time {
            iso: instant.to_string(),
            shown: era::exact(instant),
            wareki: era::wareki(lang, instant),
        }
    }

    /// A moment that may be missing.
    #[must_use]
    pub fn maybe_time(lang: Lang, instant: Option<Timestamp>) -> Self {
        instant.map_or_else(|| Self::text("－"), |instant| Self::time(lang, instant))
    }

    /// What a spreadsheet shows.
    #[must_use]
    pub fn plain(&self) -> String {
        match self {
            Self::Text(text)
            | Self::Small(text)
            | Self::Code(text)
            | Self::Number(text)
            | Self::Tag(text) => text.clone(),
            Self::Link { text, .. } => text.clone(),
            Self::Chip(chip) => format!("{} {}", chip.sign, chip.word),
            Self::Time { shown, .. } => shown.clone(),
            Self::Act(_) => String::new(),
            Self::Many(cells) => {
                let texts: Vec<String> =
                    cells.iter().map(Self::plain).filter(|text| !text.is_empty()).collect();
                texts.join(" / ")
            }
        }
    }

    /// Numbers stand to the right.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Number(_) => "number",
            Self::Text(text) if text.chars().count() > 40 => "wide",
            _ => "",
        }
    }
}

impl Chip {
    /// The chip of a standing.
    #[must_use]
    pub fn of(lang: Lang, standing: &Standing, href: String) -> Self {
        let mut word = words::standing(lang, standing).to_owned();
        if let Standing::Exempt(until) = standing {
            word = format!("{word}（{}）", era::exact(*until));
        }
        Self { class: standing.word(), sign: words::sign(standing), word, href }
    }
}

/// One table. The first cell of a row is its heading.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// Headings.
    pub heads: Vec<String>,
    /// Rows of as many cells.
    pub rows: Vec<Vec<Cell>>,
    /// Said instead of an empty table.
    pub empty: String,
}

/// One field of a form.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name in the form, and its id.
    pub name: String,
    /// Label.
    pub label: String,
    /// Hint under the label; empty: none.
    pub hint: String,
    /// What is wrong with what was typed; empty: nothing.
    pub wrong: String,
    /// Must be filled in.
    pub must: Must,
    /// How it is filled in.
    pub input: Input,
}

/// Whether a field must be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Must {
    /// ※必須
    Yes,
    /// Optional.
    No,
}

/// How a field is filled in.
#[derive(Debug, Clone)]
pub enum Input {
    /// One line, with its value and its `autocomplete` word.
    Line(String, &'static str),
    /// A secret, with its `autocomplete` word.
    Secret(&'static str),
    /// Digits, with the `autocomplete` word.
    Digits(&'static str),
    /// Several lines.
    Lines(String),
    /// One of several: value, words, chosen.
    OneOf(Vec<Choice>),
    /// Any of several.
    AnyOf(Vec<Choice>),
    /// A file.
    File,
}

/// One of several.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Value.
    pub value: String,
    /// Words.
    pub label: String,
    /// Chosen already.
    pub chosen: bool,
}

impl Field {
    /// One line that must be filled in.
    pub fn line(name: &str, label: &str, value: &str) -> Self {
        Self::new(name, label, Input::Line(value.to_owned(), "off"))
    }

    /// One of several; the first is chosen.
    pub fn one_of(name: &str, label: &str, choices: impl IntoIterator<Item = (String, String)>) -> Self {
        let choices = choices.into_iter().map(|(value, label)| Choice { value, label, chosen: false });
        Self::new(name, label, Input::OneOf(choices.collect()))
    }

    /// Any of several.
    pub fn any_of(name: &str, label: &str, choices: impl IntoIterator<Item = (String, String)>) -> Self {
        let choices = choices.into_iter().map(|(value, label)| Choice { value, label, chosen: false });
        Self::new(name, label, Input::AnyOf(choices.collect())).optional()
    }

    /// A field that must be filled in.
    #[must_use]
    pub fn new(name: &str, label: &str, input: Input) -> Self {
        Self {
            name: name.to_owned(),
            label: label.to_owned(),
            hint: String::new(),
            wrong: String::new(),
            must: Must::Yes,
            input,
        }
    }

    /// May stay empty.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.must = Must::No;
        self
    }

    /// Filled in with these values.
    #[must_use]
    pub fn refill(mut self, values: &[&str]) -> Self {
        let first = values.first().copied().unwrap_or_default();
        match &mut self.input {
            Input::Line(value, _) | Input::Lines(value) => first.clone_into(value),
            Input::OneOf(choices) => {
                choices.iter_mut().for_each(|choice| choice.chosen = choice.value == first);
            }
            Input::AnyOf(choices) => {
                choices.iter_mut().for_each(|choice| choice.chosen = values.contains(&choice.value.as_str()));
            }
            Input::Secret(_) | Input::Digits(_) | Input::File => {}
        }
        self
    }

    /// With a hint.
    #[must_use]
    pub fn hint(mut self, hint: &str) -> Self {
        hint.clone_into(&mut self.hint);
        self
    }

    /// With what is wrong.
    #[must_use]
    pub fn wrong(mut self, wrong: &str) -> Self {
        wrong.clone_into(&mut self.wrong);
        self
    }
}

/// A form that changes something.
#[derive(Debug, Clone)]
pub struct Form {
    /// Where it posts to.
    pub action: String,
    /// The session's token; before sign-in the token of the browser.
    pub csrf: String,
    /// Hidden fields.
    pub hidden: Vec<(String, String)>,
    /// Fields.
    pub fields: Vec<Field>,
    /// The verb on the button.
    pub label: String,
    /// Class of the button.
    pub class: &'static str,
    /// It carries a file.
    pub upload: Upload,
    /// What the button says to the server (`go`); empty: nothing, there is no other way to go.
    pub go: &'static str,
    /// Further buttons of the same form.
    pub further: Vec<Further>,
}

/// A further button of a form: another thing to do with what was typed. It is taken even where fields are empty.
#[derive(Debug, Clone)]
pub struct Further {
    /// What it says to the server (`go`).
    pub go: &'static str,
    /// The verb.
    pub label: String,
    /// Class of the button.
    pub class: &'static str,
}

/// Whether a form carries a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upload {
    /// Plain fields.
    No,
    /// With a file.
    Yes,
}

/// Whether a form that can be opened is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// At once.
    Yes,
    /// When its heading is pressed.
    No,
}

/// How a note sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// For your knowledge.
    Plain,
    /// Done.
    Good,
    /// Mind this.
    Warn,
    /// Something is wrong.
    Bad,
}

impl Tone {
    /// Class of the style sheet.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// How many of something.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Number.
    pub number: String,
    /// Of what.
    pub of: String,
    /// Class of the style sheet.
    pub class: &'static str,
    /// Where to see them; empty: nowhere.
    pub href: String,
}

/// One duty of one system on the page of its clause.
#[derive(Debug, Clone)]
pub struct DutyCard {
    /// Anchor.
    pub id: String,
    /// Class of the standing.
    pub class: &'static str,
    /// Heading.
    pub title: String,
    /// Where the heading leads; empty: nowhere.
    pub href: String,
    /// Verdict.
    pub chip: Chip,
    /// Cause.
    pub says: String,
    /// Next action; empty: none.
    pub next: String,
    /// Since when, evidence class, parameters, entries.
    pub meta: Vec<Cell>,
}

/// What somebody said.
#[derive(Debug, Clone)]
pub struct Remark {
    /// Class of the style sheet.
    pub class: &'static str,
    /// Who.
    pub who: String,
    /// For whom, about what, when, where it is recorded.
    pub meta: Vec<Cell>,
    /// What.
    pub text: String,
}

/// One stretch of a trend.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// Class of the standing.
    pub class: &'static str,
    /// From, in thousandths of the width.
    pub x: u32,
    /// Width, in thousandths.
    pub width: u32,
}

/// A link in a row of links.
#[derive(Debug, Clone)]
pub struct Link {
    /// Where to.
    pub href: String,
    /// Words.
    pub text: String,
    /// This is where the reader is.
    pub here: bool,
}

impl Link {
    /// A link.
    pub fn new(href: impl Into<String>, text: impl Into<String>) -> Self {
        Self { href: href.into(), text: text.into(), here: false }
    }

    /// A link to where the reader may be.
    #[must_use]
    pub fn here_if(mut self, here: bool) -> Self {
        self.here = here;
        self
    }
}

/// The box above a list: filter and downloads.
#[derive(Debug, Clone)]
pub struct Finder {
    /// Path of the list.
    pub action: String,
    /// Name of the field.
    pub name: &'static str,
    /// Label of the field.
    pub label: String,
    /// Hint under the label; empty: none.
    pub hint: String,
    /// What is filtered for.
    pub find: String,
    /// Further fields kept as they are.
    pub hidden: Vec<(String, String)>,
    /// Downloads of the whole filtered list.
    pub downloads: Vec<Link>,
    /// Further filters, each one of several.
    pub selects: Vec<Field>,
}

/// A piece of a page.
#[derive(Debug, Clone)]
pub enum Block {
    /// A section begins.
    Heading(String),
    /// A part of a section begins.
    Sub(String),
    /// A paragraph.
    Text(String),
    /// Text to be copied or read by programs.
    Pre(String),
    /// Something to notice.
    Note(Tone, String, String),
    /// The contract speaks.
    Quote(String, String),
    /// Figures.
    Figures(Vec<Figure>),
    /// Names and values.
    Fields(Vec<(String, Cell)>),
    /// A table.
    Table(Table),
    /// Filter box and downloads.
    Finder(Finder),
    /// Where the list goes on; empty href: it does not.
    Pager(String, Vec<Link>),
    /// What is there for those who want it: heading, text read by programs. Closed at first.
    Fold(String, String),
    /// A form.
    Form(Form),
    /// A form that opens when its heading is pressed: an anchor, the heading, whether it is open.
    Opens(&'static str, String, Opened, Form),
    /// Links that look like buttons: href, words, class.
    Buttons(Vec<(String, String, &'static str)>),
    /// Small forms beside each other.
    Acts(Vec<Act>),
    /// Tabs.
    Tabs(Vec<Link>),
    /// A duty.
    Duty(DutyCard),
    /// What people said, under a heading.
    Comments(String, Vec<Remark>),
    /// Standing over time: description for those who do not see it, stretches.
    Trend(String, Vec<Stretch>),
    /// Steps of a course of action; the number of the current one, from 0.
    Steps(Vec<String>, usize),
    /// A QR code, as the path data of its dark modules in a square of this side, and its description.
    Qr(String, usize, String),
    /// Codes to be kept.
    Codes(Vec<String>),
    /// 決裁欄, on paper only: the headings of the seals.
    Seals(Vec<String>),
}

impl Block {
    /// A note.
    pub fn note(tone: Tone, head: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Note(tone, head.into(), text.into())
    }
}

/// Links to entries, as one cell.
#[must_use]
pub fn entries(base: &str, numbers: &[EntryNumber]) -> Cell {
    let link = |number: &EntryNumber| Cell::link(format!("{base}/ledger/{number}"), format!("#{number}"));
    Cell::Many(numbers.iter().map(link).collect())
}
