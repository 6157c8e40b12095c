//! Workbooks as a real reader sees them (LibreOffice), and the city's workbook filled in.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::process::Command;
use yakujo_paper::{Answer, Book, BookCell, BookSheet, fill_book, read_book, write_book};

/// What a spreadsheet could take for something else than text.
const ODD: [&str; 10] = [
    "=1+1",
    "+81-3-1234-5678",
    "-2+3",
    "@SUM(A1)",
    "1-2",
    "0123456789012345678",
    "=HYPERLINK(\"http://example.com\";\"x\")",
    "髙橋　一郎 𠮷",
    "a\"b,c\nd",
    "<b>&amp;</b>",
];

fn text(words: &str) -> BookCell {
    BookCell::Text(words.to_owned())
}

fn book() -> Book {
    Book {
        title: "変更履歴".to_owned(),
        author: "約定".to_owned(),
        made: "2026-11-22T05:05:03Z".to_owned(),
        sheets: vec![
            BookSheet {
                name: "変更/履歴".to_owned(),
                notes: Vec::new(),
                heads: vec!["番号".to_owned(), "内容".to_owned()],
                rows: (1_i64..)
                    .zip(ODD)
                    .map(|(number, odd)| vec![BookCell::Number(number), text(odd)])
                    .collect(),
            },
            BookSheet {
                name: "変更・履歴".to_owned(),
                notes: vec!["0件".to_owned()],
                heads: vec!["a".to_owned()],
                rows: Vec::new(),
            },
        ],
    }
}

/// Opens the file in LibreOffice and saves it in another format.
fn office(folder: &Path, name: &str, format: &str) {
    let profile = format!("-env:UserInstallation=file://{}/profile", folder.display());
    let output = Command::new("soffice")
        .args([profile.as_str(), "--headless", "--norestore", "--convert-to", format, "--outdir"])
        .args([folder, &folder.join(name)])
        .output()
        .unwrap_or_else(|error| panic!("soffice (Debian: libreoffice-calc-nogui): {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_same_book_gives_the_same_bytes() {
    assert_eq!(write_book(&book()).unwrap(), write_book(&book()).unwrap());
}

#[test]
fn what_is_written_is_read_again() {
    let read = read_book(&write_book(&book()).unwrap()).unwrap();
    let names: Vec<&str> = read.sheets.iter().map(|sheet| sheet.name.as_str()).collect();
    assert_eq!(names, ["変更・履歴", "変更・履歴 2"]);
    let column: Vec<String> =
        read.sheets.iter().flat_map(|sheet| &sheet.rows).filter_map(|row| row.get(1).cloned()).collect();
    assert_eq!(column.get(1..).unwrap(), ODD);
}

#[test]
fn libreoffice_shows_the_cells_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("book.xlsx"), write_book(&book()).unwrap()).unwrap();
    office(
        folder.path(),
        "book.xlsx",
        "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,1",
    );
    let csv = std::fs::read_dir(folder.path())
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ending| ending == "csv"))
        .unwrap();
    let csv = std::fs::read_to_string(csv).unwrap();
    for odd in ODD {
        let quoted = odd.replace('"', "\"\"");
        assert!(csv.contains(&quoted), "{odd} is not in {csv}");
    }
}

/// A check-sheet as a city keeps one: styles, merged title, a drop-down list, a formula, a second sheet.
fn check_sheet() -> Vec<u8> {
    use rust_xlsxwriter::{DataValidation, Format, FormatBorder, Formula, Workbook};
    let mut file = Workbook::new();
    let line = Format::new().set_border(FormatBorder::Thin).set_background_color(0x00FF_F2CC);
    let page = file.add_worksheet();
    page.set_name("チェック＆回答").unwrap();
    page.merge_range(0, 0, 0, 4, "委託先セキュリティチェックシート", &line).unwrap();
    for (column, head) in (0_u16..).zip(["No.", "確認項目", "回答", "備考", "点数"]) {
        page.write_string_with_format(2, column, head, &line).unwrap();
    }
    for row in 3_u32..8 {
        page.write_number_with_format(row, 0, f64::from(row) - 2.0, &line).unwrap();
        page.write_string_with_format(row, 1, format!("質問{row} <時刻> & 同期"), &line).unwrap();
        page.write_blank(row, 2, &line).unwrap();
        page.write_formula_with_format(row, 4, Formula::new(format!("=IF(C{}=\"○\",1,0)", row + 1)), &line)
            .unwrap();
    }
    page.add_data_validation(3, 2, 7, 2, &DataValidation::new().allow_list_strings(&["○", "×"]).unwrap())
        .unwrap();
    file.add_worksheet().set_name("記入要領").unwrap().write_string(0, 0, "記入してください").unwrap();
    file.save_to_buffer().unwrap()
}

