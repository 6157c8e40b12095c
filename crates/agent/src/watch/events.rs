//! What the kernel tells of watched folders: in which of them something happened, and who wrote to a file.
//!
//! Events are hints only. What really changed is found by comparing (`super::files`), so a lost event delays a finding but
//! hides nothing. inotify tells of every change; fanotify (root only) tells the process that wrote, but only for contents:
//! for a deletion or a change of mode nobody says who did it, and then nobody is named.

use nix::sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use yakujo_contract::fact::malware::ProcessSeen;
use yakujo_contract::fact::state::Actor;

/// Paths that wait to be looked at; more of them and everything is looked at.
const MOST_TOUCHED: usize = 20_000;
/// Writers that are remembered.
const MOST_WRITERS: usize = 10_000;
/// So long a writer is remembered.
const WRITER_KEPT: Duration = Duration::from_mins(15);
/// How often the thread looks whether it should end.
const TURN: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// A file as the kernel names it: device and inode.
pub type FileId = (u64, u64);

/// Watches folders until it is dropped.
#[derive(Debug)]
pub struct Events {
    inotify: Option<Arc<OwnedFd>>,
    fanotify: Option<Arc<Fanotify>>,
    pending: Arc<Mutex<Pending>>,
    ended: Arc<AtomicBool>,
    limits: Vec<String>,
    interest: Interest,
}

/// What is listened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// Every change of files and folders.
    Changes,
    /// Files that were closed after writing or came by a move, and new folders.
    Written,
}

/// Who wrote to a file.
#[derive(Debug)]
struct Writer {
    actor: Actor,
    /// When the process started.
    started: Option<jiff::Timestamp>,
    heard: Instant,
}

/// Groups opened by [`prepare`], one for each interest.
static PREPARED: OnceLock<[(Interest, Option<Arc<Fanotify>>); 2]> = OnceLock::new();

/// Opens what needs the right CAP_SYS_ADMIN, so that it can be given up: marks of single folders need it no more.
pub fn prepare() {
    let group = || new_group().ok().map(Arc::new);
    // Opened twice, the first stay.
    let _ = PREPARED.set([Interest::Changes, Interest::Written].map(|interest| (interest, group())));
}

/// Where it is listened to anew, what was marked before is marked still.
fn prepared(interest: Interest) -> Option<Arc<Fanotify>> {
    PREPARED.get()?.iter().find(|(of, _)| *of == interest)?.1.clone()
}

fn new_group() -> nix::Result<Fanotify> {
    let flags = InitFlags::FAN_CLASS_NOTIF
        | InitFlags::FAN_CLOEXEC
        | InitFlags::FAN_NONBLOCK
        | InitFlags::FAN_UNLIMITED_MARKS;
    Fanotify::init(flags, EventFFlags::O_RDONLY | EventFFlags::O_CLOEXEC)
}

/// What was heard and not taken yet.
#[derive(Debug, Default)]
struct Pending {
    touched: BTreeSet<PathBuf>,
    overflow: Overflow,
    folders: HashMap<i32, PathBuf>,
    writers: HashMap<FileId, Writer>,
}

/// Whether events were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Overflow {
    /// None.
    #[default]
    None,
    /// Some: everything must be looked at.
    Lost,
}

/// What was heard since the last time.
#[derive(Debug, Default)]
pub struct Heard {
    /// Where something happened.
    pub touched: BTreeSet<PathBuf>,
    /// Whether more happened.
    pub overflow: Overflow,
}

impl Events {
    /// Begins to listen for every change.
    #[must_use]
    pub fn start() -> Self {
        Self::start_for(Interest::Changes)
    }

