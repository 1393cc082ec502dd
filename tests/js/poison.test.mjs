/** What is left when memory is exhausted: nothing of the instance, and a way to begin anew. */
import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Redlet, RedletError } from "./package.mjs";

const PAGE = 65_536;

/** Returns the module with a limit on its memory: so many pages more than it begins with. */
function limited(pages) {
  const bytes = readFileSync(new URL("../../target/npm/dist/redlet.wasm", import.meta.url));
  const leb = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >> 7)]);
  const read = (at) => {
    let [n, shift] = [0, 0];
    for (; ; shift += 7) {
      const byte = bytes[at++];
      n |= (byte & 127) << shift;
      if (byte < 128) return [n, at];
    }
  };
  for (let at = 8; at < bytes.length; ) {
    const [length, start] = read(at + 1);
    if (bytes[at] === 5) {
      // One memory, without a limit, of so many pages.
      assert.deepEqual([...bytes.subarray(start, start + 2)], [1, 0]);
      const [least] = read(start + 2);
      const memory = [1, 1, ...leb(least), ...leb(least + pages)];
      return Buffer.concat([bytes.subarray(0, at), Uint8Array.from([5, ...leb(memory.length), ...memory]), bytes.subarray(start + length)]);
    }
    at = start + length;
  }
}

test("when memory is exhausted everybody is told, and the database opens again from storage", async () => {
  const wasm = new WebAssembly.Module(limited(64));
  const options = { storage: "indexeddb", appendfsync: "always", wasm };
  const poisoned = (error) => error instanceof RedletError && error.code === "POISONED";

  const db = await Redlet.open(options);
  await db.set("key", "stored");
  const waiting = assert.rejects(db.blpop("queue", 0), poisoned);
  const heard = assert.rejects(db.subscribe("news").next(), poisoned);
  await assert.rejects(db.set("large", "x".repeat(64 * PAGE)), poisoned);
  await Promise.all([waiting, heard]);
  await assert.rejects(db.get("key"), poisoned);
  await db.close();

  const again = await Redlet.open(options);
  assert.equal(await again.get("key"), "stored");
  assert.equal(await again.get("large"), null);
  await again.close();
});
