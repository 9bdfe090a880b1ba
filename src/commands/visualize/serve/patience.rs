//! A connection that is waited for so long and no longer: who sends a byte a minute, or takes one, holds a place for others.

use std::cell::Cell;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long a connection may be silent between requests, once it has shown the token.
const IDLE: Duration = Duration::from_secs(60);
/// How long a request may be on its way, from its first byte to its last; and how long the first one is waited for.
const HEAD: Duration = Duration::from_secs(10);
/// How long the other side may take for a piece of an answer.
const PIECE: Duration = Duration::from_secs(60);
/// Bytes of such a piece: even a slow line takes them in that time.
const PIECE_BYTES: usize = 256 << 10;

/// A connection with deadlines.
#[derive(Debug)]
pub(super) struct Patient<'a> {
    stream: &'a TcpStream,
    /// When the request must be there.
    deadline: Cell<Instant>,
    /// Whether a byte of the request has come.
    begun: Cell<bool>,
}

impl<'a> Patient<'a> {
    pub(super) fn new(stream: &'a TcpStream) -> Patient<'a> {
        Patient { stream, deadline: Cell::new(Instant::now() + HEAD), begun: Cell::new(false) }
    }

    /// From here on a new request is waited for; longer from who is known.
    pub(super) fn wait_for_request(&self, is_known: bool) {
        self.begun.set(false);
        self.deadline.set(Instant::now() + if is_known { IDLE } else { HEAD });
    }
}

/// What is left until then.
fn left(deadline: Instant) -> Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Error::from(ErrorKind::TimedOut)) } else { Ok(left) }
}

impl Read for &Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.stream.set_read_timeout(Some(left(self.deadline.get())?))?;
        let read = (&mut &*self.stream).read(buffer)?;
        if !self.begun.replace(true) {
            self.deadline.set(Instant::now() + HEAD);
        }
        Ok(read)
    }
}

impl Write for &Patient<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        for piece in bytes.chunks(PIECE_BYTES) {
            let deadline = Instant::now() + PIECE;
            let mut rest = piece;
            while !rest.is_empty() {
                self.stream.set_write_timeout(Some(left(deadline)?))?;
                match (&mut &*self.stream).write(rest)? {
                    0 => return Err(Error::from(ErrorKind::WriteZero)),
                    n => rest = rest.get(n..).unwrap_or_default(),
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        (&mut &*self.stream).flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn who_sends_byte_by_byte_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut slow = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let patient = Patient::new(&stream);
        slow.write_all(b"G").unwrap();
        assert_eq!((&patient).read(&mut [0; 9]).unwrap(), 1);
        // The time for the rest is that of the whole request, however many bytes come meanwhile.
        let deadline = patient.deadline.get();
        assert!(deadline <= Instant::now() + HEAD);
        slow.write_all(b"E").unwrap();
        assert_eq!((&patient).read(&mut [0; 9]).unwrap(), 1);
        assert_eq!(patient.deadline.get(), deadline);
        patient.deadline.set(Instant::now());
        slow.write_all(b"T").unwrap();
        assert_eq!((&patient).read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::TimedOut);
        patient.wait_for_request(false);
        assert_eq!((&patient).read(&mut [0; 9]).unwrap(), 1);
    }
}
