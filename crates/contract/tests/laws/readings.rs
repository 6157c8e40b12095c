//! What the laws let arrive.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

/// What may arrive, as the facts of one host: readings of every collector, good and bad ones.
pub fn reading() -> impl Strategy<Value = String> {
    prop_oneof![6 => of_the_host(), 2 => of_its_doors(), 1 => of_its_backups()]
}

fn of_its_backups() -> impl Strategy<Value = String> {
    prop_oneof![
        (0_u64..3, 1_u8..29).prop_map(|(files, day)| format!(
            r#"{{"kind":"backup.run","job":"daily","asset":"a","snapshot":"s{day}","files":{files},"bytes":1,"added":1,"repository":"r","encrypted":true,"started":"2026-10-{day:02}T00:00:00Z","ended":"2026-10-{day:02}T00:00:00Z","result":"done"}}"#
        )),
        (0_u64..2).prop_map(|errors| format!(
            r#"{{"kind":"backup.check","repository":"r","key":"city","tool":"t","read_percent":0,"errors":{errors},"ended":"2026-11-21T00:00:00Z"}}"#
        )),
        prop_oneof!["planned", "done"].prop_map(|stage| format!(
            r#"{{"kind":"backup.retention","run":"1","stage":"{stage}","repository":"r","job":"daily","generations":{{}},"kept":1,"removed":[],"tool":"t","ended":"2026-11-21T00:00:00Z"}}"#
        )),
    ]
}

