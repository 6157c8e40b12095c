//! Headings of columns and labels in text, in the three scripts that municipal systems write them in.

use crate::Rule;

/// What stands in a heading, upper case and without marks between words, and what the column then holds. The first that
/// is contained counts: longer ones stand before what is part of them.
const KNOWN: [(&str, Rule); 58] = [
    ("個人番号", Rule::IndividualNumber),
    ("マイナンバー", Rule::IndividualNumber),
    ("KOJINNO", Rule::IndividualNumber),
    ("KOJINBANGO", Rule::IndividualNumber),
    ("MYNUMBER", Rule::IndividualNumber),
    ("住民票コード", Rule::ResidentCode),
    ("JUMINHYO", Rule::ResidentCode),
    ("JUKICD", Rule::ResidentCode),
    ("基礎年金番号", Rule::PensionNumber),
    ("年金番号", Rule::PensionNumber),
    ("NENKINNO", Rule::PensionNumber),
    ("被保険者証", Rule::InsuranceNumber),
    ("保険者番号", Rule::InsuranceNumber),
    ("HOKENSHA", Rule::InsuranceNumber),
    ("口座名義", Rule::Name),
    ("口座番号", Rule::BankAccount),
    ("KOZANO", Rule::BankAccount),
    ("宛名番号", Rule::CityNumber),
    ("世帯番号", Rule::CityNumber),
    ("ATENANO", Rule::CityNumber),
    ("SETAINO", Rule::CityNumber),
    ("カード番号", Rule::CreditCard),
    ("CARDNO", Rule::CreditCard),
    ("CARDNUMBER", Rule::CreditCard),
    ("生年月日", Rule::BirthDate),
    ("SEINENGAPPI", Rule::BirthDate),
    ("BIRTHDATE", Rule::BirthDate),
    ("BIRTHDAY", Rule::BirthDate),
    ("DATEOFBIRTH", Rule::BirthDate),
    ("障害等級", Rule::Sensitive),
    ("障害者手帳", Rule::Sensitive),
    ("病名", Rule::Sensitive),
    ("傷病名", Rule::Sensitive),
    ("生活保護", Rule::Sensitive),
    ("犯罪歴", Rule::Sensitive),
    ("支援措置", Rule::Sensitive),
    ("メールアドレス", Rule::Mail),
    ("EMAIL", Rule::Mail),
    ("MAILADDRESS", Rule::Mail),
    ("電子メール", Rule::Mail),
    ("住所", Rule::Address),
    ("本籍", Rule::Address),
    ("JUSHO", Rule::Address),
    ("HONSEKI", Rule::Address),
    ("電話番号", Rule::Phone),
    ("携帯番号", Rule::Phone),
    ("電話", Rule::Phone),
    ("DENWA", Rule::Phone),
    ("PHONE", Rule::Phone),
    ("氏名", Rule::Name),
    ("名前", Rule::Name),
    ("フリガナ", Rule::Name),
    ("ふりがな", Rule::Name),
    ("カナ氏名", Rule::Name),
    ("SHIMEI", Rule::Name),
    ("FULLNAME", Rule::Name),
    ("FIRSTNAME", Rule::Name),
    ("LASTNAME", Rule::Name),
];

/// Headings that are too short to be looked for within others.
const WHOLE: [(&str, Rule); 4] =
    [("TEL", Rule::Phone), ("TELNO", Rule::Phone), ("DOB", Rule::BirthDate), ("姓", Rule::Name)];

/// A longer text is no heading.
const LONGEST: usize = 60;

/// What a column with this heading holds, and the known word that says so: of the heading itself nothing is kept, it may
/// be a value.
#[must_use]
pub fn known(heading: &str) -> Option<(&'static str, Rule)> {
    if heading.len() > LONGEST {
        return None;
    }
    let plain: String = heading.chars().filter(|letter| !"_- 　.・".contains(*letter)).collect();
    let plain = plain.to_uppercase();
    let whole = WHOLE.iter().find(|(known, _)| plain == *known);
    whole.or_else(|| KNOWN.iter().find(|(known, _)| plain.contains(known))).copied()
}

/// Values behind a label: `氏名：山田 太郎`, `電話=03-1234-5678`, until a comma, a tab or the end.
pub fn labelled(line: &str) -> impl Iterator<Item = (Rule, &str)> {
    line.split([',', '\t', '、', ';']).filter_map(|part| {
        let (label, value) = part.split_once([':', '：', '='])?;
        let label = label.trim().trim_matches(['"', '\'', '{', ' ']);
        Some((known(label)?.1, value.trim().trim_matches(['"', '\'', '}', ' '])))
    })
}
