//! The WebAssembly builds that wasm-pack.toml lists: cargo, then wasm-bindgen, then Binaryen's optimiser.

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use wasm_bindgen_cli_support::Bindgen;

use crate::program::{output, program, root, run, target};

/// One entry of wasm-pack.toml.
#[derive(Deserialize, Hash)]
#[serde(deny_unknown_fields)]
pub struct Build {
    pub name: String,
    features: Vec<String>,
    profile: String,
    #[serde(rename = "wasm-opt")]
    wasm_opt: Vec<String>,
    brotli: u64,
}

/// Bytes of a built module, as it is and as a server would send it.
pub struct Size {
    pub name: String,
    pub raw: u64,
    pub gzip: u64,
    pub brotli: u64,
    pub budget: u64,
}

/// Reads wasm-pack.toml.
pub fn builds() -> Result<Vec<Build>> {
    #[derive(Deserialize)]
    struct File {
        build: Vec<Build>,
    }
    let text = fs::read_to_string(root().join("wasm-pack.toml")).context("wasm-pack.toml")?;
    Ok(toml::from_str::<File>(&text).context("wasm-pack.toml")?.build)
}

/// Brings every build in target/pkg up to date.
pub fn build_all() -> Result<()> {
    builds()?.iter().try_for_each(Build::bring_up_to_date)
}

/// Measures every build in target/pkg. Fails if one is missing.
pub fn sizes() -> Result<Vec<Size>> {
    builds()?.iter().map(Build::size).collect()
}

/// Prints sizes beside their budgets; fails if one is over.
pub fn check_sizes(sizes: &[Size]) -> Result<()> {
    for size in sizes {
        let Size { name, raw, gzip, brotli, budget } = size;
        println!("{name}.wasm: {raw} bytes, {gzip} gzip, {brotli} brotli of {budget}");
    }
    for size in sizes {
        ensure!(
            size.brotli <= size.budget,
            "{}.wasm is {} bytes over its budget in wasm-pack.toml",
            size.name,
            size.brotli - size.budget
        );
    }
    Ok(())
}

/// Returns flags for rustc. SHA-256 is written as loops. Functions are inlined that take hardly more room than calling
/// them: at `opt-level = "z"` alone, which inlines next to nothing, calls take 1.6 times as long. This machine's folders
/// are kept out of the places that panics name: what is built is the same everywhere.
fn flags() -> Vec<String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let sources = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let folders = sources.into_iter().flatten().flatten().map(|folder| folder.path());
    let short = folders.map(|folder| format!("--remap-path-prefix={}=crates", folder.display()));
    let fixed = ["--cfg", "sha2_backend_soft=\"compact\"", "-Cllvm-args=-inline-threshold=40"];
    fixed.map(str::to_owned).into_iter().chain(short).collect()
}

impl Build {
    /// Returns where the build's .js, .d.ts and .wasm go.
    pub fn folder(&self) -> PathBuf {
        target("pkg").join(&self.name)
    }

    pub fn wasm(&self) -> PathBuf {
        self.bindings("wasm")
    }

    /// Returns the file of this extension that wasm-bindgen has written: js, d.ts; or the module itself.
    pub fn bindings(&self, extension: &str) -> PathBuf {
        self.folder().join(format!("{}.{extension}", self.name))
    }

    /// Cargo knows by itself when there is nothing to do; the later steps are slow and are skipped when what they
    /// would read is what they read last time.
    fn bring_up_to_date(&self) -> Result<()> {
        let compiled = self.compile()?;
        let stamp = self.stamp(&fs::read(&compiled)?)?;
        let stamp_file = self.folder().join("stamp");
        if fs::read_to_string(&stamp_file).is_ok_and(|last| last == stamp) {
            return Ok(());
        }
        self.bind(compiled)?;
        self.optimise()?;
        fs::write(stamp_file, stamp)?;
        Ok(())
    }

    fn compile(&self) -> Result<PathBuf> {
        let features = self.features.join(",");
        let triple = "wasm32-unknown-unknown";
        run(program("cargo")
            .args(["build", "--quiet", "--lib", "--target", triple, "--profile", &self.profile])
            .args(["--no-default-features", "--features", &features])
            .env("CARGO_ENCODED_RUSTFLAGS", flags().join("\x1f")))?;
        let compiled = target(triple).join(&self.profile).join("redlet.wasm");
        // Builds that differ in features write the same file: keep one's own.
        let own = target("pkg").join(format!("{}.cargo.wasm", self.name));
        fs::create_dir_all(target("pkg"))?;
        fs::copy(&compiled, &own).with_context(|| compiled.display().to_string())?;
        Ok(own)
    }

    fn stamp(&self, compiled: &[u8]) -> Result<String> {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        compiled.hash(&mut hasher);
        // Both halves of wasm-bindgen and Binaryen are pinned by a lockfile.
        fs::read(root().join("Cargo.lock"))?.hash(&mut hasher);
        fs::read(root().join("package-lock.json"))?.hash(&mut hasher);
        Ok(format!("{:016x}", hasher.finish()))
    }

    /// Writes the JavaScript half. The default path of the module is left out: it is the `new URL(…, import.meta.url)`
    /// that fails in Node, in esbuild and in workers. The package's own entries know where their module is.
    fn bind(&self, compiled: PathBuf) -> Result<()> {
        Bindgen::new()
            .input_path(compiled)
            .out_name(&self.name)
            .web(true)?
            .typescript(true)
            .omit_default_module_path(true)
            // After a panic the package opens the database again in a fresh instance.
            .reset_state_function(true)
            .generate(self.folder())
            .with_context(|| format!("wasm-bindgen on {}", self.name))?;
        let snippets = self.folder().join("snippets");
        ensure!(!snippets.exists(), "{} holds snippets, which bundlers lose: no inline_js", self.name);
        Ok(())
    }

    fn optimise(&self) -> Result<()> {
        let bound = self.folder().join(format!("{}_bg.wasm", self.name));
        run(program("wasm-opt").args(&self.wasm_opt).arg(&bound).arg("-o").arg(self.wasm()))?;
        fs::remove_file(bound)?;
        Ok(())
    }

    fn size(&self) -> Result<Size> {
        let text = output(program("node").args(["-e", WEIGH]).arg(self.wasm()))?;
        let mut numbers = text.split_whitespace().map(str::parse);
        let mut next =
            || numbers.next().context("node printed too little")?.context("node printed no number");
        Ok(Size {
            name: self.name.clone(),
            raw: next()?,
            gzip: next()?,
            brotli: next()?,
            budget: self.brotli,
        })
    }
}

/// Node is here anyway and holds both compressors, at the levels that servers of static files use.
const WEIGH: &str = "\
    const { gzipSync, brotliCompressSync } = require('node:zlib');
    const bytes = require('node:fs').readFileSync(process.argv[1]);
    console.log(bytes.length, gzipSync(bytes, { level: 9 }).length, brotliCompressSync(bytes).length)";
