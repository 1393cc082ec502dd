//! RESP and WebSocket over TLS.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tungstenite::Message;

use crate::ports::free_port;
use crate::process::{REDLET, Server, folder, redis_cli};

/// Writes an authority, and certificates of a server and a client by it.
fn write_certificates(folder: &Path) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new([]).unwrap();
    authority.distinguished_name.push(DnType::CommonName, "an authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(folder.join("ca.crt"), authority.self_signed(&authority_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    for name in ["server", "client"] {
        let key = KeyPair::generate().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        fs::write(folder.join(format!("{name}.crt")), certificate.pem()).unwrap();
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

fn start(folder: &Path, flags: &[&str]) -> Server {
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let (certificate, key) = (path("server.crt"), path("server.key"));
    Server::start(folder, &[&["--tls-cert-file", &certificate, "--tls-key-file", &key], flags].concat())
}

#[test]
fn redis_cli_speaks_tls() {
    let folder = folder();
    write_certificates(folder.path());
    let port = free_port().to_string();
    let server = start(folder.path(), &["--tls-port", &port, "--tls-auth-clients", "no"]);
    let authority = folder.path().join("ca.crt");
    let options = ["-p", &port, "--tls", "--cacert", &authority.to_string_lossy()];
    let cli = |args: &[&str]| redis_cli(&options, args);
    assert_eq!(cli(&["SET", "a", "1"]), "OK\n");
    assert_eq!(server.cli(&["GET", "a"]), "1\n");
    let big = "v".repeat(1_000_000);
    let mut client = server.client();
    client.send(format!("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n${}\r\n{big}\r\n", big.len()));
    client.expect("+OK\r\n");
    assert_eq!(cli(&["GET", "big"]).len(), big.len() + 1);
    assert!(cli(&["CLIENT", "INFO"]).contains(" addr=127.0.0.1:"));
    assert_eq!(cli(&["QUIT"]), "OK\n");
}

#[test]
fn clients_show_a_certificate_if_they_must() {
    let folder = folder();
    write_certificates(folder.path());
    let port = free_port().to_string();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let authority = path("ca.crt");
    let _server = start(folder.path(), &["--tls-port", &port, "--tls-ca-cert-file", &authority]);
    let anonymous = ["-p", &port, "--tls", "--cacert", &authority];
    let refused = Command::new("redis-cli").args(anonymous).arg("PING").output().unwrap();
    assert_ne!(String::from_utf8_lossy(&refused.stdout), "PONG\n");
    let (certificate, key) = (path("client.crt"), path("client.key"));
    let known = [&anonymous[..], &["--cert", &certificate, "--key", &key]].concat();
    assert_eq!(redis_cli(&known, &["PING"]), "PONG\n");
}

#[test]
fn the_websocket_port_speaks_tls() {
    let folder = folder();
    write_certificates(folder.path());
    let port = free_port();
    let flags = ["--ws-port", &port.to_string(), "--ws-tls", "yes", "--tls-auth-clients", "no"];
    let _server = start(folder.path(), &flags);
    let url = format!("wss://localhost:{port}/ws");
    let (mut socket, _) = tungstenite::client(url, connect(folder.path(), port)).unwrap();
    socket.send(Message::binary("PING\r\n")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::binary("+PONG\r\n"));

    let mut page = connect(folder.path(), port);
    page.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    page.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nok\n"), "{text}");
}

fn connect(folder: &Path, port: u16) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("ca.crt")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", port)).unwrap())
}

#[test]
fn what_is_missing_is_told() {
    let folder = folder();
    write_certificates(folder.path());
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (certificate, key, nothing) = (path("server.crt"), path("server.key"), path("nothing"));
    for (flags, expected) in [
        (&[][..], "No tls-cert-file configured!"),
        (&["--tls-cert-file", &certificate], "No tls-key-file configured!"),
        (&["--tls-cert-file", &certificate, "--tls-key-file", &key], "tls-ca-cert-file must be specified"),
        (&["--tls-cert-file", &nothing, "--tls-key-file", &key], "Failed to load certificate: "),
        (&["--tls-cert-file", &certificate, "--tls-key-file", &nothing], "Failed to load private key: "),
    ] {
        let mut program = Command::new(REDLET);
        program.args(["--port", "0", "--tls-port", &free_port().to_string()]);
        let (status, said) = Server::spawn(&mut program, folder.path(), flags, 0).end();
        assert_eq!(status.code(), Some(1));
        assert!(said.contains(expected), "{expected:?} is not in {said}");
        assert!(said.contains("Failed to configure TLS. Check logs for more info."), "{said}");
    }
}
