import type { Redlet as Engine } from "redlet-wasm";
import type { StorageEvent } from "./options.js";
import { nodeWrite } from "./node.js";
import { Push, Reader } from "./resp.js";
import { flatten, type Reply, type Value } from "./values.js";
import type { Build } from "./wasm.js";

/** As in src/host/wasm/scratch.rs. */
const Cell = { Address: 0, Length: 1, Session: 2, Taken: 3, Attention: 4 } as const;
export const Attention = { Happened: 1, Unstored: 2 } as const;
/** As in src/host/wasm/local.rs. */
export const Happened = { Nothing: 0, Output: 1, Close: 2, Resume: 3, Shutdown: 4 } as const;

/** As in src/host/wasm/happening.rs. */
export interface Happening {
  kind: StorageEvent["kind"] | "output" | "grown" | "poisoned";
  message: string;
}

const encoder = new TextEncoder();
/** Up to this length a loop over ASCII is the fastest. A browser's `encodeInto` takes ten times as long to begin as Node's. */
const SHORT = nodeWrite !== undefined ? 20 : "process" in globalThis ? 48 : 160;
/** From this length on it is worth counting how many bytes a string takes, rather than making room for the most. */
const LONG = 1 << 16;
/** Buffers that are larger are given back after the call. */
const LARGE = 1 << 20;

/**
 * An engine, and the linear memory through which calls and replies go. Nothing else touches that memory.
 *
 * After `call`, `batch` and `show` the replies lie open in `replies`, until the next call.
 */
export class Scratch {
  readonly engine: Engine;
  readonly replies = new Reader();
  #memory: WebAssembly.Memory;
  #bytes = new Uint8Array();
  #words = new Uint32Array();
  /** Where the input begins, and how many bytes it has room for. */
  #input = 0;
  #room = 0;
  /** The word that the cells begin at. */
  readonly #cells: number;

  constructor(
    build: Build,
    module: WebAssembly.Module,
    config: Record<string, string>,
    clock: () => number,
    happened: (happening: Happening) => void,
  ) {
    this.#memory = build.instantiate(module);
    this.engine = new build.Engine(Object.entries(config).flat(), clock, happened);
    this.#cells = this.engine.cells() >>> 2;
    this.#refresh();
  }

