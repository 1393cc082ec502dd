import { Redlet, type OpenOptions } from "redlet/scripting";
import type { Line } from "./connection.js";
import { Engine } from "./engine.js";

const config = { save: "60 1", "enable-debug-command": "yes" };

/** Opens the engine in this tab, with what it kept when it was last open. */
export function openTab(): Promise<Engine> {
  return open({ name: "playground", storage: "indexeddb", appendfsync: "always", config }, "kept in this browser");
}

/** Opens an empty engine in this tab that keeps nothing. */
export function openScratch(): Promise<Engine> {
  return open({}, "in memory, gone with this page");
}

async function open(options: OpenOptions, about: string): Promise<Engine> {
  let tell = (_: string) => {};
  const onStorage = ({ kind, message }: { kind: string; message: string }) => tell(troubles[kind] + message);
  const tab = new Tab(await Redlet.open({ ...options, onStorage }), about);
  tell = (why) => tab.onTrouble(why);
  return tab;
}

const troubles: Record<string, string> = {
  damaged: "Some of what was stored is damaged: ",
  failing: "Changes can't be stored now: ",
  full: "There is no room for changes: ",
  working: "Changes are stored again. ",
  lost: "Changes can't be stored any more, reload to try again: ",
};

class Tab extends Engine {
  readonly name = "redlet";
  readonly about: string;
  readonly #db: Redlet;

  constructor(db: Redlet, about: string) {
    super();
    this.#db = db;
    this.about = about;
  }

  override get files(): Redlet {
    return this.#db;
  }

  protected async line(): Promise<Line> {
    const { readable, writable } = this.#db.connection();
    const writer = writable.getWriter();
    const line: Line = {
      // What can't be written has ended the readable side, which says why.
      send: (bytes) => void writer.write(bytes).catch(() => {}),
      close: () => void writer.close().catch(() => {}),
      onBytes: () => {},
      onEnd: () => {},
    };
    void pump(readable, line);
    return line;
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}

async function pump(readable: ReadableStream<Uint8Array>, line: Line): Promise<void> {
  const reader = readable.getReader();
  try {
    for (let piece; !(piece = await reader.read()).done; ) line.onBytes(piece.value);
    line.onEnd("the engine has closed the connection");
  } catch (error) {
    line.onEnd(error instanceof Error ? error.message : String(error));
  }
}
