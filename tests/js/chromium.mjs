/** Debian's Chromium on a profile of its own, with the built package served to it. */
import { createReadStream, mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const dist = fileURLToPath(new URL("../../target/npm/dist", import.meta.url));
const TYPES = { ".mjs": "text/javascript", ".wasm": "application/wasm" };

/** Serves the package and an empty page; returns the page's address. */
export async function serve(t) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    if (pathname === "/") {
      return response.setHeader("content-type", "text/html").end("<!doctype html><link rel=icon href=data:,>");
    }
    const file = createReadStream(join(dist, pathname));
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

/** Starts the browser on a profile and opens the page, with the package as `redlet`. */
export async function start(profile, address) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
  const page = context.pages()[0] ?? (await context.newPage());
  await load(page, address);
  return { context, page };
}

/** Opens the page in a tab, with the package as `redlet`. */
export async function load(page, address) {
  await page.goto(address);
  await page.evaluate(async () => {
    globalThis.redlet = await import("/browser.mjs");
    /** Runs something that should fail; returns what it fails with. */
    globalThis.failure = async (work) => {
      try {
        await work();
      } catch ({ name, code, message }) {
        return { name, code, message };
      }
      throw new Error("it should have failed");
    };
  });
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
