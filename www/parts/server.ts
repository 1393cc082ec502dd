import type { Line } from "./connection.js";
import { Engine } from "./engine.js";

/** Finds the server that this page came from, or the one that `?server=HOST:PORT` names. */
export async function openServer(): Promise<Engine> {
  const host = new URLSearchParams(location.search).get("server") ?? location.host;
  const server = new Server(host);
  (await server.connect()).close();
  return server;
}

class Server extends Engine {
  readonly name: string;
  readonly about: string;

  constructor(host: string) {
    super();
    this.name = host;
    this.about = `connected to ${host}`;
  }

  protected line(): Promise<Line> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${this.name}/`);
      socket.binaryType = "arraybuffer";
      socket.onopen = () => resolve(lineOver(socket));
      socket.onerror = () => reject(new Error(`No redlet-server answers at ${this.name}`));
    });
  }

  async close(): Promise<void> {}
}

function lineOver(socket: WebSocket): Line {
  const line: Line = {
    send: (bytes) => socket.send(bytes as Uint8Array<ArrayBuffer>),
    close: () => socket.close(),
    onBytes: () => {},
    onEnd: () => {},
  };
  socket.onmessage = ({ data }) => line.onBytes(new Uint8Array(data as ArrayBuffer));
  socket.onerror = null;
  socket.onclose = () => line.onEnd("the server has closed the connection");
  return line;
}
