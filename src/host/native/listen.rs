//! Sockets that wait for clients.

use std::fs;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::connection::Link;
use super::log::Log;
use super::options::plain;
use crate::engine::{Config, Peer};

/// A socket that clients connect to.
pub enum Listener {
    Tcp(TcpListener),
    Unix { listener: UnixListener, path: String },
}

impl Listener {
    pub fn tcp(socket: std::net::TcpListener) -> Self {
        Listener::Tcp(TcpListener::from_std(socket))
    }

    pub fn is_unix(&self) -> bool {
        matches!(self, Listener::Unix { .. })
    }

    pub fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Listener::Tcp(listener) => registry.deregister(listener),
            Listener::Unix { listener, .. } => registry.deregister(listener),
        }
    }

    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Listener::Tcp(listener) => registry.register(listener, token, Interest::READABLE),
            Listener::Unix { listener, .. } => registry.register(listener, token, Interest::READABLE),
        }
    }

    /// Accepts one client, and tells whether it comes from another machine.
    pub fn accept(&self, config: &Config) -> io::Result<(Link, Peer, bool)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept()?;
                prepare(&stream, config)?;
                let local_address = stream.local_addr()?.to_string();
                let descriptor = stream.as_raw_fd().into();
                let peer =
                    Peer { address: address.to_string(), local_address, descriptor, ..Peer::default() };
                Ok((Link::Tcp(stream), peer, !address.ip().to_canonical().is_loopback()))
            }
            Listener::Unix { listener, path } => {
                let (stream, _) = listener.accept()?;
                let address = format!("{path}:0");
                let peer = Peer {
                    local_address: address.clone(),
                    address,
                    unix_socket: true,
                    descriptor: stream.as_raw_fd().into(),
                    ..Peer::default()
                };
                Ok((Link::Unix(stream), peer, false))
            }
        }
    }
}

/// Sets a client's socket up: no delay, and a question now and then whether it is still there.
pub fn prepare(stream: &impl AsFd, config: &Config) -> io::Result<()> {
    let stream = SockRef::from(stream);
    stream.set_tcp_nodelay(true)?;
    let seconds = config.tcp_keepalive.get() as u64;
    if seconds > 0 {
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_secs(seconds))
            .with_interval(Duration::from_secs((seconds / 3).max(1)))
            .with_retries(3);
        stream.set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}

/// Listens on a TCP port of every address in `bind`. The sockets are not registered anywhere.
pub fn bind_tcp(port: u16, config: &Config, log: &Log) -> io::Result<Vec<std::net::TcpListener>> {
    let mut listeners = vec![];
    for host in config.bind.iter() {
        let (host, optional) = host.strip_prefix('-').map_or((host.as_str(), false), |host| (host, true));
        let host = match host {
            "*" => "0.0.0.0",
            "::*" => "::",
            host => host,
        };
        match bind(host, port, config) {
            Ok(listener) => listeners.push(listener),
            Err(error) if optional && is_absent(&error) => {}
            Err(error) => {
                log.warning(format_args!(
                    "Warning: Could not create server TCP listening socket {host}:{port}: {}",
                    plain(&error)
                ));
                return Err(error);
            }
        }
    }
    Ok(listeners)
}

fn bind(host: &str, port: u16, config: &Config) -> io::Result<std::net::TcpListener> {
    let address: SocketAddr =
        (host, port).to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into()).map_err(|error| named("bind", &error))?;
    socket.listen(backlog(config)).map_err(|error| named("listen", &error))?;
    Ok(socket.into())
}

fn named(step: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{step}: {}", plain(error)))
}

fn backlog(config: &Config) -> i32 {
    i32::try_from(config.tcp_backlog.get()).unwrap_or(i32::MAX)
}

/// Says whether an address is none of this machine's.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

/// Listens on a Unix socket; one that another run has left is replaced.
pub fn bind_unix(path: &str, config: &Config) -> io::Result<Listener> {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&socket2::SockAddr::unix(Path::new(path))?)?;
    if config.unixsocketperm.get() != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(config.unixsocketperm.get()))?;
    }
    socket.listen(backlog(config))?;
    let listener = UnixListener::from_std(std::os::unix::net::UnixListener::from(OwnedFd::from(socket)));
    Ok(Listener::Unix { listener, path: path.to_owned() })
}
