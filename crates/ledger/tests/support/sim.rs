//! A disk in memory that keeps apart what a program sees and what would be left after a power cut, counts every
//! operation, and makes one of them fail.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test program: an error ends it, and that is what is wanted"
)]

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use yakujo_ledger::files::{Disk, DiskFile, Listed, ListedKind, Share};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There is no room; half of a write is done.
    Full,
    /// An error of the device; half of a write is done.
    Device,
    /// The power goes: this operation and all after it fail.
    Power,
}

/// What is left when the process or the machine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Everything that the program saw: only the process ended.
    Everything,
    /// Only what was made durable.
    OnlyDurable,
    /// What was made durable, and by chance parts of the rest.
    Torn(u64),
}

#[derive(Debug, Clone, Default)]
struct Inode {
    seen: Vec<u8>,
    durable: Vec<u8>,
    /// What was written before a sync that failed never reaches the disk, although it is seen.
    lost: Vec<std::ops::Range<usize>>,
    clean_until: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Debug, Clone, Default)]
struct World {
    inodes: Vec<Inode>,
    seen: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
    operations: u64,
    fault: Option<(u64, Fault)>,
    dead: bool,
}

#[derive(Clone)]
pub struct SimDisk {
    world: Arc<Mutex<World>>,
    locks: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl SimDisk {
    /// An empty disk with the folder `/`, on which operation number `at` (from 1) fails.
    pub fn new(fault: Option<(u64, Fault)>) -> Self {
        let root = BTreeMap::from([(PathBuf::from("/"), Node::Folder)]);
        let world = World { seen: root.clone(), durable: root, fault, ..World::default() };
        Self::of(world)
    }

    fn of(world: World) -> Self {
        Self { world: Arc::new(Mutex::new(world)), locks: Arc::default() }
    }

    pub fn operations(&self) -> u64 {
        self.world.lock().unwrap().operations
    }

    /// Whether the fault came already.
    pub fn failed(&self) -> bool {
        let world = self.world.lock().unwrap();
        world.fault.is_some_and(|(at, _)| world.operations >= at)
    }

    pub fn dead(&self) -> bool {
        self.world.lock().unwrap().dead
    }

    /// Cuts a file of what is seen, as if it had been read from a broken copy.
    pub fn cut(&self, file: &Path, length: usize) {
        let mut world = self.world.lock().unwrap();
        let Some(Node::File(inode)) = world.seen.get(file).copied() else { panic!("no such file") };
        world.inodes[inode].seen.truncate(length);
        world.inodes[inode].durable.truncate(length);
    }

    /// Another disk with what is left, on which nothing fails any more.
    pub fn restart(&self, left: Left) -> Self {
        let old = self.world.lock().unwrap().clone();
        let mut chance = Chance(if let Left::Torn(seed) = left { seed } else { 0 });
        let mut names = match left {
            Left::Everything => old.seen.clone(),
            Left::OnlyDurable => old.durable.clone(),
            Left::Torn(_) => torn_names(&old, &mut chance),
        };
        let complete: BTreeSet<_> = names
            .keys()
            .filter(|path| path.ancestors().all(|folder| names.contains_key(folder)))
            .cloned()
            .collect();
        names.retain(|path, _| complete.contains(path));
        let inodes = old.inodes.iter().map(|inode| {
            let content = match left {
                Left::Everything => inode.seen.clone(),
                Left::OnlyDurable => inode.durable.clone(),
                Left::Torn(_) => torn_content(inode, &mut chance),
            };
            Inode { clean_until: content.len(), seen: content.clone(), durable: content, lost: Vec::new() }
        });
        let inodes = inodes.collect();
        Self::of(World { inodes, seen: names.clone(), durable: names, ..World::default() })
    }

    /// Counts an operation. An error also says how much of a write is done before it.
    fn step(&self) -> Result<std::sync::MutexGuard<'_, World>, io::Error> {
        let mut world = self.world.lock().unwrap();
        world.operations += 1;
        if world.dead {
            return Err(io::Error::other("the power is off"));
        }
        if let Some((at, fault)) = world.fault
            && at == world.operations
        {
            world.dead = fault == Fault::Power;
            return Err(match fault {
                Fault::Full => ErrorKind::StorageFull.into(),
                Fault::Device | Fault::Power => io::Error::from_raw_os_error(5),
            });
        }
        Ok(world)
    }
}

fn torn_names(old: &World, chance: &mut Chance) -> BTreeMap<PathBuf, Node> {
    let paths: BTreeSet<_> = old.seen.keys().chain(old.durable.keys()).cloned().collect();
    let chosen = paths.into_iter().filter_map(|path| {
        let from = if chance.coin() { &old.seen } else { &old.durable };
        from.get(&path).copied().map(|node| (path, node))
    });
    chosen.collect()
}

