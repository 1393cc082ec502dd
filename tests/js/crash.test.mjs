/** The browser is killed at random moments; what was acknowledged is there when it comes back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { kill, makeProfile, serve, start } from "./chromium.mjs";

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
  const db = await redlet.Redlet.open({ storage: "indexeddb", name: "crash", onStorage, ...options });
  const list = await db.lrange("list", 0, -1);
  const torn = list.find((item, i) => Number(item) !== i + 1);
  if (torn !== undefined) throw new Error(`item ${torn} is out of place`);
  const [a, b] = await Promise.all([db.get("a"), db.get("b")]);
  if (Number(a) !== list.length || a !== b) throw new Error(`${a} and ${b} of ${list.length}`);
  globalThis.write = async () => {
    for (let i = list.length + 1; ; i++) {
      await db.multi().rpush("list", i).set("a", i).set("b", i).exec();
      said(i);
      if (i === list.length + saveAt) db.bgsave().catch(({ message }) => said(message));
    }
  };
  return list.length;
}

test(`with appendfsync always, ${ROUNDS} kills lose nothing that was acknowledged`, { timeout: 300_000 }, async (t) => {
  const address = await serve(t);
  const profile = makeProfile(t);
  const draw = random(8123);
  const options = { appendfsync: "always", ringBytes: 4096 };
  let acknowledged = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const { context, page } = await start(profile, address);
    let enough;
    const written = new Promise((resolve) => (enough = resolve));
    const target = draw(60);
    let steps = 0;
    await page.exposeFunction("said", (i) => {
      if (typeof i !== "number") return t.diagnostic(i);
      acknowledged = Math.max(acknowledged, i);
      if (++steps >= target) enough();
    });
    const found = await page.evaluate(open, { options, saveAt: draw(30) });
    assert.ok(found >= acknowledged, `round ${round}: ${acknowledged} were acknowledged, ${found} are there`);
    page.evaluate(() => globalThis.write()).catch(failed(t));
    await written;
    await kill(profile, context);
  }
  t.diagnostic(`${acknowledged} transactions were acknowledged`);
});
