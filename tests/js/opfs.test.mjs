/** What the files of the origin private file system keep, and what is left when they are damaged, full, gone or taken. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { load, page as openPage, startWorker } from "./chromium.mjs";
import { Redlet } from "./package.mjs";

/** Starts the browser, and a worker that can open databases as `open(options)` and read and change their files. */
async function openWorker(t) {
  const opened = await openPage(t);
  return { ...opened, worker: await prepared(opened.page) };
}

async function prepared(page) {
  const worker = await startWorker(page);
  await worker.evaluate(() => {
    globalThis.open = (options) => redlet.Redlet.open({ storage: "opfs", appendfsync: "always", ...options });
    globalThis.folder = async () => (await navigator.storage.getDirectory()).getDirectoryHandle("redlet%3Adefault");
    globalThis.madeFiles = async () => (await Array.fromAsync((await folder()).keys())).sort();
    globalThis.names = async () => [...(await filesOf(await folder())).keys()].sort();
    const find = async (name) => (await filesOf(await folder())).get(name);
    globalThis.remove = async (name) => (await folder()).removeEntry((await find(name)).name);
    /** Gives what a file holds to a function that changes or replaces it. */
    globalThis.change = async (name, how) => {
      const { handle: file, size, from } = await find(name);
      const handle = await file.createSyncAccessHandle();
      const bytes = new Uint8Array(size);
      handle.read(bytes, { at: from });
      const changed = how(bytes) ?? bytes;
      handle.truncate(from + changed.length);
      handle.write(changed, { at: from });
      handle.close();
    };
    globalThis.sizeOf = async (name) => (await find(name)).size;
    /** Opens a database, and notes what it tells of storage. */
    globalThis.openNoting = async (options) => {
      const events = [];
      const onStorage = ({ kind, message }) => events.push(`${kind}: ${message}`);
      return { db: await open({ ...options, onStorage }), events };
    };
  });
  return worker;
}

test("what was set is there when the page comes back, before and after a snapshot", { timeout: 60_000 }, async (t) => {
  const { page, address, worker } = await openWorker(t);
  const first = await worker.evaluate(async () => {
    const db = await open();
    await db.pipeline().set("string", "é").rpush("list", 1, 2, 3).hset("hash", { f: "v" }).sadd("set", "m").exec();
    await db.zadd("board", 1.5, "ann");
    await db.xadd("stream", "1-1", { f: "v" });
    const { place } = await db.storageReport();
    await db.close();
    return { place, names: await names() };
  });
  assert.deepEqual(first, { place: "opfs", names: ["log-1", "meta"] });
  await load(page, address);
  const second = await (await prepared(page)).evaluate(async () => {
    let db = await open();
    const found = [await db.get("string"), await db.lrange("list", 0, -1), await db.xlen("stream"), await db.dbsize()];
    await db.save();
    await db.select(3);
    await db.set("in three", 3, { PX: 1e9 });
    await db.close();
    const kept = await names();
    db = await open();
    found.push(await db.dbsize(), await db.zscore("board", "ann"), await db.sismember("set", "m"));
    await db.select(3);
    found.push(await db.get("in three"));
    return { found, kept };
  });
  assert.deepEqual(second.found, ["é", ["1", "2", "3"], 1, 6, 6, 1.5, 1, "3"]);
  assert.deepEqual(second.kept, ["log-4", "meta", "snapshot-1"]);
});

test("where files can't be written at once it says why, and takes nothing else", { timeout: 60_000 }, async (t) => {
  const { page } = await openPage(t);
  const inPage = await page.evaluate(() => failure(() => redlet.Redlet.open({ storage: "opfs" })));
  assert.deepEqual(inPage, {
    name: "RedletError",
    code: "UNAVAILABLE",
    message:
      'storage "opfs" can\'t be used: createSyncAccessHandle is missing, which dedicated workers alone have; ' +
      'open it in one, or use "indexeddb"',
  });
  await assert.rejects(Redlet.open({ storage: "opfs" }), {
    code: "UNAVAILABLE",
    message:
      'storage "opfs" can\'t be used: there is no origin private file system here, which takes a browser and a ' +
      'secure context; use "indexeddb"',
  });
});

