import { Connection } from "./connection.js";
import { Core, Waiting, type AnyReply, type Settings } from "./core.js";
import { Face } from "./face.js";
import { attachCommands } from "./methods.js";
import type { OpenOptions } from "./options.js";
import { Queue, queueTransaction, unfailed, type Pipeline, type Replies, type Transaction } from "./pipeline.js";
import { RedletSync } from "./sync.js";
import { exportedBlob, exportedStream, importFrom, type Imported, type ImportOptions, type ImportSource } from "./transfer.js";
import type { Build } from "./wasm.js";
import type { Commands } from "./commands.js";
import type { Argument, Reply } from "./values.js";

type Promised<C> = {
  [K in keyof C]: C[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<R> : never;
};

/** Every command, answered by a promise. */
export interface Redlet<S = string> extends Promised<Commands<S>> {}

/**
 * A database.
 *
 * A promise resolves when the reply may be believed: with `appendfsync: "always"` when storage has the change. Calls
 * that wait, such as BLPOP, each do so in a session of their own and hold nobody up.
 */
export class Redlet<S = string> extends Face<S> {
  /** @internal */
  static readonly build: Build;

  /** Opens a database. */
  static async open(options: OpenOptions = {}): Promise<Redlet> {
    const core = await Core.open(this.build, options);
    attachCommands(Redlet.prototype, run);
    return new this(core, core.connect(true), {}, true);
  }

  /** @internal */
  constructor(core: Core, number: number, settings: Settings, owner: boolean) {
    super(core, number, settings, owner);
  }

  /** The same session with replies of bytes: `await db.bytes.get("key")` is a `Uint8Array`. */
  get bytes(): Redlet<Uint8Array> {
    return new Redlet<Uint8Array>(this.core, this.number, { ...this.settings, bytes: true }, this.owner);
  }

  /** The same session without promises. */
  get sync(): RedletSync<S> {
    return RedletSync.on(this.core, this);
  }

  /** Returns the same session, whose waiting calls end with the signal: `db.abortable(signal).blpop("jobs", 0)`. */
  abortable(signal: AbortSignal): Redlet<S> {
    return new Redlet<S>(this.core, this.number, { ...this.settings, signal }, this.owner);
  }

  /** Returns a session of its own, with its own SELECT, MULTI and WATCH, on the same database. */
  session(): Redlet<S> {
    return new Redlet<S>(this.core, this.core.connect(true), this.settings, false);
  }

  /** Returns a connection that speaks RESP: what a client library for servers would have a socket for. */
  connection(): Connection {
    return new Connection(this.core);
  }

  /** Runs a command by its name: `await db.call("SET", "key", "value", "EX", 10)`. */
  call(name: string, ...args: Argument[]): Promise<Reply<S>> {
    return run(this, [name], args) as Promise<Reply<S>>;
  }

  /** Queues calls to run at once. */
  pipeline(): Pipeline<S> {
    const binary = this.settings.bytes === true;
    const send = (calls: readonly unknown[][]) => this.#stored(() => this.core.batch(this.number, calls, binary));
    return new Queue(send) as unknown as Pipeline<S>;
  }

  /**
   * Queues calls to run as one transaction. `exec` resolves to null if a key that this session watches has changed;
   * whoever else uses the session may watch and exec in between, so take a `session()` of your own for WATCH.
   */
  multi(): Transaction<S> {
    const send = async (calls: readonly unknown[][]) => {
      this.settings.signal?.throwIfAborted();
      const refusal = queueTransaction(this, calls);
      const replies = run(this, ["EXEC"], []).catch((error) => Promise.reject(refusal ?? error));
      return unfailed((await replies) as Replies);
    };
    return new Queue(send) as unknown as Transaction<S>;
  }

  /** Returns all data of this moment as a dump.rdb, which redis-server loads. It is written without stopping the page. */
  export(): Promise<Blob> {
    return exportedBlob(this.core);
  }

  /** Returns the same as a stream. Read it to its end, or cancel it: no snapshot is stored meanwhile. */
  exportStream(): ReadableStream<Uint8Array> {
    return exportedStream(this.core);
  }

  /**
   * Adds the keys of a dump.rdb, an append-only file or JSON lines to the data, and resolves when storage has them. If
   * the source is damaged or the import is given up, the data is as before.
   */
  import(source: ImportSource, options: ImportOptions = {}): Promise<Imported> {
    return importFrom(this.core, source, options);
  }

  async #stored(replies: () => Replies): Promise<Replies> {
    try {
      return unfailed(replies());
    } finally {
      if (this.core.unstored) await this.core.stored();
    }
  }
}

/** Not an async function: most calls are answered at once, and a promise that has its reply is made faster. */
function run<S>(db: Redlet<S>, words: readonly string[], args: readonly unknown[]): Promise<AnyReply> {
  try {
    db.settings.signal?.throwIfAborted();
    const reply = db.core.call(db.number, words, args, db.settings.bytes === true);
    if (reply instanceof Waiting) return db.core.wait(reply, db.settings);
    return db.core.unstored ? db.core.stored().then(() => reply) : Promise.resolve(reply);
  } catch (error) {
    return Promise.reject(error);
  }
}