fn parts(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(file)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut part = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            part.read_to_end(&mut bytes).unwrap();
            (part.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

fn answer(row: u32, column: u32, text: &str) -> Answer {
    Answer { row, column, text: text.to_owned() }
}

#[test]
fn answers_stand_in_the_citys_own_workbook_and_nothing_else_of_it_changes() {
    let given = check_sheet();
    let answers = [
        answer(3, 2, "○"),
        answer(4, 2, "=1+1"),
        answer(4, 3, "#12 <未確認> & \"理由\"\n二行目"),
        answer(4, 6, "2026-10-31"),
        answer(4, 5, "別の列"),
    ];
    let filled = fill_book(&given, "チェック＆回答", &answers).unwrap();
    assert_eq!(filled, fill_book(&given, "チェック＆回答", &answers).unwrap(), "the same bytes");
    let (before, after) = (read_book(&given).unwrap(), read_book(&filled).unwrap());
    let cell = |row: usize, column: usize| after.sheets[0].rows[row].get(column).cloned().unwrap_or_default();
    assert_eq!(cell(3, 2), "○");
    assert_eq!(cell(4, 2), "=1+1");
    assert_eq!(cell(4, 3), "#12 <未確認> & \"理由\"\n二行目");
    assert_eq!((cell(4, 5), cell(4, 6)), ("別の列".to_owned(), "2026-10-31".to_owned()));
    assert_eq!(before.sheets[1], after.sheets[1]);
    for (row, cells) in before.sheets[0].rows.iter().enumerate() {
        for (column, text) in
            cells.iter().enumerate().filter(|(column, _)| ![2, 3, 4].contains(column) || row < 3)
        {
            assert_eq!(*text, cell(row, column), "row {row} column {column}");
        }
    }
    let changed: Vec<String> = parts(&given)
        .into_iter()
        .zip(parts(&filled))
        .filter(|(old, new)| old != new)
        .map(|(old, _)| old.0)
        .collect();
    assert_eq!(changed, ["xl/worksheets/sheet1.xml"]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("filled.xlsx"), &filled).unwrap();
    if let Ok(look) = std::env::var("PAPER_LOOK") {
        std::fs::write(format!("{look}/filled.xlsx"), &filled).unwrap();
        std::fs::write(format!("{look}/book.xlsx"), write_book(&book()).unwrap()).unwrap();
    }
    office(
        folder.path(),
        "filled.xlsx",
        "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,1",
    );
    let csv = std::fs::read_dir(folder.path()).unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    let csv = csv.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "csv")).unwrap();
    let csv = std::fs::read_to_string(csv).unwrap();
    assert!(csv.contains("1,質問3 <時刻> & 同期,○,,1"), "the formula of the city counts the answer: {csv}");
}

#[test]
fn no_answer_takes_the_place_of_a_formula_or_of_a_row_that_is_not_there() {
    let given = check_sheet();
    for (sheet, wrong) in [
        ("チェック＆回答", answer(3, 4, "1")),
        ("チェック＆回答", answer(900, 2, "○")),
        ("ありません", answer(3, 2, "○")),
    ] {
        assert!(fill_book(&given, sheet, &[wrong]).is_err());
    }
}

/// An archive with one part of so many zeros.
fn bomb(zeros: u64) -> Vec<u8> {
    let mut written = zip::ZipWriter::new(Cursor::new(Vec::new()));
    written.start_file("xl/workbook.xml", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::copy(&mut std::io::repeat(0).take(zeros), &mut written).unwrap();
    written.finish().unwrap().into_inner()
}

#[test]
fn a_bomb_is_refused_before_any_reader_sees_it() {
    let small = bomb(101 * 1024 * 1024);
    assert!(small.len() < 1024 * 1024);
    let error = read_book(&small).unwrap_err().to_string();
    assert!(error.contains("unpacked"), "{error}");
    assert!(fill_book(&small, "x", &[]).unwrap_err().to_string().contains("unpacked"));
    let mut large = vec![b'P', b'K'];
    large.resize(11 * 1024 * 1024, 0);
    assert!(read_book(&large).unwrap_err().to_string().contains("bytes of the file"));
}

/// A workbook whose only sheet has this text.
fn with_sheet(xml: &str) -> Vec<u8> {
    let mut written = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts(&check_sheet()) {
        written.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        let bytes = if name == "xl/worksheets/sheet1.xml" { xml.as_bytes().to_vec() } else { bytes };
        written.write_all(&bytes).unwrap();
    }
    written.finish().unwrap().into_inner()
}

#[test]
fn one_cell_at_the_far_end_does_not_cost_the_memory_of_all_before_it() {
    let xml = r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row></sheetData></worksheet>"#;
    assert!(read_book(&with_sheet(xml)).unwrap_err().to_string().contains("rows of a sheet"));
    let wide = xml.replace("1048576", "1");
    assert!(read_book(&with_sheet(&wide)).unwrap_err().to_string().contains("columns of a sheet"));
}

#[test]
fn rows_and_cells_without_names_and_with_a_prefix_are_filled_too() {
    let xml = r#"<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><x:sheetData><x:row><x:c t="inlineStr"><x:is><x:t>a</x:t></x:is></x:c></x:row><x:row r="5"/><x:row><x:c s="1"/></x:row></x:sheetData></x:worksheet>"#;
    let file = with_sheet(xml);
    let filled = fill_book(&file, "チェック＆回答", &[answer(0, 1, "b"), answer(5, 0, "c")]).unwrap();
    let text = parts(&filled).into_iter().find(|(name, _)| name == "xl/worksheets/sheet1.xml").unwrap().1;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains(r#"</x:c><x:c r="B1" t="inlineStr"><x:is>"#), "{text}");
    assert!(text.contains(r#"<x:c r="A6" s="1" t="inlineStr">"#), "{text}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]
    #[test]
    fn whatever_somebody_uploads_is_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400), at in 0_usize..6000, put in proptest::num::u8::ANY) {
        let _refused = read_book(&bytes);
        let mut damaged = check_sheet();
        if let Some(byte) = damaged.get_mut(at) {
            *byte = put;
        }
        let _either = read_book(&damaged);
        let _either = fill_book(&damaged, "チェック＆回答", &[answer(3, 2, "○")]);
        let xml = String::from_utf8_lossy(&bytes).into_owned();
        let _either = read_book(&with_sheet(&xml));
        let _either = fill_book(&with_sheet(&xml), "チェック＆回答", &[answer(3, 2, "○")]);
    }
}
