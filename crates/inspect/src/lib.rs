//! Finds what looks like personal data in the test data of a system (12.1.c, 12.1.d). Pure: text in, counts out. What was
//! found is told by column and rule, never by content.
//!
//! One value proves little: one number in ten passes the check digit of an Individual Number by chance. So columns decide,
//! by their heading and by what most of their values look like. A name is told by its heading or its shape; there is no
//! dictionary of names, so a column of names without a heading and without spaces is not found.

pub mod columns;
pub mod headings;
pub mod values;

use columns::Column;
use std::collections::BTreeSet;

/// Name and version of the rules, for facts.
pub const INSPECTOR: &str = "yakujo-inspect 1";

/// What a column or a text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// 個人番号: twelve digits with the check digit of 総務省令第85号 第5条.
    IndividualNumber,
    /// 住民票コード
    ResidentCode,
    /// 基礎年金番号
    PensionNumber,
    /// 被保険者・保険者番号
    InsuranceNumber,
    /// 口座番号
    BankAccount,
    /// 宛名番号・世帯番号
    CityNumber,
    /// クレジットカード番号: Luhn, with the prefix of a brand.
    CreditCard,
    /// 氏名
    Name,
    /// 住所
    Address,
    /// 電話番号
    Phone,
    /// 電子メール
    Mail,
    /// 生年月日
    BirthDate,
    /// 要配慮個人情報 (by its heading)
    Sensitive,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::IndividualNumber,
        Self::ResidentCode,
        Self::PensionNumber,
        Self::InsuranceNumber,
        Self::BankAccount,
        Self::CityNumber,
        Self::CreditCard,
        Self::Name,
        Self::Address,
        Self::Phone,
        Self::Mail,
        Self::BirthDate,
        Self::Sensitive,
    ];

    /// The word in facts.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::IndividualNumber => "individual_number",
            Self::ResidentCode => "resident_code",
            Self::PensionNumber => "pension_number",
            Self::InsuranceNumber => "insurance_number",
            Self::BankAccount => "bank_account",
            Self::CityNumber => "city_number",
            Self::CreditCard => "credit_card",
            Self::Name => "name",
            Self::Address => "address",
            Self::Phone => "phone",
            Self::Mail => "mail",
            Self::BirthDate => "birth_date",
            Self::Sensitive => "sensitive",
        }
    }
}

/// What was found in one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspected {
    /// Rows of tables and lines of text.
    pub rows: u64,
    /// Columns of tables; a text counts as one.
    pub columns: u32,
    /// `column:rule`: the known word of its heading, else the number of the column (`#3`); `text` for lines.
    pub personal: BTreeSet<String>,
    /// Rows in a form that is not read: `INSERT` statements.
    pub unread: u64,
}

/// Inspects a file by its name and text: comma or tab separated values, a dump of `PostgreSQL` (`COPY … FROM stdin`), or
/// else lines of text. Reads it once; the text may be anything.
#[must_use]
pub fn inspect(name: &str, text: &str) -> Inspected {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    match ending.as_str() {
        "csv" => table(text, b','),
        "tsv" | "tab" => table(text, b'\t'),
        "sql" | "dump" => dump(text),
        _ => lines(text.lines()),
    }
}

fn table(text: &str, delimiter: u8) -> Inspected {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let mut columns = Columns::default();
    // `text` is UTF-8, and rows may have any length: what csv still refuses is no row.
    for row in reader.records().flatten() {
        columns.row(row.iter());
    }
    columns.inspected()
}

/// The columns of one table.
#[derive(Default)]
struct Columns {
    rows: u64,
    columns: Vec<Column>,
}

impl Columns {
    fn headed<'a>(headings: impl Iterator<Item = &'a str>) -> Self {
        Self { rows: 0, columns: headings.map(Column::headed).collect() }
    }

    fn row<'a>(&mut self, cells: impl Iterator<Item = &'a str>) {
        let is_first = self.columns.is_empty();
        self.rows = self.rows.saturating_add(1);
        for (place, cell) in cells.enumerate().take(columns::MOST) {
            if self.columns.len() == place {
                self.columns.push(if is_first { Column::headed(cell) } else { Column::default() });
            }
            if let Some(column) = self.columns.get_mut(place) {
                // What is no heading that is known may be a value.
                if !is_first || column.known_heading().is_none() {
                    column.value(cell);
                }
            }
        }
    }

    fn inspected(self) -> Inspected {
        let found = self.columns.iter().zip(1..).flat_map(|(column, number): (&Column, usize)| {
            let name = column.known_heading().map_or_else(|| format!("#{number}"), str::to_owned);
            column.rules().into_iter().map(move |rule| format!("{name}:{}", rule.word()))
        });
        let columns = u32::try_from(self.columns.len()).unwrap_or(u32::MAX);
        Inspected { rows: self.rows, columns, personal: found.collect(), unread: 0 }
    }
}

impl Inspected {
    /// Adds what another file holds.
    pub fn add(&mut self, other: Self) {
        self.rows = self.rows.saturating_add(other.rows);
        self.columns = self.columns.saturating_add(other.columns);
        self.personal.extend(other.personal);
        self.unread = self.unread.saturating_add(other.unread);
    }
}

/// The tables of a dump, and everything else in it as text.
fn dump(text: &str) -> Inspected {
    let mut whole = Inspected::default();
    let mut rest = Vec::new();
    let mut open: Option<Columns> = None;
    for line in text.lines() {
        match &mut open {
            Some(columns) if line != "\\." => columns.row(line.split('\t')),
            Some(_) => whole.add(open.take().map(Columns::inspected).unwrap_or_default()),
            None => match copied(line) {
                Some(headings) => open = Some(Columns::headed(headings)),
                None => rest.push(line),
            },
        }
    }
    whole.add(open.map(Columns::inspected).unwrap_or_default());
    whole.add(lines(rest.into_iter()));
    whole
}

/// The columns of `COPY table (a, b) FROM stdin;`.
fn copied(line: &str) -> Option<impl Iterator<Item = &str>> {
    let (columns, _) = line.strip_prefix("COPY ")?.split_once('(')?.1.split_once(") FROM stdin")?;
    Some(columns.split(',').map(|name| name.trim().trim_matches('"')))
}

/// Lines of text: `氏名：…` and the like, and numbers with a check digit.
fn lines<'a>(lines: impl Iterator<Item = &'a str>) -> Inspected {
    let mut text = Inspected { columns: 1, ..Inspected::default() };
    let mut numbers = Column::default();
    for line in lines {
        text.rows = text.rows.saturating_add(1);
        text.unread = text.unread.saturating_add(u64::from(line.trim_start().starts_with("INSERT ")));
        let labelled = headings::labelled(line).filter(|(rule, value)| values::fits(*rule, value));
        text.personal.extend(labelled.map(|(rule, _)| format!("text:{}", rule.word())));
        for digits in line.split(|letter: char| !letter.is_numeric()).filter(|part| !part.is_empty()) {
            numbers.value(digits);
        }
    }
    let by_digits = numbers.rules().into_iter().filter(|rule| *rule == Rule::IndividualNumber);
    text.personal.extend(by_digits.map(|rule| format!("text:{}", rule.word())));
    text
}
