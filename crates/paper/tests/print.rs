//! Sheets as real readers see them (poppler): what was typed comes out as it was typed, fonts are embedded, the same
//! input gives the same bytes.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

use std::process::{Command, Stdio};
use yakujo_paper::{
    Annex, Block, Cell, Fonts, Language, Pair, Printed, Seal, Sheet, Table, Tone, Width, print,
};

/// What a person could type to make a typesetter do something.
const NASTY: &str = r#"#panic("x") $ x^2 $ *太字* _斜体_ @label <label> `raw` \ ] [ { } // /* ~ -- … "引用" 'a' = 見出し + - / #sys.version"#;

fn pair(name: &str, value: &str) -> Pair {
    Pair { name: name.to_owned(), value: value.to_owned() }
}

fn table() -> Table {
    Table {
        caption: "対象の一覧".to_owned(),
        heads: ["番号", "内容", "照合値", "判定"].map(str::to_owned).to_vec(),
        widths: vec![Width::Content, Width::Wide, Width::Share, Width::Content],
        rows: (1..=120)
            .map(|number| {
                vec![
                    Cell::Number(number.to_string()),
                    Cell::Text(format!(
                        "サーバ web{number:03} の停止。窓口業務には影響がありません。{NASTY}"
                    )),
                    Cell::Code("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned()),
                    Cell::Strong("○ 適合".to_owned()),
                ]
            })
            .collect(),
        empty: String::new(),
    }
}

fn sheet() -> Sheet {
    Sheet {
        language: Language::Ja,
        title: "計画停止・運用制限申請書（F-07）".to_owned(),
        number: "R8-停止-0012".to_owned(),
        author: "約定".to_owned(),
        seals: ["課長", "係長", "担当"]
            .map(|title| Seal { title: title.to_owned(), text: String::new() })
            .to_vec(),
        parties: vec![
            pair("宛先", "情報政策課長"),
            pair("提出者", "株式会社さくら情報　運用部　髙橋　一郎"),
            pair("契約件名・番号", "住民情報システム運用保守業務委託（R8-123）"),
        ],
        blocks: vec![
            Block::Heading { text: "申請の内容".to_owned() },
            Block::Text { text: NASTY.to_owned() },
            Block::Fields {
                pairs: vec![pair("開始", "令和8年11月22日（日）14時05分"), pair("理由 ●", NASTY)],
            },
            Block::Heading { text: "対象".to_owned() },
            Block::Table(table()),
            Block::Notice {
                tone: Tone::Warn,
                head: "注意".to_owned(),
                text: "条件付き承認です。".to_owned(),
            },
            Block::Quote {
                text: "事前に市の了承を得ること。".to_owned(), source: "契約事項 7".to_owned()
            },
            Block::List { items: vec!["一つめ".to_owned(), NASTY.to_owned()] },
            Block::Annexes {
                heads: ["番号", "添付", "大きさ", "SHA-256"].map(str::to_owned),
                annexes: vec![Annex {
                    name: "手順書.pdf".to_owned(),
                    size: "12 kB".to_owned(),
                    sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
                }],
            },
        ],
        footer: vec![
            "印刷日時 2026-11-22 14:05:03 JST　印刷物は控えです。原本は記録簿にあります。".to_owned(),
            "記録簿の先頭 1234件 照合値 q83vEjRWeJq83vEj".to_owned(),
        ],
        made: "2026-11-22T05:05:03Z".to_owned(),
    }
}

fn printed(sheet: &Sheet) -> Printed {
    print(sheet, Fonts::of_this_machine().unwrap()).unwrap()
}

fn poppler(program: &str, arguments: &[&str], pdf: &[u8]) -> String {
    use std::io::Write;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(pdf).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} fails");
    String::from_utf8(output.stdout).unwrap()
}

/// Without what breaking lines adds.
fn flat(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '\u{200b}').collect()
}

