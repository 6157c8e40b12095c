//! The month on paper (F-23, F-24), computed from the entries alone.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs fails like the test")]

use jiff::Timestamp;
use yakujo_contract::entry::Entry;
use yakujo_contract::id::EntryNumber;
use yakujo_contract::report::{Cell, Making, Month, Observed, Report, Section};
use yakujo_contract::standing::Standing;
use yakujo_contract::terms::Terms;

/// Two systems: one stops as approved, of the other a file is edited without a ticket; the city leaves a request
/// unanswered.
const STORY: &str = "contract main=web-1 kanko=web-2
alive web-1 11-24T00:00 11-25T03:00
alive web-2 11-24T00:00 11-25T03:00
ask F-07 g1 11-09T00:00 systems=main from=11-24T01:00 to=11-24T02:00
approve g1 11-12T00:00
watch t-main 11-22T23:00 11-24T01:10
down t-main 11-24T01:10:10 11-24T01:40:05
watch t-main 11-24T01:40:15 11-25T03:00
ask F-07 b1 11-10T00:00 systems=kanko from=12-04T01:00 to=12-04T02:00
change web-2 file /etc/hosts 11-24T02:00
expect 11-25T03:00 7.a main kept
";

fn month() -> Month {
    "2026-11".parse().unwrap()
}

fn of(text: &str, until: Timestamp) -> Report {
    let terms = Terms::standard();
    let mut entries = yakujo_contract::scenario::entries(&terms, text).unwrap();
    entries.sort_by_key(|entry| entry.received);
    made(&terms, &entries, until)
}

fn made(terms: &Terms, entries: &[Entry], until: Timestamp) -> Report {
    let mut making = Making::new(terms, month(), until);
    for (number, entry) in (0..).map(EntryNumber).zip(entries) {
        making.enter(number, entry);
    }
    making.finish()
}

fn section<'a>(report: &'a Report, key: &str) -> &'a Section {
    report.sections.iter().find(|section| section.key == key).unwrap_or_else(|| panic!("no {key}"))
}

fn texts(section: &Section) -> Vec<String> {
    let cell = |cell: &Cell| match cell {
        Cell::Plain(text) => text.clone(),
        Cell::Both(sentence) => sentence.ja.clone(),
        Cell::At(at) => at.to_string(),
        Cell::Number(number) => number.to_string(),
    };
    section.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join("|")).collect()
}

#[test]
fn what_happened_stands_in_its_part_with_the_request_it_rests_on() {
    let report = of(STORY, month().end());
    let stops = texts(section(&report, "stops"));
    assert!(stops.len() == 1 && stops[0].contains("t-main") && stops[0].contains("停止"), "{stops:?}");
    let changes = section(&report, "changes");
    let lines = texts(changes);
    assert!(
        lines.len() == 1 && lines[0].contains("/etc/hosts") && lines[0].contains("承認なし"),
        "{lines:?}"
    );
    assert!(changes.note.ja.contains("1 件のうち、申請と突き合ったもの 0 件"), "{}", changes.note.ja);
    let findings = texts(section(&report, "findings"));
    assert!(findings.iter().any(|line| line.contains("R-03") && line.contains("未分類")), "{findings:?}");
    assert_eq!(texts(section(&report, "requests")).len(), 2);
    let next = texts(section(&report, "next"));
    assert!(next.len() == 1 && next[0].contains("2026-12-04T01:00"), "{next:?}");
}

#[test]
fn the_delay_of_the_city_is_told_as_one_of_the_city() {
    let report = of(STORY, month().end());
    let late = texts(section(&report, "overdue"));
    assert!(late.iter().any(|line| line.contains("市の回答|市|未実施")), "{late:?}");
    assert!(report.duties.iter().all(|line| line.late == 0), "it is no delay of the contractor");
}

#[test]
fn nobody_watched_is_never_none() {
    let report = of(STORY, month().end());
    for key in ["backups", "entrances", "malware"] {
        assert_eq!(section(&report, key).observed, Observed::No, "{key}");
    }
    assert_eq!(section(&report, "incidents").observed, Observed::Whole, "reports are handed in here");
    let empty = of("expect 11-25T03:00 7.a main unknown\n", month().end());
    assert_eq!((empty.entries, empty.duties.len()), (0, 0));
    assert_eq!(section(&empty, "uptime").observed, Observed::No);
    assert_eq!(section(&empty, "changes").observed, Observed::No);
}

#[test]
fn the_time_a_duty_stood_adds_up_to_the_month_and_a_break_is_counted() {
    let report = of(STORY, month().end());
    let line = report
        .duties
        .iter()
        .find(|line| line.duty.key() == "8.a" && line.system.as_str() == "kanko")
        .unwrap();
    // First nothing was heard of its host for two weeks, then a file was changed.
    assert_eq!((line.standing.clone(), line.broken), (Standing::Broken, 2));
    assert!(line.spent.broken > 5 * 86_400, "{:?}", line.spent);
    for line in &report.duties {
        let spent = line.spent;
        let all = spent.kept + spent.broken + spent.unknown + spent.exempt + spent.not_applicable;
        let month = month().end().duration_since(month().begin()).as_secs();
        assert!(all > 0 && all <= month, "{} {all}", line.duty);
    }
}

#[test]
fn what_comes_after_the_month_changes_nothing_of_it() {
    let until = month().end();
    let later = format!("{STORY}alive web-1 12-05T00:00 12-05T03:00\nask F-07 c1 12-02T00:00 systems=main\n");
    let (before, after) = (of(STORY, until), of(&later, until));
    assert_eq!(before, after);
    let sooner = of(STORY, "2026-11-24T01:20:00Z".parse().unwrap());
    assert!(!sooner.is_whole() && before.is_whole() && sooner.entries < before.entries);
    assert!(texts(section(&sooner, "changes")).is_empty(), "that was told later");
}

