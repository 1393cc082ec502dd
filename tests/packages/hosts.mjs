/** Where the packages find a Redis: redlet-server on a port, or the module with scripts in this very process. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { Redlet } from "../../target/npm/dist/scripting-inline.mjs";
import { freePort } from "../js/redis.mjs";

const SERVER = fileURLToPath(new URL("../../target/debug/redlet-server", import.meta.url));

/** Starts redlet-server for one test; returns what makes clients of it, and the port. */
export async function server(t) {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "redlet-packages-"));
  const options = ["--bind", "127.0.0.1", "--port", String(port), "--save", "", "--dir", folder];
  const process = spawn(SERVER, options, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(process, "exit");
  const clients = closing(t, async () => {
    process.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  for await (const line of createInterface({ input: process.stdout })) {
    if (line.includes("Ready to accept connections")) break;
  }
  return {
    port,
    closedFirst: clients.closedFirst,
    ioredis: () => clients.ioredis(new Redis(port, "127.0.0.1")),
    nodeRedis: () => clients.nodeRedis(createClient({ url: `redis://127.0.0.1:${port}` })),
  };
}

/** Opens a database in this process; returns what makes clients of it, which take its connections for sockets. */
export async function inProcess(t) {
  const db = await Redlet.open();
  const clients = closing(t, () => db.close());
  return {
    ioredis: () => clients.ioredis(new Redis({ Connector: connectorTo(db) })),
    nodeRedis: async () => {
      // It has no option for a socket of one's own, so it gets one from where it looks for them.
      const { createConnection } = net;
      net.createConnection = () => socketOf(db);
      try {
        return await clients.nodeRedis(createClient());
      } finally {
        net.createConnection = createConnection;
      }
    },
  };
}

/** Closes clients when the test is over, and then their host. */
function closing(t, close) {
  const all = [close];
  t.after(async () => {
    for (const close of all) await close();
  });
  const closedFirst = (close) => all.unshift(close);
  return {
    closedFirst,
    ioredis(client) {
      closedFirst(() => client.disconnect());
      return client;
    },
    async nodeRedis(client) {
      client.on("error", () => {});
      closedFirst(() => client.isOpen && client.close());
      return client.connect();
    },
  };
}

export const HOSTS = { "redlet-server": server, "the module in process": inProcess };

/** Makes a class as ioredis' option `Connector` wants it. */
function connectorTo(db) {
  return class {
    connecting = false;

    check() {
      return true;
    }

    async connect() {
      this.connecting = true;
      return (this.stream = socketOf(db));
    }

    disconnect() {
      this.connecting = false;
      this.stream?.end();
    }
  };
}

/** Makes a connection a stream of Node's that has what sockets have besides. */
function socketOf(db) {
  const stream = Duplex.fromWeb(db.connection());
  const nothing = () => stream;
  process.nextTick(() => stream.emit("connect"));
  return Object.assign(stream, { setNoDelay: nothing, setKeepAlive: nothing, setTimeout: nothing, ref: nothing, unref: nothing });
}
