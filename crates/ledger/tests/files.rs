//! The ledger on a real disk, as a caller uses it.

#![expect(clippy::unwrap_used, reason = "a test program: an error ends it, and that is what is wanted")]

use std::path::Path;

use yakujo_ledger::checkpoint::Checkpoint;
use yakujo_ledger::files::{AppendError, Ledger, LedgerError, ReadError, Reader, load_key, store_key};
use yakujo_ledger::hash::{Hash, leaf_hash};
use yakujo_ledger::note::{Note, SigningKey};
use yakujo_ledger::proof::{verify_batch, verify_consistency, verify_inclusion, verify_range};
use yakujo_ledger::tile::{TilePath, tiles_of};
use yakujo_ledger::tree::Frontier;

fn key() -> SigningKey {
    SigningKey::from_seed("city.example/main", &[7; 32]).unwrap()
}

fn entry(number: u64) -> Vec<u8> {
    format!("{{\"entry\":{number}}}").into_bytes()
}

fn entries(range: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    range.map(entry).collect()
}

fn root_of(size: u64) -> Hash {
    let mut frontier = Frontier::new();
    (0..size).for_each(|number| frontier.push(leaf_hash(&entry(number))));
    frontier.root()
}

/// A ledger grown in steps of many sizes, published after each.
fn grown(folder: &Path, size: u64) -> Ledger {
    let mut ledger = Ledger::create(folder, key()).unwrap();
    let mut step = 1;
    while ledger.size() < size {
        let until = (ledger.size() + step).min(size);
        ledger.append(&entries(ledger.size()..until)).unwrap();
        ledger.integrate().unwrap();
        step = step * 3 % 701;
    }
    ledger
}

#[test]
fn entries_get_numbers_and_are_read_back_before_and_after_publication() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::create(&folder.path().join("ledger"), key()).unwrap();
    let reader = ledger.reader();
    assert_eq!(ledger.append(&entries(0..3)).unwrap(), 0..3);
    assert_eq!(ledger.append(&entries(3..300)).unwrap(), 3..300);
    assert_eq!(ledger.append::<Vec<u8>>(&[]).unwrap(), 300..300);
    assert_eq!((reader.size(), reader.checkpoint().size(), ledger.pending()), (300, 0, 300));
    for _ in 0..2 {
        let read: Vec<_> = reader.entries(0..300).map(Result::unwrap).collect();
        assert_eq!(read, entries(0..300));
        assert_eq!(reader.entry(255).unwrap(), entry(255));
        assert_eq!(reader.entry(299).unwrap(), entry(299));
        assert!(matches!(reader.entry(300), Err(ReadError::NoEntry { number: 300, size: 300 })));
        assert_eq!(ledger.root(), root_of(300));
        ledger.integrate().unwrap();
    }
    assert_eq!(reader.checkpoint(), Checkpoint::new("city.example/main", 300, root_of(300)).unwrap());
    let note = Note::parse(&reader.signed_checkpoint()).unwrap();
    assert_eq!(Checkpoint::parse(note.text()).unwrap(), reader.checkpoint());
}

#[test]
fn an_opened_ledger_goes_on_where_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut ledger = grown(&path, 700);
    ledger.append(&entries(700..710)).unwrap();
    drop(ledger);
    let (mut ledger, recovery) = Ledger::open(&path, key()).unwrap();
    assert_eq!((recovery.pending, recovery.torn_bytes), (10, 0));
    assert_eq!((ledger.size(), ledger.pending(), ledger.root()), (710, 10, root_of(710)));
    ledger.append(&entries(710..800)).unwrap();
    assert_eq!(ledger.integrate().unwrap().root(), root_of(800));
    drop(ledger);
    let reader = Reader::open(&path, &key().verifier()).unwrap();
    assert_eq!(reader.entries(0..800).map(Result::unwrap).collect::<Vec<_>>(), entries(0..800));
}

