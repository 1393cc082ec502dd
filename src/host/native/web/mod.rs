//! Everything that speaks HTTP or TLS, on a thread of its own: RESP over WebSocket and over TLS, the site, and what
//! other programs ask about the server's state. RESP goes on to the loop as it is, through pipes in memory.

mod origin;
mod pages;
mod resp;
mod tls;
mod websocket;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::bell::{Bell, News};
use super::listen;
use super::log::Log;
use crate::engine::{Config, Peer};

/// How long a client may take to say hello.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the server's end waits for clients to be told of it.
const FAREWELL: Duration = Duration::from_secs(1);
/// Bytes on the way between the loop and a client, each way.
const WINDOW: usize = 64 * 1024;
/// Clients that are not yet sessions, and readers of pages, besides `maxclients` sessions.
const SPARE: usize = 256;

/// The web thread.
pub struct Web {
    office: Arc<Office>,
    thread: JoinHandle<()>,
}

/// What all connections of the web thread share.
struct Office {
    config: Config,
    bell: Bell,
    log: Arc<Log>,
    tls: Option<TlsAcceptor>,
    /// A place for every connection.
    places: Arc<Semaphore>,
    /// A place for every session; all of them, when there is none.
    sessions: Arc<Semaphore>,
    seats: u32,
    stopping: AtomicBool,
    stop: Notify,
}

impl Web {
    /// Starts the thread if the configuration asks for one of its ports.
    pub fn start(config: &Config, bell: Bell, log: Arc<Log>) -> Result<Option<Self>, String> {
        let (ws_port, tls_port) = (config.ws_port.get() as u16, config.tls_port.get() as u16);
        if ws_port == 0 && tls_port == 0 {
            return Ok(None);
        }
        let needs_tls = tls_port > 0 || config.ws_tls;
        let tls =
            if needs_tls { Some(tls::acceptor(config).map_err(|why| tls_failed(&log, &why))?) } else { None };
        let bind = |port: u16, name: &str| {
            let sockets = if port > 0 { listen::bind_tcp(port, config, &log) } else { Ok(vec![]) };
            sockets.map_err(|_| format!("Failed listening on port {port} ({name}), aborting."))
        };
        let (http, resp) = (bind(ws_port, "WebSocket")?, bind(tls_port, "TLS")?);

        let seats = u32::try_from(config.maxclients.get()).unwrap_or(u32::MAX).min(1 << 24);
        let office = Arc::new(Office {
            config: config.clone(),
            bell,
            log,
            tls,
            places: Arc::new(Semaphore::new(seats as usize + SPARE)),
            sessions: Arc::new(Semaphore::new(seats as usize + SPARE)),
            seats: seats + SPARE as u32,
            stopping: AtomicBool::new(false),
            stop: Notify::new(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("Can't start the web thread: {error}"))?;
        let served = office.clone();
        let work = move || runtime.block_on(serve(served, http, resp));
        let thread = thread::Builder::new().name("web".into()).spawn(work);
        let thread = thread.map_err(|error| format!("Can't start the web thread: {error}"))?;
        Ok(Some(Self { office, thread }))
    }

    /// Says that sessions which end from now on do so because the server goes away.
    pub fn begin_to_stop(&self) {
        self.office.stopping.store(true, Ordering::Release);
    }

    /// Waits until the clients of sessions that have ended are told, and ends the thread.
    pub fn stop(self) {
        self.office.stop.notify_one();
        // A thread that has panicked has nobody left to tell.
        let _ = self.thread.join();
    }
}

fn tls_failed(log: &Log, why: &str) -> String {
    log.warning(format_args!("{why}"));
    "Failed to configure TLS. Check logs for more info.".into()
}

async fn serve(office: Arc<Office>, http: Vec<std::net::TcpListener>, resp: Vec<std::net::TcpListener>) {
    for socket in http {
        tokio::spawn(accept(office.clone(), socket, Speaks::Http));
    }
    for socket in resp {
        tokio::spawn(accept(office.clone(), socket, Speaks::Resp));
    }
    office.stop.notified().await;
    // Whoever has not gone by then will notice by the connection's end.
    let _ = timeout(FAREWELL, office.sessions.acquire_many(office.seats)).await;
}

/// What is spoken on a port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    /// Encrypted if `ws-tls` says so.
    Http,
    /// Always encrypted: what is not, the loop serves itself.
    Resp,
}

async fn accept(office: Arc<Office>, socket: std::net::TcpListener, speaks: Speaks) {
    let listener = match TcpListener::from_std(socket) {
        Ok(listener) => listener,
        Err(error) => return office.log.warning(format_args!("Failed listening: {error}")),
    };
    loop {
        let Ok(place) = office.places.clone().acquire_owned().await else { return };
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                office.log.warning(format_args!("Accepting client connection: {error}"));
                // The system is out of something; it helps to let others finish.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let office = office.clone();
        tokio::spawn(async move {
            office.welcome(stream, address, speaks).await;
            drop(place);
        });
    }
}

impl Office {
    async fn welcome(self: Arc<Self>, stream: TcpStream, address: SocketAddr, speaks: Speaks) {
        if let Err(error) = listen::prepare(&stream, &self.config) {
            return self.log.verbose(format_args!("Accepting client connection: {error}"));
        }
        let local_address = stream.local_addr().map(|address| address.to_string()).unwrap_or_default();
        let peer = Peer { address: address.to_string(), local_address, ..Peer::default() };
        let caller = Caller { peer, foreign: !address.ip().to_canonical().is_loopback() };
        let tls = self.tls.clone().filter(|_| speaks == Speaks::Resp || self.config.ws_tls);
        let Some(tls) = tls else { return self.http(stream, caller).await };
        match timeout(PATIENCE, tls.accept(stream)).await {
            Ok(Ok(stream)) if speaks == Speaks::Resp => resp::serve(&self, stream, caller).await,
            Ok(Ok(stream)) => self.http(stream, caller).await,
            Ok(Err(error)) => {
                self.log
                    .verbose(format_args!("Error accepting a client connection: {error} (addr={address})"));
            }
            Err(_) => self.log.verbose(format_args!("A client took too long to say hello (addr={address})")),
        }
    }

    async fn http(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        caller: Caller,
    ) {
        let service = TowerToHyperService::new(pages::router(self, caller));
        // What ends a connection early is the client's affair.
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await;
    }

    /// Makes a session of the loop's for a client; returns the client's end of its stream.
    fn open(&self, caller: Caller) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(WINDOW);
        self.bell.ring(News::Arrived { stream: theirs, peer: caller.peer, foreign: caller.foreign });
        ours
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

/// Who is at the other end.
#[derive(Clone)]
struct Caller {
    peer: Peer,
    /// From another machine.
    foreign: bool,
}
