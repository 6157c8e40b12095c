//! F-27: the city's own check-sheet comes in, people say which duty answers which row, and the same workbook goes out
//! with the answers in it and nothing else changed. LibreOffice reads it before and after.

use super::browser::Browser;
use super::site::Site;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use yakujo_contract::act::Role;
use yakujo_contract::standing::Standing;
use yakujo_server::checksheets::{Checksheet, Checksheets, Pick};

/// Headings of a city's sheet and the questions under them; 60 in all, with what nobody can answer from evidence.
const SECTIONS: [(&str, &[&str]); 6] = [
    (
        "1　操作手順",
        &[
            "操作手順は文書化しているか。",
            "手順は最新の状態を維持しているか。",
            "手順書を必要な者が閲覧できるか。",
        ],
    ),
    (
        "2　不正プログラム対策",
        &[
            "定義ファイルは最新か。",
            "不正プログラムを検出する措置があるか。",
            "検知時に自動的に隔離し駆除するか。",
            "改ざん時は相談の上、復元するか。",
        ],
    ),
    (
        "3　時刻・停止・変更",
        &[
            "機器の時刻を同期しているか。",
            "停止の際は事前に市の了承を得ているか。",
            "変更履歴を市に明示しているか。",
        ],
    ),
    (
        "4　ログ・バックアップ",
        &["ログオン・ログオフを記録しているか。", "定期的にバックアップを取得しているか。"],
    ),
    ("5　入退域", &["入退域管理簿に記入しているか。", "作業従事者の名簿を提出しているか。"]),
    ("6　その他", &["情報セキュリティ研修を実施しているか。", "就業規則に懲戒の定めがあるか。"]),
];

/// As cities make them: a merged title, merged headings of sections, borders, a Japanese font, a drop-down list, a
/// formula, a second tab.
fn city_sheet() -> Vec<u8> {
    use rust_xlsxwriter::{DataValidation, Format, FormatBorder, Formula, Workbook};
    let mut file = Workbook::new();
    let line = Format::new().set_border(FormatBorder::Thin).set_font_name("ＭＳ 明朝").set_text_wrap();
    let page = file.add_worksheet();
    page.set_name("点検表（受託者）").unwrap();
    page.merge_range(0, 0, 0, 5, "令和8年度　委託先情報セキュリティチェックシート", &line).unwrap();
    for (column, head) in (0_u16..).zip(["項番", "確認事項", "回答", "根拠・エビデンス", "確認日", "点数"])
    {
        page.write_string_with_format(2, column, head, &line).unwrap();
    }
    let (mut row, mut asked) = (3_u32, 0);
    while asked < 60 {
        for (section, questions) in SECTIONS {
            let head =
                if asked < 16 { section.to_owned() } else { format!("{section}（{}）", asked / 16 + 1) };
            page.merge_range(row, 0, row, 5, &head, &line).unwrap();
            row += 1;
            for question in questions.iter().take(60 - asked) {
                asked += 1;
                page.write_number_with_format(row, 0, f64::from(u32::try_from(asked).unwrap()), &line)
                    .unwrap();
                page.write_string_with_format(row, 1, *question, &line).unwrap();
                (2..5).for_each(|column| {
                    page.write_blank(row, column, &line).unwrap();
                });
                let formula = Formula::new(format!("=IF(C{}=\"適\",1,0)", row + 1));
                page.write_formula_with_format(row, 5, formula, &line).unwrap();
                row += 1;
            }
            if asked == 60 {
                break;
            }
        }
    }
    let list = DataValidation::new().allow_list_strings(&["適", "否", "未確認", "例外", "対象外"]).unwrap();
    page.add_data_validation(3, 2, row, 2, &list).unwrap();
    let second = file.add_worksheet().set_name("記入要領").unwrap();
    second.write_string(0, 0, "「適」「否」などを選んでください。髙橋").unwrap();
    file.save_to_buffer().unwrap()
}

/// What LibreOffice makes of a workbook.
fn office(folder: &Path, bytes: &[u8], format: &str, ending: &str) -> Vec<u8> {
    let inside = tempfile::tempdir_in(folder).unwrap();
    std::fs::write(inside.path().join("in.xlsx"), bytes).unwrap();
    let out = inside.path().join("out");
    let profile = format!("-env:UserInstallation=file://{}/profile", folder.display());
    let run = Command::new("soffice")
        .args([profile.as_str(), "--headless", "--norestore", "--convert-to", format, "--outdir"])
        .args([&out, &inside.path().join("in.xlsx")])
        .output()
        .unwrap_or_else(|error| panic!("soffice (Debian: libreoffice-calc-nogui): {error}"));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let mut made = std::fs::read_dir(&out).unwrap().map(|file| file.unwrap().path());
    let made = made.find(|path| path.extension().is_some_and(|found| found == ending));
    std::fs::read(made.unwrap()).unwrap()
}

