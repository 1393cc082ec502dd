/** What is stored when, by a clock that the test sets. */
import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Redlet } from "./package.mjs";

/** Notes which stores each transaction writes to; `on` resolves when one completes that writes to all of some. */
function transactions(t) {
  const seen = [];
  const waiting = [];
  const { transaction } = IDBDatabase.prototype;
  IDBDatabase.prototype.transaction = function (stores, ...rest) {
    const begun = transaction.call(this, stores, ...rest);
    begun.addEventListener("complete", () => {
      seen.push([...stores]);
      for (const { wanted, resolve } of waiting) if (wanted.every((store) => stores.includes(store))) resolve();
    });
    return begun;
  };
  t.after(() => (IDBDatabase.prototype.transaction = transaction));
  return { seen, on: (...wanted) => new Promise((resolve) => waiting.push({ wanted, resolve })) };
}

async function open(t, options) {
  const time = { now: 1_700_000_000_000 };
  const clock = () => time.now;
  const db = await Redlet.open({ storage: "indexeddb", name: t.name, clock, ...options });
  t.after(() => db.close());
  return { db, time };
}

test("a save rule takes a snapshot when it is due", async (t) => {
  const { seen, on } = transactions(t);
  const { db, time } = await open(t, { config: { save: "60 2" } });
  await db.set("a", 1);
  time.now += 61_000;
  await db.durable();
  assert.equal(seen.filter((stores) => stores.includes("snapshot")).length, 1, "the opening, and no more: one change");
  const cleaned = on("snapshot", "ring");
  await db.set("b", 2);
  time.now += 1_000;
  await cleaned;
  assert.equal(await db.lastsave(), time.now / 1000);
});

test("everysec stores the first change at once and the next ones a second later", async (t) => {
  const { seen, on } = transactions(t);
  const { db, time } = await open(t, {});
  let stored = on("ring");
  await db.set("a", 1);
  await stored;
  const before = seen.length;
  stored = on("ring");
  await db.set("b", 2);
  await db.set("c", 3);
  assert.equal(seen.length, before);
  time.now += 1_000;
  await stored;
  assert.equal(seen.length, before + 1, "one segment for both");
});

test("with appendfsync no, changes are stored when none have come for a while", async (t) => {
  const { seen, on } = transactions(t);
  const { db, time } = await open(t, { appendfsync: "no" });
  const stored = on("ring");
  const before = seen.length;
  for (let i = 0; i < 20; i++) {
    await db.set("key", i);
    time.now += 900;
  }
  assert.equal(seen.length, before);
  time.now += 100;
  await stored;
  assert.equal(seen.length, before + 1);
});

test("BGREWRITEAOF empties the ring", async (t) => {
  const { on } = transactions(t);
  const { db } = await open(t, { appendfsync: "always" });
  await db.set("a", 1);
  const cleaned = on("snapshot", "ring");
  assert.equal(await db.bgrewriteaof(), "Background append only file rewriting started");
  await cleaned;
  assert.match(await db.info("persistence"), /aof_rewrites:1\r\n[^]*redlet_ring_bytes:0\r\n/);
});
