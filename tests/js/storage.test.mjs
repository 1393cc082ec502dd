/** What IndexedDB keeps, in which order, and what is left when it is damaged, full, gone or taken. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { load, page as openPage } from "./chromium.mjs";

test("what was set is there when the page comes back", async (t) => {
  const { page, address } = await openPage(t);
  await page.evaluate(async () => {
    const db = await redlet.Redlet.open({ storage: "indexeddb" });
    await db.pipeline().set("string", "é").rpush("list", 1, 2, 3).set("gone", 1, { EX: 100 }).del("gone").exec();
    await db.select(3);
    await db.set("in three", 3, { PX: 1e9 });
    await db.close();
  });
  await load(page, address);
  const found = await page.evaluate(async () => {
    const db = await redlet.Redlet.open({ storage: "indexeddb" });
    const values = await db.pipeline().get("string").lrange("list", 0, -1).exists("gone").select(3).get("in three").exec();
    return [...values, (await db.ttl("in three")) > 0];
  });
  assert.deepEqual(found, ["é", ["1", "2", "3"], 0, "OK", "3", true]);
});

test("with appendfsync always, a strict transaction completes before a promise resolves", async (t) => {
  const { page } = await openPage(t);
  const events = await page.evaluate(async () => {
    const db = await redlet.Redlet.open({ storage: "indexeddb", appendfsync: "always" });
    const events = [];
    const transaction = IDBDatabase.prototype.transaction;
    IDBDatabase.prototype.transaction = function (...args) {
      const begun = transaction.apply(this, args);
      events.push(`${begun.durability} begins`);
      begun.addEventListener("complete", () => events.push("complete"));
      return begun;
    };
    await db.set("key", 1).then(() => events.push("set"));
    await db.get("key").then(() => events.push("get"));
    await db.multi().incr("key").incr("key").exec().then(() => events.push("exec"));
    const waiting = db.blpop("list", 0).then(() => events.push("blpop"));
    await Promise.all([waiting, db.rpush("list", 1).then(() => events.push("rpush"))]);
    await Promise.all(Array.from({ length: 100 }, (_, i) => db.set(`key:${i}`, i)));
    events.push("100 sets");
    return events;
  });
  const stored = ["strict begins", "complete"];
  const served = events.splice(events.indexOf("exec") + 1, 4);
  assert.deepEqual(served.slice(0, 2), stored);
  assert.deepEqual(served.slice(2).sort(), ["blpop", "rpush"]);
  assert.deepEqual(events, [...stored, "set", "get", ...stored, "exec", ...stored, "100 sets"], "writers share a transaction");
});

test("with appendfsync everysec, a promise resolves at once and durable() waits", async (t) => {
  const { page } = await openPage(t);
  const events = await page.evaluate(async () => {
    const db = await redlet.Redlet.open({ storage: "indexeddb", appendfsync: "everysec" });
    const events = [];
    const transaction = IDBDatabase.prototype.transaction;
    IDBDatabase.prototype.transaction = function (...args) {
      const begun = transaction.apply(this, args);
      begun.addEventListener("complete", () => events.push(begun.durability));
      return begun;
    };
    await db.set("key", 1);
    events.push("set");
    await db.durable();
    events.push("durable");
    await db.durable();
    return events;
  });
  assert.equal(events[0], "set");
  assert.equal(events.at(-1), "durable", "nothing is left to do for the second one");
  assert.ok(events.slice(1, -1).includes("strict"), events.join());
});

test("a page that goes takes its changes to storage", async (t) => {
  const { page, address } = await openPage(t);
  await page.evaluate(async () => {
    const db = await redlet.Redlet.open({ storage: "indexeddb" });
    await db.set("first", 1);
    await db.durable();
    await db.set("last", 2);
  });
  await load(page, address);
  const last = await page.evaluate(async () => (await redlet.Redlet.open({ storage: "indexeddb" })).get("last"));
  assert.equal(last, "2");
});

test("snapshots free the ring, and count", async (t) => {
  const { page, address } = await openPage(t);
  const info = await page.evaluate(async () => {
    const db = await redlet.Redlet.open({ storage: "indexeddb", appendfsync: "always", ringBytes: 4096 });
    for (let i = 0; i < 200; i++) await db.set(`key:${i % 10}`, "x".repeat(100) + i);
    await db.set("big", "y".repeat(100_000));
    await db.set("after", "z");
    await db.save();
    return db.info("persistence");
  });
  const fields = Object.fromEntries(info.split("\r\n").map((line) => line.split(":")));
  assert.equal(fields.aof_enabled, "1");
  assert.equal(fields.rdb_saves, "1");
  assert.ok(Number(fields.aof_rewrites) > 3, "the ring began snapshots by itself");
  assert.equal(fields.redlet_ring_bytes, "0");
  assert.equal(fields.redlet_ring_waiting, "0");
  assert.equal(fields.aof_last_write_status, "ok");
  assert.equal(fields.rdb_changes_since_last_save, "0");
  await load(page, address);
  const found = await page.evaluate(async () => {
    const db = await redlet.Redlet.open({ storage: "indexeddb" });
    return [await db.get("key:9"), (await db.get("big")).length, await db.get("after"), await db.dbsize()];
  });
  assert.deepEqual(found, ["x".repeat(100) + "199", 100_000, "z", 12]);
});

test("a second tab is told who has the database", async (t) => {
  const { page, context, address } = await openPage(t);
  await page.evaluate(async () => {
    globalThis.db = await redlet.Redlet.open({ storage: "indexeddb", name: "shared" });
    await db.set("key", "of the first");
  });
  const second = await context.newPage();
  await load(second, address);
  const open = () => redlet.Redlet.open({ storage: "indexeddb", name: "shared" });
  const refused = await second.evaluate(`failure(${open})`);
  assert.equal(refused.code, "LOCKED");
  assert.match(refused.message, /'redlet:shared' is open in another tab/);
  await page.evaluate(() => db.close());
  assert.equal(await second.evaluate(`(${open})().then((db) => db.get("key"))`), "of the first");
});

test("without Web Locks the last one who opens has the database, and the others can't write", async (t) => {
  const { page } = await openPage(t);
  const seen = await page.evaluate(async () => {
    Object.defineProperty(navigator, "locks", { value: undefined });
    const events = [];
    const onStorage = ({ kind, message }) => events.push(`${kind}: ${message}`);
    const options = { storage: "indexeddb", appendfsync: "always" };
    const first = await redlet.Redlet.open({ ...options, onStorage });
    await first.set("key", "of the first");
    const second = await redlet.Redlet.open(options);
    const refused = await failure(() => first.set("key", "too late"));
    const later = await failure(() => first.set("key", "later still"));
    await first.close().catch(() => {});
    return { refused, later, events, found: await second.get("key") };
  });
  assert.equal(seen.refused.code, "SUPERSEDED");
  assert.match(seen.later.message, /^MISCONF .*another tab or worker has taken the database over/);
  assert.deepEqual(seen.events, ["lost: another tab or worker has taken the database over"]);
  assert.equal(seen.found, "of the first");
});

test("when the disk is full, writers are told; when there is room again, what was written is stored", async (t) => {
  const { page, context, address } = await openPage(t);
  const origin = new URL(address).origin;
  const devtools = await context.newCDPSession(page);
  // Before it is opened: Chromium remembers for a while how much room there was.
  await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1_000_000 });
  await page.evaluate(async () => {
    globalThis.events = [];
    const onStorage = ({ kind, message }) => {
      events.push(`${kind}: ${message}`);
      if (kind === "working") globalThis.working?.();
    };
    globalThis.db = await redlet.Redlet.open({ storage: "indexeddb", appendfsync: "always", onStorage });
    await db.set("before", 1);
  });
  const full = await page.evaluate(async () => ({
    first: await failure(async () => {
      // Short enough to be no blob, which Chromium counts later, and beyond compression.
      for (globalThis.stored = 0; stored < 1000; stored++) {
        await db.set(`key:${stored}`, crypto.getRandomValues(new Uint8Array(30_000)));
      }
    }),
    next: await failure(() => db.set("small", 1)),
    read: await db.get("before"),
    info: await db.info("persistence"),
  }));
  assert.equal(full.first.code, "STORAGE");
  assert.match(full.first.message, /QuotaExceededError/);
  assert.match(full.next.message, /^MISCONF Errors writing to the AOF file: QuotaExceededError/);
  assert.equal(full.read, "1");
  assert.match(full.info, /aof_last_write_status:err/);
  assert.match(full.info, /redlet_last_error:QuotaExceededError/);
  assert.match(await page.evaluate(() => events[0]), /^full: QuotaExceededError.*: \d+ of \d+ bytes are used$/s);
  await devtools.send("Storage.overrideQuotaForOrigin", { origin });
  const last = await page.evaluate(async () => {
    await new Promise((resolve) => (globalThis.working = resolve));
    await db.set("after", 1);
    await db.close();
    return `key:${stored}`;
  });
  await load(page, address);
  const found = await page.evaluate(async (last) => {
    const db = await redlet.Redlet.open({ storage: "indexeddb" });
    return [await db.strlen(last), await db.get("small"), await db.get("after")];
  }, last);
  assert.deepEqual(found, [30_000, null, "1"], "the write that failed is stored, the one that was refused is not there");
});

test("when the database is deleted, writers are told, and the next opening begins anew", async (t) => {
  const { page } = await openPage(t);
  const seen = await page.evaluate(async () => {
    const lost = [];
    const onStorage = ({ kind, message }) => lost.push(`${kind}: ${message}`);
    const db = await redlet.Redlet.open({ storage: "indexeddb", appendfsync: "always", onStorage });
    await db.set("key", 1);
    await new Promise((resolve) => (indexedDB.deleteDatabase("redlet:default").onsuccess = resolve));
    const refused = await failure(() => db.set("key", 2));
    const read = await db.get("key");
    await db.close();
    const again = await redlet.Redlet.open({ storage: "indexeddb", appendfsync: "always" });
    return { lost, refused, read, keys: await again.dbsize(), set: await again.set("key", 3) };
  });
  assert.deepEqual(seen.lost, ["lost: the database was deleted"]);
  assert.match(seen.refused.message, /^MISCONF .*the database was deleted/);
  assert.deepEqual([seen.read, seen.keys, seen.set], ["1", 0, "OK"]);
});

/** Runs in the page: changes every record of a store for which `which` says so. */
const TAMPER = `globalThis.tamper = (store, which) => new Promise((resolve, reject) => {
  indexedDB.open("redlet:default").onsuccess = ({ target: { result: database } }) => {
    const transaction = database.transaction(store, "readwrite");
    transaction.oncomplete = () => resolve(database.close());
    transaction.onabort = reject;
    transaction.objectStore(store).openCursor().onsuccess = ({ target: { result: cursor } }) => {
      if (cursor === null) return;
      if (which(cursor.value, cursor.key)) {
        cursor.value.bytes[cursor.value.bytes.length >> 1] ^= 1;
        cursor.update(cursor.value);
      }
      cursor.continue();
    };
  };
});
/** Returns the keys of a store. */
globalThis.keysOf = (store) => new Promise((resolve) => {
  indexedDB.open("redlet:default").onsuccess = ({ target: { result: database } }) => {
    database.transaction(store).objectStore(store).getAllKeys().onsuccess = ({ target: { result } }) => {
      database.close();
      resolve(result);
    };
  };
});`;

