//! RESP over WebSocket, and what else the port serves.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Error, Message, WebSocket};

use crate::ports::free_port;
use crate::process::{Server, folder};

type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

struct Bridge {
    server: Server,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Bridge {
    fn start(flags: &[&str]) -> Self {
        let folder = folder();
        let port = free_port();
        let server = Server::start(folder.path(), &[&["--ws-port", &port.to_string()], flags].concat());
        Self { server, port, _folder: folder }
    }

    fn connect(&self) -> Socket {
        self.connect_from("/ws", None).expect("an allowed origin")
    }

    fn connect_from(&self, path: &str, origin: Option<&str>) -> Result<Socket, Box<Error>> {
        let mut request = format!("ws://127.0.0.1:{}{path}", self.port).into_client_request()?;
        if let Some(origin) = origin {
            request.headers_mut().insert("Origin", origin.parse().unwrap());
        }
        Ok(tungstenite::connect(request)?.0)
    }

    /// Asks for a page; returns its head and its body.
    fn page(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }
}

fn send(socket: &mut Socket, bytes: &str) {
    socket.send(Message::binary(bytes.to_owned())).unwrap();
}

/// Reads messages until as many bytes as expected are there.
fn expect(socket: &mut Socket, expected: &str) {
    let mut got = vec![];
    while got.len() < expected.len() {
        match socket.read().unwrap() {
            Message::Binary(bytes) => got.extend_from_slice(&bytes),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&got)),
        }
    }
    assert!(
        got.starts_with(expected.as_bytes()),
        "{:?}",
        String::from_utf8_lossy(&got[..got.len().min(1000)])
    );
}

