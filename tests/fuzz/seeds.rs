//! Writes what the targets begin with into the folder that is named: `seeds FOLDER`.

use std::fs;
use std::path::Path;

use redlet::engine::Peer;
use redlet_fuzz::hostile::{KEYS, filling};
use redlet_fuzz::words::to_resp;
use redlet_fuzz::{NOW, call_as_new, filled};

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).expect("a folder is named");
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = Path::new(&folder).join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)
    };
    let mut store = filled();
    let snapshot = store.export_now(NOW);
    write("rdb", "filled", &snapshot)?;
    for key in KEYS {
        let payload = call_as_new(&mut store, &[b"DUMP".to_vec(), key.into()]);
        let Some(begin) = payload.iter().position(|byte| *byte == b'\n') else { continue };
        // Without the length, the version and the checksum.
        if let Some(body) = payload.get(begin + 1..payload.len().saturating_sub(12)) {
            write("dump", key, body)?;
        }
    }
    let mut logging = filled();
    let client = logging.connect(Peer::default(), NOW);
    for (i, call) in filling().iter().enumerate() {
        let call = to_resp(call);
        logging.receive(client, &call, NOW);
        write("resp", &i.to_string(), &[&[7], &*call].concat())?;
    }
    write("aof", "log", logging.log())?;
    write("aof", "preamble", &[&*snapshot, logging.log()].concat())?;
    write("ring", "both", &[&[(snapshot.len() / 16) as u8], &*snapshot, logging.log()].concat())?;
    let manifest =
        "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n";
    write("manifest", "two", manifest.as_bytes())?;
    for (i, source) in include_str!("../lua/corpus.txt").split("---- ").skip(1).enumerate() {
        write(
            "lua",
            &i.to_string(),
            source.split_once('\n').map_or(source, |(_, source)| source).as_bytes(),
        )?;
    }
    let samples: [&[u8]; 9] = [
        b"\0{\"a\":[1,2.5e3,null,true,\"\\u00e9\"]}",
        b"\x01\x82\xa1a\x93\x01\xcd\x01\x00\xc0\xa1b\xcb\x3f\xf8\0\0\0\0\0\0",
        b"\x02\x01\x02\x03",
        b"\x03>I4s|\0\0\0\x01text\0",
        b"\x04>I4hBs",
        b"\x05%a+(%d*)|abc123",
        b"\x06%5.2f%q%-10s%%%x",
        b"\x070x1p4",
        b"\x08return 1",
    ];
    for (i, sample) in samples.iter().enumerate() {
        write("libraries", &i.to_string(), sample)?;
    }
    for n in 0..=u8::MAX {
        write("commands", &n.to_string(), &[0, n, 254, n, 255, b'1', 255, b'2', b'\n', 1, n, 254, n])?;
    }
    Ok(())
}