test("a damaged segment ends the log, is told about, and is kept aside", async (t) => {
  const { page } = await openPage(t);
  await page.evaluate(TAMPER);
  const seen = await page.evaluate(async () => {
    const options = { storage: "indexeddb", appendfsync: "always" };
    let db = await redlet.Redlet.open(options);
    for (let i = 1; i <= 5; i++) await db.set(`key:${i}`, i);
    await db.close();
    await tamper("ring", ({ seq }) => seq === 3);

    const events = [];
    const onStorage = ({ kind, message }) => events.push(`${kind}: ${message}`);
    db = await redlet.Redlet.open({ ...options, onStorage });
    const keys = (await db.keys("*")).sort();
    const info = await db.info("persistence");
    await db.set("key:3", "again");
    await db.close();
    const aside = (await keysOf("meta")).filter(Array.isArray);

    const later = [];
    db = await redlet.Redlet.open({ ...options, onStorage: (event) => later.push(event) });
    return { events, keys, info, aside, later, found: await db.mget("key:2", "key:3", "key:4") };
  });
  const told = "segment 3 of the log is damaged: it and what was logged later was left out";
  assert.deepEqual(seen.events, [`damaged: ${told}`]);
  assert.deepEqual(seen.keys, ["key:1", "key:2"]);
  assert.ok(seen.info.includes(`redlet_warning:${told}`), seen.info);
  assert.deepEqual(seen.aside, [[2, 3], [2, 4], [2, 5]], "epoch and slot of each");
  assert.deepEqual(seen.later, []);
  assert.deepEqual(seen.found, ["2", "again", null]);
});

