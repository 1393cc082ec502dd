/** redlock: locks that one holder at a time has. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import Redlock, { ExecutionError, ResourceLockedError } from "redlock";
import { HOSTS } from "./hosts.mjs";

for (const [name, host] of Object.entries(HOSTS)) {
  test(`redlock locks on ${name}`, async (t) => {
    const { ioredis } = await host(t);
    const [first, second, watcher] = [ioredis(), ioredis(), ioredis()];
    const [one, other] = [first, second].map((client) => new Redlock([client], { retryCount: 0 }));
    const refused = [];
    other.on("error", (error) => refused.push(error));

    const lock = await one.acquire(["{jobs}a", "{jobs}b"], 60_000);
    assert.equal(await watcher.get("{jobs}b"), lock.value);
    await assert.rejects(other.acquire(["{jobs}b", "{jobs}c"], 60_000), ExecutionError);
    assert.equal(await watcher.exists("{jobs}c"), 0);

    const extended = await lock.extend(90_000);
    assert.ok((await watcher.pttl("{jobs}a")) > 60_000);
    await extended.release();
    assert.equal(await watcher.exists("{jobs}a", "{jobs}b"), 0);
    await assert.rejects(extended.release(), ExecutionError);

    // A lock that is lost is not released from under the one who has it now.
    const brief = await one.acquire(["brief"], 50);
    await sleep(100);
    const next = await other.acquire(["brief"], 60_000);
    await assert.rejects(brief.release(), ExecutionError);
    assert.equal(await watcher.get("brief"), next.value);
    assert.ok(refused.every((error) => error instanceof ResourceLockedError), String(refused));
  });

  test(`redlock serializes work on ${name}`, async (t) => {
    const { ioredis } = await host(t);
    const workers = Array.from({ length: 5 }, () => new Redlock([ioredis()], { retryCount: 200, retryDelay: 10 }));
    for (const worker of workers) worker.on("error", () => {});
    let [inside, most, done] = [0, 0, 0];
    const work = async () => {
      most = Math.max(most, ++inside);
      await sleep(150);
      [inside, done] = [inside - 1, done + 1];
    };
    // So short that each has to extend it while it works.
    await Promise.all(workers.map((worker) => worker.using(["shared"], 600, { automaticExtensionThreshold: 500 }, work)));
    assert.deepEqual([most, done], [1, 5]);
  });
}
