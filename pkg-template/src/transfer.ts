import { RedletError } from "./errors.js";
import { JsonLines } from "./json-lines.js";
import type { Core } from "./core.js";
import type { Progress } from "./options.js";

/** What can be imported: a dump.rdb, an append-only file, or JSON lines, which their first bytes tell. */
export type ImportSource = Blob | ReadableStream<Uint8Array> | BufferSource;

export interface ImportOptions {
  /** What becomes of a key that is there already: the imported one takes its place, or, by default, it stays. */
  replace?: boolean;
  /** Is told how far it is, several times a second. */
  onProgress?: (progress: Progress) => void;
  /** Gives it up. The data is as before then. */
  signal?: AbortSignal;
}

/** How many keys came, those that replaced others among them, and how many did not. */
export interface Imported {
  keys: number;
  /** Keys that were there before and were replaced. */
  replaced: number;
  /** Keys that were not imported, since there are keys of those names. */
  skipped: number;
  /** Keys that were not imported, since their time was over. */
  expired: number;
}

/** Bytes that are imported at once, and for how long, in milliseconds, before others have their turn. */
const PIECE = 16 * 1024;
const SLICE = 4;
/** The engine tells a snapshot from a log by so many bytes. */
const HEAD = 5;

/** Yields a dump.rdb of one moment, piece by piece; changes go on meanwhile. */
export async function* exported(core: Core): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  // A snapshot that is being written just now ends first.
  while (!core.use(({ engine }, now) => engine.beginExport(now))) await pause(10);
  try {
    for (let more = true; more; ) {
      const piece = core.use((scratch) => {
        more = scratch.engine.stepExport();
        return scratch.taken();
      });
      if (piece.length > 0) yield piece;
      await pause(0);
    }
  } finally {
    if (core.ended === undefined) core.use(({ engine }, now) => engine.endExport(now));
  }
}

/** Returns a dump.rdb. */
export async function exportedBlob(core: Core): Promise<Blob> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of exported(core)) pieces.push(piece);
  return new Blob(pieces, { type: "application/octet-stream" });
}

/** Returns a dump.rdb as a stream. */
export function exportedStream(core: Core): ReadableStream<Uint8Array> {
  const pieces = exported(core);
  return new ReadableStream({
    pull: async (out) => {
      const { done, value } = await pieces.next();
      if (done === true) out.close();
      else out.enqueue(value);
    },
    cancel: async () => void (await pieces.return()),
  });
}

/** Returns a dump.rdb at once. */
export function exportedNow(core: Core): Uint8Array {
  return core.use((scratch, now) => {
    scratch.engine.exportNow(now);
    const bytes = scratch.taken();
    scratch.engine.freeExport();
    return bytes;
  });
}

/** Reads all of a source beside the data, and joins it with the data if it was in order. */
export async function importFrom(core: Core, source: ImportSource, options: ImportOptions): Promise<Imported> {
  const { signal, onProgress, replace = false } = options;
  const total = source instanceof ReadableStream ? undefined : source instanceof Blob ? source.size : source.byteLength;
  signal?.throwIfAborted();
  const staging = new Staging(core);
  const reader = streamOf(source).getReader();
  const abort = () => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", abort);
  try {
    let told = 0;
    const tell = () => {
      told = performance.now();
      onProgress?.({ bytes: staging.bytes, total, keys: staging.keys });
    };
    let since = performance.now();
    for (let chunk; !(chunk = await reader.read()).done; ) {
      for (let at = 0; at < chunk.value.length; at += PIECE) {
        signal?.throwIfAborted();
        staging.feed(chunk.value.subarray(at, at + PIECE));
        const now = performance.now();
        if (now - told >= 50) tell();
        if (now - since < SLICE) continue;
        await pause(0);
        since = performance.now();
      }
    }
    signal?.throwIfAborted();
    const imported = staging.join(replace);
    tell();
    await core.stored();
    return imported;
  } catch (error) {
    await reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
    staging.drop();
  }
}

/** Imports bytes at once. */
export function importNow(core: Core, source: BufferSource, replace: boolean): Imported {
  const staging = new Staging(core);
  try {
    const bytes = bytesOf(source);
    for (let at = 0; at < bytes.length; at += PIECE) staging.feed(bytes.subarray(at, at + PIECE));
    return staging.join(replace);
  } finally {
    staging.drop();
  }
}

/** Keys that were read but are not part of the data yet. */
class Staging {
  bytes = 0;
  keys = 0;
  readonly #core: Core;
  #head = new Uint8Array();
  /** Turns JSON into a log, if it is JSON; undefined until the first bytes say so. */
  #translate: ((piece: Uint8Array) => Uint8Array) | undefined;
  #json: JsonLines | undefined;
  #open = true;

  constructor(core: Core) {
    this.#core = core;
    if (core.use(({ engine }) => engine.beginImport())) return;
    throw new RedletError("BUSY", "another import is under way");
  }

  feed(piece: Uint8Array): void {
    this.bytes += piece.length;
    if (this.#translate !== undefined) return this.#give(this.#translate(piece));
    this.#head = joined(this.#head, piece);
    if (this.#head.length >= HEAD) this.#begin();
  }

  /** Joins what was read with the data. */
  join(replace: boolean): Imported {
    if (this.#translate === undefined && this.#head.length > 0) this.#begin();
    if (this.#json !== undefined) this.#give(this.#damage(() => this.#json!.end()));
    this.#open = false;
    const counts = this.#damage(() => this.#core.use(({ engine }, now) => engine.endImport(replace, now)));
    const [keys, replaced, skipped, expired] = counts as unknown as [number, number, number, number];
    return { keys, replaced, skipped, expired };
  }

  drop(): void {
    if (this.#open && this.#core.ended === undefined) this.#core.use(({ engine }) => engine.dropImport());
    this.#open = false;
  }

  #begin(): void {
    const head = this.#head;
    this.#head = new Uint8Array();
    const first = String.fromCharCode(head.find((byte) => byte > 32 && byte < 127) ?? 0);
    if (first === "{" || (head[0] === 0xef && head[1] === 0xbb)) {
      const json = new JsonLines(() => this.#core.clock());
      this.#json = json;
      this.#translate = (piece) => this.#damage(() => json.feed(piece));
    } else if (first === "R" || first === "*" || first === "#") {
      this.#translate = (piece) => piece;
    } else {
      throw new RedletError("DAMAGED", "no snapshot, log or JSON lines begin like this at byte 0");
    }
    this.#give(this.#translate(head));
  }

  #give(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.keys = this.#damage(() =>
      this.#core.use((scratch, now) => scratch.engine.feedImport(scratch.give(bytes), now)),
    );
  }

  /** Runs something whose errors tell what is damaged. */
  #damage<R>(work: () => R): R {
    try {
      return work();
    } catch (error) {
      if (error instanceof RedletError || !(error instanceof Error)) throw error;
      throw new RedletError("DAMAGED", error.message, { cause: error });
    }
  }
}

function streamOf(source: ImportSource): ReadableStream<Uint8Array> {
  if (source instanceof ReadableStream) return source;
  return (source instanceof Blob ? source : new Blob([source])).stream();
}

function bytesOf(source: BufferSource): Uint8Array {
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

/** Lets others have their turn. */
function pause(ms: number): Promise<void> {
  const { scheduler } = globalThis as { scheduler?: { yield?(): Promise<void> } };
  if (ms === 0 && scheduler?.yield !== undefined) return scheduler.yield();
  return new Promise((resolve) => setTimeout(resolve, ms));
}
