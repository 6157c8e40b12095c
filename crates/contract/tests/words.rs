//! What a verdict says beside its standing: cautions that no scenario can expect.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use yakujo_contract::court::Court;
use yakujo_contract::duty::DutyId;
use yakujo_contract::id::EntryNumber;
use yakujo_contract::standing::{EvidenceClass, Standing, Verdict};
use yakujo_contract::terms::Terms;

/// How a duty of the system `main` stands after a story, at an instant.
fn verdict(duty: &str, at: &str, story: &str) -> Verdict {
    let terms = Terms::standard();
    let text = format!("{story}\nexpect {at} {duty} main kept");
    let mut entries = yakujo_contract::scenario::entries(&terms, &text).unwrap();
    entries.sort_by_key(|entry| entry.received);
    let mut court = Court::default();
    let at = at.parse().unwrap();
    for (number, entry) in (0..).map(EntryNumber).zip(entries.iter().filter(|entry| entry.received <= at)) {
        court.enter(&terms, number, entry);
    }
    court.advance(&terms, at);
    court.ruling(DutyId::parse(duty).unwrap(), &"main".parse().unwrap()).unwrap().verdict
}

/// The verdict is 適合, and its words have these in them, or not.
fn says(verdict: &Verdict, ja: &str, en: &str) -> bool {
    assert_eq!(verdict.standing, Standing::Kept, "{:?}", verdict.cause);
    let (in_ja, in_en) = (verdict.cause.ja.contains(ja), verdict.cause.en.contains(en));
    assert_eq!(in_ja, in_en, "both languages say the same: {:?}", verdict.cause);
    in_ja
}

const LISTED: &str = "contract main=web-1
alive web-1 11-24T00:00 11-24T02:00
doors web-1 443 11-24T00:01
needs main in/tcp/443/0.0.0.0 11-24T00:10 anybody=yes
change web-1 flow none 11-24T00:15
";

#[test]
fn a_firewall_that_lets_in_by_default_or_is_not_read_is_said_beside_a_kept_list() {
    let at = "2026-11-24T00:31:00Z";
    let unread = verdict("4.5.b", at, LISTED);
    let open = verdict("4.5.b", at, &format!("{LISTED}wall web-1 accept 11-24T00:20"));
    let closed = verdict("4.5.b", at, &format!("{LISTED}wall web-1 drop 11-24T00:20"));
    assert!(says(&unread, "読めていない", "are not read"));
    assert!(says(&open, "既定は受信の許可", "lets in by default"));
    assert!(says(&open, "fafafafafafa", "fafafafafafa"));
    assert!(!says(&closed, "ファイアウォール", "firewall"));
    assert_eq!(open.evidence.len(), unread.evidence.len() + 1, "the rules are an entry of the verdict");
}

#[test]
fn an_account_that_is_shared_by_agreement_is_said() {
    let story = |use_: &str| {
        format!(
            "contract main=web-1
alive web-1 11-24T00:00 11-24T02:00
account main ops 11-24T00:01 use={use_}
logs web-1 11-24T00:02
accounts web-1 ops 11-24T00:02"
        )
    };
    let at = "2026-11-24T00:31:00Z";
    assert!(says(&verdict("11.a", at, &story("shared")), "共用と合意", "shared by agreement"));
    let person = verdict("11.a", at, &story("person"));
    assert!(!says(&person, "共用", "shared"));
    assert_eq!(person.class, Some(EvidenceClass::E1));
}