#[test]
fn what_was_typed_comes_out_as_it_was_typed() {
    let all = printed(&sheet());
    if let Ok(folder) = std::env::var("PAPER_LOOK") {
        std::fs::write(format!("{folder}/form.pdf"), &all.bytes).unwrap();
    }
    let raw = flat(&poppler("pdftotext", &["-raw", "-", "-"], &all.bytes));
    assert!(raw.contains(&flat(NASTY)), "{raw}");
    assert!(raw.contains("髙橋一郎") && raw.contains("R8-停止-0012"), "{raw}");
    assert!(all.missing.is_empty(), "{:?}", all.missing);
}

#[test]
fn the_same_sheet_gives_the_same_bytes_and_another_instant_other_ones() {
    let first = printed(&sheet()).bytes;
    assert_eq!(first, printed(&sheet()).bytes);
    let later = Sheet { made: "2026-11-22T05:05:04Z".to_owned(), ..sheet() };
    assert_ne!(first, printed(&later).bytes);
}

/// Set in the process that plays another machine: where it puts what it printed.
const ELSEWHERE: &str = "PAPER_TEST_ELSEWHERE";

#[test]
fn another_folder_clock_and_language_print_the_same_bytes() {
    if let Ok(output) = std::env::var(ELSEWHERE) {
        std::fs::write(output, printed(&sheet()).bytes).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("elsewhere.pdf");
    let name = "another_folder_clock_and_language_print_the_same_bytes";
    let other = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact"])
        .env_clear()
        .envs([("TZ", "America/New_York"), ("LC_ALL", "tr_TR.UTF-8"), ("RAYON_NUM_THREADS", "1")])
        .env(ELSEWHERE, &output)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(other.status.success(), "{}", String::from_utf8_lossy(&other.stderr));
    assert!(printed(&sheet()).bytes == std::fs::read(output).unwrap(), "the bytes differ");
}

/// A folder with the fonts that were used, and no others.
fn fonts_in(folder: &std::path::Path, all: &Printed, odd: bool) -> Fonts {
    let deep = folder.join("a/b");
    std::fs::create_dir_all(&deep).unwrap();
    for font in &all.fonts {
        let found = Command::new("find").args(["/usr/share/fonts", "-name", &font.file]).output().unwrap();
        let path = String::from_utf8(found.stdout).unwrap();
        let mut bytes = std::fs::read(path.lines().next().unwrap()).unwrap();
        // Bytes behind the tables: another file, though it looks the same.
        bytes.extend_from_slice(if odd { &[0; 4] } else { &[] });
        std::fs::write(deep.join(&font.file), bytes).unwrap();
    }
    Fonts::find(&[folder.to_owned()]).unwrap()
}

#[test]
fn a_document_names_its_fonts_and_other_ones_give_other_bytes() {
    let all = printed(&sheet());
    assert!(all.fonts.len() >= 2, "{:?}", all.fonts);
    let about = poppler("pdfinfo", &["-"], &all.bytes);
    let keywords = about.lines().find(|line| line.starts_with("Keywords:")).unwrap_or_default();
    for font in &all.fonts {
        assert!(keywords.contains(&font.to_string()), "{font}: {about}");
    }
    let folder = tempfile::tempdir().unwrap();
    let same = print(&sheet(), &fonts_in(&folder.path().join("same"), &all, false)).unwrap();
    assert!(same.bytes == all.bytes, "the same fonts elsewhere, without any other one");
    let odd = print(&sheet(), &fonts_in(&folder.path().join("odd"), &all, true)).unwrap();
    assert_ne!(odd.fonts, all.fonts);
    assert!(odd.bytes != all.bytes, "the document says that its fonts are others");
}

#[test]
fn every_font_is_embedded_and_every_glyph_has_its_character() {
    let fonts = poppler("pdffonts", &["-"], &printed(&sheet()).bytes);
    let rows: Vec<Vec<&str>> = fonts.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
    assert!(rows.len() >= 2, "{fonts}");
    for row in rows {
        // name, type (two words), encoding, emb, sub, uni
        assert_eq!(row.get(4..7), Some(["yes", "yes", "yes"].as_slice()), "{fonts}");
        assert_eq!(row.get(1..3), Some(["CID", "TrueType"].as_slice()), "{fonts}");
    }
}

#[test]
fn the_heading_of_a_table_and_the_foot_are_on_each_of_its_pages() {
    let all = printed(&sheet());
    assert!(all.pages > 3, "{}", all.pages);
    for page in 1..=all.pages {
        let number = page.to_string();
        let text = flat(&poppler("pdftotext", &["-raw", "-f", &number, "-l", &number, "-", "-"], &all.bytes));
        assert!(text.contains("番号内容照合値判定"), "page {page}: {text}");
        assert!(text.contains("印刷物は控えです"), "page {page}: {text}");
        assert!(text.contains(&format!("{page}/{}", all.pages)), "page {page}: {text}");
        assert!(text.contains("R8-停止-0012"), "page {page}: {text}");
    }
}

#[test]
fn a_character_without_a_glyph_is_said_and_never_a_silent_box() {
    // A private character (外字), a variation selector, a script without a font here, a control character.
    let typed = "外字\u{e000}と葛\u{e0100}と\u{1E900}と\u{7}𠮷野家";
    let odd = Sheet { blocks: vec![Block::Text { text: typed.to_owned() }], ..sheet() };
    let all = printed(&odd);
    let missing: Vec<(char, u64)> = all.missing.iter().map(|it| (it.character, it.times)).collect();
    assert_eq!(missing, [('\u{e000}', 1), ('\u{1E900}', 1), ('\u{e0100}', 1)]);
    let text = flat(&poppler("pdftotext", &["-raw", "-", "-"], &all.bytes));
    assert!(text.contains("外字〓と葛と〓と𠮷野家"), "{text}");
    assert!(text.contains("U+E000（1か所）"), "{text}");
}

#[test]
fn more_than_a_document_holds_is_refused() {
    let fonts = Fonts::of_this_machine().unwrap();
    let table = |columns: usize, rows: usize| {
        let heads = vec!["列".to_owned(); columns];
        let row = vec![Cell::Text("値".to_owned()); columns];
        Block::Table(Table { heads, rows: vec![row; rows], ..Table::default() })
    };
    for blocks in [
        vec![table(25, 1)],
        vec![table(1, 10_001)],
        vec![Block::Text { text: "あ".repeat(1_400_000) }],
        vec![Block::Table(Table { heads: vec!["a".to_owned()], rows: vec![vec![]], ..Table::default() })],
    ] {
        assert!(print(&Sheet { blocks, ..sheet() }, fonts).is_err());
    }
    let timeless = Sheet { made: "yesterday".to_owned(), ..sheet() };
    assert!(print(&timeless, fonts).is_err());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]
    #[test]
    fn whatever_is_typed_is_printed(typed in "\\PC{0,80}", other in "[#$*_@\\\\\\[\\]{}<>`/~=+\\-\"' \n]{0,40}") {
        let blocks = vec![
            Block::Heading { text: other.clone() },
            Block::Text { text: typed.clone() },
            Block::Fields { pairs: vec![pair(&other, &typed)] },
            Block::List { items: vec![other.clone(), typed.clone()] },
            Block::Table(Table { heads: vec![typed.clone()], rows: vec![vec![Cell::Code(typed.clone())], vec![Cell::Number(other)]], ..Table::default() }),
        ];
        let sheet = Sheet { title: typed, blocks, ..sheet() };
        let printed = print(&sheet, Fonts::of_this_machine().unwrap());
        proptest::prop_assert!(printed.is_ok(), "{}", printed.unwrap_err());
    }
}

#[test]
fn a_digest_in_the_middle_of_words_stays_within_its_cell_and_is_copied_whole() {
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let blocks = vec![Block::Fields {
        pairs: vec![pair("添付", &format!("停止手順（15 B）\n{digest}{digest}"))],
    }];
    let only = printed(&Sheet { blocks, ..sheet() });
    assert!(flat(&poppler("pdftotext", &["-raw", "-", "-"], &only.bytes)).contains(&digest.repeat(2)));
    // Where each word stands: none of them reaches into the margin on the right (A4 is 595 points wide).
    let boxes = poppler("pdftotext", &["-bbox", "-", "-"], &only.bytes);
    let ends = boxes.split("xMax=\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse::<f64>().ok());
    assert!(ends.clone().count() > 10 && ends.fold(0.0, f64::max) < 595.0 - 40.0, "{boxes}");
}
