/** Calls, replies and errors, with promises and without. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PipelineError, Redlet, RedletError, RedletSync, RedisError, open } from "./package.mjs";

test("a value comes back as the string that was set", async (t) => {
  const db = await open(t, Redlet);
  assert.equal(await db.set("key", "a value"), "OK");
  assert.equal(await db.get("key"), "a value");
  assert.equal(await db.get("no such key"), null);
  assert.equal(await db.incr("count"), 1);
});

test("strings of any length and any letters survive", (t) => {
  const db = RedletSync.openSync();
  for (const text of ["", "é", "x".repeat(47) + "é", "日本語".repeat(1000), "\0\r\n", "😀".repeat(30), "\uFEFFa", "\uFEFF" + "x".repeat(64)]) {
    db.set("key", text);
    assert.equal(db.get("key"), text);
    db.set(text, "by name");
    assert.equal(db.get(text), "by name");
  }
});

test("a wide letter may stand anywhere", (t) => {
  const db = RedletSync.openSync();
  for (let length = 0; length < 180; length++) {
    const text = "abcdefghij".repeat(18).slice(0, length);
    assert.equal(db.echo(text), text);
    for (let at = length % 7; at <= length; at += 7) {
      const wide = `${text.slice(0, at)}é${text.slice(at)}`;
      assert.equal(db.echo(wide), wide);
    }
  }
});

test("bytes go in and come out as they are", (t) => {
  const db = RedletSync.openSync();
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  db.set(all, all);
  assert.deepEqual(db.bytes.get(all), all);
  const reply = db.bytes.get(all);
  db.set("other", "x".repeat(1 << 20));
  assert.deepEqual(reply, all, "a reply is a copy");
});

test("numbers are sent as their text", (t) => {
  const db = RedletSync.openSync();
  for (const n of [0, -1, 1.5, 2 ** 53, 123456789012345678901234567890n, 1e-7]) {
    db.set("n", n);
    assert.equal(db.get("n"), String(n));
  }
});

test("integers beyond 2^53 are bigints", (t) => {
  const db = RedletSync.openSync();
  db.set("n", 2n ** 53n - 2n);
  assert.equal(db.incr("n"), Number.MAX_SAFE_INTEGER);
  assert.equal(db.incr("n"), 2n ** 53n);
});

test("memory that grows is read where it has moved to", (t) => {
  const db = RedletSync.openSync();
  const value = "v".repeat(100_000);
  for (let i = 0; i < 300; i++) db.set(`key:${i}`, value);
  assert.equal(db.get("key:0"), value);
  assert.equal(db.get("key:299").length, value.length);
});

test("what a command refuses is an error with its code", async (t) => {
  const db = await open(t, Redlet);
  await db.set("key", "text");
  await assert.rejects(db.incr("key"), (error) => {
    assert.ok(error instanceof RedisError);
    assert.equal(error.code, "ERR");
    assert.equal(error.message, "ERR value is not an integer or out of range");
    return true;
  });
  assert.throws(() => db.sync.call("NO SUCH COMMAND"), /unknown command/);
  assert.throws(() => db.sync.get(), /wrong number of arguments/);
});

test("what is no argument is refused before anything is called", async (t) => {
  const db = await open(t, Redlet);
  await assert.rejects(db.set("key", undefined), TypeError);
  await assert.rejects(db.set("key", null), TypeError);
  await assert.rejects(db.set("key", true), TypeError);
  assert.equal(await db.get("key"), null);
});

test("a pipeline answers in order, and says what failed", async (t) => {
  const db = await open(t, Redlet);
  assert.deepEqual(await db.pipeline().set("a", "1").incr("a").get("a").get("b").exec(), ["OK", 2, "2", null]);
  const failing = db.pipeline().set("text", "x").incr("text").get("text");
  assert.equal(failing.length, 3);
  await assert.rejects(failing.exec(), (error) => {
    assert.ok(error instanceof PipelineError);
    assert.equal(error.replies[0], "OK");
    assert.ok(error.replies[1] instanceof RedisError);
    assert.equal(error.replies[2], "x");
    return true;
  });
  assert.equal(failing.length, 0);
  assert.deepEqual(await db.pipeline().exec(), []);
  assert.deepEqual(db.sync.pipeline().get("a").call("GET", "text").exec(), ["2", "x"]);
});

test("a pipeline of thousands of calls crosses at once", (t) => {
  const db = RedletSync.openSync();
  const pipeline = db.pipeline();
  for (let i = 0; i < 10_000; i++) pipeline.set(`key:${i}`, `value ${i}`);
  assert.equal(pipeline.exec().length, 10_000);
  assert.equal(db.get("key:9999"), "value 9999");
});

test("a closed database says so", async () => {
  const db = await Redlet.open();
  await db.close();
  await db.close();
  await assert.rejects(db.get("key"), (error) => error instanceof RedletError && error.code === "CLOSED");
  assert.throws(() => db.sync.get("key"), { code: "CLOSED" });
});

test("databases are apart", async (t) => {
  const [a, b] = [await open(t, Redlet), await open(t, Redlet)];
  await a.set("key", "a");
  assert.equal(await b.get("key"), null);
});

test("storage that is not there is no reason to take another", async () => {
  await assert.rejects(Redlet.open({ storage: "indexeddb" }), { code: "UNAVAILABLE", message: "there is no IndexedDB here" });
  assert.throws(() => RedletSync.openSync({ storage: "indexeddb" }), { code: "WOULD_WAIT" });
});

test("what large calls took is given back", (t) => {
  const db = RedletSync.openSync();
  const before = db.core.scratch.engine.allocated();
  const text = "é".repeat(3_000_000);
  db.set("key", text);
  assert.equal(db.get("key"), text);
  assert.equal(db.echo("é\u{1f600}".repeat(100_000)), "é\u{1f600}".repeat(100_000));
  assert.equal(db.echo("\ud800".repeat(70_000)), "\ufffd".repeat(70_000), "half a pair is replaced");
  db.del("key");
  db.ping();
  const kept = db.core.scratch.engine.allocated() - before;
  assert.ok(kept < 3_000_000, `${kept} bytes`);
});

test("options that are wrong are named", async () => {
  await assert.rejects(Redlet.open({ config: { "no-such-parameter": 1 } }), /no-such-parameter/);
  await assert.rejects(Redlet.open({ config: { databases: 0 } }), /databases: argument must be between/);
});

test("memory that grows between calls is written to where it has moved to", async (t) => {
  const [a, b] = [await open(t, Redlet), await open(t, Redlet)];
  a.sync.set("before", "1");
  // The same module, so the same memory, but other views of it.
  b.sync.set("large", "x".repeat(50_000_000));
  assert.equal(a.sync.set("after", "2"), "OK");
  assert.equal(a.sync.get("after"), "2");
});