test("of a snapshot with a damaged chunk what lies before it is loaded, and the rest is kept", async (t) => {
  const { page } = await openPage(t);
  await page.evaluate(TAMPER);
  const seen = await page.evaluate(async () => {
    await fill(await redlet.Redlet.open({ storage: "indexeddb", config: { rdbcompression: false } }));
    const chunks = (await keysOf("snapshot")).length;
    const half = chunks >> 1;
    await tamper("snapshot", (_, [generation, n]) => n === half);

    const events = [];
    let db = await redlet.Redlet.open({ storage: "indexeddb", onStorage: ({ kind, message }) => events.push({ kind, message }) });
    const left = await whatIsLeft(db);
    const generations = new Set((await keysOf("snapshot")).map(([generation]) => generation));

    const again = [];
    db = await redlet.Redlet.open({ storage: "indexeddb", onStorage: (event) => again.push(event) });
    return { chunks, half, events, ...left, generations: [...generations], again, kept: await db.dbsize() };
  });
  assert.ok(seen.chunks > 4, `${seen.chunks} chunks`);
  assert.equal(seen.events[0].kind, "damaged");
  const told = /^chunk (\d+) of the snapshot is damaged: the (\d+) keys in front of it were loaded$/.exec(seen.events[0].message);
  assert.deepEqual(told?.slice(1).map(Number), [seen.half, seen.keys - 1], seen.events[0].message);
  assert.ok(seen.keys > 1000 && seen.keys < 20_000, `${seen.keys} keys`);
  assert.equal(seen.wrong, 0);
  assert.equal(seen.later, "1", "the log is whole");
  assert.equal(seen.generations.length, 2, "the damaged one is there for inspection");
  assert.deepEqual(seen.again, []);
  assert.equal(seen.kept, seen.keys);
});

