/** What becomes of changes when the browser's quota is used up, in either place. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { load, page as openPage, startWorker } from "./chromium.mjs";

/** Chromium sets aside a megabyte for a file that is open, and then twice as much each time. */
const QUOTA = { indexeddb: 4_000_000, opfs: 12_000_000 };

/** Starts the browser with a page, a worker if the place is one for those, and a quota of a few megabytes. */
async function openWithQuota(t, storage) {
  const { page, context, address } = await openPage(t);
  const devtools = await context.newCDPSession(page);
  const { origin } = new URL(address);
  const setQuota = (quotaSize) => devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize });
  // Before it is opened: Chromium remembers for a while how much room there was.
  await setQuota(QUOTA[storage]);
  const start = async () => {
    const place = storage === "opfs" ? await startWorker(page) : page;
    await place.evaluate((storage) => {
      globalThis.events = [];
      const onStorage = ({ kind, message }) => {
        events.push(`${kind}: ${message}`);
        if (kind === "working") globalThis.working?.();
      };
      globalThis.open = (options) => redlet.Redlet.open({ storage, appendfsync: "always", onStorage, ...options });
      /** Makes a value that is beyond compression. */
      globalThis.noise = (length) => crypto.getRandomValues(new Uint8Array(length));
    }, storage);
    return place;
  };
  const reload = async () => {
    await load(page, address);
    return start();
  };
  return { setQuota, place: await start(), reload };
}

for (const storage of ["indexeddb", "opfs"]) {
  test(`${storage}: past the quota writers are told, nothing acknowledged is lost, and with room it goes on`, { timeout: 90_000 }, async (t) => {
    const { setQuota, place, reload } = await openWithQuota(t, storage);
    const full = await place.evaluate(async () => {
      globalThis.db = await open();
      const acknowledged = [];
      const first = await failure(async () => {
        for (let i = 0; i < 1000; i++) {
          await db.set(`key:${i}`, noise(30_000));
          acknowledged.push(`key:${i}`);
        }
      });
      const next = await failure(() => db.set("refused", 1));
      const { usage, quota } = await db.storageReport();
      return { acknowledged, first, next, usage, quota, events, info: await db.info("persistence") };
    });
    assert.ok(full.acknowledged.length > 20, `${full.acknowledged.length} values of 30 kB`);
    assert.equal(full.first.code, "STORAGE");
    assert.match(full.first.message, /QuotaExceededError/);
    assert.match(full.next.message, /^MISCONF Errors writing to the AOF file: QuotaExceededError/);
    assert.match(full.info, /aof_last_write_status:err/);
    // Chromium tells nobody the quota, but ten gigabytes more than are used.
    assert.ok(full.quota > full.usage && full.usage > QUOTA[storage] / 2, `${full.usage} bytes are used of ${full.quota}`);

    // Whoever opens it again without more room has all that was acknowledged.
    const again = await reload();
    const kept = await again.evaluate(async (acknowledged) => {
      globalThis.db = await open();
      return [await db.exists(...acknowledged), await db.exists("refused")];
    }, full.acknowledged);
    assert.deepEqual(kept, [full.acknowledged.length, 0]);

    await setQuota(1e9);
    const found = await again.evaluate(async () => {
      // Chromium may go by the old quota for a while; each attempt leaves it a turn.
      while ((await db.set("after", noise(30_000)).catch(() => undefined)) !== "OK") {
        await new Promise((resolve) => setTimeout(resolve));
      }
      await db.close();
      globalThis.db = await open();
      return [await db.strlen("after"), await db.dbsize()];
    });
    assert.ok(found[0] > 0 && found[1] >= full.acknowledged.length + 1, `${found}`);
  });
}

test("where room is short, snapshots take the place of the log early, and nobody is refused", { timeout: 90_000 }, async (t) => {
  const { place } = await openWithQuota(t, "opfs");
  const { events, info, names } = await place.evaluate(async () => {
    // As browsers do that tell the quota.
    const estimate = navigator.storage.estimate.bind(navigator.storage);
    navigator.storage.estimate = async () => ({ ...(await estimate()), quota: 12_000_000 });
    const db = await open();
    for (let i = 0; i < 800; i++) {
      await db.set(`key:${i % 10}`, noise(30_000));
      // Files are written at once: only now has the browser a turn to tell how much room there is.
      if (i % 5 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    const info = await db.info("persistence");
    await db.close();
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("redlet%3Adefault");
    return { events, info, names: [...(await filesOf(folder)).keys()] };
  });
  assert.ok(Number(/aof_rewrites:(\d+)/.exec(info)[1]) >= 3, "24 MB went through a quota of 12 MB");
  assert.deepEqual(events.filter((event) => !event.startsWith("short: ")), []);
  assert.match(names.sort().join(), /^log-\d+,meta,snapshot-\d+$/);
});

test("a snapshot that finds no room fails as in Redis, and the log is what it was", { timeout: 90_000 }, async (t) => {
  const { place } = await openWithQuota(t, "opfs");
  const seen = await place.evaluate(async () => {
    const db = await open();
    for (let i = 0; i < 150; i++) await db.set(`key:${i}`, noise(30_000));
    const refused = await failure(() => db.save());
    const next = await failure(() => db.set("refused", 1));
    await db.close();
    globalThis.db = await open();
    await globalThis.db.set("after", 1);
    return { refused, next, events, keys: await globalThis.db.dbsize() };
  });
  assert.match(seen.refused.message, /QuotaExceededError/);
  assert.match(seen.next.message, /^MISCONF Redis is configured to save RDB snapshots/);
  assert.ok(seen.events.some((event) => /^full: QuotaExceededError.*: \d+ of \d+ bytes are used$/s.test(event)), seen.events.join("\n"));
  assert.equal(seen.keys, 151);
});
