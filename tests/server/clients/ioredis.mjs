// What ioredis' README shows, as far as the commands go.
import assert from "node:assert/strict";
import Redis from "ioredis";

const port = Number(process.argv[2]);
const redis = new Redis(port, "127.0.0.1");

assert.equal(await redis.set("mykey", "value"), "OK");
assert.equal(await redis.get("mykey"), "value");
assert.equal(await redis.set("mykey", "hello", "EX", 10), "OK");
assert.equal(await redis.ttl("mykey"), 10);
assert.equal(await redis.del("mykey"), 1);
assert.equal(await redis.get("mykey"), null);

const bytes = Buffer.from([0, 255, 13, 10]);
await redis.set(bytes, bytes);
assert.deepEqual(await redis.getBuffer(bytes), bytes);

const piped = await redis.pipeline().set("foo", "bar").get("foo").incr("foo").exec();
assert.deepEqual(piped.slice(0, 2), [[null, "OK"], [null, "bar"]]);
assert.match(piped[2][0].message, /^ERR value is not an integer/);

assert.deepEqual(await redis.multi().set("foo", "1").incr("foo").exec(), [[null, "OK"], [null, 2]]);

const subscriber = new Redis(port, "127.0.0.1");
const heard = new Promise((resolve) => subscriber.on("message", (...message) => resolve(message)));
assert.equal(await subscriber.subscribe("news"), 1);
assert.equal(await redis.publish("news", "something"), 1);
assert.deepEqual(await heard, ["news", "something"]);

const waiting = subscriber.duplicate();
const popped = waiting.blpop("queue", 10);
await redis.rpush("queue", "job");
assert.deepEqual(await popped, ["queue", "job"]);

const keys = [];
for await (const batch of redis.scanStream({ match: "f*" })) keys.push(...batch);
assert.deepEqual(keys, ["foo"]);

for (const client of [waiting, subscriber, redis]) assert.equal(await client.quit(), "OK");
console.log("done");