fn table(folder: &Path, bytes: &[u8]) -> Vec<Vec<String>> {
    let filter = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,1";
    let csv = office(folder, bytes, filter, "csv");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(csv.as_slice());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn kept(site: &Site, location: &str) -> Checksheet {
    let digest = location.rsplit('/').next().unwrap().to_owned().try_into().unwrap();
    Checksheets::of(site.office("main").folder()).get(&digest).unwrap().unwrap()
}

const WORDS: [(&str, &str); 5] = [
    ("kept", "適"),
    ("broken", "否"),
    ("unknown", "未確認"),
    ("exempt", "例外"),
    ("not_applicable", "対象外"),
];

/// What the form of the page would send if nothing was changed in it.
fn proposed(sheet: &Checksheet) -> Vec<(String, String)> {
    let spelled = |pick: &Pick| match pick {
        Pick::Duty(duty) => duty.to_string(),
        Pick::Clause(key) => key.clone(),
        Pick::Leave => "leave".to_owned(),
    };
    sheet.picks.iter().map(|(row, pick)| (format!("row-{row}"), spelled(pick))).collect()
}

async fn settle(browser: &mut Browser, path: &str, rows: &[(String, String)]) {
    browser.get(path).await;
    let mut fields = WORDS.to_vec();
    fields.extend(rows.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let reply = browser.post(path, &fields).await;
    assert_eq!(reply.status, 303, "{}", reply.body);
}

/// The word that the board stands for.
fn expected(site: &Site, duty: &str) -> &'static str {
    let office = site.office("main");
    let rulings: Vec<_> = office.court().rulings().filter(|one| one.duty.to_string() == duty).collect();
    let worst = rulings.iter().map(|ruling| match &ruling.verdict.standing {
        Standing::Kept if ruling.verdict.evidence.is_empty() => Standing::Unknown,
        other => other.clone(),
    });
    let worst = worst.max_by_key(Standing::severity).unwrap_or(Standing::Unknown);
    WORDS.into_iter().find(|(word, _)| *word == worst.word()).unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn the_citys_sheet_of_60_rows_comes_back_filled_and_nothing_else_of_it_changed() {
    let site = Site::start().await;
    let mut browser = site.sign_in(&site.person("main", Role::CityStaff).await).await;
    browser.get("/c/main/checksheets").await;
    let folder = tempfile::tempdir().unwrap();
    let excel = city_sheet();
    let libre = office(folder.path(), &excel, "xlsx:Calc MS Excel 2007 XML", "xlsx");
    assert_ne!(excel, libre);
    for (name, given) in [("excel", &excel), ("libre", &libre)] {
        let reply = browser.upload("/c/main/checksheets", &[("title", name)], given).await;
        assert_eq!(reply.status, 303, "{}", reply.body);
        let path = reply.header("location").to_owned();
        let sheet = kept(&site, &path);
        assert_eq!(sheet.questions.len(), 60, "{name}");
        assert!(sheet.picks.len() >= 45, "{name}: {} of 60 have a proposal", sheet.picks.len());
        let early = browser.send("GET", &format!("{path}/file"), &[], "").await;
        assert_eq!(early.status, 422, "{name}: nobody has settled it");
        settle(&mut browser, &path, &proposed(&sheet)).await;
        let (reply, filled) = browser.save(&format!("{path}/file")).await;
        assert_eq!(reply.status, 200, "{name}");
        let (before, after) = (table(folder.path(), given), table(folder.path(), &filled));
        assert_eq!(before.len(), after.len());
        let mut words = BTreeSet::new();
        for (row, (old, new)) in before.iter().zip(&after).enumerate() {
            assert_eq!(old[..2], new[..2], "{name} row {row}");
            let asked = sheet.questions.iter().find(|question| question.row as usize == row);
            let Some(asked) = asked else {
                assert_eq!(old, new, "{name} row {row} is no question");
                continue;
            };
            match sheet.picks.get(&asked.row) {
                Some(Pick::Duty(duty)) => {
                    assert_eq!(new[2], expected(&site, &duty.to_string()), "{}", asked.text);
                    assert!(new[3].contains(&duty.to_string()), "{}", new[3]);
                    assert!(new[2] != "適" || new[3].contains("台帳 #"), "{}", new[3]);
                }
                _ => assert_eq!(
                    (new[2].as_str(), new[3].as_str()),
                    ("未確認", "対応する義務が選ばれていません。")
                ),
            }
            assert!(new[4].starts_with("令和"), "{}", new[4]);
            assert_eq!(new[5], if new[2] == "適" { "1" } else { "0" }, "the formula of the city counts");
            words.insert(new[2].clone());
        }
        assert!(words.contains("未確認"), "{words:?}");
        assert_eq!(others(given), others(&filled), "{name}: other parts of the file");
    }
}

/// Everything in the file but the sheets and the order to calculate anew.
fn others(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut parts = zip::ZipArchive::new(std::io::Cursor::new(file)).unwrap();
    let mut all = Vec::new();
    for index in 0..parts.len() {
        let mut part = parts.by_index(index).unwrap();
        let name = part.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut part, &mut bytes).unwrap();
        if !name.ends_with("sheet1.xml") && !name.ends_with("workbook.xml") {
            all.push((name, bytes));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_settled_is_proposed_for_the_same_words_next_year() {
    let site = Site::start().await;
    let mut browser = site.sign_in(&site.person("main", Role::CityStaff).await).await;
    browser.get("/c/main/checksheets").await;
    let reply = browser.upload("/c/main/checksheets", &[("title", "令和8年度")], &city_sheet()).await;
    let path = reply.header("location").to_owned();
    let sheet = kept(&site, &path);
    let training = sheet.questions.iter().find(|question| question.text.contains("研修")).unwrap().row;
    assert!(!sheet.picks.contains_key(&training));
    let mut rows = proposed(&sheet);
    rows.push((format!("row-{training}"), "c13_entry".to_owned()));
    settle(&mut browser, &path, &rows).await;
    // Next year's file is another one of the same layout.
    let folder = tempfile::tempdir().unwrap();
    let next = office(folder.path(), &city_sheet(), "xlsx:Calc MS Excel 2007 XML", "xlsx");
    let reply = browser.upload("/c/main/checksheets", &[("title", "令和9年度")], &next).await;
    let again = kept(&site, reply.header("location"));
    assert_eq!(again.settled, None, "a person still says that it is right");
    assert_eq!((&again.picks, &again.marks), (&kept(&site, &path).picks, &kept(&site, &path).marks));
    assert_eq!(again.picks.get(&training), Some(&Pick::Clause("c13_entry".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_check_sheet_is_refused_with_words_and_circles_stay_unmistakable() {
    let site = Site::start().await;
    let mut browser = site.sign_in(&site.person("main", Role::CityStaff).await).await;
    browser.get("/c/main/checksheets").await;
    let large = vec![b'P'; 9 * 1024 * 1024];
    for (file, words) in [
        (b"<html>".as_slice(), "Excelのブック（.xlsx）として読めません"),
        (b"".as_slice(), "ファイルを選んでください"),
        (large.as_slice(), "8 MB以内"),
    ] {
        let reply = browser.upload("/c/main/checksheets", &[("title", "x")], file).await;
        assert_eq!(reply.status, 422);
        assert!(reply.body.contains(words), "{words}: {}", reply.body);
    }
    let reply = browser.upload("/c/main/checksheets", &[("title", "x")], &city_sheet()).await;
    let path = reply.header("location").to_owned();
    browser.get(&path).await;
    let mut same = WORDS.to_vec();
    same[2] = ("unknown", "適");
    let reply = browser.post(&path, &same).await;
    assert_eq!(reply.status, 422);
    assert!(reply.body.contains("ほかの判定に使えません"), "{}", reply.body);
    assert_eq!(kept(&site, &path).settled, None);
    let moved = [
        ("tab", "点検表（受託者）"),
        ("head", "3"),
        ("question", "Ｂ"),
        ("answer", "C"),
        ("evidence", "H"),
        ("day", "I"),
    ];
    let reply = browser.post(&format!("{path}/columns"), &moved).await;
    assert_eq!(reply.status, 303, "{}", reply.body);
    let sheet = kept(&site, &path);
    assert_eq!((sheet.layout.evidence, sheet.layout.day, sheet.questions.len()), (7, 8, 60));
    let reply = browser.post(&format!("{path}/columns"), &[("tab", "x"), ("head", "3")]).await;
    assert_eq!(reply.status, 422);
}