test("with appendfsync always, a promise resolves after the flush; with everysec, durable() waits for it", { timeout: 60_000 }, async (t) => {
  const { worker } = await openWorker(t);
  const { always, everysec } = await worker.evaluate(async () => {
    const events = [];
    const flush = FileSystemSyncAccessHandle.prototype.flush;
    FileSystemSyncAccessHandle.prototype.flush = function () {
      flush.call(this);
      events.push("flush");
    };
    const first = await open();
    events.length = 0;
    await first.set("key", 1).then(() => events.push("set"));
    await first.get("key").then(() => events.push("get"));
    await Promise.all(Array.from({ length: 100 }, (_, i) => first.set(`key:${i}`, i)));
    events.push("100 sets");
    const always = events.splice(0);
    const second = await open({ name: "other", appendfsync: "everysec" });
    // The first change after a second is stored at once.
    await second.set("key", 1);
    await second.durable();
    events.length = 0;
    await second.set("key", 2).then(() => events.push("set"));
    await second.durable().then(() => events.push("durable"));
    return { always, everysec: events };
  });
  assert.deepEqual(always, ["flush", "set", "get", "flush", "100 sets"], "writers share a flush");
  assert.deepEqual(everysec, ["set", "flush", "durable"]);
});

test("a second owner is refused, with Web Locks and without", { timeout: 60_000 }, async (t) => {
  const { page, worker } = await openWorker(t);
  await worker.evaluate(async () => {
    globalThis.db = await open();
    await db.set("key", "of the first");
  });
  const second = await prepared(page);
  const byLock = await second.evaluate(() => failure(open));
  const byFile = await second.evaluate(() => {
    Object.defineProperty(navigator, "locks", { value: undefined });
    return failure(open);
  });
  assert.equal(byLock.code, "LOCKED");
  assert.match(byLock.message, /'redlet:default \(opfs\)' is open in another tab or worker/);
  assert.equal(byFile.code, "LOCKED");
  assert.match(byFile.message, /^the files of the database are open in another tab or worker of this origin/);
  // IndexedDB is another place, where the name is free.
  await second.evaluate(() => open({ storage: "indexeddb" }).then((db) => db.close()));
  assert.equal(await worker.evaluate(() => db.incr("counter")), 1);
  await worker.evaluate(() => db.close());
  assert.equal(await second.evaluate(async () => (await open()).get("key")), "of the first");
});

test("a damaged segment ends the log, is told about, and is kept aside", { timeout: 60_000 }, async (t) => {
  const { worker } = await openWorker(t);
  const seen = await worker.evaluate(async () => {
    let db = await open();
    for (let i = 1; i <= 5; i++) await db.set(`key:${i}`, i);
    await db.close();
    const size = await sizeOf("log-1");
    await change("log-1", (bytes) => void (bytes[bytes.length / 2] ^= 1));
    const damaged = await openNoting();
    const keys = (await damaged.db.keys("*")).sort();
    const info = await damaged.db.info("persistence");
    await damaged.db.set("key:3", "again");
    await damaged.db.close();
    const aside = { names: await names(), share: (await sizeOf("aside-2-3")) / size };
    const later = await openNoting();
    return { events: damaged.events, keys, info, aside, later: later.events, found: await later.db.mget("key:2", "key:3", "key:4") };
  });
  const told = "segment 3 of the log is damaged: it and what was logged later was left out";
  assert.deepEqual(seen.events, [`damaged: ${told}`]);
  assert.ok(seen.info.includes(`redlet_warning:${told}`), seen.info);
  assert.deepEqual(seen.keys, ["key:1", "key:2"]);
  assert.deepEqual(seen.aside.names, ["aside-2-3", "log-1", "meta"]);
  assert.ok(seen.aside.share > 0.5 && seen.aside.share < 0.6, "three of five segments, the first of which is longer");
  assert.deepEqual(seen.later, []);
  assert.deepEqual(seen.found, ["2", "again", null]);
});

