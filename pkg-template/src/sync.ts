import { RedisError, RedletError } from "./errors.js";
import { Core, Waiting, type AnyReply, type Settings } from "./core.js";
import { Face } from "./face.js";
import { attachCommands } from "./methods.js";
import { placeOf, type OpenOptions } from "./options.js";
import { Queue, queueTransaction, unfailed, type PipelineSync, type Replies, type TransactionSync } from "./pipeline.js";
import { exportedNow, importNow, type Imported, type ImportOptions } from "./transfer.js";
import type { Build } from "./wasm.js";
import type { Commands } from "./commands.js";
import type { Argument, Reply } from "./values.js";

/** Every command, answered at once. */
export interface RedletSync<S = string> extends Commands<S> {}

/**
 * A database whose calls return replies, not promises.
 *
 * A return says that memory has the change, and `await durable()` that storage has. A call that would have to wait for another client throws.
 */
export class RedletSync<S = string> extends Face<S> {
  /** @internal */
  static readonly build: Build;

  /** Opens a database. The module is fetched or unpacked, hence the promise. */
  static async open(options: OpenOptions = {}): Promise<RedletSync> {
    return this.on(await Core.open(this.build, options));
  }

  /** Opens a database in memory at once, where the module is at hand: inline, or as the option `wasm`. */
  static openSync(options: OpenOptions = {}): RedletSync {
    if (placeOf(options) !== "memory") throw new RedletError("WOULD_WAIT", "IndexedDB can't be read at once: await open()");
    return this.on(new Core(this.build, this.build.compileNow(options.wasm), options));
  }

  /** @internal Returns a face for a session: the first one, or the one of another face. */
  static on<S = string>(core: Core, of?: Face<S>): RedletSync<S> {
    attachCommands(RedletSync.prototype, runSync);
    return of === undefined
      ? new this<S>(core, core.connect(true), {}, true)
      : new RedletSync<S>(core, of.number, of.settings, of.owner);
  }

  /** @internal */
  constructor(core: Core, number: number, settings: Settings, owner: boolean) {
    super(core, number, settings, owner);
  }

  /** The same session with replies of bytes: `db.bytes.get("key")` is a `Uint8Array`. */
  get bytes(): RedletSync<Uint8Array> {
    return new RedletSync<Uint8Array>(this.core, this.number, { ...this.settings, bytes: true }, this.owner);
  }

  /** Returns a session of its own, with its own SELECT, MULTI and WATCH, on the same database. */
  session(): RedletSync<S> {
    return new RedletSync<S>(this.core, this.core.connect(true), this.settings, false);
  }

  /** Runs a command by its name: `db.call("SET", "key", "value", "EX", 10)`. */
  call(name: string, ...args: Argument[]): Reply<S> {
    return runSync(this, [name], args) as Reply<S>;
  }

  /** Returns all data as a dump.rdb, which redis-server loads. */
  export(): Uint8Array {
    return exportedNow(this.core);
  }

  /** Adds the keys of a dump.rdb, an append-only file or JSON lines to the data, all of them or, if it is damaged, none. */
  import(source: BufferSource, options: Pick<ImportOptions, "replace"> = {}): Imported {
    return importNow(this.core, source, options.replace === true);
  }

  /** Queues calls to run at once. */
  pipeline(): PipelineSync<S> {
    const binary = this.settings.bytes === true;
    const send = (calls: readonly unknown[][]) => unfailed(this.core.batch(this.number, calls, binary));
    return new Queue(send) as unknown as PipelineSync<S>;
  }

  /** Queues calls to run as one transaction. `exec` returns null if a key that this session watches has changed. */
  multi(): TransactionSync<S> {
    const send = (calls: readonly unknown[][]) => {
      const refusal = queueTransaction(this, calls);
      try {
        return unfailed(runSync(this, ["EXEC"], []) as Replies);
      } catch (error) {
        throw error instanceof RedisError ? (refusal ?? error) : error;
      }
    };
    return new Queue(send) as unknown as TransactionSync<S>;
  }
}

function runSync<S>(db: RedletSync<S>, words: readonly string[], args: readonly unknown[]): AnyReply {
  const reply = db.core.call(db.number, words, args, db.settings.bytes === true, false);
  if (!(reply instanceof Waiting)) return reply;
  db.core.disconnect(reply.session);
  throw new RedletError("WOULD_WAIT", `${words.join(" ")} would have to wait, which only the promises of Redlet can`);
}