#[test]
fn every_proof_of_the_reader_convinces_the_verifier() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = grown(&folder.path().join("ledger"), 2_000);
    let reader = ledger.reader();
    let head = reader.checkpoint();
    for size in [1, 2, 255, 256, 257, 511, 512, 1_023, 1_500, 2_000] {
        let root = root_of(size);
        assert_eq!(reader.root(size).unwrap(), root);
        let consistency = reader.consistency_proof(size, 2_000).unwrap();
        verify_consistency(size, &root, 2_000, &head.root(), &consistency).unwrap();
        for index in (0..size).step_by(97).chain([size - 1]) {
            let proof = reader.inclusion_proof(size, index).unwrap();
            verify_inclusion(&root, size, index, &leaf_hash(&entry(index)), &proof).unwrap();
        }
        let range = size / 3..size / 2;
        let proof = reader.range_proof(size, range.clone()).unwrap();
        let leaves: Vec<_> = range.clone().map(|number| leaf_hash(&entry(number))).collect();
        verify_range(&root, size, range.start, &leaves, &proof).unwrap();
        let some: Vec<_> = (0..size).filter(|number| number % 41 == 0).collect();
        let proof = reader.batch_proof(size, &some).unwrap();
        let leaves: Vec<_> = some.iter().map(|number| leaf_hash(&entry(*number))).collect();
        verify_batch(&root, size, &some, &leaves, &proof).unwrap();
    }
    assert!(matches!(reader.inclusion_proof(2_001, 0), Err(ReadError::NotPublished { .. })));
    assert!(matches!(reader.inclusion_proof(2_000, 2_000), Err(ReadError::Proof(_))));
    assert!(reader.root(u64::MAX).is_err());
}

#[test]
fn the_folder_holds_the_tiles_of_its_size_and_no_unfinished_form_of_a_full_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    drop(grown(&path, 1_500));
    for tile in tiles_of(1_500) {
        assert!(path.join(tile.to_string()).is_file(), "{tile}");
        assert!(!tile.is_full() || !path.join(tile.partial_folder()).exists(), "{tile}");
    }
}

#[test]
fn a_reader_gives_tile_files_as_they_stand_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledger = grown(&path, 1_500);
    for tile in tiles_of(1_500) {
        let stored = std::fs::read(path.join(tile.to_string())).unwrap();
        assert_eq!(ledger.reader().tile_file(tile).unwrap(), Some(stored), "{tile}");
    }
    for absent in
        ["tile/0/005.p/221", "tile/0/006", "tile/1/001", "tile/5/000", "tile/63/000", "tile/entries/005"]
    {
        let absent: TilePath = absent.parse().unwrap();
        assert_eq!(ledger.reader().tile_file(absent).unwrap(), None, "{absent}");
    }
}

#[test]
fn a_second_writer_is_refused_and_told_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledger = grown(&path, 5);
    let refused = Ledger::open(&path, key()).err().unwrap();
    assert!(matches!(refused, LedgerError::InUse(_)), "{refused}");
    assert!(refused.to_string().contains("stop it before"));
    drop(ledger);
    assert!(Ledger::open(&path, key()).is_ok());
}

#[test]
fn creating_never_touches_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    drop(grown(&path, 300));
    assert!(matches!(Ledger::create(&path, key()), Err(LedgerError::Occupied(_))));
    std::fs::remove_file(path.join("checkpoint")).unwrap();
    assert!(matches!(Ledger::create(&path, key()), Err(LedgerError::Occupied(_))));
    assert!(matches!(Ledger::open(&path, key()), Err(LedgerError::NotALedger(_))));
    assert!(matches!(Ledger::open(folder.path(), key()), Err(LedgerError::NotALedger(_))));
    assert!(!folder.path().join("lock").exists(), "looking for a ledger must leave nothing behind");
}

#[test]
fn a_ledger_of_another_key_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    drop(grown(&path, 3));
    let other = SigningKey::from_seed("city.example/main", &[8; 32]).unwrap();
    assert!(matches!(Ledger::open(&path, other), Err(LedgerError::Damaged { .. })));
}

#[test]
fn entries_that_are_too_large_are_refused_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::create(&folder.path().join("ledger"), key()).unwrap();
    let batch = [vec![0; 65_535], vec![0; 65_536]];
    let refused = ledger.append(&batch);
    assert!(matches!(refused, Err(AppendError::EntryTooLarge { position: 1, bytes: 65_536 })));
    assert_eq!(ledger.append(&batch[..1]).unwrap(), 0..1);
    let refused = ledger.append(&vec![vec![0; 65_535]; 513]);
    assert!(matches!(refused, Err(AppendError::BatchTooLarge { .. })));
    ledger.integrate().unwrap();
    assert_eq!(ledger.reader().entry(0).unwrap().len(), 65_535);
}

