// What node-redis' README shows, as far as the commands go, in both protocols.
import assert from "node:assert/strict";
import { createClient, WatchError } from "redis";

for (const RESP of [2, 3]) {
  const client = createClient({ url: `redis://127.0.0.1:${process.argv[2]}/1`, name: "quick-start", RESP });
  client.on("error", (error) => assert.fail(error));
  await client.connect();
  await client.flushDb();

  assert.equal(await client.set("key", "value"), "OK");
  assert.equal(await client.get("key"), "value");
  assert.equal(await client.set("key", "other", { expiration: { type: "EX", value: 10 }, condition: "NX" }), null);
  assert.equal(await client.sendCommand(["GET", "key"]), "value");
  assert.equal(await client.clientGetName(), "quick-start");

  const [set, got] = await client.multi().set("another", "thing").get("key").exec();
  assert.deepEqual([set, got], ["OK", "value"]);

  const watching = client.duplicate();
  await watching.connect();
  await watching.watch("key");
  await client.set("key", "changed");
  await assert.rejects(watching.multi().get("key").exec(), WatchError);

  const subscriber = client.duplicate();
  await subscriber.connect();
  const heard = new Promise((resolve) => {
    subscriber.pSubscribe("news.*", (message, channel) => resolve([message, channel]));
  });
  while ((await client.publish("news.today", "something")) === 0);
  assert.deepEqual(await heard, ["something", "news.today"]);

  const popped = watching.blPop("queue", 10);
  await client.rPush("queue", ["a", "b"]);
  assert.deepEqual({ ...(await popped) }, { key: "queue", element: "a" });

  const many = await Promise.all(Array.from({ length: 1000 }, (_, i) => client.set(`n:${i}`, String(i))));
  assert.ok(many.every((reply) => reply === "OK"));
  let keys = 0;
  for await (const batch of client.scanIterator({ MATCH: "n:*" })) keys += batch.length;
  assert.equal(keys, 1000);

  for (const each of [subscriber, watching, client]) await each.close();
}
console.log("done");
