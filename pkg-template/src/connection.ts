import type { Core } from "./core.js";

const NOTHING = new Uint8Array();

/**
 * A connection as a server's clients have it: RESP goes in, RESP comes out, and a call that waits holds up the ones
 * behind it. A client library takes it for a socket; Node's `Duplex.fromWeb(db.connection())` makes it one.
 *
 * It speaks RESP2 until HELLO says otherwise. What comes out may be believed, as the replies of `Redlet` may; if storage
 * fails before, `readable` fails instead.
 */
export class Connection {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly #core: Core;
  readonly #session: number;
  #out!: ReadableStreamDefaultController<Uint8Array>;
  /** Input that was not taken yet: part of a call, or what is behind a call that waits. */
  #rest = NOTHING;
  /** Resolves when all output so far has gone out. */
  #sent = Promise.resolve();
  #open = true;

  /** @internal */
  constructor(core: Core) {
    this.#core = core;
    this.#session = core.connect(false);
    this.readable = new ReadableStream({ start: (out) => void (this.#out = out), cancel: () => this.#close() });
    this.writable = new WritableStream({
      write: (piece) => this.#receive(piece),
      close: () => this.#close(),
      abort: () => this.#close(),
    });
    core.listen(this.#session, {
      sent: (bytes) => this.#send(bytes),
      resumed: () => queueMicrotask(() => this.#open && this.#receive(NOTHING)),
      ended: (why) => (why.code === "CLOSED" ? this.#close() : this.#fail(why)),
    });
  }

  #receive(piece: Uint8Array): void {
    const input = this.#rest.length === 0 ? piece : joined(this.#rest, piece);
    this.#rest = NOTHING;
    try {
      const taken = this.#core.receive(this.#session, input);
      // What comes in belongs to the caller, who may use it again.
      if (this.#open) this.#rest = input.slice(taken);
    } catch (error) {
      this.#fail(error as Error);
      throw error;
    }
  }

  #send(bytes: Uint8Array): void {
    const stored = this.#core.unstored ? this.#core.stored() : undefined;
    this.#behind(stored, () => this.#out.enqueue(bytes));
  }

  /** Closes it behind what is still to be sent. */
  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#core.disconnect(this.#session);
    this.#behind(undefined, () => this.#out.close());
  }

  #fail(why: Error): void {
    this.#out.error(why);
    this.#close();
  }

  /** Does something with the output when all before it has gone out and `ready` has resolved. */
  #behind(ready: Promise<void> | undefined, act: () => void): void {
    this.#sent = Promise.all([this.#sent, ready]).then(act);
    // What fails lets everything behind it fail.
    this.#sent.catch((why) => this.#fail(why));
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