#[test]
fn months_are_read_strictly_and_follow_each_other() {
    for wrong in ["2026-13", "2026-1", "26-10", "2026-00", "", "2026-10-01", "２０２６-10"] {
        assert!(wrong.parse::<Month>().is_err(), "{wrong}");
    }
    let december: Month = "2026-12".parse().unwrap();
    assert_eq!(december.after().to_string(), "2027-01");
    assert_eq!(december.after().before(), december);
    assert_eq!(december.begin().to_string(), "2026-11-30T15:00:00Z", "midnight in Japan");
}

/// Told a day after the month's end, of something seen before it.
const TOLD_LATE: &str = "contract main=web-1
alive web-1 11-24T00:00 11-25T03:00
change web-1 baseline / 11-23T00:00
change web-1 file /etc/hosts 11-30T14:50 heard=12-02T00:00
watch t-main 11-29T00:00 11-30T01:00
down t-main 11-30T01:00:10 11-30T02:00:05
alive web-1 12-02T00:00 12-03T00:00
expect 12-03T00:00 8.a main unknown
";

fn of_month(text: &str, month: &str) -> Report {
    let (terms, month) = (Terms::standard(), month.parse::<Month>().unwrap());
    let mut entries = yakujo_contract::scenario::entries(&terms, text).unwrap();
    for entry in &mut entries {
        // The probes were cut off with the host: what they saw of the stop is told as late.
        let is_stop = entry.observed.to_string().starts_with("2026-11-30T02:00:05");
        entry.received = if is_stop { "2026-12-02T00:00:00Z".parse().unwrap() } else { entry.received };
    }
    entries.sort_by_key(|entry| entry.received);
    let mut making = Making::new(&terms, month, month.end());
    for (number, entry) in (0..).map(EntryNumber).zip(&entries) {
        making.enter(number, entry);
    }
    making.finish()
}

#[test]
fn what_is_told_after_its_month_is_over_stands_in_the_month_it_came_in() {
    let (own, later) = (of_month(TOLD_LATE, "2026-11"), of_month(TOLD_LATE, "2026-12"));
    let of_hosts = |report: &Report, key: &str| {
        let mut lines = texts(section(report, key));
        lines.retain(|line| line.contains("/etc/hosts") || line.contains("t-main"));
        lines
    };
    assert!(of_hosts(&own, "changes").is_empty(), "nobody knew of it when the month was over");
    let changes = section(&later, "changes");
    let lines = of_hosts(&later, "changes");
    assert!(lines.len() == 1 && lines[0].contains("2026-11-30T14:50:00Z"), "{lines:?}");
    assert!(changes.note.ja.contains("前月以前に起きて当月に届いたもの 1 件"), "{}", changes.note.ja);
    let stops = texts(section(&later, "stops"));
    assert!(stops.len() == 1 && stops[0].contains("2026-11-30T01:00:10Z"), "{stops:?}");
    let after = of_month(TOLD_LATE, "2027-01");
    assert!(of_hosts(&after, "changes").is_empty(), "it is told once");
}

#[test]
fn what_nobody_settled_is_told_again_every_month() {
    let of =
        |more: &str, month: &str| texts(section(&of_month(&format!("{STORY}{more}"), month), "findings"));
    let mine = |lines: &[String]| lines.iter().filter(|line| line.contains("/etc/hosts")).count();
    assert_eq!((mine(&of("", "2026-11")), mine(&of("", "2026-12"))), (1, 1));
    assert_eq!(mine(&of("", "2026-10")), 0, "it had not happened");
}

#[test]
fn a_list_names_the_hosts_that_were_not_watched_and_counts_nothing_where_none_was() {
    let report = of(STORY, month().end());
    let note = &section(&report, "changes").note.ja;
    assert!(note.contains("観測していないホスト：web-1、web-2"), "no baseline was ever told: {note}");
    let seen = of_month(TOLD_LATE, "2026-11");
    let changes = section(&seen, "changes");
    assert_eq!(changes.observed, Observed::Whole);
    assert!(changes.note.ja.is_empty(), "{}", changes.note.ja);
    let silent = of("contract main=web-1\nexpect 11-25T03:00 7.a main unknown\n", month().end());
    let changes = section(&silent, "changes");
    assert_eq!(changes.observed, Observed::No);
    assert!(!changes.note.ja.contains("件"), "nothing was counted: {}", changes.note.ja);
}

#[test]
fn a_scanner_that_does_not_scan_has_not_watched() {
    let engine = |daemon: &str, minute: u8| {
        format!(
            "{{\"v\":1,\"author\":{{\"agent\":\"web-1\"}},\"host\":\"web-1\",\"seq\":{minute},\"observed\":\"2026-11-24T00:{minute:02}:30Z\",\"received\":\"2026-11-24T00:{minute:02}:30Z\",\"fact\":{{\"kind\":\"av.engine\",\"product\":\"clamav\",\"engine_version\":\"1\",\"databases\":[],\"daemon\":\"{daemon}\",\"real_time\":\"off\"}}}}\n"
        )
    };
    let story = |lines: &str| {
        let text = format!(
            "contract main=web-1\nalive web-1 11-24T00:00 11-24T01:00\n{lines}expect 11-24T01:00 7.a main unknown\n"
        );
        section(&of(&text, month().end()), "malware").observed
    };
    assert_eq!(story(&engine("blind", 1)), Observed::No);
    assert_eq!(story(&engine("scanning", 1)), Observed::Whole);
    assert_eq!(story(&(engine("scanning", 1) + &engine("silent", 2))), Observed::Partly);
}
