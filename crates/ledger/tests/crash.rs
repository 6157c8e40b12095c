//! No acknowledged entry is ever lost: whatever operation on the disk fails, wherever the power goes, wherever the
//! write-ahead file is cut, however the process is killed.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test program: an error ends it, and that is what is wanted"
)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use support::sim::{Fault, Left, SimDisk};
use support::{entries, key};
use yakujo_ledger::checkpoint::Checkpoint;
use yakujo_ledger::files::{AppendError, Ledger, LedgerError};
use yakujo_ledger::fsck::fsck_on;

const FOLDER: &str = "/ledger";

/// What was promised to somebody outside.
#[derive(Default)]
struct Promised {
    created: bool,
    entries: BTreeMap<u64, Vec<u8>>,
    heads: Vec<Checkpoint>,
}

/// How often a caller starts again after an error.
const RESTARTS: usize = 3;

/// A short life: created, appended to in batches, published now and then across the end of a tile. The caller does
/// what the errors say, and tries at most a few times.
fn live(disk: &SimDisk) -> Promised {
    let mut promised = Promised::default();
    let mut next = 0;
    for _ in 0..RESTARTS {
        let opened = if promised.created {
            Ledger::open_on(Arc::new(disk.clone()), Path::new(FOLDER), key()).map(|(ledger, _)| ledger)
        } else {
            Ledger::create_on(Arc::new(disk.clone()), Path::new(FOLDER), key())
        };
        let mut ledger = match opened {
            Ok(ledger) => ledger,
            Err(LedgerError::Occupied(_)) => {
                promised.created = true;
                continue;
            }
            Err(_) => continue,
        };
        promised.created = true;
        if work(&mut ledger, &mut next, &mut promised).is_ok() {
            break;
        }
    }
    promised
}

fn work(ledger: &mut Ledger, next: &mut usize, promised: &mut Promised) -> Result<(), ()> {
    let steps = [Some(3), None, Some(250), None, Some(2), Some(1), None, Some(4), None, None, Some(2)];
    while let Some(step) = steps.get(*next) {
        let Some(count) = step else {
            match ledger.integrate() {
                Ok(head) => promised.heads.push(head),
                Err(_) => match ledger.integrate() {
                    Ok(head) => promised.heads.push(head),
                    Err(_) => return Err(()),
                },
            }
            *next += 1;
            continue;
        };
        let batch: Vec<_> = (0..*count).map(|place| format!("{next}/{place}").into_bytes()).collect();
        let numbers = match ledger.append(&batch) {
            Err(AppendError::Full { .. }) => ledger.append(&batch),
            result => result,
        };
        match numbers {
            Ok(numbers) => promised.entries.extend(numbers.zip(batch)),
            Err(_) => return Err(()),
        }
        *next += 1;
    }
    Ok(())
}

/// Starts again on what is left and checks every promise; then goes on working and checks again.
fn check(disk: SimDisk, promised: &Promised, story: &str) {
    let disk = Arc::new(disk);
    let folder = Path::new(FOLDER);
    let mut ledger = match Ledger::open_on(disk.clone(), folder, key()) {
        Ok((ledger, _)) => ledger,
        Err(LedgerError::NotALedger(_)) if !promised.created => {
            Ledger::create_on(disk.clone(), folder, key())
                .unwrap_or_else(|error| panic!("{story}: {error:?}"))
        }
        Err(error) => panic!("{story}: {error:?}"),
    };
    let mut heads = promised.heads.clone();
    for round in 0..2 {
        let found: Result<Vec<_>, _> = ledger.reader().entries(0..ledger.size()).collect();
        let found = found.unwrap_or_else(|error| panic!("{story}: {error:?}"));
        for (number, entry) in &promised.entries {
            assert_eq!(found.get(*number as usize), Some(entry), "{story}: entry {number}");
        }
        if round == 0 {
            ledger.append(&entries(0..3)).unwrap_or_else(|error| panic!("{story}: {error:?}"));
            heads.push(ledger.integrate().unwrap_or_else(|error| panic!("{story}: {error:?}")));
        }
        drop(ledger);
        let report = fsck_on(&*disk, folder, &key().verifier(), &heads).unwrap();
        assert_eq!(report.damage, [], "{story}");
        ledger = Ledger::open_on(disk.clone(), folder, key()).unwrap().0;
    }
}

