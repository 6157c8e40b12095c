//! `cosign`: the city's witness. It cosigns a head only when it continues the head it cosigned before, and remembers
//! the new one before the signature leaves the program; so two contradicting heads are never both cosigned.

use crate::arguments::Cosign;
use crate::file::{read_small, replace};
use std::fs::{self, File};
use std::io::BufReader;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use yakujo_ledger::bundle::Reader;
use yakujo_ledger::checkpoint::Checkpoint;
use yakujo_ledger::note::{CosigningKey, Note};
use yakujo_ledger::policy::Policy;
use yakujo_ledger::verdict::{HeadResult, KeptHead, Means, verify};

/// Prints the cosigned note. 3: the head is smaller than, or does not continue, the one cosigned before.
pub fn run(arguments: &Cosign) -> Result<u8, String> {
    let key = CosigningKey::parse(&read_small(&arguments.key)?)
        .map_err(|error| format!("{}: {error}", arguments.key.display()))?;
    let policy = Policy::parse(&read_small(&arguments.policy)?)
        .map_err(|error| format!("{}: {error}", arguments.policy.display()))?;
    let mut note = wanted_note(arguments)?;
    let signed = policy.log_signed(&note).map_err(|error| format!("not cosigned: {error}"))?;
    let head = signed.checkpoint();

    fs::create_dir_all(&arguments.state)
        .map_err(|error| format!("{} cannot be made: {error}", arguments.state.display()))?;
    let lock = lock(&arguments.state)?;
    let state = state_file(&arguments.state, head.origin());
    if let Err(refusal) = continues(arguments, &policy, &state, head)? {
        eprintln!("立会署名しません / not cosigned: {refusal}");
        return Ok(3);
    }
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| "the clock stands before 1970")?;
    let cosignature = key.cosign(&note, time.as_secs()).map_err(|error| error.to_string())?;
    note.add(cosignature).map_err(|error| error.to_string())?;
    replace(&state, &note.to_string())?;
    drop(lock);
    print!("{note}");
    Ok(0)
}

/// One witness at a time in this folder; the lock ends with the process.
fn lock(state: &Path) -> Result<File, String> {
    let path = state.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| format!("{} cannot be opened: {error}", path.display()))?;
    file.try_lock().map_err(|_| format!("another cosigning is using {}; wait for it", state.display()))?;
    Ok(file)
}

fn wanted_note(arguments: &Cosign) -> Result<Note, String> {
    let (text, from) = match (&arguments.checkpoint, &arguments.bundle) {
        (Some(path), _) => (read_small(path)?, path),
        (None, Some(path)) => {
            (Reader::new(open(path)?).map_err(|e| e.to_string())?.header().checkpoint.clone(), path)
        }
        (None, None) => return Err("a checkpoint is needed".to_owned()),
    };
    Note::parse(&text).map_err(|error| format!("{}: {error}", from.display()))
}

fn open(path: &Path) -> Result<BufReader<File>, String> {
    let file = File::open(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Ok(BufReader::with_capacity(1 << 20, file))
}

/// The file that remembers a log: its origin with everything but letters, digits, dots and dashes percent-encoded.
fn state_file(folder: &Path, origin: &str) -> PathBuf {
    let mut name = String::new();
    for byte in origin.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' => name.push(char::from(byte)),
            other => name.push_str(&format!("%{other:02X}")),
        }
    }
    folder.join(format!("{name}.checkpoint"))
}

/// Whether `head` continues what was cosigned before; the inner error is the reason to refuse.
fn continues(
    arguments: &Cosign,
    policy: &Policy,
    state: &Path,
    head: &Checkpoint,
) -> Result<Result<(), String>, String> {
    if !state.exists() {
        eprintln!(
            "初めての立会署名です / the first head of this log that is cosigned here: {}",
            head.origin()
        );
        return Ok(Ok(()));
    }
    let kept = read_small(state)?;
    let old = Note::parse(&kept).map_err(|error| format!("{}: {error}", state.display()))?;
    let old = Checkpoint::parse(old.text()).map_err(|error| format!("{}: {error}", state.display()))?;
    if head.size() < old.size() {
        return Ok(Err(format!(
            "手元の {} 件より小さい {} 件です（巻き戻し）。/ {1} entries, fewer than the {0} cosigned before.",
            old.size(),
            head.size()
        )));
    }
    if head.size() == old.size() {
        let same = head.root() == old.root();
        return Ok(if same {
            Ok(())
        } else {
            Err("同じ件数で根が違います（分岐）。/ forked.".to_owned())
        });
    }
    let Some(bundle) = &arguments.bundle else {
        return Err(format!(
            "前回（{} 件）の続きであることを示す --bundle が必要です。/ --bundle is needed to show that it continues \
             the head of {} entries.",
            old.size(),
            old.size()
        ));
    };
    by_bundle(policy, bundle, kept, head)
}

/// The bundle must hold this very head, be intact in itself, and continue the kept head.
fn by_bundle(
    policy: &Policy,
    bundle: &Path,
    kept: String,
    head: &Checkpoint,
) -> Result<Result<(), String>, String> {
    let heads = [KeptHead { name: "立会署名済み / cosigned before".to_owned(), text: kept }];
    let workers = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let means = Means { policy: Some(policy.text()), heads: &heads, workers };
    let report = verify(open(bundle)?, &means).map_err(|error| error.to_string())?;
    let wanted = (head.origin().to_owned(), head.size(), head.root().to_string());
    if report.head != Some(wanted) {
        return Err(format!("{} is the bundle of another head than the checkpoint", bundle.display()));
    }
    match report.heads.first().map(|compared| compared.result) {
        Some(HeadResult::Continued | HeadResult::Same) if report.proved => Ok(Ok(())),
        _ => Ok(Err(report.to_japanese())),
    }
}
