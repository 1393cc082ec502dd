/** The browser is killed at random moments; what was acknowledged is there when it comes back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { kill, makeProfile, serve, start, startWorker } from "./chromium.mjs";

const ROUNDS = process.env.REDLET_LONG ? 100 : 30;

/** Draws numbers from a seed, so that a failure can be repeated as far as a kill can be. */
function random(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Tells why a page could not go on, unless it was killed. */
function failed(t) {
  return ({ message }) => message.includes("has been closed") || t.diagnostic(message);
}

/**
 * Opens the database in the page, checks that what is there is in one piece, and goes on from it: each step is a
 * transaction that appends its number to a list and sets two keys to it. Returns how far the stored list went.
 */
async function open({ options, saveAt }) {
  const onStorage = ({ kind, message }) => said(`${kind}: ${message}`);
  const db = await redlet.Redlet.open({ name: "crash", onStorage, ...options });
  const list = await db.lrange("list", 0, -1);
  const torn = list.find((item, i) => Number(item) !== i + 1);
  if (torn !== undefined) throw new Error(`item ${torn} is out of place`);
  const [a, b] = await Promise.all([db.get("a"), db.get("b")]);
  if (Number(a) !== list.length || a !== b) throw new Error(`${a} and ${b} of ${list.length}`);
  globalThis.write = async () => {
    for (let i = list.length + 1; ; i++) {
      await db.multi().rpush("list", i).set("a", i).set("b", i).exec();
      await said(i);
      if (i === list.length + saveAt) db.bgsave().catch(({ message }) => said(message));
    }
  };
  return list.length;
}

for (const storage of ["indexeddb", "opfs"]) {
  test(`${storage}: with appendfsync always, ${ROUNDS} kills lose nothing that was acknowledged`, { timeout: 15_000 * ROUNDS }, async (t) => {
    const address = await serve(t);
    let context;
    // The browser goes first, then its profile.
    t.after(() => context?.close());
    const profile = makeProfile(t);
    const draw = random(8123);
    const options = { storage, appendfsync: "always", ringBytes: 4096 };
    let acknowledged = 0;
    for (let round = 0; round <= ROUNDS; round++) {
      let page;
      ({ context, page } = await start(profile, address));
      let enough;
      const written = new Promise((resolve) => (enough = resolve));
      const target = draw(60);
      let steps = 0;
      await page.exposeFunction("said", (i) => {
        if (typeof i !== "number") return t.diagnostic(i);
        acknowledged = Math.max(acknowledged, i);
        if (++steps >= target) enough();
      });
      const place = storage === "opfs" ? await startSpeaking(page) : page;
      const found = await place.evaluate(open, { options, saveAt: draw(30) });
      if (found < acknowledged) {
        assert.fail(`round ${round}: ${acknowledged} were acknowledged, ${found} are there, of ${await place.evaluate(files)}`);
      }
      place.evaluate(() => globalThis.write()).catch(failed(t));
      await written;
      await kill(profile, context);
    }
    t.diagnostic(`${acknowledged} transactions were acknowledged`);
  });
}

/** Tells the names of all files that the origin has, wherever they are; those of a pool with what they are at present. */
async function files() {
  const names = [];
  const look = async (folder, path) => {
    for await (const [name, handle] of folder) {
      if (handle.kind === "directory") await look(handle, `${path}${name}/`);
      else names.push(path + name);
    }
    for (const [name, file] of await filesOf(folder)) if (name !== file.name) names.push(`${path}${file.name} is ${name}`);
  };
  await look(await navigator.storage.getDirectory(), "");
  return names.join(" ");
}

/** Starts a worker whose `said` is the page's, and answers when that one does. */
async function startSpeaking(page) {
  const worker = await startWorker(page);
  await worker.evaluate(() => {
    globalThis.said = (what) => {
      const heard = new Promise((resolve) => (globalThis.onmessage = resolve));
      postMessage(what);
      return heard;
    };
  });
  await page.evaluate(() => {
    globalThis.worker.onmessage = async ({ data }) => globalThis.worker.postMessage(await said(data));
  });
  return worker;
}

test("with appendfsync everysec, kills lose nothing that a flush had reached, and nothing is torn", async (t) => {
  const address = await serve(t);
  let context;
  t.after(() => context?.close());
  const profile = makeProfile(t);
  const draw = random(17);
  let stored = 0;
  let times = [];
  let oldest = 0;
  for (let round = 0; round <= ROUNDS / 6; round++) {
    let page;
    ({ context, page } = await start(profile, address));
    let enough;
    const written = new Promise((resolve) => (enough = resolve));
    let flushes = 0;
    let more = draw(500);
    await page.exposeFunction("said", (what) => {
      if (typeof what === "string") return t.diagnostic(what);
      if (typeof what === "number") {
        times[what] = Date.now();
        if (flushes >= 2 && more-- <= 0) enough();
        return;
      }
      stored = what.stored;
      flushes++;
    });
    const found = await page.evaluate(open, { options: { storage: "indexeddb", appendfsync: "everysec", ringBytes: 1 << 16 }, saveAt: draw(900) });
    assert.ok(found >= stored, `round ${round}: ${stored} were flushed, ${found} are there`);
    if (times.length > found + 1) oldest = Math.max(oldest, times.at(-1) - times[found + 1]);
    times = [];
    await page.evaluate(reportFlushes);
    page.evaluate(() => globalThis.write()).catch(failed(t));
    await written;
    await kill(profile, context);
  }
  t.diagnostic(`${stored} transactions were flushed; the oldest that was lost was ${oldest} ms old`);
});

/** Tells, when a transaction on the log completes, what had been written when it began. */
function reportFlushes() {
  let last = 0;
  const tell = globalThis.said;
  globalThis.said = (i) => {
    if (typeof i === "number") last = i;
    return tell(i);
  };
  const transaction = IDBDatabase.prototype.transaction;
  IDBDatabase.prototype.transaction = function (stores, ...rest) {
    const begun = transaction.call(this, stores, ...rest);
    const upTo = last;
    if (stores.includes("ring") && !stores.includes("snapshot")) {
      begun.addEventListener("complete", () => tell({ stored: upTo }));
    }
    return begun;
  };
}
