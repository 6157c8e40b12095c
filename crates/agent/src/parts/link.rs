//! The way from a part to the keeper: one question, one answer, in turn, over a Unix socket.
//!
//! An answer that does not come is asked for again, as long as the agent runs. So that nothing is kept twice, what is to be
//! kept has a number of its own, which the keeper remembers in the same transaction.

use super::{Part, keep_socket};
use crate::act::QuarantinePermit;
use crate::outbox::{Note, OutboxError};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{Error, Result as IoResult};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use yakujo_contract::fact::Fact;

/// Longest message, bytes: the first reading of a large host with what is remembered of its files.
const MOST_BYTES: u32 = 64 << 20;
/// Before it is asked again.
const AGAIN: Duration = Duration::from_millis(200);
/// A keeper that does not answer for so long is worth a word.
const TOLD_AFTER: Duration = Duration::from_secs(5);
/// When the agent ends, a keeper that does not answer is asked so long.
const LAST: Duration = Duration::from_secs(5);

/// What a part asks.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Question {
    /// Keep this.
    Put(Put),
    /// What is remembered under a key.
    Recall(String),
    /// What is remembered under keys with this prefix, behind a key.
    RecallAll { prefix: String, after: String },
    /// How much waits for the server.
    Waiting,
    /// Under which permit malware may be moved.
    Permit,
}

/// What is to be kept, once.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Put {
    pub part: Part,
    /// Of this run of the part, and the how manieth of it.
    pub number: String,
    pub observed: Timestamp,
    pub facts: Vec<Fact>,
    pub notes: Vec<Note>,
}

/// What the keeper answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    Kept,
    Recalled(Option<String>),
    /// A part of them, in the order of their keys; more behind the last one.
    Some(Vec<(String, String)>),
    Waiting(u64),
    Permit(Permit),
    /// It could not be done, and why.
    Failed(String),
}

/// What the part that acts has said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permit {
    /// It has said something.
    pub is_heard: bool,
    /// What may be moved.
    pub quarantine: Option<QuarantinePermit>,
}

/// To the keeper.
#[derive(Debug, Clone)]
pub struct Link {
    socket: PathBuf,
    part: Part,
    /// Tells this run of the part from others.
    run: String,
    line: Arc<Mutex<Line>>,
    ended: watch::Receiver<()>,
}

#[derive(Debug, Default)]
struct Line {
    stream: Option<UnixStream>,
    puts: u64,
}

impl Link {
    /// From a part to the keeper of the agent with this folder. It is connected when something is asked.
    ///
    /// # Errors
    /// Without random bytes.
    pub fn new(folder: &Path, part: Part, ended: watch::Receiver<()>) -> IoResult<Self> {
        let mut bytes = [0_u8; 8];
        getrandom::fill(&mut bytes).map_err(Error::other)?;
        let run = crate::reading::hex(&bytes);
        Ok(Self { socket: keep_socket(folder), part, run, line: Arc::default(), ended })
    }

