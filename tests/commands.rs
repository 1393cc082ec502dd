//! Plays the transcripts of `tests/commands`, everywhere that a transcript can be played. Their language is described
//! in `tests/commands/README.md`.
//!
//! Every block is a test of its own in each place: `cargo test --test commands -- engine::string` runs those of one
//! file in one place. `UPDATE=1` writes the answers of a real redis-server into the transcripts instead.

mod support;

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Failed, Trial};

use support::matching::is_open;
use support::play::{Heard, play};
use support::server::Server;
use support::site::{InProcess, Pieces, Remote, Way};
use support::transcript::{Block, Place, read_folder};
use support::wasm::Wasm;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands");
    let blocks: Vec<Arc<Block>> = read_folder(&folder).into_iter().map(Arc::new).collect();
    if std::env::var_os("UPDATE").is_some() {
        return support::record::record(&blocks, arguments.filter.as_deref());
    }
    let blocks: Vec<Arc<Block>> = blocks.into_iter().chain(examples().into_iter().map(Arc::new)).collect();
    let redis = Pool::new(|| Server::redis().map(Remote::new));
    let redlet = Pool::new(|| Server::redlet().map(Remote::new));
    let wasm = Pool::new(|| Wasm::start("redlet"));
    let scripting = Pool::new(|| Wasm::start("redlet-scripting"));
    let mut trials = vec![];
    for block in &blocks {
        trials.push(trial("engine", block, |block| in_process(block, Pieces::Whole)));
        trials.push(trial("pipelined", block, |block| in_process(&block.pipelined(), Pieces::Whole)));
        trials.push(trial("bytes", block, |block| in_process(block, Pieces::Bytes)));
        trials.push(trial("types", block, |block| Ok(support::types::check(block)?)));
        if block.place != Place::Engine && cfg!(feature = "server") {
            for (name, way) in [("tcp", Way::Tcp), ("websocket", Way::WebSocket)] {
                let redlet = redlet.clone();
                trials.push(trial(name, block, move |block| remote(block, &redlet, way)));
            }
        }
        // In memory, as the modules are here, there is nothing to save to.
        let suits_module = block.place != Place::Engine && !block.saves();
        if suits_module && std::env::var_os("REDLET_WASM").is_some() {
            let wasm = if block.runs_scripts() { scripting.clone() } else { wasm.clone() };
            trials.push(trial("wasm", block, move |block| in_wasm(block, &wasm)));
        }
        if block.place == Place::Everywhere && !block.takes_time() {
            let redis = redis.clone();
            trials.push(trial("redis", block, move |block| as_redis(block, &redis)));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    redis.close();
    redlet.close();
    wasm.close();
    scripting.close();
    conclusion.exit_code()
}

/// Returns the examples in the documentation of the commands.
#[cfg(feature = "docs")]
fn examples() -> Vec<Block> {
    use redlet::spec::render::Declared;
    use support::transcript::read_text;

    let mut blocks = vec![];
    for family in redlet::commands::ALL {
        for command in family.commands {
            let declared = Declared { group: family.name, spec: &command.spec };
            // What is newer than the redis-server that we compare with can only be played on our own.
            let place = if declared.spec.since < "7.0.16" { "" } else { " [redlet]" };
            for (i, example) in declared.examples().iter().enumerate() {
                let title = format!("# {} {}{place}\n", declared.spec.name, i + 1);
                blocks.extend(read_text(Path::new("example"), &(title + example)));
            }
        }
    }
    blocks
}

/// Documentation is compiled in only with the feature `docs`.
#[cfg(not(feature = "docs"))]
fn examples() -> Vec<Block> {
    vec![]
}

fn trial(
    place: &str,
    block: &Arc<Block>,
    run: impl FnOnce(&Block) -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let name = format!("{place}::{}::{}", block.family(), block.title);
    let block = block.clone();
    Trial::test(name, move || run(&block))
}

fn in_process(block: &Block, pieces: Pieces) -> Result<(), Failed> {
    let mut site = InProcess::new(pieces);
    play(block, &mut site)?;
    Ok(site.check_kept()?)
}

fn remote(block: &Block, servers: &Pool<Remote>, way: Way) -> Result<(), Failed> {
    let run = |remote: &mut Remote| {
        remote.way = way;
        play(block, remote)
    };
    servers.lend(run, mended(block))?;
    Ok(())
}

/// Returns how a server becomes as new after a block: not at all, if it has configured something.
fn mended(block: &Block) -> Option<fn(&mut Remote)> {
    (!block.configures()).then_some(Remote::reset)
}

fn in_wasm(block: &Block, modules: &Pool<Wasm>) -> Result<(), Failed> {
    let run = |wasm: &mut Wasm| {
        wasm.reset();
        play(block, wasm)
    };
    modules.lend(run, Some(|_| ()))?;
    Ok(())
}

/// Plays a block on a real redis-server, and compares what it says with our own bytes where nothing is left open.
fn as_redis(block: &Block, servers: &Pool<Remote>) -> Result<(), Failed> {
    let theirs = servers.lend(|remote| play(block, remote), mended(block))?;
    let ours = play(block, &mut InProcess::new(Pieces::Whole))?;
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let step = &block.steps[ours.step];
        let open = step.expected.get(&ours.client).is_some_and(|expected| is_open(expected));
        if !open && ours.bytes != theirs.bytes {
            return Err(differ(block, ours, theirs).into());
        }
    }
    Ok(())
}

fn differ(block: &Block, ours: &Heard, theirs: &Heard) -> String {
    let step = &block.steps[ours.step];
    let shown = |heard: &Heard| String::from_utf8_lossy(&heard.bytes).escape_debug().to_string();
    format!(
        "{}:{} {}\nprinted alike, but not the same bytes:\n  redis  {}\n  redlet {}\n",
        block.path.display(),
        step.line,
        step.source,
        shown(theirs),
        shown(ours)
    )
}

/// Servers of one kind, lent to one block at a time.
struct Pool<T> {
    start: fn() -> Result<T, String>,
    idle: Mutex<Vec<T>>,
}

impl<T> Pool<T> {
    fn new(start: fn() -> Result<T, String>) -> Arc<Self> {
        Arc::new(Self { start, idle: Mutex::default() })
    }

    /// Lends a server; it is lent again after `back` has made it as new, unless that is `None` or `run` has failed.
    fn lend<R>(
        &self,
        run: impl FnOnce(&mut T) -> Result<R, String>,
        back: Option<fn(&mut T)>,
    ) -> Result<R, String> {
        let idle = self.idle.lock().expect("no holder panics").pop();
        let mut server = match idle {
            Some(server) => server,
            None => (self.start)()?,
        };
        let result = run(&mut server);
        if let Some(back) = back.filter(|_| result.is_ok()) {
            back(&mut server);
            self.idle.lock().expect("no holder panics").push(server);
        }
        result
    }

    fn close(&self) {
        self.idle.lock().expect("no holder panics").clear();
    }
}
