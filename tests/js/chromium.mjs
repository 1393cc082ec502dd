/** Debian's Chromium on a profile of its own, with the built package, or the site, served to it. */
import { createReadStream, existsSync, mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const dist = fileURLToPath(new URL("../../target/npm/dist", import.meta.url));
const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Serves a folder as the plainest file server would, with an empty page if it has none; returns the page's address. */
export async function serve(t, folder = dist) {
  const server = createServer((request, response) => {
    let { pathname } = new URL(request.url, "http://localhost");
    if (pathname === "/") pathname = "/index.html";
    if (pathname === "/index.html" && !existsSync(join(folder, pathname))) {
      return response.setHeader("content-type", "text/html").end("<!doctype html><link rel=icon href=data:,>");
    }
    const file = createReadStream(join(folder, pathname));
    file.on("open", () => response.setHeader("content-type", TYPES[extname(pathname)] ?? "text/plain"));
    file.on("error", () => response.writeHead(404).end());
    file.pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${server.address().port}/`;
}

/** Makes a folder for a profile, which goes when the test is over. */
export function makeProfile(t) {
  const profile = mkdtempSync(join(tmpdir(), "redlet-profile-"));
  t.after(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }));
  return profile;
}

/** Starts the browser on a profile. */
export async function launch(profile) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  return { context, page: context.pages()[0] ?? (await context.newPage()) };
}

/** Starts the browser on a profile and opens the page, with the package as `redlet`. */
export async function start(profile, address) {
  const { context, page } = await launch(profile);
  await load(page, address);
  return { context, page };
}

/** Opens the page in a tab, with the package as `redlet`. */
export async function load(page, address) {
  await page.goto(address);
  await page.evaluate(prepare, address);
}

/** Starts a dedicated worker of the page, with the package as `redlet`. */
export async function startWorker(page) {
  const started = page.waitForEvent("worker");
  await page.evaluate(() => {
    const script = new Blob(["'use strict'"], { type: "text/javascript" });
    globalThis.worker = new Worker(URL.createObjectURL(script), { type: "module" });
  });
  const worker = await started;
  await worker.evaluate(prepare, new URL("/", page.url()).href);
  return worker;
}

/** Runs in the page, or in a worker of it. */
async function prepare(address) {
  globalThis.redlet = await import(new URL("browser.mjs", address));
  /** Runs something that should fail; returns what it fails with. */
  globalThis.failure = async (work) => {
    try {
      await work();
    } catch ({ name, code, message }) {
      return { name, code, message };
    }
    throw new Error("it should have failed");
  };
  /** Finds the files of a database in the origin private file system by the names that they have at present. */
  globalThis.filesOf = async (folder) => {
    const files = new Map();
    for await (const [name, handle] of folder.entries()) {
      if (handle.kind === "directory") continue;
      const file = await handle.getFile();
      if (!name.startsWith("file-")) files.set(name, { name, handle, size: file.size, from: 0 });
      if (!name.startsWith("file-") || file.size < 128) continue;
      // A frame of the name, in 128 bytes, then what it holds.
      const head = await file.slice(0, 128).arrayBuffer();
      const length = Number(new BigUint64Array(head)[1]);
      const present = new TextDecoder().decode(new Uint8Array(head, 24, length));
      files.set(present, { name, handle, size: file.size - 128, from: 128 });
    }
    return files;
  };
  /** Stores twenty thousand keys as a snapshot of several chunks, and one key behind it. */
  globalThis.fill = async (db) => {
    const pipeline = db.pipeline();
    for (let i = 0; i < 20_000; i++) pipeline.set(`key:${i}`, `${i} ${"x".repeat(100)}`);
    await pipeline.exec();
    await db.save();
    await db.set("later", 1);
    await db.close();
  };
  /** Tells what of it a database still has, how many values are wrong, and saves and closes it. */
  globalThis.whatIsLeft = async (db) => {
    const keys = await db.dbsize();
    const names = await db.keys("key:*");
    const values = await db.mget(...names);
    const wrong = names.filter((name, i) => !values[i].startsWith(`${name.slice(4)} `)).length;
    const later = await db.get("later");
    await db.save();
    await db.close();
    return { keys, wrong, later };
  };
}

/** Ends the browser, and all processes of it, as a power cut would. */
export async function kill(profile, context) {
  // Chromium notes who uses a profile in the target of a link: host-pid. Playwright gives it a process group.
  const pid = Number(readlinkSync(join(profile, "SingletonLock")).split("-").at(-1));
  const gone = new Promise((resolve) => context.once("close", resolve));
  process.kill(-pid, "SIGKILL");
  await gone;
}

/** Starts the browser for one test and opens the page. */
export async function page(t) {
  const address = await serve(t);
  let context;
  // The browser goes first, then its profile.
  t.after(() => context?.close());
  const profile = makeProfile(t);
  let page;
  ({ context, page } = await start(profile, address));
  return { address, context, page };
}