test("appendonly can be switched off and on", async (t) => {
  const { page } = await openPage(t);
  const found = await page.evaluate(async () => {
    const options = { storage: "indexeddb", appendfsync: "always" };
    let db = await redlet.Redlet.open(options);
    await db.set("logged", 1);
    await db.configSet("appendonly", "no");
    await db.set("unlogged", 2);
    await db.configSet("appendonly", "yes");
    await db.set("logged again", 3);
    await db.close();
    db = await redlet.Redlet.open(options);
    return db.mget("logged", "unlogged", "logged again");
  });
  assert.deepEqual(found, ["1", "2", "3"]);
});

test("a hundred thousand keys are saved while the page works, and opened", async (t) => {
  const { page, address } = await openPage(t);
  const { turns, gap } = await page.evaluate(async () => {
    const db = await redlet.Redlet.open({ storage: "indexeddb" });
    for (let i = 0; i < 100; i++) {
      const pipeline = db.pipeline();
      for (let n = 0; n < 1000; n++) pipeline.set(`key:${1000 * i + n}`, `value ${n}`);
      await pipeline.exec();
    }
    // Turns of the event loop while the snapshot is written, and the longest time between two.
    let [turns, gap, last] = [0, 0, performance.now()];
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      turns++;
      gap = Math.max(gap, performance.now() - last);
      last = performance.now();
      port2.postMessage(0);
    };
    port2.postMessage(0);
    await db.save();
    port1.close();
    await db.close();
    return { turns, gap };
  });
  assert.ok(turns > 10, `${turns} turns while the snapshot was written`);
  t.diagnostic(`the page waited for the snapshot for ${gap.toFixed(1)} ms at the most`);
  await load(page, address);
  const { ms, keys } = await page.evaluate(async () => {
    const before = performance.now();
    const db = await redlet.Redlet.open({ storage: "indexeddb" });
    return { ms: performance.now() - before, keys: await db.dbsize() };
  });
  assert.equal(keys, 100_000);
  t.diagnostic(`opened in ${ms.toFixed()} ms`);
});

test("what a later version has stored is refused and left alone", async (t) => {
  const { page } = await openPage(t);
  const found = await page.evaluate(async () => {
    const opened = (version, change) =>
      new Promise((resolve, reject) => {
        const request = indexedDB.open("redlet:default", version);
        request.onerror = () => reject(request.error);
        request.onsuccess = () => {
          const { result } = request;
          const transaction = result.transaction("meta", "readwrite");
          const record = transaction.objectStore("meta").get("meta");
          record.onsuccess = () => change !== undefined && transaction.objectStore("meta").put(change(record.result), "meta");
          transaction.oncomplete = () => (result.close(), resolve(record.result));
        };
      });
    const open = () => redlet.Redlet.open({ storage: "indexeddb" });
    const db = await open();
    await db.set("key", 1);
    await db.close();
    const before = await opened(2, (meta) => ({ format: 7, everything: "else", bytes: meta.bytes }));
    const byFormat = await failure(open);
    const left = await opened(2, () => before);
    await opened(3);
    return { byFormat, left, byVersion: await failure(open) };
  });
  assert.equal(found.byFormat.code, "NEWER");
  assert.match(found.byFormat.message, /later version of Redlet: it has format 7, and this version knows format 2/);
  assert.deepEqual([found.left.format, found.left.everything], [7, "else"]);
  assert.equal(found.byVersion.code, "NEWER");
});

