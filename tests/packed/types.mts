/** What TypeScript takes and refuses. Compiled where the package is installed; never run. */
import { Redlet } from "redlet";

const db = await Redlet.open();

await db.set("key", 1, { EX: 10, NX: true });
await db.set("key", 1, "EX", 10);
// @ts-expect-error there is no such option
await db.set("key", 1, { EXX: 10 });
await db.blmove("from", "to", "LEFT", "RIGHT", 0);
// @ts-expect-error there is no such side
await db.blmove("from", "to", "LEFT", "UP", 0);
await db.del(["a", "b"], "c");
let [cursor, keys] = await db.scan(0, { MATCH: "a*", COUNT: 10 });
[cursor, keys] = await db.scan(cursor);

const popped: [key: string, element: string] | null = await db.blpop("a", "b", 0);
const replies: [string | null, number] = await db.pipeline().get("a").incr("b").exec();
const outcome: [number] | null = await db.multi().incr("b").exec();
const bytes: Uint8Array | null = await db.bytes.get("key");
const text: string | null = db.sync.get("key");

for await (const { channel, message } of db.subscribe("news")) console.log(channel.length, message.length);

export { bytes, keys, outcome, popped, replies, text };
