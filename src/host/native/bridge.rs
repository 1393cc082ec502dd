//! The loop's end of a stream whose other end is on the web thread, which frames or encrypts it.
//!
//! The stream is a bounded pipe in memory: whoever writes waits while the other does not read. To the loop it behaves
//! as a socket does; instead of readiness there is a ring of the bell.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::bell::{Bell, News};
use crate::resp::SessionId;

/// A client of the web thread.
pub struct Bridge {
    stream: DuplexStream,
    knock: Option<Arc<Knock>>,
    waker: Waker,
}

impl Bridge {
    /// Takes the loop's end of a stream.
    pub fn new(stream: DuplexStream) -> Self {
        Self { stream, knock: None, waker: Waker::noop().clone() }
    }

    /// Says which session it is, and where to ring for it. It may have been possible to read before.
    pub fn register(&mut self, id: SessionId, bell: Bell) {
        let knock = Arc::new(Knock { id, bell, rung: AtomicBool::new(false) });
        self.waker = knock.clone().into();
        self.knock = Some(knock);
    }

    /// Says that the loop has heard the bell: it will read and write until it can't.
    pub fn heard(&self) {
        if let Some(knock) = &self.knock {
            knock.rung.store(false, Ordering::Release);
        }
    }
}

impl Read for Bridge {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(into);
        let context = &mut Context::from_waker(&self.waker);
        match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
            Poll::Ready(result) => result.map(|()| buffer.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Bridge {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let context = &mut Context::from_waker(&self.waker);
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Rings the bell when a stream can be read or written again; once until it is heard.
struct Knock {
    id: SessionId,
    bell: Bell,
    rung: AtomicBool,
}

impl Wake for Knock {
    fn wake(self: Arc<Self>) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.bell.ring(News::Ready(self.id));
        }
    }
}
