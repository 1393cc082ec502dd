/** bullmq: queues of jobs, whose every step is a script of Lua on streams, lists, hashes and sorted sets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FlowProducer, Queue, QueueEvents, UnrecoverableError, Worker } from "bullmq";
import { server } from "./hosts.mjs";

/** Starts a server and a queue on it; returns what makes workers and listeners, all closed when the test is over. */
async function open(t) {
  const { port, closedFirst } = await server(t);
  const connection = { host: "127.0.0.1", port };
  const closing = (thing) => {
    thing.on("error", () => {});
    closedFirst(() => thing.close());
    return thing;
  };
  const queue = closing(new Queue("work", { connection }));
  const events = closing(new QueueEvents("work", { connection }));
  await events.waitUntilReady();
  const work = (process, options, name = "work") => closing(new Worker(name, process, { connection, ...options }));
  return { connection, closing, queue, events, work };
}

test("jobs are added and processed, in order of priority, with retries and progress", async (t) => {
  const { queue, events, work } = await open(t);
  const progress = [];
  events.on("progress", ({ data }) => progress.push(data));
  const [last] = await queue.addBulk(["c", "b", "a"].map((name, i) => ({ name, data: { name }, opts: { priority: 3 - i } })));
  const plain = await queue.add("first", { name: "first" });
  const seen = [];
  work(async (job) => {
    seen.push(job.data.name);
    if (job.name === "flaky" && job.attemptsMade < 2) throw new Error("not yet");
    if (job.name === "hopeless") throw new UnrecoverableError("never");
    await job.updateProgress(50);
    await job.log(`did ${job.name}`);
    return { was: job.data.name };
  });
  assert.deepEqual(await plain.waitUntilFinished(events), { was: "first" });
  await last.waitUntilFinished(events);

  const flaky = await queue.add("flaky", { name: "flaky" }, { attempts: 3, backoff: { type: "fixed", delay: 50 } });
  assert.deepEqual(await flaky.waitUntilFinished(events), { was: "flaky" });
  const hopeless = await queue.add("hopeless", { name: "hopeless" }, { attempts: 5 });
  await assert.rejects(hopeless.waitUntilFinished(events), /never/);
  assert.deepEqual(seen, ["first", "a", "b", "c", "flaky", "flaky", "flaky", "hopeless"]);
  assert.deepEqual(await queue.getJobCounts("completed", "failed", "waiting", "active"), { completed: 5, failed: 1, waiting: 0, active: 0 });
  assert.deepEqual((await queue.getJobLogs(plain.id)).logs, ["did first"]);
  assert.equal((await queue.getFailed())[0].failedReason, "never");
  assert.equal(progress.length, 5);
});

test("many jobs go to several workers, each to one", async (t) => {
  const { queue, events, work } = await open(t);
  const done = new Map();
  const all = new Promise((resolve) => events.on("completed", () => ++done.completed === 500 && resolve()));
  done.completed = 0;
  const process = async (job) => void done.set(job.id, (done.get(job.id) ?? 0) + 1);
  for (let i = 0; i < 3; i++) work(process, { concurrency: 10 });
  await queue.addBulk(Array.from({ length: 500 }, (_, n) => ({ name: "n", data: { n } })));
  await all;
  assert.deepEqual([done.size, ...new Set(done.values())], [500, 1]);
});

test("delayed jobs wait, and paused queues do", async (t) => {
  const { queue, events, work } = await open(t);
  await queue.pause();
  const added = Date.now();
  const late = await queue.add("late", {}, { delay: 600 });
  const soon = await queue.add("soon", {});
  const began = {};
  work(async (job) => void (began[job.name] = Date.now() - added));
  await sleep(200);
  assert.deepEqual(began, {});
  assert.equal(await late.getState(), "delayed");
  await queue.resume();
  await soon.waitUntilFinished(events);
  await late.waitUntilFinished(events);
  assert.ok(began.soon >= 200 && began.late >= 600, JSON.stringify(began));
});

test("repeated jobs come again, until their scheduler is removed", async (t) => {
  const { queue, work } = await open(t);
  const times = [];
  const fourth = new Promise((resolve) => {
    work(async (job) => {
      times.push(job.data.said);
      if (times.length === 4) resolve();
    });
  });
  await queue.upsertJobScheduler("tick", { every: 150 }, { name: "tick", data: { said: "tick" } });
  await queue.upsertJobScheduler("yearly", { pattern: "0 0 1 1 *" }, { name: "yearly" });
  assert.equal((await queue.getJobSchedulers()).length, 2);
  await fourth;
  assert.equal(await queue.removeJobScheduler("tick"), true);
  const count = times.length;
  await sleep(500);
  assert.ok(times.length <= count + 1, `${times.length} after ${count}`);
  assert.deepEqual((await queue.getJobSchedulers()).map(({ key }) => key), ["yearly"]);
});

test("a flow's parent comes after its children, with what they returned", async (t) => {
  const { connection, closing, events, work } = await open(t);
  const flows = closing(new FlowProducer({ connection }));
  const { job } = await flows.add({
    name: "sum",
    queueName: "work",
    children: [1, 2, 3].map((n) => ({
      name: "square",
      queueName: "parts",
      data: { n },
      children: n === 3 ? [{ name: "square", queueName: "parts", data: { n: 4 } }] : [],
    })),
  });
  assert.equal(await job.getState(), "waiting-children");
  const sum = async (job) => Object.values(await job.getChildrenValues()).reduce((a, b) => a + b, 0);
  work(async (job) => job.data.n ** 2 + (await sum(job)), {}, "parts");
  work(sum);
  assert.equal(await job.waitUntilFinished(events), 1 + 4 + 9 + 16);
});

test("rate-limited workers take so many jobs in a time", async (t) => {
  const { queue, work } = await open(t);
  await queue.addBulk(Array.from({ length: 6 }, (_, n) => ({ name: "n", data: { n } })));
  const times = [];
  await new Promise((resolve) => {
    const process = async () => void (times.push(Date.now()) === 6 && resolve());
    work(process, { limiter: { max: 2, duration: 400 }, concurrency: 6 });
  });
  // Two at once, two later, two later still.
  assert.ok(times[5] - times[0] >= 700, String(times));
  assert.ok(times[1] - times[0] < 400, String(times));
});
