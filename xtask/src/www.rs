//! The site: www/ bundled into target/www, a folder that any file server can serve.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::program::{program, root, run, target};
use crate::wasm;

/// Asks TypeScript whether the programs fit the package that is up to date.
pub fn check() -> Result<()> {
    run(program("tsc").args(["--project", "www"]))
}

/// Lays the site out, from a package that is up to date. Its `.ts` files are programs; all else is copied. Every command
/// runs in the page, so it has the build with scripts.
pub fn build() -> Result<()> {
    let (from, to) = (root().join("www"), target("www"));
    if to.exists() {
        fs::remove_dir_all(&to)?;
    }
    let mut programs = Vec::new();
    for entry in fs::read_dir(&from).context("www")? {
        let path = entry?.path();
        match path.extension() {
            Some(extension) if extension == "ts" => programs.push(path),
            _ => copy_tree(&path, &to)?,
        }
    }
    ensure!(!programs.is_empty(), "www holds no .ts");
    let build = wasm::builds()?.into_iter().find(|build| build.name == "redlet-scripting");
    copy_tree(&build.context("wasm-pack.toml has no redlet-scripting")?.wasm(), &to)?;
    programs.sort();
    run(program("esbuild")
        .args(programs)
        .args([
            "--bundle",
            "--format=esm",
            "--splitting",
            "--minify",
            "--target=es2022",
            "--log-level=warning",
        ])
        .args(["--external:*.wasm", "--loader:.woff2=file"])
        // The package's chunks import each other for the order alone, and it says that they have no side effects.
        .arg("--log-override:ignored-bare-import=silent")
        .arg(format!("--alias:redlet/scripting={}", target("npm/dist/scripting-browser.mjs").display()))
        .arg(format!("--outdir={}", to.display())))
}

/// Copies a file, or a folder with all in it, into a folder. What is bundled into programs is left out.
fn copy_tree(from: &Path, into: &Path) -> Result<()> {
    let to = into.join(from.file_name().context("a file has a name")?);
    if from.extension().is_some_and(|extension| extension == "ts" || extension == "json") {
        return Ok(());
    }
    if from.is_dir() {
        for entry in fs::read_dir(from)? {
            copy_tree(&entry?.path(), &to)?;
        }
        return Ok(());
    }
    fs::create_dir_all(into)?;
    fs::copy(from, to).with_context(|| from.display().to_string())?;
    Ok(())
}
