/** Scripts in a tab: the page has turns while they run, nothing escapes its limits, and no build loses a library. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { page } from "./chromium.mjs";
import { RedletSync } from "../../target/npm/dist/scripting-inline.mjs";

const ABUSE = new URL("../lua/abuse/", import.meta.url);
/** Milliseconds after which a script is ended that does not end by itself. */
const ENOUGH = 1000;

/** Opens a page that has the build with scripts as `scripting`, and a database of it as `db`. */
async function open(t) {
  const { page: tab } = await page(t);
  await tab.evaluate(async () => {
    globalThis.scripting = await import("/scripting-browser.mjs");
    globalThis.db = await scripting.Redlet.open({ config: { "busy-reply-threshold": 100 } });
  });
  return tab;
}

/** What a page draws in three seconds that nothing holds up. */
const FRAMES = 180;

test("a page has its turns while a script runs", { timeout: 60_000 }, async (t) => {
  const tab = await open(t);
  const seen = await tab.evaluate(async (frames) => {
    const seen = { frames: 0, timers: 0, longest: 0, refusal: "" };
    let [running, last] = [true, performance.now()];
    const drawn = new Promise((resolve) => {
      const frame = () => (++seen.frames < frames ? requestAnimationFrame(frame) : resolve());
      requestAnimationFrame(frame);
    });
    const turn = () => {
      seen.timers++;
      [seen.longest, last] = [Math.max(seen.longest, performance.now() - last), performance.now()];
      if (running) setTimeout(turn);
    };
    setTimeout(turn);
    const reply = db.eval("local n = 0 while redis.call('EXISTS', 'end') == 0 do n = n + 1 end", 0).catch(String);
    await drawn;
    seen.refusal = await db.set("end", "").catch(String);
    await db.scriptKill();
    seen.reply = await reply;
    running = false;
    seen.got = await db.get("end");
    return seen;
  }, FRAMES);
  assert.ok(seen.timers > 30 && seen.longest < 2000, JSON.stringify(seen));
  assert.match(seen.refusal, /BUSY Redis is busy running a script/);
  assert.match(seen.reply, /Script killed by user with SCRIPT KILL/);
  assert.equal(seen.got, null);
});

test("a script of many slices ends with its reply, and calls wait behind it", async (t) => {
  const tab = await open(t);
  const replies = await tab.evaluate(async () => {
    await db.configSet("busy-reply-threshold", 0);
    const sum = "redis.call('SET', 'sum', 'begun') local n = 0 for i = 1, 5e6 do n = n + i end redis.call('SET', 'sum', n) return n";
    const transaction = db.multi().incr("begun").eval(sum, 0).get("sum").exec();
    let turns = 0;
    const turn = () => setTimeout(turn, 0, turns++);
    turn();
    const replies = [await db.incr("begun"), await transaction];
    return [...replies, turns > 2, await Promise.all([db.eval(sum, 0), db.get("sum")])];
  });
  assert.deepEqual(replies, [2, [1, 12500002500000, "12500002500000"], true, [12500002500000, "12500002500000"]]);
});

test("scripts that try to escape their limits end within them", async (t) => {
  const tab = await open(t);
  const names = readdirSync(ABUSE);
  assert.equal(names.length, 35);
  for (const name of names) {
    const code = readFileSync(new URL(name, ABUSE), "utf8");
    const said = await tab.evaluate(async ([code, enough]) => {
      const reply = db.eval(code, 0).then((reply) => `= ${reply}`, String);
      const late = new Promise((resolve) => setTimeout(resolve, enough, "late"));
      if ((await Promise.race([reply, late])) !== "late") return reply;
      // It may have ended in this very moment.
      await db.scriptKill().catch(() => {});
      return reply;
    }, [code, ENOUGH]);
    assert.match(said, /^= |not enough memory|stack overflow|killed by user|invalid format|too many results/, `${name}: ${said}`);
  }
  assert.equal(await tab.evaluate(() => db.eval("return #redis.call('KEYS', '*')", 0)), 0);
});

test("the synchronous face runs a script without a pause, and stops one that does not end", () => {
  const db = RedletSync.openSync();
  assert.equal(db.eval("local n = 0 for i = 1, 5e6 do n = n + i end return n", 0), 12500002500000);
  assert.throws(() => db.eval("while true do pcall(function() while true do end end) end", 0), {
    name: "RedisError",
    message: /^ERR the script ran for too long where nothing can interrupt it/,
  });
  assert.equal(db.eval("return redis.call('PING')", 0), "PONG");
  void db.close();
});

test("a build without Lua keeps the libraries of a stored database", async (t) => {
  const tab = await open(t);
  const said = await tab.evaluate(async () => {
    const stored = { name: "libraries", storage: "indexeddb", appendfsync: "always" };
    const before = await scripting.Redlet.open(stored);
    await before.functionLoad(`#!lua name=sums
      redis.register_function("sum", function(_, args) return args[1] + args[2] end)`);
    await before.close();

    const between = await redlet.Redlet.open(stored);
    const refusal = await failure(() => between.fcall("sum", 0, 1, 2));
    await between.set("key", "from between");
    // Everything is written anew, by the build that does not know what it writes.
    await between.bgrewriteaof();
    while (/aof_rewrite_(in_progress|scheduled):1/.test(await between.info("persistence"))) {
      await new Promise((resolve) => setTimeout(resolve));
    }
    await between.close();

    const after = await scripting.Redlet.open(stored);
    const said = [refusal.message, await after.fcall("sum", 0, 1, 2), await after.get("key")];
    await after.close();
    return said;
  });
  assert.match(said[0], /^ERR this build runs no scripts: import redlet\/scripting/);
  assert.deepEqual(said.slice(1), [3, "from between"]);
});

test("an imported library takes the place of one of the same name, or is left out", () => {
  const library = (answer) => `#!lua name=lib\nredis.register_function("answer", function() return ${answer} end)`;
  const from = RedletSync.openSync();
  from.functionLoad(library(1));
  const dump = from.export();
  for (const [replace, answer] of [[false, 2], [true, 1]]) {
    const db = RedletSync.openSync();
    db.functionLoad(library(2));
    db.import(dump, { replace });
    assert.equal(db.fcall("answer", 0), answer);
    assert.equal(db.functionList().length, 1);
    void db.close();
  }
  void from.close();
});
