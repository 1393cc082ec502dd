//! How other threads reach the loop.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use mio::{Poll, Token, Waker};
use tokio::io::DuplexStream;
use tokio::sync::oneshot;

use crate::engine::{Peer, RequestId};
use crate::resp::SessionId;

/// What other threads tell the loop.
pub enum News {
    /// The web thread has a client for us.
    Arrived { stream: DuplexStream, peer: Peer, foreign: bool },
    /// A client of the web thread has sent something, or has room for more.
    Ready(SessionId),
    /// Somebody wants to know whether the loop is alive.
    Health(oneshot::Sender<()>),
    /// Somebody wants to see the metrics; the answer is `None` if they may not.
    Metrics { foreign: bool, answer: oneshot::Sender<Option<String>> },
    /// A snapshot is in its place, or could not be written.
    Written { number: u64, result: std::io::Result<()> },
    /// Another server was connected to as the engine had asked, or why it was not.
    Connected { request: RequestId, result: std::io::Result<TcpStream> },
    /// Time passes, as the standard input of a server with a test's clock says; in microseconds.
    Pass(u64),
    /// Nobody is there any more to say what time it is.
    InputEnded,
}

/// Tells the loop something, and wakes it.
#[derive(Clone)]
pub struct Bell {
    news: Sender<News>,
    waker: Arc<Waker>,
}

impl Bell {
    /// Makes a bell of which the loop hears by an event with this token.
    pub fn hang(poll: &Poll, token: Token) -> std::io::Result<(Self, Receiver<News>)> {
        let (sender, receiver) = channel();
        let waker = Arc::new(Waker::new(poll.registry(), token)?);
        Ok((Self { news: sender, waker }, receiver))
    }

    /// Tells the loop, unless it has ended.
    pub fn ring(&self, news: News) {
        if self.news.send(news).is_ok() {
            // A loop that can't be woken comes round for other reasons.
            let _ = self.waker.wake();
        }
    }
}
