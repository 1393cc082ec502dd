//! Who may connect, for how long, and with how much on the way.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use crate::process::{Client, Server, folder};

#[test]
fn clients_are_no_more_than_maxclients() {
    let folder = folder();
    let server = Server::start(folder.path(), &["--maxclients", "2"]);
    let (mut first, mut second) = (server.client(), server.client());
    first.call("PING", "+PONG\r\n");
    second.call("PING", "+PONG\r\n");
    server.client().expect_end("-ERR max number of clients reached\r\n");
    second.call("QUIT", "+OK\r\n");
    second.expect_end("");
    let mut third = server.client();
    third.call("PING", "+PONG\r\n");
    first.call("CONFIG SET maxclients 3", "+OK\r\n");
    assert!(server.cli(&["INFO", "stats"]).contains("rejected_connections:1"));
}

#[test]
fn a_password_is_asked_for() {
    let folder = folder();
    let server = Server::start(folder.path(), &["--requirepass", "secret"]);
    let mut client = server.client();
    client.call("GET a", "-NOAUTH Authentication required.\r\n");
    client.call("AUTH wrong", "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    client.call("AUTH secret", "+OK\r\n");
    client.call("GET a", "$-1\r\n");
}

#[test]
fn silent_clients_are_disconnected() {
    let folder = folder();
    let mut server = Server::start(folder.path(), &["--timeout", "10", "--test-clock"]);
    let (mut talks, mut silent, mut waits) = (server.client(), server.client(), server.client());
    silent.call("PING", "+PONG\r\n");
    waits.send("BLPOP queue 0\r\n");
    talks.call("PING", "+PONG\r\n");
    server.pass(6);
    talks.call("PING", "+PONG\r\n");
    server.pass(6);
    silent.expect_end("");
    talks.call("RPUSH queue job", ":1\r\n");
    waits.expect("*2\r\n$5\r\nqueue\r\n$3\r\njob\r\n");
}

#[test]
fn time_is_what_a_test_says() {
    let folder = folder();
    let mut server = Server::start(folder.path(), &["--test-clock"]);
    let mut client = server.client();
    client.call("TIME", "*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n");
    client.call("SET k v EX 10", "+OK\r\n");
    client.send("BLPOP queue 2.5\r\n");
    server.client().call("GET k", "$1\r\nv\r\n");
    server.pass(3);
    client.expect("*-1\r\n");
    client.call("PTTL k", ":7000\r\n");
    server.pass(8);
    client.call("GET k", "$-1\r\n");
    client.call("TIME", "*2\r\n$10\r\n1700000011\r\n$1\r\n0\r\n");
}

#[test]
fn output_waits_only_up_to_its_limit() {
    let folder = folder();
    let limits = "normal 20mb 0 0 pubsub 1mb 100kb 10";
    let flags: Vec<&str> = ["--client-output-buffer-limit"].into_iter().chain(limits.split(' ')).collect();
    let mut server = Server::start(folder.path(), &[&flags[..], &["--test-clock"]].concat());
    let mut client = server.client();
    client.call(&format!("SET big {}", "v".repeat(60_000)), "+OK\r\n");

    // A client that never reads gets as much as sockets and its limit hold, and then nothing.
    let mut deaf = server.client();
    deaf.send("GET big\r\n".repeat(1_000));
    server.wait_for("closed for overcoming of output buffer limits");

    // One that reads gets all of it.
    client.send("GET big\r\n".repeat(200));
    client.expect(format!("$60000\r\n{}\r\n", "v".repeat(60_000)).repeat(200));

    let mut deaf = server.client();
    deaf.call("SUBSCRIBE news", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    let publish = format!("PUBLISH news {}\r\n", "v".repeat(50_000));
    loop {
        // Until more than the sockets hold is waiting: the soft limit is passed, but not for long.
        client.call(publish.trim_end(), ":1\r\n");
        if waiting(&server) > 200_000 {
            break;
        }
    }
    server.pass(9);
    client.call(publish.trim_end(), ":1\r\n");
    server.pass(3);
    client.call(publish.trim_end(), ":0\r\n");
}

/// Returns how many bytes wait for the subscriber, as CLIENT LIST tells.
fn waiting(server: &Server) -> u64 {
    let list = server.cli(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    let field = list.split(' ').find_map(|field| field.strip_prefix("omem="));
    field.and_then(|bytes| bytes.parse().ok()).unwrap_or_default()
}

#[test]
fn input_waits_only_up_to_its_limit() {
    let folder = folder();
    let server = Server::start(folder.path(), &["--client-query-buffer-limit", "1mb"]);
    let mut client = server.client();
    client.send("*2\r\n$3\r\nGET\r\n$3000000\r\n");
    // The server may end the connection while this is on its way.
    let _ = std::io::Write::write_all(client.stream(), &vec![b'x'; 2_500_000]);
    client.expect_end("");

    // The same holds for what follows a command that waits.
    let mut client = server.client();
    client.send("BLPOP queue 0\r\n");
    let _ = std::io::Write::write_all(client.stream(), "PING\r\n".repeat(1_000_000).as_bytes());
    client.expect_end("");
    server.client().call("PING", "+PONG\r\n");
}

#[test]
fn a_browser_is_not_made_to_send_commands() {
    let folder = folder();
    let mut server = Server::start(folder.path(), &[]);
    let mut client = server.client();
    client.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nSET a 1\r\n");
    client.expect_end("");
    server.wait_for("# Possible SECURITY ATTACK detected.");
    assert_eq!(server.cli(&["EXISTS", "a"]), "0\n");
}

#[test]
fn one_client_does_not_starve_another() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let mut greedy = server.client();
    let stream = greedy.stream().try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        let mut greedy = Client::over(stream);
        greedy.send("SET k v\r\n".repeat(500_000));
    });
    let mut modest = server.client();
    for _ in 0..50 {
        modest.call("PING", "+PONG\r\n");
    }
    greedy.expect("+OK\r\n".repeat(500_000));
    sender.join().unwrap();
}

