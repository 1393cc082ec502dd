/** Data that comes and goes as dumps, logs and JSON lines, between a tab and a real redis-server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { load, page as openPage } from "./chromium.mjs";
import { Redlet, RedletError, RedletSync, open } from "./package.mjs";
import { CALLS, CHANGES, many, redis } from "./redis.mjs";

test("a dump of redis-server opens in a tab, is changed, exported, and loaded by redis-server", async (t) => {
  const first = await redis(t);
  for (const call of CALLS) first.cli(...call);
  first.cli("FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 'kept' end)");
  first.cli("-n", 5, "SET", "in five", 1);
  first.cli("SAVE");
  const expected = first.digest();

  const { page, address } = await openPage(t);
  const inTab = await page.evaluate(async (base64) => {
    const db = await redlet.Redlet.open({ storage: "indexeddb", config: { "enable-debug-command": "yes" } });
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const progress = [];
    const imported = await db.import(new Blob([bytes]), { onProgress: (made) => progress.push(made) });
    const digest = await db.call("DEBUG", "DIGEST");
    return { imported, last: progress.at(-1), digest, size: bytes.length };
  }, first.file("dump.rdb").toString("base64"));
  const keys = Number(first.cli("DBSIZE")) + 1;
  assert.deepEqual(inTab.imported, { keys, replaced: 0, skipped: 0, expired: 0 });
  assert.deepEqual(inTab.last, { bytes: inTab.size, total: inTab.size, keys });
  assert.equal(inTab.digest, expected);

  // It was stored before the promise resolved.
  await load(page, address);
  const { base64, digest } = await page.evaluate(async (changes) => {
    const db = await redlet.Redlet.open({ storage: "indexeddb", config: { "enable-debug-command": "yes" } });
    for (const call of changes) await db.call(...call);
    const blob = await db.export();
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const base64 = btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
    return { base64, digest: await db.call("DEBUG", "DIGEST") };
  }, CHANGES);
  for (const call of CHANGES) first.cli(...call);
  const second = await redis(t, Buffer.from(base64, "base64"));
  assert.equal(second.digest(), digest);
  assert.equal(second.digest(), first.digest());
  assert.equal(second.cli("FCALL", "f", 0), "kept");
  assert.equal(second.cli("-n", 5, "GET", "in five"), "1");
});

for (const preamble of ["no", "yes"]) {
  test(`a log of redis-server is imported, with ${preamble === "yes" ? "a" : "no"} snapshot in front`, async (t) => {
    const server = await redis(t, undefined, "--appendonly", "yes", "--aof-use-rdb-preamble", preamble, "--aof-timestamp-enabled", "yes");
    for (const call of CALLS) server.cli(...call);
    server.cli("BGREWRITEAOF");
    const name = `appendonlydir/appendonly.aof.2.base.${preamble === "yes" ? "rdb" : "aof"}`;
    while (/aof_rewrite_(in_progress|scheduled):1/.test(server.cli("INFO", "persistence")));
    for (const call of CHANGES) server.cli(...call);
    const log = Buffer.concat([server.file(name), server.file("appendonlydir/appendonly.aof.2.incr.aof")]);
    const db = await open(t, Redlet, { config: { "enable-debug-command": "yes" } });
    await db.import(new Blob([log]).stream());
    assert.equal(await db.call("DEBUG", "DIGEST"), server.digest());
    await assert.rejects(db.import(log.subarray(0, log.length - 3)), /ends within a command or a transaction at byte \d+/);
  });
}

test("an export is of one moment, and the page goes on meanwhile", async (t) => {
  const db = await open(t, Redlet);
  for (let i = 0; i < 300; i++) await db.rpush(`list:${i}`, ...many(200, "element"));
  const expected = db.sync.export();
  const pieces = [];
  let calls = 0;
  for await (const piece of db.exportStream()) {
    pieces.push(piece);
    await db.pipeline().del(`list:${calls++}`).set(`new:${calls}`, calls).exec();
  }
  assert.ok(calls > 1);
  const other = await open(t, RedletSync);
  other.import(Buffer.concat(pieces));
  assert.equal(other.dbsize(), 300);
  const whole = await open(t, RedletSync);
  whole.import(expected);
  assert.deepEqual(other.lrange("list:0", 0, -1), whole.lrange("list:0", 0, -1));
});

test("keys that are there stay, unless they are to be replaced", async (t) => {
  const other = await open(t, RedletSync);
  other.mset("a", "theirs", "b", "theirs");
  other.set("late", 1, { PXAT: 1 + Date.now() });
  const dump = other.export();
  while (other.exists("late")) await new Promise((resolve) => setTimeout(resolve));
  for (const [replace, keys, replaced, a] of [[false, 1, 0, "ours"], [true, 2, 1, "theirs"]]) {
    const db = await open(t, Redlet);
    await db.mset("a", "ours", "c", "ours");
    const blocked = db.session().watch("a");
    const imported = await db.import(dump, { replace });
    assert.deepEqual(imported, { keys, replaced, skipped: replace ? 0 : 1, expired: 1 });
    assert.deepEqual(await db.mget("a", "b", "c", "late"), [a, "theirs", "ours", null]);
    await blocked;
  }
});

test("what is damaged is refused with its place and key, and changes nothing", async (t) => {
  const db = await open(t, Redlet);
  await db.set("a", 1);
  await db.hset("hash", { field: "value" });
  const dump = new Uint8Array(await (await db.export()).arrayBuffer());
  await db.flushall();
  await db.set("kept", 1);
  const at = Buffer.from(dump).indexOf("hash");
  const flipped = dump.slice();
  flipped[at + 5] ^= 0xff;
  for (const [source, message] of [
    [dump.subarray(0, at + 6), new RegExp(`the snapshot ends early at byte ${at + 6}, key 'hash'`)],
    [flipped, / at byte \d+, key 'hash'/],
    [Uint8Array.from([...dump.subarray(0, -1), 0]), /the checksum is .* at byte/],
    [Buffer.from("hello"), /no snapshot, log or JSON lines begin like this at byte 0/],
    [Buffer.from("*1\r\n$6\r\nNOSUCH\r\n"), /unknown command 'NOSUCH' at byte 0/],
    [Buffer.from('{"key":"x","type":"string","value":"1"}\n{"key":"y","type":"nosuch"}'), /no type "nosuch" at byte 40, key 'y'/],
  ]) {
    await assert.rejects(db.import(source), (error) => {
      assert.ok(error instanceof RedletError && error.code === "DAMAGED", String(error));
      assert.match(error.message, message);
      return true;
    });
    assert.throws(() => db.sync.import(source), message);
    assert.deepEqual(await db.keys("*"), ["kept"]);
  }
});

test("an import is given up by its signal, and one is under way at a time", async (t) => {
  const db = await open(t, Redlet);
  const other = await open(t, RedletSync);
  for (let i = 0; i < 2000; i++) other.set(`key:${i}`, `value ${i} `.repeat(20));
  const dump = other.export();
  const abort = new AbortController();
  const given = db.import(dump, { signal: abort.signal, onProgress: () => abort.abort(new Error("enough")) });
  await assert.rejects(db.import(dump), { code: "BUSY" });
  await assert.rejects(given, /enough/);
  assert.equal(await db.dbsize(), 0);
  await assert.rejects(db.import(new ReadableStream({ pull: (out) => out.error(new Error("broken")) })), /broken/);
  assert.equal((await db.import(dump)).keys, 2000);
});

test("JSON lines hold every type", async (t) => {
  const db = await open(t, Redlet);
  const lines = [
    { key: "s", type: "string", value: "é", ttl: 100 },
    { keyBase64: "/w==", type: "string", valueBase64: "AAH/" },
    { key: "l", type: "list", value: ["a", { base64: "/w==" }, 3], db: 1 },
    { key: "t", type: "set", value: ["x", "y"], expireAt: 9999999999999 },
    { key: "h", type: "hash", value: { f: "v", g: 2 } },
    { key: "p", type: "hash", value: [[{ base64: "/w==" }, "v"]] },
    { key: "z", type: "zset", value: { ann: 1.5, bob: "inf" } },
    { key: "x", type: "stream", value: [["1-1", { f: "v" }], ["2-0", { f: "w" }]] },
    { key: "h", type: "hash", value: { last: "counts" } },
  ];
  const text = lines.map((line) => JSON.stringify(line)).join("\r\n");
  assert.equal((await db.import(new TextEncoder().encode(text))).keys, 8);
  assert.equal(await db.get("s"), "é");
  assert.ok((await db.ttl("s")) > 90);
  assert.deepEqual(await db.bytes.get(Uint8Array.of(255)), Uint8Array.of(0, 1, 255));
  assert.deepEqual((await db.smembers("t")).sort(), ["x", "y"]);
  assert.equal(await db.pexpiretime("t"), 9999999999999);
  assert.deepEqual(await db.hgetall("h"), { last: "counts" });
  assert.deepEqual(await db.hget("p", Uint8Array.of(255)), "v");
  assert.equal(await db.zscore("z", "bob"), Infinity);
  assert.equal(await db.xlen("x"), 2);
  await db.select(1);
  assert.deepEqual(await db.bytes.lindex("l", 1), Uint8Array.of(255));
});
