//! A check-sheet of the city as rows: which columns ask and which answer, which rows are questions, and which duties the
//! words of a question name. Functions from texts to plain values; a person corrects what they propose.

use super::press::Leaf;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use yakujo_contract::duty::DutyId;

/// Rows in which headings are looked for.
const HEAD_ROWS: usize = 40;
/// Questions of one sheet.
pub const MOST_QUESTIONS: usize = 300;

/// Which sheet and which of its columns are used; rows and columns from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// The name on the tab.
    pub tab: String,
    /// The row of the headings.
    pub head: u32,
    /// What is asked.
    pub question: u32,
    /// Where ○ and × go.
    pub answer: u32,
    /// Where the evidence goes.
    pub evidence: u32,
    /// Where the day goes.
    pub day: u32,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Its row, from 0.
    pub row: u32,
    /// The heading it stands under; may be empty.
    pub section: String,
    /// Its words.
    pub text: String,
}

impl Question {
    /// By what it is known again next year: its words without blanks and marks, wherever it stands.
    #[must_use]
    pub fn key(&self) -> String {
        let plain = |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).collect() };
        format!("{}/{}", plain(&self.section), plain(&self.text))
    }
}

const QUESTIONS: [&str; 9] =
    ["確認事項", "確認項目", "点検項目", "チェック項目", "点検内容", "確認内容", "要求事項", "質問", "項目"];
const ANSWERS: [&str; 9] =
    ["回答", "判定", "適否", "実施状況", "対応状況", "遵守状況", "点検結果", "結果", "評価"];
const PROOFS: [&str; 7] = ["根拠", "証跡", "証拠", "エビデンス", "具体的", "説明", "備考"];
const DAYS: [&str; 5] = ["確認日", "回答日", "点検日", "時点", "日付"];

/// Finds the row of headings by their words.
#[must_use]
pub fn layout(leaves: &[Leaf]) -> Option<Layout> {
    leaves.iter().find_map(of_leaf)
}

fn of_leaf(leaf: &Leaf) -> Option<Layout> {
    leaf.rows.iter().take(HEAD_ROWS).enumerate().find_map(|(at, row)| {
        let taken = |words: &[&str], not: &[usize]| {
            words.iter().find_map(|word| {
                let is_it = |(column, text): &(usize, &String)| {
                    // A title of the sheet is no heading of a column.
                    !not.contains(column) && text.chars().count() <= 24 && text.contains(word)
                };
                row.iter().enumerate().find(is_it).map(|(column, _)| column)
            })
        };
        let answer = taken(&ANSWERS, &[])?;
        let question = taken(&QUESTIONS, &[answer])?;
        let end = row.iter().rposition(|text| !text.is_empty()).unwrap_or(answer).saturating_add(1);
        let evidence = taken(&PROOFS, &[answer, question]).unwrap_or(end);
        let free = if evidence == end { end.saturating_add(1) } else { end };
        let day = taken(&DAYS, &[answer, question, evidence]).unwrap_or(free);
        let number = |index: usize| u32::try_from(index).ok();
        Some(Layout {
            tab: leaf.name.clone(),
            head: number(at)?,
            question: number(question)?,
            answer: number(answer)?,
            evidence: number(evidence)?,
            day: number(day)?,
        })
    })
}

fn cell(row: &[String], column: u32) -> &str {
    usize::try_from(column).ok().and_then(|column| row.get(column)).map_or("", |text| text.trim())
}

/// The questions of a sheet. A row with a single text in it is the heading of those below it.
#[must_use]
pub fn questions(leaf: &Leaf, layout: &Layout) -> Vec<Question> {
    let below = usize::try_from(layout.head).unwrap_or_default().saturating_add(1);
    let mut section = String::new();
    let mut found = Vec::new();
    for (at, row) in leaf.rows.iter().enumerate().skip(below) {
        let text = cell(row, layout.question);
        let mut filled = row.iter().filter(|text| !text.trim().is_empty());
        let (first, second) = (filled.next(), filled.next());
        match (first, second) {
            (Some(only), None) if is_heading(only, text, row) => only.trim().clone_into(&mut section),
            _ if text.is_empty() => {}
            _ => found.push(Question {
                row: u32::try_from(at).unwrap_or(u32::MAX),
                section: section.clone(),
                text: text.to_owned(),
            }),
        }
    }
    found
}

/// A single text is a heading, unless it stands where questions stand and reads like one.
fn is_heading(only: &str, question: &str, row: &[String]) -> bool {
    let first_column = row.first().is_some_and(|text| !text.trim().is_empty());
    question.is_empty() || first_column || !(only.trim().ends_with('。') || only.trim().ends_with('か'))
}

