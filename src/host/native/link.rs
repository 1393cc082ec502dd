//! The connection to the server that this one follows. Looking a name up and connecting can take long, so a thread of
//! its own does it; from then on the connection is one among the others.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::bell::News;
use super::connection::Link;
use super::listen::prepare;
use super::options::plain;
use super::server::Server;
use crate::base::time::Time;
use crate::engine::{Peer, RequestId};

impl Server {
    /// Begins to connect to another server.
    pub(super) fn connect_to(&mut self, request: RequestId, host: String, port: u16, now: Time) {
        let config = &self.store.engine().shared().config;
        let (seconds, source) = (config.repl_timeout.get() as u64, config.bind_source_addr.clone());
        let bell = self.bell.clone();
        let work = move || {
            let result = connect(&host, port, Duration::from_secs(seconds), &source);
            bell.ring(News::Connected { request, result });
        };
        if let Err(error) = thread::Builder::new().name("connect".into()).spawn(work) {
            self.store.link_failed(request, &plain(&error), now);
        }
    }

    /// Takes the connection in, or notes why there is none.
    pub(super) fn connected(&mut self, request: RequestId, result: io::Result<TcpStream>, now: Time) {
        if let Err(error) = result.and_then(|stream| self.admit_primary(request, stream, now)) {
            self.store.link_failed(request, &plain(&error), now);
        }
    }

    fn admit_primary(&mut self, request: RequestId, stream: TcpStream, now: Time) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        prepare(&stream, &self.store.engine().shared().config)?;
        let peer = Peer {
            address: stream.peer_addr()?.to_string(),
            local_address: stream.local_addr()?.to_string(),
            descriptor: stream.as_raw_fd().into(),
            ..Peer::default()
        };
        if let Some(id) = self.store.linked(request, peer, now) {
            self.attach(id, Link::Tcp(mio::net::TcpStream::from_std(stream)), now);
        }
        Ok(())
    }
}

/// Connects to the first address of a host that answers; from `source`, if it is an address.
pub(super) fn connect(host: &str, port: u16, timeout: Duration, source: &str) -> io::Result<TcpStream> {
    let mut result = Err(io::ErrorKind::AddrNotAvailable.into());
    for address in (host, port).to_socket_addrs()? {
        result = connect_from(source, address, timeout);
        if result.is_ok() {
            break;
        }
    }
    result
}

fn connect_from(source: &str, address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    if source.is_empty() {
        return TcpStream::connect_timeout(&address, timeout);
    }
    let source = (source, 0).to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&source.into())?;
    socket.connect_timeout(&address.into(), timeout)?;
    Ok(socket.into())
}
