//! RESP over WebSocket: binary messages carry the stream's bytes, cut wherever the sender likes.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, split};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Caller, FAREWELL, Office};

/// Bytes of output in one message, at the most.
const MESSAGE: usize = 64 * 1024;

/// Why a connection ends: the code and the reason of its close frame, or nothing if the client is gone.
type End = Option<(u16, &'static str)>;

/// Carries bytes both ways until one side ends.
pub async fn serve(office: Arc<Office>, socket: WebSocket, caller: Caller) {
    let Ok(_seat) = office.sessions.acquire().await else { return };
    let (mut to_client, mut from_client) = socket.split();
    let (mut from_session, mut to_session) = split(office.open(caller));
    let silence = office.config.tcp_keepalive.get() as u64;
    let end = tokio::select! {
        end = inward(&mut from_client, &mut to_session) => end,
        end = outward(&mut from_session, &mut to_client, silence) => end,
    };
    let Some((code, reason)) = end else { return };
    let (code, reason) =
        if office.is_stopping() { (close_code::AWAY, "the server goes away") } else { (code, reason) };
    let frame = CloseFrame { code, reason: reason.into() };
    if to_client.send(Message::Close(Some(frame))).await.is_ok() {
        // The client's answer to the close frame is awaited, so that the frame is not lost with the connection.
        let _ = timeout(FAREWELL, async { while let Some(Ok(_)) = from_client.next().await {} }).await;
    }
}

/// Gives the session what the client sends.
async fn inward(client: &mut SplitStream<WebSocket>, session: &mut WriteHalf<DuplexStream>) -> End {
    loop {
        match client.next().await {
            Some(Ok(Message::Binary(bytes))) => {
                if session.write_all(&bytes).await.is_err() {
                    // The session has ended; what it said last is on its way, and then its end.
                    std::future::pending::<()>().await;
                }
            }
            Some(Ok(Message::Text(_))) => {
                return Some((close_code::UNSUPPORTED, "RESP comes in binary messages"));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_))) | None => return None,
            Some(Err(error)) => return broken(error),
        }
    }
}

/// Returns what a client is told whose messages can't be read.
fn broken(error: axum::Error) -> End {
    use tungstenite::Error;
    match error.into_inner().downcast_ref::<Error>() {
        Some(Error::Capacity(_)) => Some((close_code::SIZE, "a message is too long")),
        Some(Error::Utf8(_)) => Some((close_code::UNSUPPORTED, "RESP comes in binary messages")),
        Some(Error::Protocol(_)) => Some((close_code::PROTOCOL, "not WebSocket")),
        _ => None,
    }
}

/// Sends the client what the session says; a ping when it has said nothing for `silence` seconds, unless that is 0.
async fn outward(
    session: &mut ReadHalf<DuplexStream>,
    client: &mut SplitSink<WebSocket, Message>,
    silence: u64,
) -> End {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(MESSAGE);
        let deadline =
            Instant::now() + Duration::from_secs(if silence == 0 { u32::MAX.into() } else { silence });
        let message = match timeout_at(deadline, session.read_buf(&mut buffer)).await {
            Ok(Ok(0)) => return Some((close_code::NORMAL, "")),
            Ok(Ok(_)) => Message::Binary(buffer.split().freeze()),
            Ok(Err(_)) => return Some((close_code::ERROR, "the session is lost")),
            Err(_) => Message::Ping(Bytes::new()),
        };
        if client.send(message).await.is_err() {
            return None;
        }
    }
}