fn of_its_doors() -> impl Strategy<Value = String> {
    let digest = |n: u8| format!("{n:02x}").repeat(32);
    prop_oneof![
        (0_u8..3, 440_u16..444).prop_map(|(lowest, port)| format!(
            r#"{{"kind":"tls.endpoint","host":"127.0.0.1","port":{port},"lowest_minor":{lowest},"highest_minor":3,"suites":[],"not_after":"2026-11-22T00:10:00Z"}}"#
        )),
        (prop_oneof!["accept", "drop"], 0_u8..3).prop_map(move |(input, rules)| format!(
            r#"{{"kind":"net.firewall","product":"nftables","ruleset":"{}","defaults":{{"input":"{input}","output":"accept","forward":"accept"}},"database_rules":[],"owners":[]}}"#,
            digest(rules)
        )),
        (300_u32..900).prop_map(|seconds| format!(
            r#"{{"kind":"session.policy","databases":[{{"name":"jumin","idle_s":{seconds}}}]}}"#
        )),
        (0_u32..2).prop_map(|lost| format!(
            r#"{{"kind":"integrity.held","roots":["/etc"],"files":1,"left_out":{lost},"lost":{lost}}}"#
        )),
        (0_u8..3).prop_map(move |tree| format!(
            r#"{{"kind":"integrity.baseline","roots":["/etc"],"entries":1,"bytes":1,"tree":"{}","algorithm":"sha256","origin":"kept"}}"#,
            digest(tree)
        )),
        (-9_000_i64..9_000).prop_map(|ms| format!(r#"{{"kind":"clock.step","moved_ms":{ms}}}"#)),
        (0_u8..3, 0_u16..2, 1_u8..29).prop_map(move |(set, index, day)| format!(
            r#"{{"kind":"package.update_available","part":{{"index":{index},"of":2,"set":"{}"}},"updates":[{{"name":"clamav","installed":"1.{set}","candidate":"2","security":true,"first_seen":"2026-10-{day:02}T00:00:00Z"}}],"lists":"2026-11-21T00:00:00Z"}}"#,
            digest(set)
        )),
    ]
}

fn of_the_host() -> impl Strategy<Value = String> {
    let digest = |n: u8| format!("{n:02x}").repeat(32);
    prop_oneof![
        (-9_000_000_i64..9_000_000).prop_map(|us| format!(
            r#"{{"kind":"clock.state","daemon":"chrony","says_synchronised":true,"kernel_unsynchronised":false,"sources":[],"measured_offset_us":{us}}}"#
        )),
        (0_u8..4, 0_u16..3).prop_map(move |(set, index)| format!(
            r#"{{"kind":"account.set","part":{{"index":{index},"of":2,"set":"{}"}},"accounts":[{{"name":"user{set}{index}","uid":1000,"login":"possible","groups":[],"privileged":false,"keys":[]}}]}}"#,
            digest(set)
        )),
        (0_u8..4, 0_u16..2).prop_map(move |(set, index)| format!(
            r#"{{"kind":"package.set","part":{{"index":{index},"of":2,"set":"{}"}},"manager":"dpkg","packages":[{{"n":"p{set}{index}","v":"1"}}]}}"#,
            digest(set)
        )),
        (0_u8..4, 0_u8..4).prop_map(move |(new, old)| format!(
            r#"{{"kind":"package.change","present":[{{"n":"p{new}0","v":"2"}}],"removed":["p{old}1"],"before":"{}","after":"{}"}}"#,
            digest(old),
            digest(new)
        )),
        (0_u8..3, 20_u16..24).prop_map(move |(set, port)| format!(
            r#"{{"kind":"net.listener","part":{{"index":0,"of":1,"set":"{}"}},"listeners":[{{"protocol":"tcp","address":"0.0.0.0","port":{port},"uid":0}}]}}"#,
            digest(set)
        )),
        (0_u8..2).prop_map(|missed| format!(
            r#"{{"kind":"container.set","part":{{"index":0,"of":1,"set":"{missed:064}"}},"containers":[],"coverage":{{"unreadable":{missed}}}}}"#
        )),
        (prop::bool::ANY, 20_u16..24, 5_u8..9).prop_map(|(out, port, last)| format!(
            r#"{{"kind":"net.flow","seen_by":"sockets","flows":[{{"path":{{"direction":"{}","protocol":"tcp","port":{port},"peer":"10.0.0.{last}/32"}},"from":"2026-11-21T23:59:00Z","to":"2026-11-22T00:00:00Z"}}]}}"#,
            if out { "out" } else { "in" }
        )),
        Just(r#"{"kind":"log.source","source":"journal","cursor":"c","first":"2026-11-21T00:00:00Z","last":"2026-11-22T00:00:00Z","lines":1,"bytes":1,"gaps":[]}"#.to_owned()),
        (0_u8..3, 1_u8..29).prop_map(|(set, day)| format!(
            r#"{{"kind":"login.open","account":"user{set}0","session":"s","from":"console","method":"console","at":"2026-07-{day:02}T00:00:00Z"}}"#
        )),
        prop_oneof!["scanning", "blind", "silent", "absent"].prop_map(|state| format!(
            r#"{{"kind":"av.engine","product":"clamav","engine_version":"1.4.6","definition_time":"2026-11-21T23:00:00Z","databases":[],"daemon":"{state}","real_time":"off"}}"#
        )),
        (prop_oneof![Just(60), Just(7_200)], -7_200_i64..0, prop::bool::ANY).prop_map(|(every, ago, whole)| {
            let ran = "2026-11-22T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(ago);
            let names: &[&str] = if whole { &["clock", "accounts", "packages", "listeners", "flows", "malware", "logins", "sessions", "tls", "updates", "firewall"] } else { &["clock"] };
            let runs: Vec<String> =
                names.iter().map(|name| format!(r#""{name}":{{"ran":"{ran}","outcome":"complete"}}"#)).collect();
            let runs = runs.join(",");
            format!(r#"{{"kind":"agent.beat","version":"1","every_s":{every},"waiting":0,"collectors":{{{runs}}},"cpu_ms":1,"rss":1}}"#)
        }),
        Just(r#"{"kind":"agent.stop","reason":"asked"}"#.to_owned()),
        Just(r#"{"kind":"agent.start","version":"1","epoch":"e","rights":"root"}"#.to_owned()),
        Just(r#"{"kind":"host.boot","boot_id":"b","at":"2026-11-22T00:00:00Z"}"#.to_owned()),
    ]
}
