//! Speaks with the running server over the socket in the data folder.

use anyhow::{Context, bail};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use yakujo_server::console::{Answer, Ask, SOCKET, line};

/// Asks the running server.
pub fn ask<T: serde::de::DeserializeOwned>(data: &Path, contract: &str, ask: &Ask) -> anyhow::Result<T> {
    let socket = data.join(SOCKET);
    let mut stream = UnixStream::connect(&socket).with_context(|| {
        format!("no server runs on {}: start it with `yakujo up` or `yakujo serve`", data.display())
    })?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(line(contract, ask)?.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    match serde_json::from_str(&answer).context("the server went away")? {
        Answer::Done(value) => Ok(serde_json::from_value(value)?),
        Answer::Failed(reason) => bail!("{reason}"),
    }
}

/// A running server publishes what is waiting, so that the files show it; without one, everything was published when it
/// stopped.
pub fn publish(data: &Path, contract: &str) {
    if let Err(error) = ask::<u64>(data, contract, &Ask::Publish) {
        tracing::debug!("the last checkpoint is used: {error:#}");
    }
}
