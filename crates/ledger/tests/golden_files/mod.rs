//! The golden bundles, made from fixed keys: one ledger of 300 entries, and what a dishonest keeper could do to it.

use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::ops::Range;
use yakujo_ledger::bundle::{About, Header, Personal, Writer, personal_digest};
use yakujo_ledger::checkpoint::Checkpoint;
use yakujo_ledger::hash::{Hash, leaf_hash};
use yakujo_ledger::note::{CosigningKey, Note, SigningKey};
use yakujo_ledger::policy::Policy;
use yakujo_ledger::tree;

pub const ORIGIN: &str = "yakujo.example.jp/main";
const SALT: &[u8] = b"golden salt of 32 bytes, fixed!!";
const PERSONAL: &str = "総務課 山田花子";

/// The keys of the golden ledger. Never use them elsewhere: their secrets are in this file.
pub fn log_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[0x11; 32]).expect("a valid name")
}

pub fn witness_key() -> CosigningKey {
    CosigningKey::from_seed("city.example.jp/witness", &[0x22; 32]).expect("a valid name")
}

/// A ledger held in memory.
#[derive(Clone, Default)]
pub struct Tree {
    pub entries: Vec<Vec<u8>>,
    nodes: HashMap<(u8, u64), Hash>,
}

impl Tree {
    pub fn of(entries: Vec<Vec<u8>>) -> Tree {
        let mut nodes = HashMap::new();
        let mut frontier = tree::Frontier::new();
        for entry in &entries {
            frontier.push_seeing(leaf_hash(entry), |node| {
                nodes.insert((node.level, node.index), node.hash);
            });
        }
        Tree { entries, nodes }
    }

    fn read(&self) -> impl Fn(u8, u64) -> Result<Hash, Infallible> + '_ {
        |level, index| Ok(*self.nodes.get(&(level, index)).expect("a node of this tree"))
    }

    pub fn root(&self, size: u64) -> Hash {
        let Ok(root) = tree::root(size, &self.read());
        root
    }

    pub fn signed(&self, size: u64, key: &SigningKey) -> Note {
        Checkpoint::new(ORIGIN, size, self.root(size)).expect("valid").sign(key).expect("valid")
    }

    pub fn cosigned(&self, size: u64) -> Note {
        let head = Checkpoint::new(ORIGIN, size, self.root(size)).expect("valid");
        head.sign_and_cosign(&log_key(), &witness_key(), 1_795_330_000 + size).expect("valid")
    }

    pub fn bundle(&self, head: &Note, older: &[Note], range: Range<u64>) -> String {
        let size = Checkpoint::parse(head.text()).expect("valid").size();
        let policy = Policy::of_log(&log_key().verifier()).expect("valid").text().to_owned();
        let about = About {
            contract: "main".to_owned(),
            made: "2026-11-23T00:00:00Z".to_owned(),
            policy,
            personal: self.personal(&range),
            note_ja: Some(format!("見本の台帳（{size} 件）")),
        };
        let header = Header::of_tree(about, head, older, range.clone(), &self.read()).expect("it fits");
        let mut writer = Writer::new(Vec::new(), header).expect("it proves itself");
        for number in range {
            writer.write_entry(&self.entries[number as usize]).expect("an entry of the tree");
        }
        String::from_utf8(writer.finish().expect("all written")).expect("text")
    }

    fn personal(&self, range: &Range<u64>) -> Vec<Personal> {
        if !range.contains(&7) {
            return Vec::new();
        }
        use base64::Engine as _;
        let salt = base64::engine::general_purpose::STANDARD.encode(SALT);
        vec![Personal { digest: personal_digest(SALT, PERSONAL), salt, text: PERSONAL.to_owned() }]
    }
}

/// Entry `number` of the golden ledger; every fiftieth is a decision made under the head before it.
fn entry(number: u64, ledger: &[Vec<u8>], word: &str) -> Vec<u8> {
    let (minute, second) = (number / 60, number % 60);
    let at = |millis: u64| format!("2026-11-22T03:{minute:02}:{second:02}.{millis:03}Z");
    let (observed, received) = (at(100), at(250));
    let value: Value = if number == 7 {
        json!({"v":1,"author":{"person":{"id":"p-1","party":"city"}},"observed":observed,"received":received,
            "act":{"kind":"said","digest":personal_digest(SALT, PERSONAL)}})
    } else if number > 0 && number.is_multiple_of(50) {
        let size = number - 3;
        let root = Tree::of(ledger[..size as usize].to_vec()).root(size);
        json!({"v":1,"author":{"person":{"id":"p-1","party":"city"}},"observed":observed,"received":received,
            "seen":{"size":size,"root":root.to_string()},"act":{"kind":"approved","request":number - 5}})
    } else {
        json!({"v":1,"author":{"agent":"web01"},"host":"web01","seq":number + 1,"observed":observed,
            "received":received,"fact":{"kind":"clock.state","offset_ms":number % 7,"word":word}})
    };
    sorted(value).to_string().into_bytes()
}