fn torn_content(inode: &Inode, chance: &mut Chance) -> Vec<u8> {
    if inode.seen.len() < inode.durable.len() {
        return if chance.coin() { inode.seen.clone() } else { inode.durable.clone() };
    }
    let mut content = inode.durable.clone();
    let more = inode.seen.len() - content.len();
    let reached = chance.below(more + 1);
    content.extend(&inode.seen[inode.durable.len()..inode.durable.len() + reached]);
    // Pages reach the disk in any order: an earlier one may be missing.
    if reached > 0 && chance.coin() {
        let begin = inode.durable.len() + chance.below(reached);
        let end = (begin + 1 + chance.below(64)).min(content.len());
        content[begin..end].fill(0);
    }
    content
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

fn missing() -> io::Error {
    ErrorKind::NotFound.into()
}

impl Disk for SimDisk {
    fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        let world = self.step()?;
        match world.seen.get(file) {
            Some(Node::File(inode)) => Ok(world.inodes[*inode].seen.clone()),
            _ => Err(missing()),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Listed>> {
        let world = self.step()?;
        if world.seen.get(folder) != Some(&Node::Folder) {
            return Err(missing());
        }
        let inside = world.seen.iter().filter(|(path, _)| path.parent() == Some(folder));
        let listed = inside.map(|(path, node)| Listed {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            kind: if *node == Node::Folder { ListedKind::Folder } else { ListedKind::File },
        });
        Ok(listed.collect())
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut world = self.step()?;
        if world.seen.get(folder.parent().unwrap()) != Some(&Node::Folder) {
            return Err(missing());
        }
        world.seen.entry(folder.to_owned()).or_insert(Node::Folder);
        Ok(())
    }

    fn create(&self, file: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.step()?;
        if world.seen.get(file.parent().unwrap()) != Some(&Node::Folder) {
            return Err(missing());
        }
        let inode = match world.seen.get(file) {
            Some(Node::File(inode)) => *inode,
            _ => world.inodes.len(),
        };
        if inode == world.inodes.len() {
            world.inodes.push(Inode::default());
        }
        world.inodes[inode].seen.clear();
        world.inodes[inode].clean_until = 0;
        world.seen.insert(file.to_owned(), Node::File(inode));
        drop(world);
        Ok(Box::new(SimFile { disk: self.clone(), inode }))
    }

    fn create_secret(&self, file: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.create(file)
    }

    fn open(&self, file: &Path) -> io::Result<Box<dyn DiskFile>> {
        let world = self.step()?;
        match world.seen.get(file) {
            Some(Node::File(inode)) => Ok(Box::new(SimFile { disk: self.clone(), inode: *inode })),
            _ => Err(missing()),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.step()?;
        let node = world.seen.remove(from).ok_or_else(missing)?;
        world.seen.insert(to.to_owned(), node);
        Ok(())
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        self.step()?.seen.remove(file).map(|_| ()).ok_or_else(missing)
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        let mut world = self.step()?;
        if world.seen.keys().any(|path| path.parent() == Some(folder)) {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        world.seen.remove(folder).map(|_| ()).ok_or_else(missing)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut world = self.step()?;
        let world = &mut *world;
        let inside = |path: &Path| path.parent() == Some(folder);
        world.durable.retain(|path, _| !inside(path) || world.seen.contains_key(path));
        let now =
            world.seen.iter().filter(|(path, _)| inside(path)).map(|(path, node)| (path.clone(), *node));
        world.durable.extend(now);
        Ok(())
    }

    fn lock(&self, file: &Path, share: Share) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let mut world = self.step()?;
        if share == Share::Alone && !world.seen.contains_key(file) {
            let inode = world.inodes.len();
            world.inodes.push(Inode::default());
            world.seen.insert(file.to_owned(), Node::File(inode));
        }
        if !self.locks.lock().unwrap().insert(file.to_owned()) {
            return Ok(None);
        }
        Ok(Some(Box::new(Held { locks: self.locks.clone(), file: file.to_owned() })))
    }
}

struct Held {
    locks: Arc<Mutex<BTreeSet<PathBuf>>>,
    file: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.locks.lock().unwrap().remove(&self.file);
    }
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl DiskFile for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (result, reached) = match self.disk.step() {
            Ok(_) => (Ok(()), bytes.len()),
            Err(error) => (Err(error), if self.disk.dead() { 0 } else { bytes.len() / 2 }),
        };
        let mut world = self.disk.world.lock().unwrap();
        world.inodes[self.inode].seen.extend(&bytes[..reached]);
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        let result = self.disk.step().map(|_| ());
        let mut world = self.disk.world.lock().unwrap();
        let inode = &mut world.inodes[self.inode];
        if result.is_err() {
            inode.lost.push(inode.clean_until..inode.seen.len());
        } else {
            inode.durable = inode.seen.clone();
            for lost in &inode.lost {
                let end = lost.end.min(inode.durable.len());
                inode.durable[lost.start.min(end)..end].fill(0);
            }
        }
        inode.clean_until = inode.seen.len();
        result
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut world = self.disk.step()?;
        let inode = &mut world.inodes[self.inode];
        inode.seen.truncate(length as usize);
        inode.clean_until = inode.clean_until.min(length as usize);
        Ok(())
    }
}