#[test]
fn the_key_file_is_for_its_owner_only_and_is_never_replaced() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    store_key(&path, &key()).unwrap();
    assert!(store_key(&path, &SigningKey::from_seed("x", &[1; 32]).unwrap()).is_err());
    let file = path.join("log.key");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let mut ledger = Ledger::create(&path, load_key(&path).unwrap()).unwrap();
    ledger.append(&entries(0..1)).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(load_key(&path), Err(LedgerError::KeyExposed(_))));
}

#[test]
fn readers_in_other_threads_see_a_consistent_ledger_while_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::create(&folder.path().join("ledger"), key()).unwrap();
    std::thread::scope(|scope| {
        for seed in 0..2u64 {
            let reader = ledger.reader();
            scope.spawn(move || {
                let mut number = seed;
                while reader.size() < 3_000 {
                    let head = reader.checkpoint();
                    let size = reader.size().max(1);
                    number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99) % size;
                    if reader.size() > number {
                        assert_eq!(reader.entry(number).unwrap(), entry(number));
                    }
                    if number < head.size() {
                        let proof = reader.inclusion_proof(head.size(), number).unwrap();
                        let leaf = leaf_hash(&entry(number));
                        verify_inclusion(&head.root(), head.size(), number, &leaf, &proof).unwrap();
                    }
                }
            });
        }
        while ledger.size() < 3_000 {
            let next = ledger.size();
            ledger.append(&entries(next..(next + next % 37 + 1).min(3_000))).unwrap();
            if next.is_multiple_of(3) {
                ledger.integrate().unwrap();
            }
        }
    });
}

#[test]
fn a_reader_of_another_process_sees_what_is_published_while_the_writer_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut ledger = grown(&path, 400);
    ledger.append(&entries(400..450)).unwrap();
    let reader = Reader::open(&path, &key().verifier()).unwrap();
    assert_eq!((reader.size(), reader.entry(399).unwrap()), (400, entry(399)));
    ledger.integrate().unwrap();
    assert_eq!(reader.root(400).unwrap(), root_of(400));
    assert_eq!(Reader::open(&path, &key().verifier()).unwrap().size(), 450);
}

/// Whoever can write the tiles can make the leaf of his own entry; nothing that the reader answers may rest on it.
#[test]
fn a_forged_leaf_in_a_tile_is_refused_at_every_level() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut ledger = Ledger::create(&path, key()).unwrap();
    ledger.append(&entries(0..70_000)).unwrap();
    ledger.integrate().unwrap();
    drop(ledger);
    for (tile, level) in [("tile/0/000", 0), ("tile/0/272", 0), ("tile/1/000", 1), ("tile/0/100", 0)] {
        let file = path.join(tile);
        let original = std::fs::read(&file).unwrap();
        let place = 77;
        let mut forged = original.clone();
        forged[place * 32..place * 32 + 32].copy_from_slice(&leaf_hash(b"forged").0);
        std::fs::write(&file, &forged).unwrap();
        let reader = Reader::open(&path, &key().verifier()).unwrap();
        let index: u64 = tile[7..].parse::<u64>().unwrap() * 256u64.pow(level + 1) + place as u64;
        for neighbour in [index, index + 1] {
            let proof = reader.inclusion_proof(70_000, neighbour);
            let named = matches!(&proof, Err(ReadError::Damaged { file, .. }) if file == Path::new(tile));
            assert!(named, "{tile}: {proof:?}");
        }
        std::fs::write(&file, &original).unwrap();
        assert!(Reader::open(&path, &key().verifier()).unwrap().inclusion_proof(70_000, index).is_ok());
    }
    let bundle = path.join("tile/entries/003");
    let forged = String::from_utf8(std::fs::read(&bundle).unwrap()).unwrap().replacen("800", "801", 1);
    std::fs::write(&bundle, forged).unwrap();
    let reader = Reader::open(&path, &key().verifier()).unwrap();
    assert!(matches!(reader.entry(800), Err(ReadError::Damaged { .. })));
    assert!(reader.entry(1_100).is_ok());
}