/// Words of a question and the duty they name. All words of a row have to stand in the question or its heading.
const WORDS: &[(&[&str], &str)] = &[
    (&["手順", "文書化"], "1.a"),
    (&["手順書", "作成"], "1.a"),
    (&["手順書", "整備"], "1.a"),
    (&["手順", "最新"], "1.b"),
    (&["手順", "見直"], "1.b"),
    (&["手順", "利用可能"], "1.c"),
    (&["手順", "閲覧"], "1.c"),
    (&["手順", "周知"], "1.c"),
    (&["定義ファイル"], "2.1.a"),
    (&["パターンファイル"], "2.1.a"),
    (&["ウイルス対策ソフト"], "2.1.a"),
    (&["不正プログラム対策"], "2.1.a"),
    (&["不正プログラム", "検出"], "2.1.b"),
    (&["ウイルス", "検出"], "2.1.b"),
    (&["隔離"], "2.1.c"),
    (&["駆除"], "2.1.c"),
    (&["不正プログラム", "報告"], "2.1.d"),
    (&["ウイルス", "報告"], "2.1.d"),
    (&["ネットワークから", "遮断"], "2.1.e"),
    (&["感染", "切り離"], "2.1.e"),
    (&["改ざん"], "2.1.f"),
    (&["不正な攻撃"], "2.2.a"),
    (&["不正侵入", "検知"], "2.2.a"),
    (&["問題となりうるソフトウェア"], "3.1.a"),
    (&["許可", "ソフトウェア"], "3.1.a"),
    (&["脆弱性", "情報収集"], "3.2.a"),
    (&["脆弱性", "収集"], "3.2.a"),
    (&["脆弱性", "提示"], "3.2.b"),
    (&["修正プログラム", "適用"], "3.2.c"),
    (&["脆弱性", "実施"], "3.2.c"),
    (&["パッチ", "適用"], "3.2.c"),
    (&["障害", "未然"], "3.3.a"),
    (&["障害", "早期"], "3.3.b"),
    (&["障害", "拡大防止"], "3.3.c"),
    (&["障害", "復旧"], "3.3.c"),
    (&["セキュリティを考慮した実装"], "3.4.a"),
    (&["セキュアコーディング"], "3.4.a"),
    (&["脆弱性一覧"], "3.4.b"),
    (&["脆弱性診断"], "3.4.b"),
    (&["サポート", "終了"], "3.5.a"),
    (&["サポート期限"], "3.5.a"),
    (&["公開領域"], "4.1.a"),
    (&["セグメント"], "4.1.b"),
    (&["データベース", "分離"], "4.1.b"),
    (&["セッション"], "4.2.a"),
    (&["タイムアウト"], "4.2.a"),
    (&["使用中断"], "4.2.a"),
    (&["認証方法"], "4.3.a"),
    (&["認証", "装置"], "4.4.a"),
    (&["識別装置"], "4.4.a"),
    (&["暗号化", "通信"], "4.5.a"),
    (&["VPN"], "4.5.a"),
    (&["https"], "4.5.a"),
    (&["不要な通信"], "4.5.b"),
    (&["ファイアウォール", "遮断"], "4.5.b"),
    (&["ログオン"], "5.a"),
    (&["ログイン", "記録"], "5.a"),
    (&["操作ログ"], "5.a"),
    (&["アクセスログ"], "5.b"),
    (&["アクセス", "ログを記録"], "5.b"),
    (&["ログ", "提供"], "5.c"),
    (&["ログ", "点検"], "5.c"),
    (&["時刻"], "6.a"),
    (&["停止", "了承"], "7.a"),
    (&["停止", "承認"], "7.a"),
    (&["運用制限"], "7.a"),
    (&["変更", "協議"], "8.a"),
    (&["変更履歴"], "8.b"),
    (&["限界値"], "9.a"),
    (&["容量", "開示"], "9.a"),
    (&["利用率"], "9.b"),
    (&["定期的", "バックアップ"], "10.a"),
    (&["バックアップ", "取得"], "10.a"),
    (&["バックアップ", "保護"], "10.b"),
    (&["バックアップ", "暗号"], "10.b"),
    (&["バックアップ手順"], "10.c"),
    (&["アクセス制御", "確認できる"], "11.b"),
    (&["アクセス制御"], "11.a"),
    (&["アカウント", "棚卸"], "11.b"),
    (&["アクセス権"], "11.a"),
    (&["テスト環境", "分離"], "12.1.a"),
    (&["テスト", "検証結果"], "12.1.b"),
    (&["テスト結果", "報告"], "12.1.b"),
    (&["テストデータ"], "12.1.c"),
    (&["実在データ"], "12.1.d"),
    (&["実データ"], "12.1.d"),
    (&["利用環境", "変更"], "12.2.a"),
    (&["入退域"], "13.a"),
    (&["入退室", "記"], "13.a"),
    (&["名簿"], "13.b"),
    (&["カメラ"], "14.a"),
];

/// The duty whose words stand in the question, where exactly the best fitting ones agree; the longest words win, and
/// words of the question itself count before those of its heading.
#[must_use]
pub fn proposed(question: &Question, in_force: &BTreeSet<DutyId>) -> Option<DutyId> {
    let whole = format!("{}\n{}", question.section, question.text);
    best(&question.text, in_force).or_else(|| best(&whole, in_force))
}

