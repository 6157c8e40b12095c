//! What a single value looks like.

use crate::Rule;

/// The prefectures, as addresses begin with them.
const PREFECTURES: [&str; 47] = [
    "北海道",
    "青森県",
    "岩手県",
    "宮城県",
    "秋田県",
    "山形県",
    "福島県",
    "茨城県",
    "栃木県",
    "群馬県",
    "埼玉県",
    "千葉県",
    "東京都",
    "神奈川県",
    "新潟県",
    "富山県",
    "石川県",
    "福井県",
    "山梨県",
    "長野県",
    "岐阜県",
    "静岡県",
    "愛知県",
    "三重県",
    "滋賀県",
    "京都府",
    "大阪府",
    "兵庫県",
    "奈良県",
    "和歌山県",
    "鳥取県",
    "島根県",
    "岡山県",
    "広島県",
    "山口県",
    "徳島県",
    "香川県",
    "愛媛県",
    "高知県",
    "福岡県",
    "佐賀県",
    "長崎県",
    "熊本県",
    "大分県",
    "宮崎県",
    "鹿児島県",
    "沖縄県",
];

/// Domains that reach nobody (RFC 2606, RFC 6761).
const NOBODYS: [&str; 6] = [".example", ".test", ".invalid", ".localhost", "example.com", "example.jp"];

/// The digits of a value that is a number, written with or without `-` and spaces, in half or full width.
#[must_use]
pub fn digits(value: &str) -> Option<Vec<u32>> {
    let marks = |letter: &char| !"-‐－ 　()（）+".contains(*letter);
    let digit = |letter: char| match letter {
        '０'..='９' => Some(u32::from(letter).wrapping_sub(u32::from('０'))),
        _ => letter.to_digit(10),
    };
    if value.len() > 100 {
        return None;
    }
    let found: Option<Vec<u32>> = value.trim().chars().filter(marks).map(digit).collect();
    found.filter(|digits| !digits.is_empty())
}

/// Twelve digits whose last is the check digit of an Individual Number (総務省令第85号 第5条): with P the n-th digit from
/// the right of the first eleven and Q = n+1 up to the sixth, n-5 from the seventh, r = ΣPQ mod 11; 0 where r ≤ 1, else 11-r.
#[must_use]
pub fn is_individual_number(digits: &[u32]) -> bool {
    let Some((check, first)) = digits.split_last().filter(|(_, first)| first.len() == 11) else {
        return false;
    };
    let weights = [2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6];
    let sum: u32 = first.iter().rev().zip(weights).map(|(digit, weight)| digit.wrapping_mul(weight)).sum();
    let rest = sum % 11;
    let expected = if rest <= 1 { 0 } else { 11_u32.wrapping_sub(rest) };
    *check == expected
}

/// `YYYYMMDDhhmm` of the years 1990 to 2039: an instant, and no number of a person.
#[must_use]
pub fn is_instant(digits: &[u32]) -> bool {
    let number = |from: usize, to: usize| {
        let part = digits.get(from..to).into_iter().flatten();
        part.fold(0_u32, |sum, digit| sum.wrapping_mul(10).wrapping_add(*digit))
    };
    digits.len() == 12
        && (1990..=2039).contains(&number(0, 4))
        && (1..=12).contains(&number(4, 6))
        && (1..=31).contains(&number(6, 8))
        && number(8, 10) < 24
        && number(10, 12) < 60
}

/// A card number: 13 to 19 digits, the prefix of a brand, and the check digit of Luhn (ISO/IEC 7812-1).
#[must_use]
pub fn is_card(digits: &[u32]) -> bool {
    let prefix = digits.iter().take(2).fold(0_u32, |sum, digit| sum.wrapping_mul(10).wrapping_add(*digit));
    let known = prefix / 10 == 4 || matches!(prefix, 22..=27 | 30 | 34..=39 | 51..=55);
    let luhn = |(place, digit): (usize, &u32)| match (place % 2, digit.wrapping_mul(2)) {
        (0, _) => *digit,
        (_, double) if double > 9 => double.wrapping_sub(9),
        (_, double) => double,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(luhn).sum();
    (13..=19).contains(&digits.len()) && known && sum.is_multiple_of(10)
}

/// Ten or eleven digits that begin with 0 (総務省 電気通信番号計画).
#[must_use]
pub fn is_phone(value: &str) -> bool {
    let is_written = value.contains('-') || value.contains('－') || value.len() >= 10;
    digits(value).is_some_and(|digits| {
        is_written
            && matches!(digits.len(), 10 | 11)
            && digits.first() == Some(&0)
            && digits.get(1) != Some(&0)
    })
}

/// An address of electronic mail that reaches somebody.
#[must_use]
pub fn is_mail(value: &str) -> bool {
    let Some((own, domain)) = value.trim().split_once('@') else { return false };
    let plain = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._%+-".contains(c))
    };
    let domain = domain.to_ascii_lowercase();
    let nobodys = NOBODYS.iter().any(|ending| domain.ends_with(ending));
    plain(own) && plain(&domain) && domain.contains('.') && !nobodys
}

/// A place that begins with a prefecture and has a number in it.
#[must_use]
pub fn is_address(value: &str) -> bool {
    let rest = PREFECTURES.iter().find_map(|prefecture| value.trim().strip_prefix(prefecture));
    let number = |letter: char| letter.is_numeric() || "一二三四五六七八九十".contains(letter);
    rest.is_some_and(|rest| rest.chars().any(number))
}

/// Two to eight letters of a Japanese name, in one or two parts; or a name in Latin letters where a heading says so.
#[must_use]
pub fn is_name(value: &str) -> bool {
    let value = value.trim();
    let letters = value.chars().filter(|letter| !letter.is_whitespace()).count();
    (2..=12).contains(&letters) && value.chars().all(|letter| is_japanese(letter) || letter.is_whitespace())
}

/// Family name and given name, with a space between: names by their shape alone.
#[must_use]
pub fn is_name_in_two(value: &str) -> bool {
    let parts: Vec<&str> = value.split_whitespace().collect();
    let [family, given] = parts[..] else { return false };
    let short = |part: &str| (1..=4).contains(&part.chars().count()) && part.chars().all(is_japanese);
    short(family) && short(given)
}

fn is_japanese(letter: char) -> bool {
    matches!(letter, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '々' | '\u{ff66}'..='\u{ff9f}')
}

/// Whether a value is what a column with such a heading would hold.
#[must_use]
pub fn fits(rule: Rule, value: &str) -> bool {
    let of_length = |lengths: std::ops::RangeInclusive<usize>| {
        digits(value).is_some_and(|digits| lengths.contains(&digits.len()))
    };
    match rule {
        Rule::IndividualNumber => digits(value).is_some_and(|digits| is_individual_number(&digits)),
        Rule::ResidentCode => of_length(11..=11),
        Rule::PensionNumber => of_length(10..=10),
        Rule::InsuranceNumber => of_length(6..=12),
        Rule::BankAccount => of_length(6..=8),
        Rule::CityNumber => of_length(5..=15),
        Rule::CreditCard => digits(value).is_some_and(|digits| is_card(&digits)),
        Rule::Name => {
            is_name(value) || (value.contains(' ') && value.chars().all(|c| c.is_alphabetic() || c == ' '))
        }
        Rule::Address => value.trim().chars().count() >= 4,
        Rule::Phone => is_phone(value),
        Rule::Mail => is_mail(value),
        Rule::BirthDate => value.chars().filter(|letter| letter.is_numeric()).count() >= 3,
        Rule::Sensitive => !value.trim().is_empty(),
    }
}
