/** The class against what else one can keep values in, in Node. Prints the tables of `cargo xtask bench`. */
import { fileURLToPath } from "node:url";
import { PGlite } from "@electric-sql/pglite";
import { build } from "esbuild";
import RedisMock from "ioredis-mock";
import { LRUCache } from "lru-cache";
import { medians } from "./measure.mjs";
import { Redlet, RedletSync } from "../target/npm/dist/inline.mjs";

const quick = process.argv.includes("--quick");
const KEYS = Array.from({ length: 10_000 }, (_, i) => `key:${String(i).padStart(12, "0")}`);
const VALUE = "x".repeat(64);

/** A batch of calls that return when they are done. */
const inTurn = (call) => (calls) => {
  for (let i = 0; i < calls; i++) call(KEYS[i % KEYS.length]);
};

/** A batch of calls of which each is awaited before the next. */
const awaited = (call) => async (calls) => {
  for (let i = 0; i < calls; i++) await call(KEYS[i % KEYS.length]);
};

async function compare(stores, batch, calls) {
  const rounds = quick ? 2 : 21;
  const rows = stores.map(({ name }) => ({ name, ns: [] }));
  for (const method of ["set", "get"]) {
    const contenders = stores.map((store) => ({
      calls: Math.min(calls, store.calls ?? calls),
      batch: batch(store[method]),
    }));
    const times = await medians(contenders, rounds);
    for (const [i, time] of times.entries()) rows[i].ns.push(time);
  }
  return rows;
}

function print(title, rows) {
  const [base] = rows;
  console.log(`| ${title} | set | get | beside ${base.name} |\n|---|--:|--:|--:|`);
  for (const { name, ns } of rows) {
    const ratios = ns.map((time, i) => (time / base.ns[i]).toFixed(2));
    console.log(`| ${name} | ${ns.map(microseconds).join(" | ")} | ${ratios.join(", ")} |`);
  }
  console.log();
}

const microseconds = (ns) => `${(ns / 1000).toFixed(3)} µs`;

const store = (name, set, get, calls) => ({ name, set, get, calls });
const commands = (name, db) => store(name, (key) => db.set(key, VALUE), (key) => db.get(key));

/** Opens the package's own class over no engine: it packs the call and decodes the reply, and that is all. */
async function openWithoutEngine() {
  const path = (name) => fileURLToPath(new URL(name, import.meta.url));
  const outfile = path("../target/bench/without_engine.mjs");
  await build({
    entryPoints: [path("../pkg-template/src/entry/slim.ts")],
    alias: { "redlet-wasm": path("no_engine.mjs") },
    outfile,
    bundle: true,
    format: "esm",
    logLevel: "error",
  });
  const { RedletSync } = await import(outfile);
  const nothing = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  return RedletSync.openSync({ wasm: nothing });
}

const map = new Map();
const lru = new LRUCache({ max: 2 * KEYS.length });
print("64-byte values, synchronous", await compare([
  commands("packing and decoding alone", await openWithoutEngine()),
  commands("Redlet", RedletSync.openSync()),
  store("Map", (key) => map.set(key, VALUE), (key) => map.get(key)),
  store("lru-cache", (key) => lru.set(key, VALUE), (key) => lru.get(key)),
], inTurn, 100_000));

const db = await Redlet.open();
const mock = new RedisMock();
const postgres = await PGlite.create();
await postgres.exec("create table store (key text primary key, value text)");
const upsert = "insert into store values ($1, $2) on conflict (key) do update set value = excluded.value";
print("64-byte values, awaited", await compare([
  commands("ioredis-mock", mock),
  commands("Redlet", db),
  store("PGlite",
    (key) => postgres.query(upsert, [key, VALUE]),
    (key) => postgres.query("select value from store where key = $1", [key]),
    1_000),
], awaited, 20_000));

await Promise.all([db.close(), postgres.close(), mock.quit()]);
