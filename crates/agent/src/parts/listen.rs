//! What the keeper answers the other parts.

use super::link::{Permit, Put, Question, Reply, hear, say};
use super::{Notebook, Part};
use crate::act::Permitted;
use crate::outbox::{Outbox, OutboxError};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Remembered values in one answer.
const AT_ONCE: i64 = 2_000;

/// What the answers come from.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub outbox: Arc<Outbox>,
    /// Over it.
    pub notebook: Notebook,
    /// Never marked as seen: whether anything was ever said is to be read from it.
    pub permitted: Permitted,
}

/// Opens the socket; what an earlier run left there goes.
pub(super) fn open(socket: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(socket)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers until the end, and to its end whoever was heard.
pub(super) async fn listen_until(listener: UnixListener, desk: Desk, mut ended: watch::Receiver<()>) {
    let mut lines = JoinSet::new();
    loop {
        let stream = tokio::select! {
            _ = ended.changed() => break,
            // Their results are errors already told.
            Some(_) = lines.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match stream {
            Ok((stream, _)) if is_own(&stream) => {
                lines.spawn(serve(stream, desk.clone(), ended.clone()));
            }
            Ok(_) => tracing::warn!("somebody else than a part of the agent was refused"),
            Err(error) => {
                tracing::warn!("a part of the agent cannot connect: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
    while lines.join_next().await.is_some() {}
}

/// The folder lets nobody else in; this is the second lock.
pub(super) fn is_own(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|other| other.uid() == rustix::process::geteuid().as_raw())
}

async fn serve(mut stream: UnixStream, desk: Desk, mut ended: watch::Receiver<()>) {
    loop {
        let heard = tokio::select! {
            _ = ended.changed() => return,
            heard = hear::<Question>(&mut stream) => heard,
        };
        let question = match heard {
            Ok(Some(question)) => question,
            Ok(None) => return,
            Err(error) => return tracing::warn!("a part of the agent was not understood: {error}"),
        };
        let reply = match desk.answer(question).await {
            Ok(reply) => reply,
            Err(error) => Reply::Failed(error.to_string()),
        };
        // It asks again if it is still there.
        if say(&mut stream, &reply).await.is_err() {
            return;
        }
    }
}

impl Desk {
    async fn answer(&self, question: Question) -> Result<Reply, OutboxError> {
        Ok(match question {
            Question::Put(put) => self.keep(put).await?,
            Question::Recall(key) => Reply::Recalled(self.outbox.recall(&key).await?),
            Question::RecallAll { prefix, after } => {
                Reply::Some(self.outbox.recall_some(&prefix, &after, AT_ONCE).await?)
            }
            Question::Waiting => Reply::Waiting(self.notebook.waiting().await?),
            Question::Permit => Reply::Permit(Permit {
                is_heard: self.permitted.has_changed().unwrap_or(true),
                quarantine: self.permitted.borrow().clone(),
            }),
        })
    }

    async fn keep(&self, mut put: Put) -> Result<Reply, OutboxError> {
        let key = key_of(put.part);
        if self.outbox.recall(&key).await?.as_ref() == Some(&put.number) {
            return Ok(Reply::Kept);
        }
        put.notes.push((key, Some(put.number)));
        self.notebook.put_with(put.observed, &put.facts, &put.notes).await?;
        Ok(Reply::Kept)
    }
}

/// Under this key the outbox keeps the number of what a part had kept last.
fn key_of(part: Part) -> String {
    format!("part/{}", part.word())
}
