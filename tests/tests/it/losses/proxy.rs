//! The line between agent and server, which can be cut: connections pass through as they are (TLS is not opened).

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// No cut is waiting.
const NEVER: i64 = i64::MAX;

/// The line.
pub struct Proxy {
    cut: AtomicBool,
    /// Bytes of answers that still pass before everything is cut.
    answer_left: AtomicI64,
    open: Mutex<Vec<TcpStream>>,
    to: String,
}

impl Proxy {
    /// Listens on `at` and passes on to `to`.
    pub fn start(at: &str, to: &str) -> anyhow::Result<Arc<Self>> {
        let listener = TcpListener::bind(at)?;
        let proxy = Arc::new(Self {
            cut: AtomicBool::new(false),
            answer_left: AtomicI64::new(NEVER),
            open: Mutex::default(),
            to: to.to_owned(),
        });
        let listening = proxy.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let proxy = listening.clone();
                thread::spawn(move || proxy.pass(client));
            }
        });
        Ok(proxy)
    }

    /// Cuts every connection and takes no new one until [`Proxy::mend`].
    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        for socket in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // Closed already is as good as cut.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Cuts in the middle of an answer, after so many bytes: the server has stored what the agent will not know of.
    pub fn cut_answer_after(&self, bytes: i64) {
        self.answer_left.store(bytes, Ordering::SeqCst);
    }

    /// Connections pass again.
    pub fn mend(&self) {
        self.answer_left.store(NEVER, Ordering::SeqCst);
        self.cut.store(false, Ordering::SeqCst);
    }

    fn pass(self: Arc<Self>, client: TcpStream) {
        if self.cut.load(Ordering::SeqCst) {
            return;
        }
        let Ok(server) = TcpStream::connect(&self.to) else { return };
        let (Ok(from_client), Ok(from_server)) = (client.try_clone(), server.try_clone()) else { return };
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.extend([client.try_clone(), server.try_clone()].into_iter().flatten());
        }
        let upwards = thread::spawn(move || copy(from_client, server, |_| true));
        copy(from_server, client, |bytes| self.answer_passes(bytes));
        // A thread that only copies ends with its connection.
        let _ = upwards.join();
    }

    fn answer_passes(&self, bytes: usize) -> bool {
        if self.answer_left.load(Ordering::SeqCst) == NEVER {
            return true;
        }
        let bytes = i64::try_from(bytes).unwrap_or(NEVER);
        if self.answer_left.fetch_sub(bytes, Ordering::SeqCst) > bytes {
            return true;
        }
        self.cut();
        false
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, passes: impl Fn(usize) -> bool) {
    let mut buffer = [0; 512];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let Some(bytes) = buffer.get(..length) else { break };
        if !passes(length) || to.write_all(bytes).is_err() {
            break;
        }
    }
    for socket in [from, to] {
        // Closed already is as good.
        let _ = socket.shutdown(Shutdown::Both);
    }
}