    pub(super) async fn put_with(
        &self,
        observed: Timestamp,
        facts: &[Fact],
        notes: &[Note],
    ) -> Result<(), OutboxError> {
        let mut line = self.line.lock().await;
        line.puts = line.puts.saturating_add(1);
        let number = format!("{} {}", self.run, line.puts);
        let put = Put { part: self.part, number, observed, facts: facts.to_vec(), notes: notes.to_vec() };
        match self.ask(&mut line, &Question::Put(put)).await? {
            Reply::Kept => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) async fn recall(&self, key: &str) -> Result<Option<String>, OutboxError> {
        let mut line = self.line.lock().await;
        match self.ask(&mut line, &Question::Recall(key.to_owned())).await? {
            Reply::Recalled(value) => Ok(value),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) async fn recall_all(&self, prefix: &str) -> Result<Vec<(String, String)>, OutboxError> {
        let mut all: Vec<(String, String)> = Vec::new();
        loop {
            let after = all.last().map(|(key, _)| key.clone()).unwrap_or_default();
            let question = Question::RecallAll { prefix: prefix.to_owned(), after };
            let mut line = self.line.lock().await;
            match self.ask(&mut line, &question).await? {
                Reply::Some(some) if some.is_empty() => return Ok(all),
                Reply::Some(some) => all.extend(some),
                other => return Err(unexpected(&other)),
            }
        }
    }

    pub(super) async fn waiting(&self) -> Result<u64, OutboxError> {
        let mut line = self.line.lock().await;
        match self.ask(&mut line, &Question::Waiting).await? {
            Reply::Waiting(count) => Ok(count),
            other => Err(unexpected(&other)),
        }
    }

    /// What the part that acts has said to the keeper.
    ///
    /// # Errors
    /// When the keeper does not answer and the agent ends.
    pub async fn permit(&self) -> Result<Permit, OutboxError> {
        let mut line = self.line.lock().await;
        match self.ask(&mut line, &Question::Permit).await? {
            Reply::Permit(permit) => Ok(permit),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks until there is an answer.
    async fn ask(&self, line: &mut Line, question: &Question) -> Result<Reply, OutboxError> {
        let bytes = framed(question).map_err(OutboxError::Folder)?;
        // Never marked as seen, so that it stays true.
        let is_over = || self.ended.has_changed().unwrap_or(true);
        let mut last = None;
        let (began, mut is_told) = (Instant::now(), false);
        loop {
            match self.once(line, &bytes).await {
                Ok(reply) => return Ok(reply),
                Err(error) => {
                    line.stream = None;
                    if !is_told && began.elapsed() >= TOLD_AFTER {
                        is_told = true;
                        tracing::warn!("the keeper of the agent does not answer and is asked again: {error}");
                    }
                    if last.is_some_and(|last| Instant::now() >= last) {
                        return Err(OutboxError::Folder(error));
                    }
                }
            }
            if is_over() {
                last.get_or_insert(Instant::now() + LAST);
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn once(&self, line: &mut Line, bytes: &[u8]) -> IoResult<Reply> {
        let stream = match &mut line.stream {
            Some(stream) => stream,
            none => none.insert(UnixStream::connect(&self.socket).await?),
        };
        stream.write_all(bytes).await?;
        hear(stream).await?.ok_or_else(|| Error::other("it closed the line"))
    }
}

fn unexpected(reply: &Reply) -> OutboxError {
    match reply {
        Reply::Failed(reason) => OutboxError::Keeper(reason.clone()),
        _ => OutboxError::Keeper("it answered something else than was asked".to_owned()),
    }
}

fn framed<T: Serialize>(message: &T) -> IoResult<Vec<u8>> {
    let mut bytes = vec![0_u8; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len().saturating_sub(4)).unwrap_or(u32::MAX);
    if length > MOST_BYTES {
        return Err(Error::other(format!("a message of {length} bytes is longer than {MOST_BYTES}")));
    }
    if let Some(head) = bytes.get_mut(..4) {
        head.copy_from_slice(&length.to_be_bytes());
    }
    Ok(bytes)
}

/// Says one message.
pub(super) async fn say<T: Serialize>(stream: &mut UnixStream, message: &T) -> IoResult<()> {
    stream.write_all(&framed(message)?).await
}

/// Hears one message; none where the other side has closed the line.
pub(super) async fn hear<T: DeserializeOwned>(stream: &mut UnixStream) -> IoResult<Option<T>> {
    let mut head = [0_u8; 4];
    match stream.read_exact(&mut head).await {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_be_bytes(head);
    if length > MOST_BYTES {
        return Err(Error::other(format!("a message of {length} bytes is longer than {MOST_BYTES}")));
    }
    let mut bytes = Vec::new();
    stream.take(u64::from(length)).read_to_end(&mut bytes).await?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}

#[cfg(test)]
mod tests {
    use super::super::Notebook;
    use super::super::listen::{Desk, listen_until, open};
    use super::*;
    use crate::outbox::{Bound, Outbox};
    use proptest::prelude::*;
    use yakujo_contract::fact::agent::AgentStop;

    async fn keeper(folder: &Path) -> (Arc<Outbox>, watch::Sender<()>, tokio::task::JoinHandle<()>) {
        let outbox = Arc::new(Outbox::open(folder, "run".to_owned(), Bound::default()).await.unwrap());
        let (end, ended) = watch::channel(());
        let notebook = Notebook::Outbox(outbox.clone(), watch::channel(0).0);
        let desk = Desk { outbox: outbox.clone(), notebook, permitted: watch::channel(None).1 };
        let listener = open(&keep_socket(folder)).unwrap();
        (outbox, end, tokio::spawn(listen_until(listener, desk, ended)))
    }

    fn stop(number: usize) -> Fact {
        Fact::AgentStop(AgentStop { reason: number.to_string() })
    }

    #[tokio::test]
    async fn what_is_kept_survives_the_keeper_and_is_remembered_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let (_end, ended) = watch::channel(());
        let link = Link::new(folder.path(), Part::Collect, ended).unwrap();
        let waits = tokio::spawn({
            let link = link.clone();
            async move { link.put_with(Timestamp::UNIX_EPOCH, &[stop(1)], &[]).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!waits.is_finished(), "nobody has kept it yet");
        let (outbox, end, listening) = keeper(folder.path()).await;
        waits.await.unwrap().unwrap();
        let notes: Vec<Note> = (0..4_500).map(|n| (format!("file/{n:05}"), Some(n.to_string()))).collect();
        link.put_with(Timestamp::UNIX_EPOCH, &[], &notes).await.unwrap();
        drop(end);
        listening.await.unwrap();
        outbox.close().await;
        let (_outbox, _end, _listening) = keeper(folder.path()).await;
        assert_eq!(link.recall_all("file/").await.unwrap().len(), 4_500);
        assert_eq!(link.recall("file/00007").await.unwrap().as_deref(), Some("7"));
        assert_eq!(link.waiting().await.unwrap(), 1);
        // Who could say something is gone: nothing is waited for.
        assert_eq!(link.permit().await.unwrap(), Permit { is_heard: true, quarantine: None });
    }

    #[tokio::test]
    async fn a_keeper_that_stays_away_is_not_asked_for_ever_once_the_agent_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (end, ended) = watch::channel(());
        let link = Link::new(folder.path(), Part::Collect, ended).unwrap();
        let asks = tokio::spawn(async move { link.waiting().await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        end.send(()).unwrap();
        let failed = tokio::time::timeout(LAST * 2, asks).await.unwrap().unwrap();
        assert!(failed.is_err());
    }

    #[tokio::test]
    async fn what_was_kept_and_is_offered_again_is_not_kept_twice() {
        let folder = tempfile::tempdir().unwrap();
        let (outbox, _end, _listening) = keeper(folder.path()).await;
        for number in ["run 1", "run 1", "run 2", "run 2"] {
            let facts = vec![stop(number.len())];
            let put = Put {
                part: Part::Save,
                number: number.to_owned(),
                observed: Timestamp::UNIX_EPOCH,
                facts,
                notes: Vec::new(),
            };
            let mut stream = UnixStream::connect(keep_socket(folder.path())).await.unwrap();
            say(&mut stream, &Question::Put(put)).await.unwrap();
            assert!(matches!(hear(&mut stream).await.unwrap(), Some(Reply::Kept)));
        }
        assert_eq!(outbox.depth().await.unwrap().0, 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn no_bytes_make_the_listener_fail(bytes in prop::collection::vec(any::<u8>(), 0..200), length in any::<u32>()) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (mut one, mut other) = UnixStream::pair().unwrap();
                let head = if length % 2 == 0 { length } else { u32::try_from(bytes.len()).unwrap() };
                one.write_all(&head.to_be_bytes()).await.unwrap();
                one.write_all(&bytes).await.unwrap();
                drop(one);
                if let Ok(Some(question)) = hear::<Question>(&mut other).await {
                    let again = serde_json::to_vec(&question).unwrap();
                    assert!(!again.is_empty());
                }
            });
        }
    }
}