fn fail_each_operation(fault: Fault, left: impl Fn(u64) -> Vec<Left>) {
    let whole = SimDisk::new(None);
    assert_eq!(live(&whole).entries.len(), 262);
    let operations = whole.operations();
    assert!(operations > 100, "{operations}");
    for at in 1..=operations {
        let disk = SimDisk::new(Some((at, fault)));
        let promised = live(&disk);
        assert!(disk.failed());
        for left in left(at) {
            check(disk.restart(left), &promised, &format!("operation {at} {fault:?}, left {left:?}"));
        }
    }
}

#[test]
fn any_operation_may_find_the_disk_full() {
    fail_each_operation(Fault::Full, |_| vec![Left::Everything, Left::OnlyDurable]);
}

#[test]
fn any_operation_may_find_the_device_broken() {
    fail_each_operation(Fault::Device, |at| vec![Left::Everything, Left::OnlyDurable, Left::Torn(at)]);
}

#[test]
fn the_power_may_go_at_any_operation() {
    fail_each_operation(Fault::Power, |at| {
        vec![
            Left::Everything,
            Left::OnlyDurable,
            Left::Torn(at),
            Left::Torn(at + 5_000),
            Left::Torn(at + 9_000),
        ]
    });
}

#[test]
fn a_full_disk_refuses_and_the_same_handle_works_when_there_is_room_again() {
    let whole = SimDisk::new(None);
    let mut ledger = Ledger::create_on(Arc::new(whole.clone()), Path::new(FOLDER), key()).unwrap();
    let created = whole.operations();
    ledger.append(&entries(0..2)).unwrap();
    let disk = SimDisk::new(Some((created + 3, Fault::Full)));
    let mut ledger = Ledger::create_on(Arc::new(disk.clone()), Path::new(FOLDER), key()).unwrap();
    assert_eq!(ledger.append(&entries(0..2)).unwrap(), 0..2);
    let refused = ledger.append(&entries(2..4)).unwrap_err();
    assert!(matches!(refused, AppendError::Full { .. }), "{refused:?}");
    assert_eq!(ledger.append(&entries(2..4)).unwrap(), 2..4);
    assert_eq!(ledger.integrate().unwrap().size(), 4);
}

#[test]
fn after_a_failed_sync_the_handle_refuses_and_says_what_to_do() {
    let whole = SimDisk::new(None);
    drop(Ledger::create_on(Arc::new(whole.clone()), Path::new(FOLDER), key()).unwrap());
    let disk = SimDisk::new(Some((whole.operations() + 2, Fault::Device)));
    let mut ledger = Ledger::create_on(Arc::new(disk.clone()), Path::new(FOLDER), key()).unwrap();
    for _ in 0..2 {
        let refused = ledger.append(&entries(0..2)).unwrap_err();
        assert!(matches!(refused, AppendError::Stopped(_)), "{refused:?}");
        assert!(refused.to_string().contains("start again"), "{refused}");
    }
    assert!(matches!(ledger.integrate(), Err(LedgerError::Stopped(_))));
    assert_eq!(ledger.size(), 0);
}

#[test]
fn the_write_ahead_file_may_be_cut_at_any_byte() {
    let disk = SimDisk::new(None);
    let mut ledger = Ledger::create_on(Arc::new(disk.clone()), Path::new(FOLDER), key()).unwrap();
    ledger.append(&entries(0..7)).unwrap();
    let head = ledger.integrate().unwrap();
    let file = Path::new(FOLDER).join("write-ahead");
    let length = |disk: &SimDisk| yakujo_ledger::files::Disk::read(disk, &file).unwrap().len();
    let mut acknowledged = vec![(length(&disk), 7)];
    for until in [8, 10, 11, 15] {
        ledger.append(&entries(ledger.size()..until)).unwrap();
        acknowledged.push((length(&disk), until));
    }
    for cut in acknowledged[0].0..=acknowledged[4].0 {
        let broken = disk.restart(Left::Everything);
        broken.cut(&file, cut);
        let expected = acknowledged.iter().rfind(|(end, _)| *end <= cut).unwrap().1;
        let promised = Promised {
            created: true,
            entries: (0..expected).zip(entries(0..expected)).collect(),
            heads: vec![head.clone()],
        };
        let opened = Ledger::open_on(Arc::new(broken.clone()), Path::new(FOLDER), key()).unwrap().0;
        assert_eq!(opened.size(), expected, "cut at {cut}");
        drop(opened);
        check(broken, &promised, &format!("cut at {cut}"));
    }
}
