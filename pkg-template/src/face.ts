import { Subscription, type Message, type SubscriptionKind } from "./subscription.js";
import { persist, type StorageReport } from "./storage.js";
import type { AnyReply, Core, Settings } from "./core.js";
import type { Reply } from "./values.js";

/** What both faces of a database have. `S` is what bulk strings are read as. */
export abstract class Face<S> {
  /** @internal */
  readonly core: Core;
  /** @internal */
  readonly number: number;
  /** @internal */
  readonly settings: Settings;
  /** @internal Whether closing it closes the database. */
  readonly owner: boolean;

  /** @internal */
  constructor(core: Core, number: number, settings: Settings, owner: boolean) {
    this.core = core;
    this.number = number;
    this.settings = settings;
    this.owner = owner;
  }

  /**
   * Listens to channels, in a session of its own: to be iterated over, or with a listener, which is called when the
   * running call is over.
   */
  subscribe(channels: string | readonly string[], listener?: (message: Message<S>) => void): Subscription<S> {
    return this.#subscribe("SUBSCRIBE", channels, listener);
  }

  /** Listens to the channels that match patterns. */
  psubscribe(patterns: string | readonly string[], listener?: (message: Message<S>) => void): Subscription<S> {
    return this.#subscribe("PSUBSCRIBE", patterns, listener);
  }

  /** Listens to shard channels. */
  ssubscribe(channels: string | readonly string[], listener?: (message: Message<S>) => void): Subscription<S> {
    return this.#subscribe("SSUBSCRIBE", channels, listener);
  }

  /** Calls `listener` with messages to this very session, such as the ones of CLIENT TRACKING; returns what ends it. */
  onPush(listener: (parts: Reply<S>[]) => void): () => void {
    return this.core.onPush(this.number, listener as (parts: AnyReply[]) => void);
  }

  /** Resolves when storage has all changes so far, on the disk; at once if there is no storage. */
  durable(): Promise<void> {
    return this.core.stored();
  }

  /** Returns where the data is, whether the browser promises to keep it, and how much room there is. */
  storageReport(): Promise<StorageReport> {
    return this.core.storageReport();
  }

  /**
   * Asks the browser to keep this origin's data when room gets short; resolves to its answer, undefined where it can't
   * be asked. Some browsers ask their user, so a button is a good place for this.
   */
  persistStorage(): Promise<boolean | undefined> {
    return persist();
  }

  /** Closes the database, or just the session if it came from `session()`. What is not stored yet is stored first. */
  async close(): Promise<void> {
    if (this.owner) await this.core.close();
    else this.core.disconnect(this.number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #subscribe(
    kind: SubscriptionKind,
    names: string | readonly string[],
    listener: ((message: Message<S>) => void) | undefined,
  ): Subscription<S> {
    const list = typeof names === "string" ? [names] : names;
    return new Subscription(this.core, kind, list, this.settings.bytes === true, listener);
  }
}