fn used(resource: &str, percent: u64) -> String {
    let row =
        format!(r#"{{"resource":"{resource}","limit":100,"min":0,"mean":0,"p95":{percent},"max":100}}"#);
    format!(
        r#"{{"v":1,"author":{{"agent":"web-1"}},"host":"web-1","seq":7,"observed":"2026-11-24T00:30:00Z","received":"2026-11-24T00:30:00Z","fact":{{"kind":"capacity.sample","from":"2026-11-24T00:25:00Z","to":"2026-11-24T00:30:00Z","resources":[{row}]}}}}"#
    )
}

#[test]
fn a_resource_that_passed_an_alarm_is_named_with_the_highest_step_it_passed() {
    let at = "2026-11-24T00:31:00Z";
    let of = |percent| {
        let story =
            format!("contract main=web-1\nalive web-1 11-24T00:00 11-24T02:00\n{}", used("disk:/", percent));
        verdict("9.b", at, &story)
    };
    assert!(!says(&of(79), "警報", "alarm"));
    assert!(says(&of(80), "disk:/ は 80％（注意 80％ 以上）", "disk:/ 80 % (warning, 80 % or more)"));
    assert!(says(&of(94), "（警戒 90％ 以上）", "(high, 90 % or more)"));
    assert!(says(&of(99), "（満杯間近 95％ 以上）", "(almost full, 95 % or more)"));
}

/// A backup made by one tool and restored by another.
fn saved(made: &str, restored: &str) -> String {
    format!(
        "contract main=db-1
asset main 台帳 11-02T00:00
backup db-1 台帳 11-02T17:10 tool={made}
checked db-1 11-02T17:20
checked db-1 11-02T17:25 key=city read=0
restored db-1 11-02T17:30 tool={restored}"
    )
}

#[test]
fn a_drill_by_the_implementation_that_made_the_backup_is_said_whatever_its_version() {
    let of = |made: &str, restored: &str| verdict("10.a", "2026-11-02T17:31:00Z", &saved(made, restored));
    let words = ("同じ実装（restic）", "the implementation that made the backup (restic)");
    assert!(says(&of("restic:0.14.0", "restic:0.18.1"), words.0, words.1));
    assert!(!says(&of("rustic_core:0.10", "restic:0.18.1"), "同じ実装", "Watch it"));
    let imported = of("Example:Backup:9.1:(imported)", "Example:Backup:9.2:(imported)");
    assert!(says(&imported, "同じ実装（example backup）", "made the backup (example backup)"));
    assert_eq!(imported.class, Some(EvidenceClass::E2));
    let mixed = of("rustic_core:0.10", "Example:9.2:(imported)");
    assert_eq!(mixed.class, Some(EvidenceClass::E2), "the drill is another product's word");
}

#[test]
fn encryption_that_another_product_declares_is_no_observation() {
    let of = |made: &str| verdict("10.b", "2026-11-02T17:31:00Z", &saved(made, "restic:0.18"));
    assert_eq!(of("rustic_core:0.10").class, Some(EvidenceClass::E1));
    let declared = of("Example:9.1:(imported)");
    assert_eq!((declared.standing, declared.class), (Standing::Kept, Some(EvidenceClass::E2)));
}

#[test]
fn a_job_that_fell_silent_beside_another_one_may_have_been_given_up_and_a_failing_one_was_not() {
    let at = "2026-11-04T18:11:00Z";
    let story = |second: &str, more: &str| {
        format!(
            "contract main=db-1
asset main 台帳 11-02T00:00
backup db-1 台帳 {second}
{more}"
        )
    };
    let goes_on = "backup db-1 台帳 11-04T17:00";
    let silent = verdict("10.a", at, &story("11-02T18:10 job=copy", goes_on));
    let failing = "backup db-1 台帳 11-04T18:10 job=copy result=failed";
    let failing = verdict("10.a", at, &story("11-02T18:10 job=copy", &format!("{goes_on}\n{failing}")));
    let alone = verdict("10.a", at, &story("11-02T18:10 job=copy", ""));
    for (verdict, may_be_given_up) in [(&silent, true), (&failing, false), (&alone, false)] {
        assert_eq!(verdict.standing, Standing::Broken, "{:?}", verdict.cause);
        assert_eq!(verdict.next.ja.contains("やめたジョブ"), may_be_given_up, "{:?}", verdict.next);
        assert_eq!(verdict.next.en.contains("given up"), may_be_given_up, "{:?}", verdict.next);
    }
    assert!(silent.cause.ja.contains("（db-1 のジョブ「copy」）"), "{:?}", silent.cause);
    assert!(!alone.cause.ja.contains("ジョブ"), "one job needs no name: {:?}", alone.cause);
}

#[test]
fn an_end_of_support_is_the_day_of_the_table_or_the_instant_that_was_agreed() {
    let cause = |until: &str| {
        let product = format!(
            r#"{{"product":"nodejs","cycle":"20","phase":"ended","basis":"release schedule","until":"{until}"}}"#
        );
        let story = format!(
            r#"contract main=web-1
{{"v":1,"author":{{"agent":"web-1"}},"host":"web-1","seq":7,"observed":"2026-11-24T00:02:00Z","received":"2026-11-24T00:02:00Z","fact":{{"kind":"support.phase","products":[{product}],"table":"2026-11-01"}}}}"#
        );
        let verdict = verdict("3.5.a", "2026-11-24T00:03:00Z", &story);
        assert_eq!(verdict.standing, Standing::Broken, "{:?}", verdict.cause);
        verdict.cause.ja
    };
    assert!(cause("2026-04-30T23:59:59Z").contains("（2026-04-30まで）"), "no word of 08:59:59 in Japan");
    assert!(cause("2026-04-30T15:00:00Z").contains("（2026-05-01 00:00:00 JSTまで）"));
}
