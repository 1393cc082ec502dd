/** Transactions, waiting calls, channels, and sessions beside one another. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PipelineError, Redlet, RedletSync, open } from "./package.mjs";

test("a transaction answers what its calls answer", async (t) => {
  const db = await open(t, Redlet);
  assert.deepEqual(await db.multi().set("a", 1).incr("a").get("a").exec(), ["OK", 2, "2"]);
  assert.deepEqual(await db.multi().exec(), []);
  assert.deepEqual(db.sync.multi().incr("a").exec(), [3]);
});

test("a transaction with a call that can't be queued is not run", async (t) => {
  const db = await open(t, Redlet);
  await assert.rejects(db.multi().set("a", 1).call("NO SUCH COMMAND").exec(), /unknown command/);
  assert.equal(await db.get("a"), null);
  await assert.rejects(db.multi().set("a", "x").incr("a").set("b", 1).exec(), (error) => {
    assert.ok(error instanceof PipelineError);
    assert.deepEqual([error.replies[0], error.replies[2]], ["OK", "OK"]);
    return true;
  });
  assert.equal(await db.get("b"), "1", "what follows a failed call is run, as in Redis");
});

test("a watched key that changes undoes the transaction", async (t) => {
  const db = await open(t, Redlet);
  const own = db.session();
  await own.watch("key");
  await db.set("key", "changed");
  assert.equal(await own.multi().set("key", "mine").exec(), null);
  await own.watch("key");
  assert.deepEqual(await own.multi().set("key", "mine").exec(), ["OK"]);
  await own.close();
  await assert.rejects(own.get("key"), { code: "CLOSED" });
  assert.equal(await db.get("key"), "mine");
});

test("sessions have databases of their own", async (t) => {
  const db = await open(t, Redlet);
  const other = db.session();
  await other.select(1);
  await other.set("key", "in one");
  assert.equal(await db.get("key"), null);
  assert.equal(await other.bytes.get("key").then(String), String(new TextEncoder().encode("in one")));
});

test("a call that waits holds nobody up", async (t) => {
  const db = await open(t, Redlet);
  const first = db.blpop("queue", 0);
  const second = db.blpop("queue", 0);
  assert.equal(await db.set("key", 1), "OK");
  assert.equal(await db.rpush("queue", "a", "b"), 2);
  assert.deepEqual(await Promise.all([first, second]), [["queue", "a"], ["queue", "b"]]);
});

test("a call waits in the database of its session", async (t) => {
  const db = await open(t, Redlet);
  const other = db.session();
  await other.select(5);
  const waiting = other.blpop("queue", 0);
  await db.rpush("queue", "in zero");
  await db.session().pipeline().select(5).rpush("queue", "in five").exec();
  assert.deepEqual(await waiting, ["queue", "in five"]);
});

test("a wait ends at its deadline", async (t) => {
  const db = await open(t, Redlet);
  assert.equal(await db.blpop("queue", 0.001), null);
  assert.equal(await db.blmove("from", "to", "LEFT", "RIGHT", 0.001), null);
});

test("a wait ends with its signal, and takes nothing", async (t) => {
  const db = await open(t, Redlet);
  const controller = new AbortController();
  const waiting = db.abortable(controller.signal).blpop("queue", 0);
  controller.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  await db.rpush("queue", "left alone");
  assert.equal(await db.llen("queue"), 1);
  await assert.rejects(db.abortable(controller.signal).get("queue"), /enough/);
  assert.equal(await db.abortable(AbortSignal.timeout(1e6)).lpop("queue"), "left alone");
});

test("a wait ends when the database is closed", async () => {
  const db = await Redlet.open();
  const waiting = db.blpop("queue", 0);
  await db.close();
  await assert.rejects(waiting, { code: "CLOSED" });
});

test("CLIENT UNBLOCK ends a wait", async (t) => {
  const db = await open(t, Redlet);
  const waiting = db.blpop("queue", 0);
  const id = /id=(\d+) [^\n]*flags=b/.exec(await db.clientList())[1];
  assert.equal(await db.clientUnblock(id, "ERROR"), 1);
  await assert.rejects(waiting, { code: "UNBLOCKED" });
});

test("without promises a call that would have to wait says so, and leaves nothing behind", () => {
  const db = RedletSync.openSync();
  assert.throws(() => db.blpop("queue", 0), { code: "WOULD_WAIT" });
  db.rpush("queue", "a");
  assert.equal(db.llen("queue"), 1);
  assert.deepEqual(db.blpop("queue", 0), ["queue", "a"]);
  assert.throws(() => db.pipeline().set("a", 1).blpop("queue", 0).set("b", 2).exec(), /would have to wait/);
  assert.equal(db.get("b"), "2");
});

test("messages are iterated over", async (t) => {
  const db = await open(t, Redlet);
  const news = db.subscribe(["news", "weather"]);
  assert.equal(await db.publish("news", "first"), 1);
  await db.publish("weather", "rain");
  await db.publish("sport", "unheard");
  const heard = [];
  for await (const message of news) {
    heard.push(message);
    if (heard.length === 2) await db.publish("news", "last");
    if (heard.length === 3) break;
  }
  assert.deepEqual(heard, [
    { channel: "news", message: "first" },
    { channel: "weather", message: "rain" },
    { channel: "news", message: "last" },
  ]);
  assert.equal(await db.publish("news", "nobody"), 0);
});

test("messages are given to a listener, which may call again", async (t) => {
  const db = await open(t, Redlet);
  const heard = new Promise((resolve) => {
    const sub = db.psubscribe("n*", async ({ pattern, channel, message }) => {
      assert.equal(await db.incr("count"), 1);
      sub.close();
      resolve([pattern, channel, message]);
    });
  });
  db.sync.publish("news", "x");
  assert.deepEqual(await heard, ["n*", "news", "x"]);
  assert.equal(db.sync.publish("news", "x"), 0);
});

test("a subscription can change, holds bytes where asked, and ends with the database", async () => {
  const db = await Redlet.open();
  const sub = db.bytes.subscribe("a").add("b").remove("a");
  assert.equal(await db.publish("a", "x"), 0);
  await db.publish("b", Uint8Array.of(0, 255));
  assert.deepEqual((await sub.next()).value, { channel: "b", message: Uint8Array.of(0, 255) });
  const next = sub.next();
  await db.close();
  await assert.rejects(next, { code: "CLOSED" });
});

test("messages to the session itself are pushed", async (t) => {
  const db = await open(t, Redlet);
  await db.clientTracking("ON");
  await db.get("key");
  const pushed = new Promise((resolve) => {
    const end = db.onPush((parts) => resolve(parts) ?? end());
  });
  await db.session().set("key", 1);
  assert.deepEqual(await pushed, ["invalidate", ["key"]]);
});

test("keys expire when nobody looks", async (t) => {
  const db = await open(t, Redlet, { config: { "notify-keyspace-events": "Ex" } });
  const expired = db.subscribe("__keyevent@0__:expired");
  await db.set("key", 1, { PX: 1 });
  assert.deepEqual((await expired.next()).value, { channel: "__keyevent@0__:expired", message: "key" });
});

test("time is the clock that was given", async (t) => {
  let now = 1_700_000_000_000;
  const db = await open(t, Redlet, { clock: () => now });
  await db.set("key", 1, { EX: 10 });
  assert.equal(await db.pttl("key"), 10_000);
  now += 9_999.5;
  assert.equal(await db.get("key"), "1");
  now += 0.5;
  assert.equal(await db.get("key"), null);
  assert.deepEqual(await db.time(), ["1700000010", "0"]);
});

test("QUIT closes the session", async (t) => {
  const db = await open(t, Redlet);
  const own = db.session();
  assert.equal(await own.quit(), "OK");
  await assert.rejects(own.get("key"), { code: "CLOSED" });
  assert.equal(await db.ping(), "PONG");
});

test("a silenced session gets no replies", async (t) => {
  const db = await open(t, Redlet);
  const own = db.session();
  assert.equal(await own.clientReply("OFF"), null);
  assert.equal(await own.set("key", 1), null);
  assert.equal(await own.clientReply("ON"), "OK");
  assert.equal(await own.get("key"), "1");
});

test("SHUTDOWN closes the database", async () => {
  const db = await Redlet.open();
  await assert.rejects(db.shutdown(), { code: "CLOSED", message: "the database was shut down" });
  await assert.rejects(db.get("key"), { code: "CLOSED" });
  await db.close();
});
