import { PipelineError, RedisError } from "./errors.js";
import { attachCommands } from "./methods.js";
import { flatten, type Argument, type Reply } from "./values.js";
import type { Commands } from "./commands.js";
import type { AnyReply } from "./core.js";
import type { Face } from "./face.js";

/** Replies to queued calls; null if a watched key had changed. */
export type Replies = AnyReply[] | null;

/** Calls that are kept until they are all run at once. */
export class Queue {
  readonly #calls: unknown[][] = [];
  readonly #send: (calls: readonly unknown[][]) => unknown;

  /** @internal */
  constructor(send: (calls: readonly unknown[][]) => unknown) {
    attachCommands(Queue.prototype, queue);
    this.#send = send;
  }

  /** Returns how many calls are queued. */
  get length(): number {
    return this.#calls.length;
  }

  call(name: string, ...args: Argument[]): this {
    this.#calls.push([name, ...flatten(args, [])]);
    return this;
  }

  /** Runs what is queued, and empties the queue. Throws a `PipelineError` with all replies if a call failed. */
  exec(): unknown {
    return this.#send(this.#calls.splice(0));
  }
}

function queue(self: Queue, words: readonly string[], args: readonly unknown[]): Queue {
  return self.call(words[0]!, ...words.slice(1), ...(args as Argument[]));
}

/** Returns the replies if no call failed. */
export function unfailed(replies: Replies): Replies {
  const failed = replies?.find((reply) => reply instanceof RedisError);
  if (failed !== undefined) throw new PipelineError(replies!, failed);
  return replies;
}

/** Sends MULTI and calls; returns why EXEC will refuse them, which itself will just say that it does. */
export function queueTransaction<S>(db: Face<S>, calls: readonly unknown[][]): RedisError | undefined {
  const replies = db.core.batch(db.number, [["MULTI"], ...calls], false);
  return replies.find((reply) => reply instanceof RedisError);
}

/** The methods of a pipeline, each of which adds its reply to the types of the others. */
type Chained<T extends unknown[], S, Done, Aborted> = {
  [K in keyof Commands<S>]: Commands<S>[K] extends (...args: infer A) => infer R
    ? (...args: A) => Chain<[...T, R], S, Done, Aborted>
    : never;
} & {
  /** Queues a call by its name. */
  call(name: string, ...args: Argument[]): Chain<[...T, Reply<S>], S, Done, Aborted>;
  /**
   * Runs all calls at once and empties the queue. Fails with a `PipelineError`, which has all replies, if one failed.
   */
  exec(): Done extends "promise" ? Promise<T | Aborted> : T | Aborted;
  /** How many calls are queued. */
  readonly length: number;
};

interface ChainOf<T extends unknown[], S, Done, Aborted> {
  readonly chain: Chained<T, S, Done, Aborted>;
}

type Chain<T extends unknown[], S, Done, Aborted> = ChainOf<T, S, Done, Aborted>["chain"];

/** Calls that cross to the engine together. Other calls may come between them only if they wait. */
export type Pipeline<S = string> = Chain<[], S, "promise", never>;
/** Calls between MULTI and EXEC: `exec` returns null if a watched key has changed. */
export type Transaction<S = string> = Chain<[], S, "promise", null>;
export type PipelineSync<S = string> = Chain<[], S, "value", never>;
export type TransactionSync<S = string> = Chain<[], S, "value", null>;