/// With the fields of objects in the order of their names, whatever order the library keeps them in: another program of
/// the same build may ask it to keep that of their making.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let by_name: BTreeMap<String, Value> = fields.into_iter().collect();
            Value::Object(by_name.into_iter().map(|(name, value)| (name, sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        plain => plain,
    }
}

/// A ledger of `size` entries that says `word` from entry `from` on, so that two of them fork there.
fn ledger(size: u64, from: u64, word: &str) -> Tree {
    let mut entries = Vec::new();
    for number in 0..size {
        let word = if number < from { "正確" } else { word };
        entries.push(entry(number, &entries, word));
    }
    Tree::of(entries)
}

/// The lines of a bundle, with the header first and without newlines.
fn lines(bundle: &str) -> Vec<&str> {
    bundle.strip_suffix('\n').expect("ends in a newline").split('\n').collect()
}

fn joined(lines: &[&str]) -> String {
    lines.join("\n") + "\n"
}

/// All golden files by name.
pub fn all() -> Vec<(String, Vec<u8>)> {
    let honest = ledger(300, 300, "正確");
    let head = honest.cosigned(300);
    let older = [honest.cosigned(100), honest.cosigned(256)];
    let whole = honest.bundle(&head, &older, 0..300);
    let mut files = Files::default();
    files.text("city.policy", city_policy());
    files.text("head-100.checkpoint", honest.cosigned(100).to_string());
    files.text("head-256.checkpoint", honest.cosigned(256).to_string());
    files.text("head-300.checkpoint", head.to_string());
    let heads = ["head-100.checkpoint", "head-256.checkpoint"];
    files.case("intact", &whole, &heads, json!({"verdict": "intact"}));
    files.case("intact-the-same-head", &whole, &["head-300.checkpoint"], json!({"verdict": "intact"}));
    ranges(&mut files, &honest, &older);
    edited(&mut files, &whole, &heads);
    contradicting(&mut files, &honest, &whole);
    signatures(&mut files, &honest);
    files.0
}

fn city_policy() -> String {
    let policy = Policy::of_log_and_witness(&log_key().verifier(), &witness_key().verifier());
    format!("# 見本の市の方針\n{}", policy.expect("valid").text())
}

fn ranges(files: &mut Files, honest: &Tree, older: &[Note]) {
    let head = honest.cosigned(300);
    let part = honest.bundle(&head, older, 37..290);
    files.case("intact-partial-range", &part, &["head-256.checkpoint"], json!({"verdict": "intact"}));
    let late = honest.bundle(&head, older, 201..300);
    files.case("intact-late-range", &late, &["head-100.checkpoint"], json!({"verdict": "intact"}));
    let no_proof = honest.bundle(&head, &[], 201..300);
    files.case("unproved-head", &no_proof, &["head-100.checkpoint"], json!({"verdict": "unproved"}));
    let empty = Tree::default();
    let nothing = empty.bundle(&empty.cosigned(0), &[], 0..0);
    files.case("intact-empty", &nothing, &[], json!({"verdict": "intact"}));
}

fn edited(files: &mut Files, whole: &str, heads: &[&str]) {
    let original = lines(whole);
    let altered = |at: u64, how: &str| json!({"verdict": "altered", "at": at, "how": how});

    let changed_line = original[124].replace("\"offset_ms\":4", "\"offset_ms\":5");
    let mut changed = original.clone();
    changed[124] = &changed_line;
    files.case("mutated-byte", &joined(&changed), heads, altered(123, "changed"));

    let mut reordered = original.clone();
    reordered.swap(61, 62);
    files.case("reordered", &joined(&reordered), heads, altered(60, "reordered"));

    let mut dropped = original.clone();
    dropped.remove(201);
    files.case("dropped-middle", &joined(&dropped), heads, altered(200, "removed"));

    let mut added = original.clone();
    added.insert(11, original[9]);
    files.case("added", &joined(&added), heads, altered(10, "added"));

    let tail = json!({"verdict": "tail_missing", "at": 290});
    files.case("dropped-newest", &joined(&original[..291]), heads, tail);
    let tail = json!({"verdict": "tail_missing", "at": 299});
    files.case("cut-by-one-byte", whole.strip_suffix('\n').expect("a newline"), heads, tail);

    let header = whole.replacen("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", 1);
    files.case("mutated-header", &header, heads, json!({"verdict": "altered", "how": "header"}));
    let personal = whole.replacen("山田花子", "山田太郎", 1);
    files.case("false-personal-text", &personal, heads, json!({"verdict": "altered", "how": "personal"}));
    let converted = whole.replace('\n', "\r\n");
    files.case("unreadable-converted", &converted, heads, json!({"verdict": "unreadable"}));
    files.case("unreadable-cut-header", &whole[..1000], heads, json!({"verdict": "unreadable"}));
}

fn contradicting(files: &mut Files, honest: &Tree, whole: &str) {
    let head_256 = ["head-100.checkpoint", "head-256.checkpoint"];
    let forked = ledger(310, 150, "遅れ");
    let bundle = forked.bundle(&forked.cosigned(310), &[honest.cosigned(100)], 0..310);
    files.case("forked", &bundle, &head_256, json!({"verdict": "forked"}));
    let same_size = ledger(300, 299, "遅れ");
    let bundle = same_size.bundle(&same_size.cosigned(300), &[], 280..300);
    files.case("forked-same-size", &bundle, &["head-300.checkpoint"], json!({"verdict": "forked"}));

    let rolled_back = honest.bundle(&honest.cosigned(256), &[honest.cosigned(100)], 0..256);
    files.case("rolled-back", &rolled_back, &["head-300.checkpoint"], json!({"verdict": "older"}));

    // A decision that was made under another tree than the one it now stands in.
    let mut entries = honest.entries.clone();
    let root = honest.root(250).to_string();
    let decision = json!({"v":1,"author":"server","observed":"2026-11-22T03:04:20Z","received":"2026-11-22T03:04:20Z",
        "seen":{"size":249,"root":root},"act":{"kind":"approved"}});
    entries[260] = sorted(decision).to_string().into_bytes();
    let tree = Tree::of(entries);
    let bundle = tree.bundle(&tree.cosigned(300), &[], 0..300);
    files.case("forked-decision", &bundle, &[], json!({"verdict": "forked", "at": 260}));

    let mut entries = honest.entries.clone();
    entries[270] = br#"{"v":2,"something":"newer"}"#.to_vec();
    let tree = Tree::of(entries);
    let bundle = tree.bundle(&tree.cosigned(300), &[], 0..300);
    files.case("unreadable-entry", &bundle, &[], json!({"verdict": "unreadable", "at": 270}));

    files.case_with("without-own-policy", whole, &head_256, None, json!({"verdict": "intact"}));
}

fn signatures(files: &mut Files, honest: &Tree) {
    let foreign = SigningKey::from_seed(ORIGIN, &[0x33; 32]).expect("a valid name");
    let bundle = honest.bundle(&honest.signed(300, &foreign), &[], 0..300);
    files.case("foreign-key", &bundle, &[], json!({"verdict": "signature"}));
    let log_only = honest.bundle(&honest.signed(300, &log_key()), &[], 0..300);
    files.case("log-only", &log_only, &["head-256.checkpoint"], json!({"verdict": "signature"}));
    files.case_with("log-only-accepted", &log_only, &[], None, json!({"verdict": "intact"}));
    files.text("head-foreign.checkpoint", honest.signed(100, &foreign).to_string());
    let whole = honest.bundle(&honest.cosigned(300), &[], 0..300);
    files.case("foreign-head", &whole, &["head-foreign.checkpoint"], json!({"verdict": "signature"}));
}

/// The files made so far.
#[derive(Default)]
struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    fn text(&mut self, name: &str, text: String) {
        self.0.push((name.to_owned(), text.into_bytes()));
    }

    fn case(&mut self, name: &str, bundle: &str, heads: &[&str], expected: Value) {
        self.case_with(name, bundle, heads, Some("city.policy"), expected);
    }

    fn case_with(
        &mut self,
        name: &str,
        bundle: &str,
        heads: &[&str],
        policy: Option<&str>,
        mut expected: Value,
    ) {
        expected["heads"] = json!(heads);
        expected["policy"] = json!(policy);
        self.text(&format!("{name}.yakujo"), bundle.to_owned());
        self.text(&format!("{name}.expected.json"), format!("{:#}\n", sorted(expected)));
    }
}
