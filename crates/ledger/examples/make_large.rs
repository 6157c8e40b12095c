//! Writes a bundle of many entries, for measuring the verifier: `… --example make_large -- COUNT FILE`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use yakujo_ledger::bundle::{About, Header, Writer};
use yakujo_ledger::checkpoint::Checkpoint;
use yakujo_ledger::hash::leaf_hash;
use yakujo_ledger::note::SigningKey;
use yakujo_ledger::policy::Policy;
use yakujo_ledger::tree::Frontier;

fn entry(number: u64) -> Vec<u8> {
    let (hour, minute, second) = (number / 3600 % 24, number / 60 % 60, number % 60);
    let day = 1 + number / 86_400;
    let at = format!("2026-11-{day:02}T{hour:02}:{minute:02}:{second:02}.123Z");
    format!(
        "{{\"v\":1,\"author\":{{\"agent\":\"web01\"}},\"host\":\"web01\",\"seq\":{number},\"observed\":\"{at}\",\
         \"received\":\"{at}\",\"fact\":{{\"kind\":\"clock.state\",\"offset_ms\":{},\"source\":\"ntp.example.jp\",\
         \"stratum\":2,\"synchronised\":true,\"note\":\"時刻は同期しています\"}}}}",
        number % 97
    )
    .into_bytes()
}

/// Writes a bundle of so many entries.
///
/// # Errors
/// When the file cannot be made.
pub fn write(count: u64, file: &Path) -> std::io::Result<()> {
    let mut nodes = HashMap::new();
    let mut frontier = Frontier::new();
    for number in 0..count {
        frontier.push_seeing(leaf_hash(&entry(number)), |node| {
            nodes.insert((node.level, node.index), node.hash);
        });
    }
    let key = SigningKey::from_seed("log.example/large", &[1; 32]).expect("a valid name");
    let head = Checkpoint::new("log.example/large", count, frontier.root()).expect("valid");
    let note = head.sign(&key).expect("valid");
    let policy = Policy::of_log(&key.verifier()).expect("valid").text().to_owned();
    let about = About { made: "2026-11-23T00:00:00Z".to_owned(), policy, ..About::default() };
    let read = |level, index| Ok::<_, Infallible>(*nodes.get(&(level, index)).expect("a node"));
    let header = Header::of_tree(about, &note, &[], 0..count, &read).expect("it fits");
    let mut writer = Writer::new(BufWriter::new(File::create(file)?), header).expect("it proves itself");
    for number in 0..count {
        writer.write_entry(&entry(number)).expect("an entry of the tree");
    }
    writer.finish().expect("all written");
    Ok(())
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, count, file] = arguments.as_slice() else {
        eprintln!("usage: make_large COUNT FILE");
        std::process::exit(2);
    };
    write(count.parse().expect("a number"), Path::new(file)).expect("the file can be made");
}
