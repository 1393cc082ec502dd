//! redlet-server as its users meet it: through the programs and libraries that others wrote, and through its files.
//!
//! What is missing on a machine fails the test that needs it, with the package to install.

mod check;
mod clients;
mod configure;
mod crash;
mod files;
mod limits;
mod options;
#[path = "../support/ports.rs"]
mod ports;
mod process;
mod replication;
mod tls;
mod tools;
mod websocket;
