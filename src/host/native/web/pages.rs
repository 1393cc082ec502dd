//! What is served over HTTP: the upgrade to WebSocket, the site, /health and /metrics.

use std::sync::Arc;

use axum::Router;
use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tower::ServiceExt;
use tower_http::services::ServeDir;

use super::origin::{self, Standing};
use super::{Caller, FAREWELL, Office, websocket};
use crate::host::native::bell::News;

type Context = State<(Arc<Office>, Caller)>;

/// Returns the pages for one connection.
pub fn router(office: Arc<Office>, caller: Caller) -> Router {
    Router::new()
        .route("/ws", any(upgrade))
        .route("/", any(front))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .fallback(site)
        .with_state((office, caller))
}

/// Serves the site's front page, or WebSocket to those who ask for it.
async fn front(
    context: Context,
    upgrade_asked: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    match upgrade_asked {
        Ok(asked) => upgrade(context, request.headers().clone(), asked).await,
        Err(_) => site(context, request).await,
    }
}

async fn upgrade(
    State((office, mut caller)): Context,
    headers: HeaderMap,
    asked: WebSocketUpgrade,
) -> Response {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("null"));
    let (origin, host) = (text(header::ORIGIN), text(header::HOST));
    match origin::judge(origin, host, &office.config.ws_origins) {
        Standing::Known => {}
        Standing::Stranger => caller.foreign = true,
        Standing::Refused => {
            let origin = origin.unwrap_or_default();
            office.log.verbose(format_args!("Refused a page of {origin} (addr={})", caller.peer.address));
            let text = "Pages of this origin may not connect; see ws-origins.\n";
            return (StatusCode::FORBIDDEN, text).into_response();
        }
    }
    let longest = usize::try_from(office.config.ws_max_message_size.get()).unwrap_or(usize::MAX);
    asked
        .max_message_size(longest)
        .max_frame_size(longest)
        .on_upgrade(move |socket| websocket::serve(office, socket, caller))
}

async fn site(State((office, _)): Context, request: Request) -> Response {
    if office.config.www.is_empty() {
        return (StatusCode::NOT_FOUND, "There is no site here: see www.\n").into_response();
    }
    match ServeDir::new(&office.config.www).oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    }
}

/// Says whether the loop answers.
async fn health(State((office, _)): Context) -> Response {
    let (answer, answered) = oneshot::channel();
    office.bell.ring(News::Health(answer));
    match timeout(FAREWELL, answered).await {
        Ok(Ok(())) => "ok\n".into_response(),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy\n").into_response(),
    }
}

async fn metrics(State((office, caller)): Context, headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).map(|value| value.to_str().unwrap_or("null"));
    let foreign = caller.foreign || origin::is_by_name(host);
    let (answer, answered) = oneshot::channel();
    office.bell.ring(News::Metrics { foreign, answer });
    match timeout(FAREWELL, answered).await {
        Ok(Ok(Some(text))) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
        }
        Ok(Ok(None)) => {
            (StatusCode::FORBIDDEN, "Other machines are refused: see protected-mode.\n").into_response()
        }
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy\n").into_response(),
    }
}