test("what format 1 has stored is taken over", async (t) => {
  const { page } = await openPage(t);
  const found = await page.evaluate(async () => {
    let db = await redlet.Redlet.open({ storage: "indexeddb", appendfsync: "always" });
    await db.mset("in the snapshot", 1, "changed", 1);
    await db.save();
    await db.set("changed", 2);
    await db.set("in the log", 1);
    await db.close();

    /** Opens a database as it is; returns it, and what all its stores hold. */
    const opened = (name, version, upgrade) =>
      new Promise((resolve, reject) => {
        const request = indexedDB.open(name, version);
        request.onupgradeneeded = () => upgrade(request.result);
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const records = (database) =>
      new Promise((resolve) => {
        const all = [];
        const transaction = database.transaction(["meta", "snapshot", "ring", "lease"]);
        for (const name of transaction.objectStoreNames) {
          transaction.objectStore(name).openCursor().onsuccess = ({ target: { result: cursor } }) => {
            if (cursor === null) return;
            all.push({ name, key: cursor.key, value: cursor.value });
            cursor.continue();
          };
        }
        transaction.oncomplete = () => resolve(all);
      });

    // The same chunks and segments, as format 1 had them: its stores, its version, and its record.
    const source = await opened("redlet:default");
    const stored = await records(source);
    const { bytes } = stored.find(({ name, key }) => name === "meta" && key === "meta").value;
    const [, epoch, generation, chunks, snapshotBytes, firstSeq, slots] = new BigUint64Array(bytes.slice().buffer).values().map(Number);
    source.close();
    const old = await opened("redlet:old", 1, (database) => {
      for (const store of ["meta", "snapshot", "ring", "lease"]) database.createObjectStore(store);
    });
    const transaction = old.transaction(["meta", "snapshot", "ring", "lease"], "readwrite");
    for (const { name, key, value } of stored) {
      const record = { format: 1, epoch, generation, chunks, snapshotBytes, firstSeq, slots, aside: [] };
      transaction.objectStore(name).put(name === "meta" ? record : value, key);
    }
    await new Promise((resolve) => (transaction.oncomplete = resolve));
    old.close();

    const events = [];
    db = await redlet.Redlet.open({ name: "old", storage: "indexeddb", onStorage: (event) => events.push(event) });
    const values = await db.mget("in the snapshot", "changed", "in the log");
    await db.set("after", 1);
    await db.close();
    const migrated = await opened("redlet:old");
    const meta = (await records(migrated)).find(({ name, key }) => name === "meta" && key === "meta").value;
    migrated.close();
    const again = await redlet.Redlet.open({ name: "old", storage: "indexeddb" });
    return { generation, values, events, version: migrated.version, format: meta.format, keys: await again.dbsize() };
  });
  assert.deepEqual(found, { generation: 1, values: ["1", "2", "1"], events: [], version: 2, format: 2, keys: 4 });
});

test("the browser's promises are asked for and told, and no other storage is taken than the one that was named", async (t) => {
  const { page } = await openPage(t);
  const { before, answer, after, unknown } = await page.evaluate(async () => {
    const db = await redlet.Redlet.open({ storage: "indexeddb" });
    const before = await db.storageReport();
    const answer = await db.persistStorage();
    const after = await db.sync.storageReport();
    await db.close();
    const again = await redlet.Redlet.open({ name: "other", storage: "indexeddb", persistentStorage: true });
    await again.close();
    return { before, answer, after, unknown: await failure(() => redlet.Redlet.open({ storage: "nosuch" })) };
  });
  assert.equal(before.place, "indexeddb");
  assert.equal(before.persistent, false);
  assert.ok(before.quota > before.usage && before.usage >= 0, JSON.stringify(before));
  assert.equal(typeof answer, "boolean");
  assert.equal(after.persistent, answer);
  assert.deepEqual(unknown, {
    name: "RedletError",
    code: "UNAVAILABLE",
    message: 'there is no storage "nosuch": memory or indexeddb or opfs',
  });
});