test("a write that was torn is left out, and the log goes on in front of it", { timeout: 60_000 }, async (t) => {
  const { worker } = await openWorker(t);
  const seen = await worker.evaluate(async () => {
    let db = await open();
    for (let i = 1; i <= 5; i++) await db.set(`key:${i}`, i);
    await db.close();
    await change("log-1", (bytes) => bytes.subarray(0, bytes.length - 3));
    const torn = await openNoting();
    await torn.db.set("key:6", 6);
    await torn.db.close();
    db = await open();
    return { events: torn.events, found: await db.mget("key:4", "key:5", "key:6") };
  });
  assert.deepEqual(seen.events, ["damaged: segment 5 of the log is damaged: it and what was logged later was left out"]);
  assert.deepEqual(seen.found, ["4", null, "6"]);
});

test("of a snapshot with a damaged chunk what lies before it is loaded, and the rest is kept", { timeout: 60_000 }, async (t) => {
  const { worker } = await openWorker(t);
  await worker.evaluate(async () => fill(await open({ config: { rdbcompression: false } })));
  const seen = await worker.evaluate(async () => {
    await change("snapshot-1", (bytes) => void (bytes[bytes.length >> 1] ^= 1));
    const { db, events } = await openNoting();
    const left = await whatIsLeft(db);
    const again = await openNoting();
    return { events, ...left, names: await names(), again: again.events, kept: await again.db.dbsize() };
  });
  assert.match(seen.events[0], /^damaged: chunk \d+ of the snapshot is damaged: the \d+ keys in front of it were loaded$/);
  assert.ok(seen.keys > 1000 && seen.keys < 20_000, `${seen.keys} keys`);
  assert.equal(seen.wrong, 0);
  assert.equal(seen.later, "1", "the log is whole");
  assert.ok(seen.names.includes("snapshot-1"), "the damaged one is there for inspection");
  assert.deepEqual(seen.again, []);
  assert.equal(seen.kept, seen.keys);
});

test("files that were deleted are missed, and nothing else is taken for them", { timeout: 60_000 }, async (t) => {
  const { worker } = await openWorker(t);
  await worker.evaluate(async () => fill(await open({ config: { rdbcompression: false } })));
  const seen = await worker.evaluate(async () => {
    const db = await open();
    const refused = await failure(async () => (await folder()).removeEntry("file-0"));
    await db.close();
    return { refused };
  });
  assert.equal(seen.refused.name, "NoModificationAllowedError", "while the database is open, its files can't be deleted");
  const lost = await worker.evaluate(async () => {
    await remove("snapshot-1");
    const noSnapshot = await openNoting();
    const later = await noSnapshot.db.dbsize();
    await noSnapshot.db.save();
    await noSnapshot.db.close();
    for (const name of await names()) if (name.startsWith("log-")) await remove(name);
    const noLog = await openNoting();
    await noLog.db.set("after", 1);
    await noLog.db.close();
    const again = await openNoting();
    const found = await again.db.get("after");
    await again.db.close();
    await remove("meta");
    const noRecord = await failure(open);
    return { snapshot: noSnapshot.events, later, log: noLog.events, again: again.events, found, noRecord, names: await names() };
  });
  assert.deepEqual(lost.snapshot, ["damaged: chunk 0 of the snapshot is missing: the 0 keys in front of it were loaded"]);
  assert.equal(lost.later, 1);
  assert.match(lost.log.join(), /^damaged: segment \d+ of the log is missing: it and what was logged later was left out$/);
  assert.deepEqual(lost.again, []);
  assert.equal(lost.found, "1");
  assert.equal(lost.noRecord.code, "DAMAGED");
  assert.match(lost.noRecord.message, /the file `meta` holds no record that is whole/);
  assert.ok(lost.names.some((name) => name.startsWith("log-")), "it is left as it is");
});

