/** The packed tarball in Chromium, by way of the bundlers and without one. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { after, before, test } from "node:test";
import { build as bundle } from "esbuild";
import { chromium } from "playwright-core";
import * as vite from "vite";
import { ENTRIES, EXPECTED, makeConsumer, program } from "./consumer.mjs";

let browser;
before(async () => {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
});
after(() => browser?.close());

/** Opens a page and returns the first line that it writes to the console, or throws what it throws. */
async function said(url) {
  const tab = await browser.newPage();
  try {
    const heard = new Promise((resolve, reject) => {
      tab.on("console", (message) => message.type() === "log" && resolve(message.text()));
      tab.on("pageerror", reject);
    });
    await tab.goto(url);
    return await heard;
  } finally {
    await tab.close();
  }
}

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

/** Serves a folder; what is not in it is answered with `fallback`, as servers of single-page programs do. */
async function serve(t, root, fallback) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    const file = join(root, path === "/" ? "index.html" : path);
    try {
      const bytes = await readFile(file);
      response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream").end(bytes);
    } catch {
      if (!fallback) return response.writeHead(404).end();
      response.setHeader("content-type", "text/html").end(await readFile(fallback));
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}

/** What a page without a bundler imports. */
const FILES = { redlet: "browser.mjs", "redlet/scripting": "scripting-browser.mjs" };

for (const entry of ENTRIES) {
  const { folder, write } = makeConsumer();
  write("main.js", program(entry));
  const page = write("index.html", `<!doctype html><link rel=icon href=data:,><script type=module src=/main.js></script>`);

  test(`Vite builds ${entry}`, async (t) => {
    const outDir = join(folder, "vite");
    await vite.build({ root: folder, configFile: false, logLevel: "warn", build: { outDir } });
    assert.equal(await said(await serve(t, outDir)), EXPECTED[entry]);
  });

  test(`Vite serves ${entry} for development, with its default configuration`, async (t) => {
    const server = await vite.createServer({
      root: folder,
      configFile: false,
      logLevel: "warn",
      server: { host: "127.0.0.1", port: 0, hmr: false, ws: false },
    });
    t.after(() => server.close());
    await server.listen();
    assert.equal(await said(server.resolvedUrls.local[0]), EXPECTED[entry]);
  });

  test(`esbuild bundles ${entry}, and it heals when the server answers HTML for the module`, async (t) => {
    const outdir = join(folder, "esbuild");
    await bundle({ entryPoints: [join(folder, "main.js")], outdir, bundle: true, splitting: true, format: "esm" });
    assert.equal(await said(await serve(t, outdir, page)), EXPECTED[entry]);
  });

  test(`a page imports the files of ${entry} as they are`, async (t) => {
    write("plain.html", `<!doctype html><link rel=icon href=data:,>
      <script type=importmap>{ "imports": { "${entry}": "/node_modules/redlet/dist/${FILES[entry]}" } }</script>
      <script type=module src=/main.js></script>`);
    assert.equal(await said((await serve(t, folder)) + "plain.html"), EXPECTED[entry]);
  });

  test(`a page whose policy allows WebAssembly runs ${entry}`, async (t) => {
    const outDir = join(folder, "policy");
    await vite.build({ root: folder, configFile: false, logLevel: "warn", build: { outDir } });
    const html = (await readFile(join(outDir, "index.html"), "utf8")).replace(
      "<!doctype html>",
      `<!doctype html><meta http-equiv=content-security-policy content="script-src 'self' 'wasm-unsafe-eval'">`,
    );
    write("policy/index.html", html);
    assert.equal(await said(await serve(t, outDir)), EXPECTED[entry]);
  });
}
