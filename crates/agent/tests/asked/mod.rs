//! What is asked over the network goes the way it goes where the agent is in parts: whoever asks has given up what the question
//! does not need.

use std::io::Read as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use yakujo_agent::parts::confine;
use yakujo_agent::reach::{self, Question};
use yakujo_agent::reading::Sources;

/// The same sources, with somebody who asks, behind a socket in this folder.
pub fn asked(mut sources: Sources, folder: &Path) -> Sources {
    let socket = folder.join("reach.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let within = sources.clone();
    std::thread::spawn(move || {
        for line in listener.incoming().flatten() {
            let sources = within.clone();
            // Only the thread that gives it up has given it up.
            std::thread::spawn(move || answer(line, &sources));
        }
    });
    sources.reach_socket = Some(socket);
    sources
}

fn answer(mut line: UnixStream, sources: &Sources) {
    let mut text = Vec::new();
    line.read_to_end(&mut text).unwrap();
    let question: Question = serde_json::from_slice(&text).unwrap();
    confine::reach(&question).unwrap();
    serde_json::to_writer(&line, &reach::answer(sources, &question)).unwrap();
}
