//! The npm package: pkg-template and the WebAssembly builds put together in target/npm, and packed into target/pack.
//!
//! The `exports` of pkg-template/package.json say what is made: each `./dist/NAME.mjs` or `./dist/NAME.cjs` in it is
//! bundled from `NAME.ts` in src/entry, src/clients or src. Sources import what is built here by name: of the build
//! `redlet`, `redlet-wasm` is wasm-bindgen's JavaScript, `redlet-inline` the module's bytes as a base64 string, and
//! `./redlet.wasm` is left alone, to be found beside the bundle. Declarations are tsc's, each with a `.d.cts` twin.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::program::{output, program, root, run, target};
use crate::wasm::Build;
use crate::{setup, wasm};

const SOURCES: &[&str] = &["entry", "clients", ""];
const EXTRAS: &[&str] = &["LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md"];

/// Makes the package and its tarball from nothing; fails if it weighs too much.
pub fn pack() -> Result<()> {
    setup::builders()?;
    wasm::build_all()?;
    let tarball = make()?;
    wasm::check_sizes(&wasm::sizes()?)?;
    println!("{}", tarball.display());
    Ok(())
}

/// Makes the tarball from builds that are up to date, and checks it; returns where it is.
pub fn make() -> Result<PathBuf> {
    assemble()?;
    let tarball = tarball()?;
    check(&tarball)?;
    Ok(tarball)
}

/// Lays the package out in target/npm, from builds that are up to date.
pub fn assemble() -> Result<()> {
    let package = Package::read()?;
    let dist = package.folder.join("dist");
    if package.folder.exists() {
        fs::remove_dir_all(&package.folder)?;
    }
    fs::create_dir_all(&dist)?;
    fs::write(package.folder.join("package.json"), &package.json)?;
    copy(&root().join("pkg-template/README.md"), &package.folder)?;
    EXTRAS.iter().try_for_each(|name| copy(&root().join(name), &package.folder))?;
    for build in wasm::builds()? {
        copy(&build.wasm(), &dist)?;
    }
    package.bundle("mjs", &["--format=esm", "--splitting", "--chunk-names=[name]-[hash]"])?;
    package.bundle("cjs", &["--format=cjs", "--platform=node"])?;
    declarations(&dist)
}

/// Packs target/npm as it would be published; returns where to. The same file is also at target/pack/redlet.tgz.
fn tarball() -> Result<PathBuf> {
    let folder = target("pack");
    fs::create_dir_all(&folder)?;
    let printed = output(
        program("npm").args(["pack", "--silent", "--pack-destination"]).args([&folder, &target("npm")]),
    )?;
    let tarball = folder.join(printed.trim());
    fs::copy(&tarball, folder.join("redlet.tgz"))?;
    Ok(tarball)
}

/// Asks the two linters that know how bundlers and compilers read a package.
fn check(tarball: &Path) -> Result<()> {
    run(program("publint").args(["run", "--strict"]).arg(tarball))?;
    let modules: Vec<_> = wasm::builds()?.iter().map(|build| format!("{}.wasm", build.name)).collect();
    run(program("attw")
        .args(["--profile", "node16", "--quiet", "--exclude-entrypoints"])
        .args(modules)
        .arg("--")
        .arg(tarball))
}

struct Package {
    json: String,
    folder: PathBuf,
}

