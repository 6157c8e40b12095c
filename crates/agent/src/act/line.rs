//! The line to the hand: one question, and with it, where it is about a file, that very file held open. What is moved is then
//! what was judged, whatever happened to its name meanwhile, and nobody has to open it a second time.

use super::LONGEST_ASK;
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use std::io::{Error, IoSliceMut, Result as IoResult};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A question that is not taken within so long is given up.
const SENT_WITHIN: Duration = Duration::from_secs(60);

/// Sends a question to its end.
pub(super) fn send(stream: UnixStream, text: &[u8], file: Option<BorrowedFd<'_>>) -> IoResult<OwnedFd> {
    let socket = OwnedFd::from(stream);
    crate::malware::clamd::send(&socket, text, file, Some(Instant::now() + SENT_WITHIN))?;
    rustix::net::shutdown(&socket, rustix::net::Shutdown::Write)?;
    Ok(socket)
}

/// Reads a question to its end. From what is no socket, a pipe, comes no file.
///
/// # Errors
/// As the system says; a question that is too long.
pub fn receive(from: impl AsFd) -> IoResult<(Vec<u8>, Option<OwnedFd>)> {
    let (mut text, mut file, mut buffer) = (Vec::new(), None, vec![0_u8; 8 * 1024]);
    loop {
        let count = match take(from.as_fd(), &mut buffer, &mut file) {
            Err(Errno::NOTSOCK) => rustix::io::read(from.as_fd(), &mut buffer),
            other => other,
        };
        match count {
            Ok(0) => return Ok((text, file)),
            Ok(count) => text.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if u64::try_from(text.len()).is_ok_and(|length| length > LONGEST_ASK) {
            return Err(Error::other("the question is too long"));
        }
    }
}

/// Takes some bytes, and the first file that comes with them where none came before.
pub(crate) fn take(
    from: BorrowedFd<'_>,
    buffer: &mut [u8],
    file: &mut Option<OwnedFd>,
) -> Result<usize, Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let slices = &mut [IoSliceMut::new(buffer)];
    let taken = rustix::net::recvmsg(from, slices, &mut beside, RecvFlags::CMSG_CLOEXEC)?;
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(files) = message {
            // One file a question: the first.
            *file = file.take().or(files.into_iter().next());
        }
    }
    Ok(taken.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    #[test]
    fn a_file_comes_with_a_question_over_a_socket_and_none_over_a_pipe() {
        let (own, other) = UnixStream::pair().unwrap();
        let mut sent = tempfile::tempfile().unwrap();
        sent.write_all(b"judged").unwrap();
        let question = "q".repeat(20_000);
        send(own, question.as_bytes(), Some(sent.as_fd())).unwrap();
        let (text, file) = receive(&other).unwrap();
        assert_eq!(text, question.as_bytes());
        let mut content = String::new();
        let mut file = std::fs::File::from(file.unwrap());
        std::io::Seek::rewind(&mut file).unwrap();
        file.read_to_string(&mut content).unwrap();
        assert_eq!(content, "judged");

        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"question").unwrap();
        drop(writer);
        let (text, file) = receive(&reader).unwrap();
        assert_eq!((text.as_slice(), file.is_none()), (b"question".as_slice(), true));
    }

    #[test]
    fn a_question_without_end_is_refused() {
        let (mut own, other) = UnixStream::pair().unwrap();
        let writer = std::thread::spawn(move || while own.write_all(&[b' '; 1_024]).is_ok() {});
        assert!(receive(&other).is_err());
        drop(other);
        writer.join().unwrap();
    }
}
