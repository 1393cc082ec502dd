/**
 * How long a tab takes to open what is stored and how long it stands still meanwhile, in Debian's Chromium.
 *
 * Times are the least of several rounds, since whatever else runs on a machine only ever adds to them. Pauses are the
 * tasks of the page's thread while a snapshot is written, by the browser's own trace; collections of garbage, which the
 * browser begins when it likes, are told beside them.
 */
import { makeProfile, launch, load, serve, startWorker } from "../tests/js/chromium.mjs";

const quick = process.argv.includes("--quick");
const COUNTS = quick ? [10_000, 100_000] : [100_000, 1_000_000];
const ROUNDS = quick ? 2 : 7;

/** Stands for the test that the helpers would clean up after. */
const cleanup = [];
const t = { after: (work) => cleanup.unshift(work) };

const address = await serve(t);
const { context, page } = await launch(makeProfile(t));
t.after(() => context.close());
const rows = [];
for (const storage of ["indexeddb", "opfs"]) {
  for (const count of COUNTS) await measure(storage, count);
}
console.log("| Chromium, small strings | keys | opened in | longest without progress | saved in | tasks of saving: how many, median, 99th percentile; longest of each round | collections of garbage |");
console.log("|---|--:|--:|--:|--:|--:|--:|");
for (const row of rows) console.log(`| ${row.join(" | ")} |`);
for (const work of cleanup) await work();
process.exit(0);

async function measure(storage, count) {
  const options = { storage, name: `bench ${count}` };
  await load(page, address);
  const place = await placeOf(storage);
  await place.evaluate(fill, { options, count });
  const saves = [];
  for (let round = 0; round < ROUNDS; round++) saves.push(await traced(place));
  await place.evaluate(() => db.close());
  const opened = [];
  for (let round = 0; round < ROUNDS; round++) {
    await load(page, address);
    opened.push(await (await placeOf(storage)).evaluate(open, { options, count }));
  }
  const least = (all, name) => `${Math.min(...all.map((one) => one[name])).toFixed(1)} ms`;
  const pauses = (name) => (storage === "opfs" ? "in a worker" : spread(saves.map((save) => save[name])));
  const times = [least(opened, "ms"), least(opened, "gap"), least(saves, "ms")];
  rows.push([storage, count.toLocaleString("en"), ...times, pauses("slices"), pauses("collections")]);
}

/** Says how long some things take: the median, the 99th percentile, and the longest of each round. */
function spread(rounds) {
  const all = rounds.flat().sort((a, b) => a - b);
  if (!all.length) return "none";
  const at = (share) => all[Math.floor(share * (all.length - 1))]?.toFixed(1);
  const longest = rounds.map((slices) => Math.max(0, ...slices).toFixed(1));
  return `${all.length}: ${at(0.5)}, ${at(0.99)}; ${longest.join(" ")} ms`;
}

function placeOf(storage) {
  return storage === "opfs" ? startWorker(page) : page;
}

/** Runs in the page or a worker: makes the keys, and stores them. */
async function fill({ options, count }) {
  globalThis.db = await redlet.Redlet.open(options);
  for (let i = 0; i < count; i += 1000) {
    const pipeline = db.pipeline();
    for (let n = i; n < i + 1000; n++) pipeline.set(`key:${n}`, `value ${n}`);
    await pipeline.exec();
  }
  await db.durable();
}

/** Runs in the page or a worker: opens the database; returns how long that took, and the longest time without news. */
async function open({ options, count }) {
  const before = performance.now();
  let [last, gap] = [before, 0];
  const onProgress = () => {
    const now = performance.now();
    gap = Math.max(gap, now - last);
    last = now;
  };
  const db = await redlet.Redlet.open({ ...options, onProgress });
  onProgress();
  const ms = last - before;
  if ((await db.dbsize()) !== count) throw new Error("keys are missing");
  await db.close();
  return { ms, gap };
}

/** Saves; returns how long that took, and the page's tasks meanwhile. */
async function traced(place) {
  const devtools = await context.newCDPSession(page);
  const events = [];
  devtools.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  const ended = new Promise((resolve) => devtools.once("Tracing.tracingComplete", resolve));
  const includedCategories = ["toplevel", "blink.user_timing", "devtools.timeline"];
  await devtools.send("Tracing.start", { traceConfig: { includedCategories, recordMode: "recordUntilFull" } });
  await place.evaluate(async () => {
    performance.mark("saving");
    await db.save();
    performance.mark("saved");
  });
  await devtools.send("Tracing.end");
  await ended;
  await devtools.detach();
  const mark = (name) => events.find((event) => event.name === name && event.cat.includes("user_timing"));
  const [from, to] = [mark("saving"), mark("saved")];
  const here = events.filter(({ tid, pid, ts }) => tid === from.tid && pid === from.pid && ts > from.ts && ts < to.ts);
  const tasks = here.filter(({ name }) => name.endsWith("::RunTask"));
  const collections = here.filter(({ name }) => name === "MajorGC" || name === "MinorGC");
  const slices = tasks.map((task) => own(task, collections.filter(({ ts }) => ts >= task.ts && ts < task.ts + task.dur)));
  // Tasks that write nothing take microseconds.
  return { ms: (to.ts - from.ts) / 1000, slices: slices.filter((ms) => ms > 0.2), collections: collections.map((one) => own(one)) };
}

/**
 * Returns milliseconds that a thread took for this itself, without what is `within` it. The thread's clock may be ahead by
 * a tick of the system's, which is 4 ms.
 */
function own(event, within = []) {
  const left = (name) => within.reduce((rest, inner) => rest - (inner[name] ?? 0), event[name] ?? 0);
  return Math.min(left("dur"), left("tdur")) / 1000;
}