  /**
   * Runs one call; returns whether it has been answered: if not, it waits as the session that `session` names. A script
   * that takes long does so only if whoever calls can wait.
   */
  call(session: number, words: readonly string[], args: readonly unknown[], now: number, binary: boolean, canWait: boolean): boolean {
    this.#refresh();
    this.#pack(0, words, args);
    const length = this.engine.call(session, canWait, now);
    this.#refresh();
    const start = this.#words[this.#cells + Cell.Address]!;
    this.replies.open(this.#bytes, start, start + length, binary);
    return length > 0;
  }

  /** Runs calls in one crossing. */
  batch(session: number, calls: readonly (readonly unknown[])[], now: number, binary: boolean): void {
    this.#refresh();
    let at = 0;
    for (const call of calls) at = this.#pack(at, [], call);
    const length = this.engine.batch(session, calls.length, now);
    this.#refresh();
    const start = this.#words[this.#cells + Cell.Address]!;
    this.replies.open(this.#bytes, start, start + length, binary);
  }

  /** Runs RESP; returns the replies as RESP, and how many bytes were taken. */
  receive(session: number, input: Uint8Array, now: number): { output: Uint8Array; taken: number } {
    this.#refresh();
    this.#reserve(0, input.length);
    this.#bytes.set(input, this.#input);
    const length = this.engine.receive(session, input.length, now);
    this.#refresh();
    const start = this.#words[this.#cells + Cell.Address]!;
    const taken = this.#words[this.#cells + Cell.Taken]!;
    return { output: this.#bytes.slice(start, start + length), taken };
  }

  /** Does what is due. */
  tick(now: number): void {
    this.engine.tick(now);
    this.#refresh();
  }

  /** Returns what has happened to a session that did not call, one thing after the other. */
  next(): number {
    const kind = this.engine.next();
    this.#refresh();
    return kind;
  }

  /** Opens what a session was sent, after `next` spoke of it. */
  show(binary: boolean): Reader {
    const start = this.#words[this.#cells + Cell.Address]!;
    return this.replies.open(this.#bytes, start, start + this.#words[this.#cells + Cell.Length]!, binary);
  }

  /** Returns what a session was sent, as RESP, after `next` spoke of it. */
  shown(): Uint8Array {
    const start = this.#words[this.#cells + Cell.Address]!;
    return this.#bytes.slice(start, start + this.#words[this.#cells + Cell.Length]!);
  }

  /** Writes bytes to where the engine reads its input; returns how many. */
  give(bytes: Uint8Array): number {
    this.#refresh();
    this.#reserve(0, bytes.length);
    this.#bytes.set(bytes, this.#input);
    return bytes.length;
  }

  /** Returns a copy of what the cells point to, after a call that may have let memory grow. */
  taken(): Uint8Array<ArrayBuffer> {
    this.#refresh();
    return this.shown() as Uint8Array<ArrayBuffer>;
  }

  /** Returns the session that `next`, or a waiting call, speaks of. */
  get session(): number {
    return this.#words[this.#cells + Cell.Session]!;
  }

  /** Returns what there is to look at after a call. */
  get attention(): number {
    return this.#words[this.#cells + Cell.Attention]!;
  }

  /** Reads the one reply to a call, and gives messages that came with it to `push`. */
  reply(push: (message: Push) => void): Reply<string | Uint8Array> | undefined {
    const reply = this.replies.next();
    return reply instanceof Push ? this.#behind(reply, push) : reply;
  }

  /** Reads on behind a message. SUBSCRIBE and its like are answered with nothing but messages. */
  #behind(message: Push, push: (message: Push) => void): Reply<string | Uint8Array> {
    let reply: Reply<string | Uint8Array> = message.parts;
    for (let item: Reply<string | Uint8Array> | Push = message; ; item = this.replies.next()) {
      if (item instanceof Push) push(item);
      else reply = item;
      if (this.replies.done) return reply;
    }
  }

  /** Writes a call `at` bytes behind the start of the input; returns where the next one goes. */
  #pack(at: number, words: readonly string[], args: readonly unknown[]): number {
    const argc = words.length + args.length;
    let most = 8 + 4 * argc;
    for (let i = 0; i < words.length; i++) most += 3 * words[i]!.length;
    for (let i = 0; i < args.length; i++) {
      const arg = args[i];
      if (typeof arg === "string") most += arg.length < LONG ? 3 * arg.length : byteLength(arg);
      else if (arg instanceof Uint8Array) most += arg.length;
      else if (typeof arg === "number" || typeof arg === "bigint") most += 3 * String(arg).length;
      else return this.#pack(at, words, flatten(args, []));
    }
    this.#reserve(at, most);
    const head = (this.#input + at) >>> 2;
    this.#words[head] = argc;
    let end = this.#input + at + 4 + 4 * argc;
    let length = head + 1;
    for (let i = 0; i < words.length; i++) {
      const written = this.#put(words[i]!, end);
      this.#words[length++] = written;
      end += written;
    }
    for (let i = 0; i < args.length; i++) {
      const written = this.#put(args[i] as Value, end);
      this.#words[length++] = written;
      end += written;
    }
    return ((end - this.#input + 3) >>> 2) << 2;
  }

  /** Writes an argument; returns how many bytes it took. */
  #put(value: Value, at: number): number {
    const bytes = this.#bytes;
    if (value instanceof Uint8Array) {
      bytes.set(value, at);
      return value.length;
    }
    const text = typeof value === "string" ? value : String(value);
    const length = text.length;
    if (length <= SHORT) {
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 127) break;
        bytes[at + i] = code;
      }
      if (i === length) return length;
    }
    return nodeWrite !== undefined ? nodeWrite.call(bytes, text, at) : encoder.encodeInto(text, bytes.subarray(at)).written;
  }

  #reserve(at: number, more: number): void {
    if (at + more <= this.#room && (this.#room <= LARGE || at > 0)) return;
    this.#room = at === 0 ? Math.max(more, 1 << 12) : Math.max(2 * this.#room, at + more);
    this.#input = this.engine.input(this.#room);
    this.#refresh();
  }

  /**
   * Makes the views anew when memory has grown, which detaches the old ones: during a call, and between calls too, while
   * a snapshot is written.
   */
  #refresh(): void {
    if (this.#bytes.length > 0) return;
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#words = new Uint32Array(this.#memory.buffer);
  }
}

/** Returns the length of a string as UTF-8; half a surrogate pair takes as many bytes as what replaces it. */
function byteLength(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // Each half of a pair counts two of the four bytes, or more than it takes.
    if (code > 0x7ff) bytes += 2;
    else if (code > 0x7f) bytes += 1;
  }
  return bytes;
}