fn expect_close(socket: &mut Socket, expected: CloseCode) {
    loop {
        match socket.read() {
            Ok(Message::Close(Some(CloseFrame { code, .. }))) => return assert_eq!(code, expected),
            Ok(Message::Binary(_)) => {}
            other => panic!("{other:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn messages_may_cut_the_stream_anywhere() {
    let bridge = Bridge::start(&[]);
    let mut socket = bridge.connect();
    for byte in "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nv\n\r\n".chars() {
        send(&mut socket, &byte.to_string());
    }
    expect(&mut socket, "+OK\r\n");
    send(&mut socket, "GET k\r\nPING\r\n*2\r\n$4\r\nEC");
    send(&mut socket, "HO\r\n$1\r\nx\r\n");
    expect(&mut socket, "$2\r\nv\n\r\n+PONG\r\n$1\r\nx\r\n");
    assert_eq!(bridge.server.cli(&["GET", "k"]), "v\n\n");
    socket.send(Message::Ping("are you there".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong("are you there".into()));
    send(&mut socket, "QUIT\r\n");
    expect(&mut socket, "+OK\r\n");
    expect_close(&mut socket, CloseCode::Normal);
}

#[test]
fn much_goes_both_ways() {
    let bridge = Bridge::start(&[]);
    let mut socket = bridge.connect();
    let value = "v".repeat(1_000_000);
    send(&mut socket, &format!("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$1000000\r\n{value}\r\n"));
    expect(&mut socket, "+OK\r\n");
    // More than all buffers hold is asked for before anything is read: the bridge must not stop reading for it.
    send(&mut socket, &"GET big\r\n".repeat(30));
    expect(&mut socket, &format!("$1000000\r\n{value}\r\n").repeat(30));
    send(&mut socket, &"PING\r\n".repeat(100_000));
    expect(&mut socket, &"+PONG\r\n".repeat(100_000));
}

#[test]
fn messages_of_the_server_are_pushed() {
    let bridge = Bridge::start(&[]);
    let mut socket = bridge.connect();
    send(&mut socket, "SUBSCRIBE news\r\n");
    expect(&mut socket, "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    assert_eq!(bridge.server.cli(&["PUBLISH", "news", "something"]), "1\n");
    expect(&mut socket, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$9\r\nsomething\r\n");
    let mut waits = bridge.connect();
    send(&mut waits, "BLPOP queue 0\r\nPING\r\n");
    assert_eq!(bridge.server.cli(&["RPUSH", "queue", "job"]), "1\n");
    expect(&mut waits, "*2\r\n$5\r\nqueue\r\n$3\r\njob\r\n+PONG\r\n");
}

#[test]
fn what_is_not_understood_has_its_close_code() {
    let bridge = Bridge::start(&["--ws-max-message-size", "4096"]);
    let mut socket = bridge.connect();
    socket.send(Message::text("PING\r\n")).unwrap();
    expect_close(&mut socket, CloseCode::Unsupported);
    let mut socket = bridge.connect();
    send(&mut socket, &"x".repeat(4097));
    expect_close(&mut socket, CloseCode::Size);
    let mut socket = bridge.connect();
    send(&mut socket, "*bad\r\n");
    expect(&mut socket, "-ERR Protocol error: invalid multibulk length\r\n");
    expect_close(&mut socket, CloseCode::Normal);
    let mut socket = bridge.connect();
    // A frame whose reserved bits are set.
    let MaybeTlsStream::Plain(stream) = socket.get_mut() else { panic!("no TLS here") };
    stream.write_all(&[0xF2, 0x80, 0, 0, 0, 0]).unwrap();
    expect_close(&mut socket, CloseCode::Protocol);
}

#[test]
fn pages_of_other_origins_are_refused() {
    let bridge = Bridge::start(&["--ws-origins", "https://app.example"]);
    let ours = format!("http://127.0.0.1:{}", bridge.port);
    for path in ["/", "/ws"] {
        for origin in [None, Some(&*ours), Some("http://localhost:5173"), Some("https://app.example")] {
            assert!(bridge.connect_from(path, origin).is_ok(), "{origin:?}");
        }
        for origin in ["http://evil.example", "null", "http://localhost.evil.example"] {
            match *bridge.connect_from(path, Some(origin)).unwrap_err() {
                Error::Http(response) => assert_eq!(response.status(), 403, "{origin}"),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn who_comes_by_a_name_is_a_stranger() {
    // Any name can be made to mean this machine, and pages of it to be of our own origin.
    for (flags, denied) in [(&[][..], true), (&["--protected-mode", "no"], false)] {
        let bridge = Bridge::start(flags);
        let stream = TcpStream::connect(("127.0.0.1", bridge.port)).unwrap();
        let mut request = format!("ws://rebound.example:{}/ws", bridge.port).into_client_request().unwrap();
        let origin = format!("http://rebound.example:{}", bridge.port);
        request.headers_mut().insert("Origin", origin.parse().unwrap());
        let (mut socket, _) = tungstenite::client(request, MaybeTlsStream::Plain(stream)).unwrap();
        if denied {
            expect(&mut socket, "-DENIED Redis is running in protected mode");
        } else {
            send(&mut socket, "PING\r\n");
            expect(&mut socket, "+PONG\r\n");
        }
    }
}

#[test]
fn limits_of_clients_hold_for_the_bridge() {
    let bridge = Bridge::start(&["--maxclients", "1", "--requirepass", "secret"]);
    let mut socket = bridge.connect();
    send(&mut socket, "PING\r\n");
    expect(&mut socket, "-NOAUTH Authentication required.\r\n");
    let mut second = bridge.connect();
    expect(&mut second, "-ERR max number of clients reached\r\n");
    expect_close(&mut second, CloseCode::Normal);
    drop(socket);
    // The first one's place is free once the server has seen it go.
    loop {
        let mut socket = bridge.connect();
        send(&mut socket, "AUTH secret\r\n");
        if socket.read().is_ok_and(|message| message == Message::binary("+OK\r\n")) {
            break;
        }
    }
}

#[test]
fn the_end_is_told() {
    let bridge = Bridge::start(&[]);
    let mut socket = bridge.connect();
    send(&mut socket, "BLPOP queue 0\r\n");
    bridge.server.signal(Signal::TERM);
    expect_close(&mut socket, CloseCode::Away);
    // The connection is kept until the client has said that it knows.
    drop(socket);
    assert!(bridge.server.end().0.success());
}

#[test]
fn a_site_and_the_state_are_served() {
    let site = folder();
    fs::write(site.path().join("index.html"), "<h1>Hello</h1>").unwrap();
    fs::write(site.path().join("module.wasm"), b"\0asm").unwrap();
    let bridge = Bridge::start(&["--www", &site.path().to_string_lossy()]);
    let (head, body) = bridge.page("/");
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("content-type: text/html"), "{head}");
    assert_eq!(body, "<h1>Hello</h1>");
    assert!(bridge.page("/module.wasm").0.contains("content-type: application/wasm"));
    assert!(bridge.page("/none").0.starts_with("HTTP/1.1 404"));
    assert!(!bridge.page("/../../../etc/passwd").0.starts_with("HTTP/1.1 200"));
    assert!(bridge.page("/health").1.ends_with("ok\n"));

    bridge.server.cli(&["SET", "a", "1"]);
    let (head, body) = bridge.page("/metrics");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    for line in [
        "redis_up 1",
        "redis_db_keys{db=\"db0\"} 1",
        "redis_commands_total{cmd=\"set\"} 1",
        "# TYPE redis_commands_processed_total counter",
    ] {
        assert!(body.lines().any(|other| other == line), "{line} is missing in {body}");
    }
}