fn best(text: &str, in_force: &BTreeSet<DutyId>) -> Option<DutyId> {
    let text = text.to_lowercase();
    let fits = WORDS.iter().filter(|(words, _)| words.iter().all(|word| text.contains(&word.to_lowercase())));
    let mut best: Option<(usize, DutyId)> = None;
    let mut tied = false;
    for (words, duty) in fits {
        let Some(duty) = DutyId::parse(duty).ok().filter(|duty| in_force.contains(duty)) else { continue };
        let weight = words.iter().map(|word| word.chars().count()).sum();
        match best {
            Some((most, known)) if weight == most && known != duty => tied = true,
            Some((most, _)) if weight <= most => {}
            _ => (best, tied) = (Some((weight, duty)), false),
        }
    }
    // Two duties that fit equally well: a person says which.
    best.filter(|_| !tied).map(|(_, duty)| duty)
}

/// The letters of a column: 0 is `A`.
#[must_use]
pub fn letters(column: u32) -> String {
    let mut left = column.saturating_add(1);
    let mut text = String::new();
    while left > 0 {
        let digit = left.saturating_sub(1).checked_rem(26).unwrap_or_default();
        text.insert(0, char::from_u32(u32::from('A').saturating_add(digit)).unwrap_or('A'));
        left = left.saturating_sub(1).checked_div(26).unwrap_or_default();
    }
    text
}

/// The column of these letters; none: no column that is read.
#[must_use]
pub fn column(text: &str) -> Option<u32> {
    let mut number = 0_u32;
    for letter in text.trim().chars() {
        let digit = u32::from(letter.to_ascii_uppercase()).checked_sub(u32::from('A'))?;
        number = number.checked_mul(26)?.checked_add(digit)?.checked_add(1)?;
        if digit >= 26 || number > 100 {
            return None;
        }
    }
    number.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(rows: &[&[&str]]) -> Leaf {
        let rows = rows.iter().map(|row| row.iter().map(|text| (*text).to_owned()).collect()).collect();
        Leaf { name: "点検表".to_owned(), rows }
    }

    fn all() -> BTreeSet<DutyId> {
        yakujo_contract::duty::DutyId::all().collect()
    }

    #[test]
    fn headings_questions_and_sections_are_told_apart() {
        let sheet = leaf(&[
            &["委託先情報セキュリティ確認項目及び回答（令和8年度　情報政策課が定める様式）"],
            &["No.", "確認事項", "回答", "根拠資料"],
            &["1 時刻"],
            &["1-1", "時刻を正確な時刻源と同期しているか。"],
            &["", "", "", ""],
            &["2 停止"],
            &["2-1", "停止の前に市の了承を得ているか。", "○"],
        ]);
        let layout = layout(std::slice::from_ref(&sheet)).unwrap();
        assert_eq!(
            (layout.head, layout.question, layout.answer, layout.evidence, layout.day),
            (1, 1, 2, 3, 4)
        );
        let found = questions(&sheet, &layout);
        let rows: Vec<(u32, &str)> = found.iter().map(|it| (it.row, it.section.as_str())).collect();
        assert_eq!(rows, [(3, "1 時刻"), (6, "2 停止")]);
    }

    #[test]
    fn words_name_a_duty_and_nothing_is_guessed_where_two_fit_alike() {
        let ask = |section: &str, text: &str| {
            let (section, text) = (section.to_owned(), text.to_owned());
            proposed(&Question { row: 0, section, text }, &all()).map(|duty| duty.to_string())
        };
        assert_eq!(ask("", "機器の時刻は合っているか。").as_deref(), Some("6.a"));
        assert_eq!(ask("", "システムの停止は事前に市の了承を得ているか。").as_deref(), Some("7.a"));
        assert_eq!(ask("入退室", "記録を残しているか。").as_deref(), Some("13.a"));
        assert_eq!(ask("", "従業員に研修を実施しているか。"), None);
        assert_eq!(ask("", "隔離し駆除しているか。").as_deref(), Some("2.1.c"));
        assert_eq!(ask("", "隔離するか。改ざんはないか。").as_deref(), Some("2.1.f"), "the longer word");
        assert_eq!(ask("", "時刻とVPNの回線").as_deref(), Some("4.5.a"), "the longer word");
        assert_eq!(ask("", "時刻と隔離"), None, "both fit alike");
    }

    #[test]
    fn every_duty_of_the_words_exists_and_every_clause_has_words() {
        let known: BTreeSet<String> = all().iter().map(ToString::to_string).collect();
        let named: BTreeSet<String> = WORDS.iter().map(|(_, duty)| (*duty).to_owned()).collect();
        assert!(named.is_subset(&known));
        assert_eq!(known.difference(&named).count(), 0, "{:?}", known.difference(&named).collect::<Vec<_>>());
    }

    #[test]
    fn columns_have_letters() {
        for (number, text) in [(0, "A"), (25, "Z"), (26, "AA"), (99, "CV")] {
            assert_eq!((letters(number).as_str(), column(text)), (text, Some(number)));
        }
        assert_eq!((column("CW"), column("1"), column("あ"), column("")), (None, None, None, None));
    }
}