test("either of the two records is enough, and one of a later version is refused", { timeout: 60_000 }, async (t) => {
  const { worker } = await openWorker(t);
  const seen = await worker.evaluate(async () => {
    let db = await open();
    await db.set("key", 1);
    await db.save();
    await db.close();
    const found = [];
    for (const at of [30, 16 * 1024 + 30]) {
      await change("meta", (bytes) => void (bytes[at] ^= 1));
      const { db, events } = await openNoting();
      found.push(await db.get("key"), ...events);
      await db.close();
    }
    // A frame of format 7: the turn, the length, the checksum and the format.
    await change("meta", () => {
      const words = new BigUint64Array([1n, 8n, 0n, 7n]);
      words[2] = crc64([1n, 7n]);
      return new Uint8Array(words.buffer);

      function crc64(words) {
        let crc = 0n;
        for (const byte of new Uint8Array(new BigUint64Array(words).buffer)) {
          crc ^= BigInt(byte);
          for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n;
        }
        return crc;
      }
    });
    const newer = await failure(open);
    return { found, newer, names: await names(), size: await sizeOf("meta") };
  });
  assert.deepEqual(seen.found, ["1", "1"]);
  assert.equal(seen.newer.code, "NEWER");
  assert.match(seen.newer.message, /it has format 7, and this version knows format 2/);
  assert.ok(seen.names.includes("snapshot-1") && seen.size === 32, "it was left as it is");
});

test("snapshots free the log, and count", { timeout: 60_000 }, async (t) => {
  const { worker } = await openWorker(t);
  const seen = await worker.evaluate(async () => {
    let db = await open({ ringBytes: 4096 });
    for (let i = 0; i < 200; i++) await db.set(`key:${i % 10}`, "x".repeat(100) + i);
    await db.set("big", "y".repeat(100_000));
    const info = await db.info("persistence");
    await db.close();
    const files = await names();
    db = await open();
    return { info, files, found: [(await db.get("key:9")).length, await db.strlen("big"), await db.dbsize()] };
  });
  assert.ok(Number(/aof_rewrites:(\d+)/.exec(seen.info)[1]) > 3, "the ring began snapshots by itself");
  assert.deepEqual(seen.files.map((name) => name.replace(/\d+/, "N")), ["log-N", "meta", "snapshot-N"]);
  assert.deepEqual(seen.found, [103, 100_000, 11]);
});

test("files are made by an opening alone, and those from before there was a pool are used", { timeout: 60_000 }, async (t) => {
  const { worker } = await openWorker(t);
  const seen = await worker.evaluate(async () => {
    let db = await open();
    const made = await madeFiles();
    for (let i = 0; i < 5; i++) {
      await db.set("round", i);
      await db.save();
    }
    await db.set("later", 1);
    const after = await madeFiles();
    await db.close();
    const old = (await names()).filter((name) => name !== "meta");
    for (const [name, { handle, from }] of await filesOf(await folder())) {
      if (name === "meta") continue;
      const file = await (await (await folder()).getFileHandle(name, { create: true })).createWritable();
      await file.write((await handle.getFile()).slice(from));
      await file.close();
    }
    for (const name of await madeFiles()) if (name.startsWith("file-")) await (await folder()).removeEntry(name);
    const between = await madeFiles();
    const { db: again, events } = await openNoting();
    const found = await again.mget("round", "later");
    await again.save();
    await again.close();
    // What is empty by now goes when the next opening finds it.
    await (await open()).close();
    return { made, after, old, between, events, found, left: await madeFiles(), names: await names() };
  });
  assert.deepEqual(seen.after, seen.made);
  assert.deepEqual(seen.between, [...seen.old, "meta"].sort());
  assert.deepEqual([seen.events, seen.found], [[], ["4", "1"]]);
  assert.ok(seen.left.every((name) => name === "meta" || name.startsWith("file-")), `${seen.left}`);
  assert.deepEqual(seen.names.map((name) => name.replace(/\d+/, "N")), ["log-N", "meta", "snapshot-N"]);
});
