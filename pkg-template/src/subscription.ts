import { decoder, Push } from "./resp.js";
import type { AnyReply, Core } from "./core.js";

/** A message that was published. */
export interface Message<S = string> {
  channel: string;
  message: S;
  /** The pattern that the channel matched, for `psubscribe`. */
  pattern?: string;
}

/** Which kind of names a subscription has. */
export type SubscriptionKind = "SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE";

/**
 * Messages as they come: to be iterated over, or given to a listener. What nobody has taken yet is kept.
 *
 * It has a session of its own, so it does not stand in the way of other calls.
 */
export class Subscription<S = string> implements AsyncIterableIterator<Message<S>> {
  readonly #core: Core;
  readonly #session: number;
  readonly #kind: SubscriptionKind;
  readonly #listener: ((message: Message<S>) => void) | undefined;
  #kept: Message<S>[] = [];
  #takers: { resolve(result: IteratorResult<Message<S>>): void; reject(why: Error): void }[] = [];
  #failed: Error | undefined;
  #closed = false;

  /** @internal */
  constructor(
    core: Core,
    kind: SubscriptionKind,
    names: readonly string[],
    binary: boolean,
    listener: ((message: Message<S>) => void) | undefined,
  ) {
    this.#core = core;
    this.#kind = kind;
    this.#listener = listener;
    this.#session = core.connect(true);
    core.listen(this.#session, {
      binary,
      heard: (item) => item instanceof Push && this.#heard(item.parts),
      ended: (why) => this.#end(why),
    });
    if (names.length > 0) this.add(...names);
  }

  /** Listens to more channels, or patterns. */
  add(...names: string[]): this {
    this.#core.call(this.#session, [this.#kind], names, false);
    return this;
  }

  /** Stops listening to some. */
  remove(...names: string[]): this {
    this.#core.call(this.#session, [this.#kind.replace("SUB", "UNSUB")], names, false);
    return this;
  }

  /** Stops listening. Whoever iterates is done, when what was kept is taken. */
  close(): void {
    if (this.#closed) return;
    this.#core.disconnect(this.#session);
    this.#end(undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  next(): Promise<IteratorResult<Message<S>>> {
    const message = this.#kept.shift();
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<Message<S>>> {
    this.close();
    this.#kept = [];
    return Promise.resolve({ done: true, value: undefined });
  }

  #heard(parts: AnyReply[]): void {
    const [kind, ...rest] = parts.map((part, i) => (i === 0 ? text(part) : part));
    let message: Message<S>;
    if (kind === "message" || kind === "smessage") message = { channel: text(rest[0]), message: rest[1] as S };
    else if (kind === "pmessage") {
      message = { pattern: text(rest[0]), channel: text(rest[1]), message: rest[2] as S };
    } else return;
    const taker = this.#takers.shift();
    if (taker !== undefined) taker.resolve({ done: false, value: message });
    else if (this.#listener === undefined) this.#kept.push(message);
    else {
      const listener = this.#listener;
      // When the call that brought it is over: a listener may call again.
      queueMicrotask(() => listener(message));
    }
  }

  #end(why: Error | undefined): void {
    this.#closed = true;
    this.#failed = why;
    for (const { resolve, reject } of this.#takers.splice(0)) {
      if (why === undefined) resolve({ done: true, value: undefined });
      else reject(why);
    }
  }
}

function text(part: unknown): string {
  return part instanceof Uint8Array ? decoder.decode(part) : String(part);
}