    /// Begins to listen.
    #[must_use]
    pub fn start_for(interest: Interest) -> Self {
        let mut limits = Vec::new();
        let inotify = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK);
        if let Err(error) = &inotify {
            limits
                .push(format!("no events of files (inotify: {error}): changes are found at the next round"));
        }
        let fanotify = match prepared(interest) {
            Some(group) => Ok(group),
            None => new_group().map(Arc::new),
        };
        if let Err(error) = &fanotify {
            limits.push(format!(
                "who changes files is not told without the right CAP_SYS_ADMIN (fanotify: {error})"
            ));
        }
        let events = Self {
            inotify: inotify.ok().map(Arc::new),
            fanotify: fanotify.ok(),
            pending: Arc::default(),
            ended: Arc::default(),
            limits,
            interest,
        };
        events.listen();
        events
    }

    fn listen(&self) {
        let listener = Listener {
            inotify: self.inotify.clone(),
            fanotify: self.fanotify.clone(),
            pending: self.pending.clone(),
            ended: self.ended.clone(),
        };
        let thread = std::thread::Builder::new().name("file-events".to_owned());
        if let Err(error) = thread.spawn(move || listener.run()) {
            tracing::error!("no thread for events of files: {error}");
            locked(&self.pending).overflow = Overflow::Lost;
        }
    }

    /// What the kernel does not tell here, in plain English.
    #[must_use]
    pub fn limits(&self) -> &[String] {
        &self.limits
    }

    /// Whether changes are told at all.
    #[must_use]
    pub fn hears(&self) -> bool {
        self.inotify.is_some()
    }

    /// Watches one folder (not the folders in it). Where it is open already, the kernel need not look for it twice.
    ///
    /// # Errors
    /// When the kernel refuses, most often because there are too many watches.
    pub fn watch(&self, folder: &Path, opened: Option<BorrowedFd<'_>>) -> std::io::Result<()> {
        if let Some(inotify) = &self.inotify {
            use inotify::WatchFlags as On;
            let flags = match self.interest {
                Interest::Changes => {
                    let content =
                        On::CREATE | On::DELETE | On::MODIFY | On::CLOSE_WRITE | On::ATTRIB | On::MOVE;
                    content | On::DELETE_SELF | On::MOVE_SELF
                }
                Interest::Written => On::CLOSE_WRITE | On::MOVED_TO | On::CREATE,
            };
            let only = On::ONLYDIR | On::DONT_FOLLOW | On::EXCL_UNLINK;
            let number = inotify::add_watch(inotify.as_fd(), folder, flags | only)?;
            locked(&self.pending).folders.insert(number, folder.to_owned());
        }
        if let Some(fanotify) = &self.fanotify {
            let flags =
                MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_ONLYDIR | MarkFlags::FAN_MARK_DONT_FOLLOW;
            let written = MaskFlags::FAN_CLOSE_WRITE | MaskFlags::FAN_EVENT_ON_CHILD;
            let mask = match self.interest {
                Interest::Changes => written | MaskFlags::FAN_MODIFY,
                Interest::Written => written,
            };
            match opened {
                Some(opened) => fanotify.mark::<_, Path>(flags, mask, opened, None)?,
                None => fanotify.mark(flags, mask, rustix::fs::CWD, Some(folder))?,
            }
        }
        Ok(())
    }

    /// Takes what was heard.
    #[must_use]
    pub fn take(&self) -> Heard {
        let mut pending = locked(&self.pending);
        pending.writers.retain(|_, writer| writer.heard.elapsed() < WRITER_KEPT);
        Heard {
            touched: std::mem::take(&mut pending.touched),
            overflow: std::mem::take(&mut pending.overflow),
        }
    }

    /// Who last wrote to a file, where the kernel told.
    #[must_use]
    pub fn writer(&self, file: FileId) -> Option<Actor> {
        locked(&self.pending).writers.get(&file).map(|writer| writer.actor.clone())
    }

    /// The process that last wrote to a file, where the kernel told and it still ran when that was heard.
    #[must_use]
    pub fn writing_process(&self, file: FileId) -> Option<ProcessSeen> {
        let pending = locked(&self.pending);
        let writer = pending.writers.get(&file)?;
        let exe = writer.actor.exe.clone()?;
        Some(ProcessSeen { pid: writer.actor.pid?, start: writer.started?, exe })
    }
}

#[cfg(test)]
impl Events {
    /// As if nothing had been heard.
    pub fn forget_everything_heard(&self) {
        locked(&self.pending).touched.clear();
    }