#[test]
fn large_values_come_and_go_whole() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let mut client = server.client();
    let value = "0123456789".repeat(3_000_000);
    client.send(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{value}\r\n*1\r\n$4\r\nPING\r\n", value.len()));
    client.expect("+OK\r\n+PONG\r\n");
    client.send("GET k\r\nPING\r\n");
    client.expect(format!("${}\r\n{value}\r\n+PONG\r\n", value.len()));
}

#[test]
fn a_client_that_has_said_its_last_word_gets_its_replies() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let mut client = server.client();
    client.send("SET a 1\r\nGET a\r\n");
    client.stream().shutdown(std::net::Shutdown::Write).unwrap();
    client.expect_end("+OK\r\n$1\r\n1\r\n");
}

#[test]
fn what_follows_a_wait_is_run_after_it() {
    let folder = folder();
    let server = Server::start(folder.path(), &[]);
    let (mut waits, mut other) = (server.client(), server.client());
    waits.send("BLPOP q 0\r\nINCR n\r\n");
    waits.send("BLPOP q 0\r\nINCR n\r\n");
    other.call("GET n", "$-1\r\n");
    other.call("RPUSH q 1", ":1\r\n");
    waits.expect("*2\r\n$1\r\nq\r\n$1\r\n1\r\n:1\r\n");
    other.call("GET n", "$1\r\n1\r\n");
    other.call("RPUSH q 2", ":1\r\n");
    waits.expect("*2\r\n$1\r\nq\r\n$1\r\n2\r\n:2\r\n");
}

#[test]
fn a_unix_socket_is_served_with_its_permissions() {
    let folder = folder();
    let path = folder.path().join("redlet.sock");
    let name = path.to_string_lossy().into_owned();
    let server = Server::start(folder.path(), &["--unixsocket", &name, "--unixsocketperm", "700"]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    let mut client = Client::over(UnixStream::connect(&path).unwrap());
    client.call("PING", "+PONG\r\n");
    assert!(server.cli(&["CLIENT", "LIST"]).contains(&format!("addr={name}:0")));
    server.terminate();
    assert!(!path.exists());
}

#[test]
fn the_port_is_changed_while_running() {
    let folder = folder();
    let mut server = Server::start(folder.path(), &[]);
    let mut client = server.client();
    let port = crate::ports::free_port();
    client.call(&format!("CONFIG SET port {port}"), "+OK\r\n");
    server.port = port;
    server.client().call("PING", "+PONG\r\n");
    client.call("PING", "+PONG\r\n");
}
