//! RESP over TLS: decrypted here, run by the loop.

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, split};

use super::{Caller, Office};

/// Carries bytes both ways until one side ends.
pub async fn serve(office: &Office, stream: impl AsyncRead + AsyncWrite + Unpin, caller: Caller) {
    let Ok(_seat) = office.sessions.acquire().await else { return };
    let session = office.open(caller);
    let (mut from_session, mut to_session) = split(session);
    let (mut from_client, mut to_client) = split(stream);
    let inward = async {
        let _ = copy(&mut from_client, &mut to_session).await;
        // A client that has sent its last command still gets the replies; the session ends when the loop says so.
        let _ = to_session.shutdown().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = inward => {}
        _ = copy(&mut from_session, &mut to_client) => {}
    }
    // The client learns by it that nothing was cut off; if it is gone, so be it.
    let _ = to_client.shutdown().await;
}