    /// As if the queue of the kernel had been full.
    pub fn lose(&self) {
        locked(&self.pending).overflow = Overflow::Lost;
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// A poisoned lock is no reason to stop: what lies behind it is a set of hints.
fn locked(pending: &Mutex<Pending>) -> std::sync::MutexGuard<'_, Pending> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that listens.
struct Listener {
    inotify: Option<Arc<OwnedFd>>,
    fanotify: Option<Arc<Fanotify>>,
    pending: Arc<Mutex<Pending>>,
    ended: Arc<AtomicBool>,
}

impl Listener {
    fn run(&self) {
        let mut buffer = vec![MaybeUninit::<u8>::uninit(); 64 * 1024];
        while !self.ended.load(Ordering::Relaxed) {
            let told = self.inotify.iter().map(|it| PollFd::from_borrowed_fd(it.as_fd(), PollFlags::IN));
            let who = self.fanotify.iter().map(|it| PollFd::from_borrowed_fd(it.as_fd(), PollFlags::IN));
            let mut descriptors: Vec<PollFd<'_>> = told.chain(who).collect();
            if descriptors.is_empty() {
                return;
            }
            if let Err(error) = poll(&mut descriptors, Some(&TURN))
                && error != rustix::io::Errno::INTR
            {
                tracing::error!("events of files are no longer heard: {error}");
                locked(&self.pending).overflow = Overflow::Lost;
                return;
            }
            // Who first: the process may be gone in a moment.
            self.hear_writers();
            self.hear_places(&mut buffer);
        }
    }

    fn hear_places(&self, buffer: &mut [MaybeUninit<u8>]) {
        let Some(inotify) = &self.inotify else { return };
        let mut reader = inotify::Reader::new(inotify.as_fd(), buffer);
        let mut pending = locked(&self.pending);
        // An error is an empty queue; a broken descriptor is noticed by poll.
        while let Ok(event) = reader.next() {
            pending.hear(event.wd(), event.events(), event.file_name().map(std::ffi::CStr::to_bytes));
            if reader.is_buffer_empty() {
                break;
            }
        }
    }

    fn hear_writers(&self) {
        let Some(fanotify) = &self.fanotify else { return };
        let own = std::process::id();
        // At most so many reads in one turn, so that places are heard, too.
        for _ in 0..64 {
            let Ok(events) = fanotify.read_events() else { return };
            if events.is_empty() {
                return;
            }
            for event in &events {
                let Some(file) = event.fd() else { continue };
                let Ok(pid) = u32::try_from(event.pid()) else { continue };
                let Ok(stat) = rustix::fs::fstat(file) else { continue };
                if pid == 0 || pid == own {
                    continue;
                }
                if let Some(actor) = super::actor::of_process(pid) {
                    let mut pending = locked(&self.pending);
                    if pending.writers.len() < MOST_WRITERS {
                        let started = super::actor::started(pid);
                        let writer = Writer { actor, started, heard: Instant::now() };
                        pending.writers.insert((stat.st_dev, stat.st_ino), writer);
                    }
                }
            }
        }
    }
}

impl Pending {
    fn hear(&mut self, number: i32, flags: inotify::ReadFlags, name: Option<&[u8]>) {
        if flags.contains(inotify::ReadFlags::QUEUE_OVERFLOW) || self.touched.len() >= MOST_TOUCHED {
            self.overflow = Overflow::Lost;
            return;
        }
        let Some(folder) = self.folders.get(&number) else { return };
        let path = name.map_or_else(|| folder.clone(), |name| folder.join(OsStr::from_bytes(name)));
        self.touched.insert(path);
        if flags.contains(inotify::ReadFlags::IGNORED) {
            self.folders.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_for(events: &Events, path: &Path) -> Heard {
        let began = Instant::now();
        let mut all = Heard::default();
        while began.elapsed() < Duration::from_secs(10) {
            let heard = events.take();
            all.touched.extend(heard.touched);
            if heard.overflow == Overflow::Lost {
                all.overflow = Overflow::Lost;
            }
            if all.touched.contains(path) || all.overflow == Overflow::Lost {
                return all;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("nothing was heard of {}: {all:?}", path.display());
    }

    #[test]
    fn a_written_file_is_heard_of_and_so_is_the_process_that_wrote_it() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let events = Events::start();
        events.watch(folder.path(), None).unwrap();
        let path = folder.path().join("a file");
        let script = "echo hello > \"$0\"; sleep 2";
        let mut shell =
            std::process::Command::new("/bin/sh").args(["-c", script]).arg(&path).spawn().unwrap();
        wait_for(&events, &path);
        let file = std::fs::metadata(&path).unwrap();
        let began = Instant::now();
        let mut writer = None;
        while writer.is_none() && began.elapsed() < Duration::from_secs(5) {
            writer = events.writer((file.dev(), file.ino()));
            std::thread::sleep(Duration::from_millis(20));
        }
        let told = events.limits().is_empty();
        assert_eq!(
            writer.as_ref().and_then(|actor| actor.pid),
            told.then_some(shell.id()),
            "{:?}",
            events.limits()
        );
        shell.wait().unwrap();
    }

    #[test]
    fn more_events_than_the_queue_holds_are_said_to_be_lost() {
        let mut pending = Pending::default();
        pending.folders.insert(1, PathBuf::from("/etc"));
        pending.hear(1, inotify::ReadFlags::CREATE, Some(b"a"));
        assert_eq!((pending.touched.len(), pending.overflow), (1, Overflow::None));
        pending.hear(-1, inotify::ReadFlags::QUEUE_OVERFLOW, None);
        assert_eq!(pending.overflow, Overflow::Lost);
        let mut pending = Pending::default();
        pending.folders.insert(1, PathBuf::from("/etc"));
        for n in 0..=MOST_TOUCHED {
            pending.hear(1, inotify::ReadFlags::CREATE, Some(n.to_string().as_bytes()));
        }
        assert_eq!((pending.touched.len(), pending.overflow), (MOST_TOUCHED, Overflow::Lost));
    }
}
