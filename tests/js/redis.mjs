/** A real redis-server, and data of every type for it. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Starts redis-server in a folder that is removed after the test; returns what talks to it. */
export async function redis(t, dump, ...flags) {
  const folder = mkdtempSync(join(tmpdir(), "redlet-transfer-"));
  if (dump !== undefined) writeFileSync(join(folder, "dump.rdb"), dump);
  const port = await freePort();
  const args = ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--enable-debug-command", "yes", ...flags];
  const server = spawn("redis-server", args.map(String), { stdio: ["ignore", "pipe", "inherit"] });
  t.after(async () => {
    server.kill();
    if (server.exitCode === null) await once(server, "exit");
    rmSync(folder, { recursive: true, force: true });
  });
  let said = "";
  for await (const text of server.stdout) {
    said += text;
    if (said.includes("Ready to accept connections")) break;
  }
  assert.match(said, /Ready to accept connections/, said);
  const cli = (...words) => execFileSync("redis-cli", ["-p", String(port), ...words.map(String)], { encoding: "utf8" }).trim();
  const file = (name) => readFileSync(join(folder, name));
  return { cli, file, digest: () => cli("DEBUG", "DIGEST") };
}

/** Returns a port that nobody listens on, below those that systems give to clients: nobody who connects meanwhile gets it. */
export async function freePort() {
  for (;;) {
    const port = 30_000 + Math.floor(Math.random() * 2_000);
    const socket = connect(port, "127.0.0.1");
    const free = await once(socket, "connect").then(() => false, () => true);
    socket.destroy();
    if (free) return port;
  }
}

/** Returns so many names with numbers. */
export const many = (n, prefix) => Array.from({ length: n }, (_, i) => `${prefix}${i}`);

/** Calls that make keys of every type, in every encoding that redis-server has for them. */
export const CALLS = [
  ["SET", "string", "é"],
  ["SET", "number", 12345],
  ["SET", "long", "ab".repeat(5000)],
  ["SET", "volatile", 1, "PXAT", 9999999999999],
  ["RPUSH", "list", "a", "b", 3],
  ["RPUSH", "long list", ...many(2000, "element")],
  ["HSET", "hash", "a", 1, "b", "two"],
  ["HSET", "large hash", ...many(1000, "f")],
  ["SADD", "integers", 1, 2, 70000],
  ["SADD", "set", "a", "b", "c"],
  ["SADD", "large set", ...many(1000, "m")],
  ["ZADD", "board", 1, "ann", 2.5, "bob", "-inf", "cid"],
  ["ZADD", "large board", ...many(300, "m").flatMap((member, i) => [i / 4, member])],
  ["XADD", "stream", "1-1", "field", "value"],
  ["XADD", "stream", "2-1", "field", "value", "other", "x"],
  ["XGROUP", "CREATE", "stream", "group", 0],
  ["XREADGROUP", "GROUP", "group", "me", "COUNT", 1, "STREAMS", "stream", ">"],
  ["PFADD", "elements", "a", "b"],
];

/** Calls that change keys of every type. */
export const CHANGES = [
  ["APPEND", "string", "!"],
  ["INCR", "number"],
  ["PERSIST", "volatile"],
  ["LPUSH", "list", "0"],
  ["LSET", "long list", 1000, "changed"],
  ["HSET", "large hash", "f0", "changed"],
  ["SADD", "integers", "no integer"],
  ["SREM", "large set", "m1"],
  ["ZINCRBY", "board", 4, "ann"],
  ["ZREM", "large board", "m7"],
  ["XADD", "stream", "3-1", "field", "new"],
  ["SET", "new", 1, "PXAT", 9999999999998],
];
