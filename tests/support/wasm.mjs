/**
 * Plays the engine's host for a test in another process: the module as wasm-bindgen wrote it, and the test's time.
 *
 * A line of standard input is `new`, `send CLIENT HEX` or `pass MICROSECONDS`. The answer is a line `CLIENT HEX` for
 * whoever was sent something, `CLIENT closed` for whoever was disconnected, and a line `.`.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [folder, build] = process.argv.slice(2);
const path = `${folder}/${build}/${build}`;
const { Redlet, initSync } = await import(pathToFileURL(`${path}.js`));
const { memory } = initSync({ module: readFileSync(`${path}.wasm`) });

/** As in src/host/wasm/scratch.rs and src/host/wasm/local.rs. */
const Cell = { Address: 0, Length: 1, Session: 2, Taken: 3 };
const Happened = { Output: 1, Close: 2, Resume: 3 };
const BEGINNING = 1_700_000_000_000_000;

let engine, now, clients;

function open() {
  engine?.free();
  const config = ["enable-debug-command", "yes", "save", ""];
  [now, clients] = [BEGINNING, new Map()];
  engine = new Redlet(config, () => now / 1000, () => {});
}

const cell = (i) => new Uint32Array(memory.buffer)[(engine.cells() >>> 2) + i];
const pointed = (length) => Buffer.from(new Uint8Array(memory.buffer, cell(Cell.Address), length));

function send(name, bytes) {
  if (!clients.has(name)) {
    const session = engine.connect(false, now / 1000);
    clients.set(name, { session, input: Buffer.alloc(0), received: [], closed: false });
  }
  const client = clients.get(name);
  client.input = Buffer.concat([client.input, bytes]);
  give(client);
}

/** Gives the engine what a client has sent and it has not taken. */
function give(client) {
  new Uint8Array(memory.buffer).set(client.input, engine.input(client.input.length));
  const length = engine.receive(client.session, client.input.length, now / 1000);
  client.received.push(pointed(length));
  client.input = client.input.subarray(cell(Cell.Taken));
  look();
}

/** Sees to what has happened to others than the one who called. */
function look() {
  for (let kind = engine.next(); kind !== 0; kind = engine.next()) {
    const session = cell(Cell.Session);
    const client = [...clients.values()].find((client) => client.session === session);
    if (client === undefined) continue;
    if (kind === Happened.Output) client.received.push(pointed(cell(Cell.Length)));
    if (kind === Happened.Resume) give(client);
    if (kind === Happened.Close) {
      client.closed = true;
      engine.disconnect(session, now / 1000);
    }
  }
}

function pass(micros) {
  const end = now + micros;
  for (let due = engine.nextDeadline() * 1000; due < end; due = engine.nextDeadline() * 1000) {
    now = Math.max(now, Math.round(due));
    engine.tick(now / 1000);
    look();
  }
  now = end;
  engine.tick(now / 1000);
  look();
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, first, second] = line.split(" ");
  if (command === "new") open();
  if (command === "send") send(first, Buffer.from(second ?? "", "hex"));
  if (command === "pass") pass(Number(first));
  const answer = [];
  for (const [name, client] of clients) {
    const bytes = Buffer.concat(client.received);
    client.received = [];
    if (bytes.length > 0) answer.push(`${name} ${bytes.toString("hex")}`);
    if (client.closed) {
      answer.push(`${name} closed`);
      clients.delete(name);
    }
  }
  console.log([...answer, "."].join("\n"));
}
