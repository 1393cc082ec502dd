/** rate-limiter-flexible: so many points in so many seconds, over both clients that it knows. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { BurstyRateLimiter, RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import { HOSTS } from "./hosts.mjs";

const CLIENTS = { ioredis: ({ ioredis }) => ioredis(), "node-redis": ({ nodeRedis }) => nodeRedis() };

for (const [name, host] of Object.entries(HOSTS)) {
  for (const [library, connect] of Object.entries(CLIENTS)) {
    test(`rate-limiter-flexible counts by ${library} on ${name}`, async (t) => {
      const storeClient = await connect(await host(t));
      const useRedisPackage = library === "node-redis";
      const make = (options) => new RateLimiterRedis({ storeClient, useRedisPackage, ...options });

      const limiter = make({ keyPrefix: "login", points: 3, duration: 1 });
      const taken = await Promise.allSettled(Array.from({ length: 5 }, () => limiter.consume("somebody")));
      assert.deepEqual(taken.map(({ status }) => status), ["fulfilled", "fulfilled", "fulfilled", "rejected", "rejected"]);
      const [{ value: first }, , , { reason: refused }] = taken;
      assert.deepEqual([first.remainingPoints, first.isFirstInDuration], [2, true]);
      assert.ok(refused instanceof RateLimiterRes && refused.msBeforeNext <= 1000, String(refused));
      assert.equal((await limiter.consume("another", 2)).remainingPoints, 1);
      await sleep(1100);
      assert.equal((await limiter.consume("somebody")).consumedPoints, 1);

      const penal = make({ keyPrefix: "penal", points: 2, duration: 60, blockDuration: 120 });
      await penal.penalty("x", 2);
      await penal.reward("x", 1);
      assert.equal((await penal.get("x")).consumedPoints, 1);
      await penal.consume("x");
      const blocked = await penal.consume("x").catch((reason) => reason);
      assert.ok(blocked.msBeforeNext > 60_000, String(blocked));
      assert.equal(await penal.delete("x"), true);
      assert.equal(await penal.get("x"), null);

      const bursty = new BurstyRateLimiter(
        make({ keyPrefix: "steady", points: 1, duration: 60 }),
        make({ keyPrefix: "burst", points: 2, duration: 60 }),
      );
      const bursts = await Promise.allSettled(Array.from({ length: 4 }, () => bursty.consume("y")));
      assert.equal(bursts.filter(({ status }) => status === "fulfilled").length, 3);
    });
  }
}