impl Package {
    /// Reads the template and puts the crate's version in.
    fn read() -> Result<Package> {
        const UNSET: &str = r#""version": "0.0.0""#;
        let template = root().join("pkg-template/package.json");
        let json = fs::read_to_string(&template).with_context(|| template.display().to_string())?;
        ensure!(
            json.contains(UNSET),
            "pkg-template/package.json should say {UNSET}: Cargo.toml has the version"
        );
        let json = json.replacen(UNSET, &format!(r#""version": "{}""#, version()?), 1);
        Ok(Package { json, folder: target("npm") })
    }

    /// Returns the names of the bundles that `exports` asks for.
    fn bundles(&self, extension: &str) -> BTreeSet<&str> {
        let strings = self.json.split('"');
        let ours = strings
            .filter_map(|path| path.strip_prefix("./dist/")?.strip_suffix(extension)?.strip_suffix('.'));
        ours.collect()
    }

    fn bundle(&self, extension: &str, flags: &[&str]) -> Result<()> {
        let sources = self.bundles(extension).into_iter().map(source).collect::<Result<Vec<_>>>()?;
        ensure!(!sources.is_empty(), "the exports of pkg-template/package.json name no ./dist/*.{extension}");
        run(program("esbuild")
            .args(sources)
            .args(["--bundle", "--target=es2022", "--packages=external", "--log-level=warning"])
            .args(["--external:*.wasm", "--external:*.wasm?module", "--legal-comments=none"])
            .args(aliases()?)
            .arg(format!("--out-extension:.js=.{extension}"))
            .arg("--entry-names=[name]")
            .arg(format!("--outdir={}", self.folder.join("dist").display()))
            .args(flags))
    }
}

/// Finds the TypeScript behind `./dist/NAME`.
fn source(name: &str) -> Result<PathBuf> {
    let src = root().join("pkg-template/src");
    let mut candidates = SOURCES.iter().map(|folder| src.join(folder).join(format!("{name}.ts")));
    candidates
        .find(|path| path.exists())
        .with_context(|| format!("pkg-template/src has no {name}.ts for ./dist/{name}"))
}

/// Returns esbuild's flags for the names by which sources import what is built.
fn aliases() -> Result<Vec<String>> {
    let mut flags = Vec::new();
    for build in wasm::builds()? {
        let name = &build.name;
        flags.push(format!("--alias:{name}-wasm={}", build.bindings("js").display()));
        flags.push(format!("--alias:{name}-inline={}", inline_module(&build)?.display()));
    }
    Ok(flags)
}

/// Writes a module's bytes as JavaScript, for where no file can be fetched.
fn inline_module(build: &Build) -> Result<PathBuf> {
    const ENCODE: &str = "\
        const [wasm, module] = process.argv.slice(1), fs = require('node:fs');
        fs.writeFileSync(module, `export default \"${fs.readFileSync(wasm, 'base64')}\";\\n`)";
    let module = build.folder().join("inline.js");
    output(program("node").args(["-e", ENCODE]).args([&build.wasm(), &module]))?;
    Ok(module)
}

/// Writes the declarations into `dist/types`, those of the bindings among them, each with a twin for `require`.
fn declarations(dist: &Path) -> Result<()> {
    let types = dist.join("types");
    run(program("tsc")
        .args(["--project", "pkg-template", "--noEmit", "false", "--declaration", "--emitDeclarationOnly"])
        .arg("--outDir")
        .arg(&types))?;
    let bindings = fs::read_to_string(target("pkg/redlet/redlet.d.ts"))?;
    // Both the bindings and our classes can be disposed of, which the `lib` of es2022 has no symbols for.
    let bindings = format!("/// <reference lib=\"esnext.disposable\" />\n{bindings}");
    fs::write(types.join("redlet-wasm.d.ts"), bindings)?;
    twins(&types, "./")
}

/// Gives each `.d.ts` of a folder a `.d.cts` that imports other twins: TypeScript takes the former for a module's types
/// only, since package.json says `"type": "module"`. `top` leads from the folder to where the bindings' are.
fn twins(folder: &Path, top: &str) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            twins(&path, &format!("{top}../"))?;
        } else if let Some(stem) = path.to_string_lossy().strip_suffix(".d.ts") {
            let text = fs::read_to_string(&path)?;
            let text = text.replace("\"redlet-wasm\"", &format!("\"{top}redlet-wasm.js\""));
            fs::write(format!("{stem}.d.cts"), with_extension(&text, ".js", ".cjs"))?;
            fs::write(&path, text)?;
        }
    }
    Ok(())
}

/// Replaces the extension of relative specifiers: `from "./a.js"` and `import("./a.js")`.
fn with_extension(text: &str, old: &str, new: &str) -> String {
    let closing = format!("{old}\"");
    let mut parts = text.split(&closing);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let opened = result.rfind('"').map_or("", |at| &result[at + 1..]);
        result.push_str(if opened.starts_with('.') { new } else { old });
        result.push('"');
        result.push_str(part);
    }
    result
}

/// Reads the version that all of Redlet has: the crate's.
fn version() -> Result<String> {
    #[derive(Deserialize)]
    struct Manifest {
        package: Section,
    }
    #[derive(Deserialize)]
    struct Section {
        version: String,
    }
    let text = fs::read_to_string(root().join("Cargo.toml"))?;
    Ok(toml::from_str::<Manifest>(&text)?.package.version)
}

fn copy(file: &Path, folder: &Path) -> Result<()> {
    let name = file.file_name().context("a file has a name")?;
    fs::copy(file, folder.join(name)).with_context(|| file.display().to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_import_twins() {
        let text =
            r#"import { A } from "./a.js"; export * from "../b.js"; import c from "c.js"; type D = "x";"#;
        let twin =
            r#"import { A } from "./a.cjs"; export * from "../b.cjs"; import c from "c.js"; type D = "x";"#;
        assert_eq!(with_extension(text, ".js", ".cjs"), twin);
    }

    #[test]
    fn exports_say_what_is_bundled() {
        let json =
            r#"{ "exports": { ".": { "import": "./dist/inline.mjs", "require": "./dist/inline.cjs" } } }"#;
        let package = Package { json: json.to_owned(), folder: PathBuf::new() };
        assert_eq!(package.bundles("mjs"), BTreeSet::from(["inline"]));
        assert_eq!(package.bundles("cjs"), BTreeSet::from(["inline"]));
    }
}
