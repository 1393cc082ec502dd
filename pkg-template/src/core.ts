import { RedisError, RedletError, type RedletErrorCode } from "./errors.js";
import { Push } from "./resp.js";
import { Attention, Happened, Scratch, type Happening } from "./scratch.js";
import { beforePageGoes, isFull, lock, openFolder, persist, report, type StorageReport } from "./storage.js";
import type { Build } from "./wasm.js";
import { parameters, placeOf, ringBytes, type OpenOptions, type Progress, type StorageEvent } from "./options.js";
import type { Reply } from "./values.js";

export type AnyReply = Reply<string | Uint8Array>;

/** How calls are made, whatever they are. */
export interface Settings {
  /** Bulk strings of replies are `Uint8Array`s. */
  readonly bytes?: boolean;
  /** Ends the wait of a call that waits. */
  readonly signal?: AbortSignal | undefined;
}

/** A call that has no reply yet. */
export class Waiting {
  constructor(readonly session: number) {}
}

/** Gets what a session is sent: replies and messages. */
interface Listener {
  readonly binary: boolean;
  heard(item: AnyReply | Push): void;
  /** Nothing more will come. */
  ended(why: RedletError): void;
}

/** Gets what a session is sent, as RESP. */
interface Socket {
  sent(bytes: Uint8Array): void;
  /** Input that was left behind a call that waits can be given again. */
  resumed(): void;
  ended(why: RedletError): void;
}

/** Room is short when more than this part of the quota is used. */
const SHORT = 0.8;

/** Active expiry and the like can wait this long for a timer, in milliseconds. */
const IDLE = 100;
/** So long a script may run before the page has a turn, in milliseconds: half a frame. */
const TURN = 8;
/** And so many slices, where clocks stand still while JavaScript runs. */
const SLICES = 20;

/** One engine in this thread: its sessions, its timer, and who waits for what. */
export class Core {
  readonly scratch: Scratch;
  readonly clock: () => number;
  readonly #build: Build;
  #listeners = new Map<number, Listener | Socket>();
  #pushed = new Map<number, Set<(parts: AnyReply[]) => void>>();
  /** Sessions that were connected and not closed. */
  #sessions = new Set<number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer goes off, by the clock; far in the past if there is none. */
  #alarm = -Infinity;
  #ended: RedletError | undefined;
  #closing: Promise<void> | undefined;
  #unstored = false;
  #short = false;
  readonly #place: StorageReport["place"];
  #storing = new Set<(why: Error) => void>();
  readonly #onStorage: ((event: StorageEvent) => void) | undefined;
  /** What is to be undone when the database is closed. */
  #cleanup: (() => void)[] = [];

  /** Makes an engine whose data is in memory only. */
  constructor(build: Build, module: WebAssembly.Module, options: OpenOptions) {
    this.#build = build;
    this.clock = options.clock ?? Date.now;
    this.#onStorage = options.onStorage;
    this.#place = placeOf(options);
    const happened = (happening: Happening) => this.#happened(happening);
    this.scratch = new Scratch(build, module, parameters(options), this.clock, happened);
  }

  /** Makes an engine with the data that storage has. */
  static async open(build: Build, options: OpenOptions): Promise<Core> {
    const module = await build.compile(options.wasm);
    const place = placeOf(options);
    if (place === "memory") return new Core(build, module, options);
    const name = `redlet:${options.name ?? "default"}`;
    const folder = place === "opfs" ? await openFolder(name) : undefined;
    const release = await lock(folder === undefined ? name : `${name} (opfs)`);
    const core = new Core(build, module, options);
    core.#cleanup.push(release);
    try {
      const progress = teller(options.onProgress);
      const damage: string | undefined = await core.scratch.engine.open(name, folder, ringBytes(options), progress);
      if (damage !== undefined) core.#tell("damaged", damage);
    } catch (error) {
      const failure = storageError(error);
      core.end(failure);
      core.#release();
      throw failure;
    }
    if (options.persistentStorage === true) await persist();
    void core.#measure();
    core.#cleanup.push(beforePageGoes(() => core.#ended ?? core.scratch.engine.hurry()));
    return core;
  }

  /** Throws if the engine has ended. */
  check(): void {
    if (this.#ended !== undefined) throw this.#ended;
  }

  get ended(): RedletError | undefined {
    return this.#ended;
  }

  connect(resp3: boolean): number {
    this.check();
    const session = this.scratch.engine.connect(resp3, this.clock());
    this.#sessions.add(session);
    return session;
  }

  disconnect(session: number): void {
    this.#sessions.delete(session);
    this.#listeners.delete(session);
    this.#pushed.delete(session);
    if (this.#ended === undefined) this.scratch.engine.disconnect(session, this.clock());
  }

  /** Runs a call; throws the error that it answers with. */
  call(session: number, words: readonly string[], args: readonly unknown[], binary: boolean, canWait = true): AnyReply | Waiting {
    this.check();
    const now = this.clock();
    try {
      const answered = this.scratch.call(session, words, args, now, binary, canWait);
      if (!answered) return this.#unanswered(session, now);
      const reply = this.scratch.reply((push) => this.#push(session, push)) as AnyReply;
      this.#after(now);
      if (reply instanceof RedisError) throw reply;
      return reply;
    } catch (error) {
      throw this.#judge(error);
    }
  }

  /** Runs calls in one crossing; returns all replies, errors among them. */
  batch(session: number, calls: readonly (readonly unknown[])[], binary: boolean): AnyReply[] {
    this.check();
    const now = this.clock();
    try {
      this.scratch.batch(session, calls, now, binary);
      const replies: AnyReply[] = [];
      while (!this.scratch.replies.done) {
        const item = this.scratch.replies.next();
        if (item instanceof Push) this.#push(session, item);
        else replies.push(item);
      }
      this.#after(now);
      return replies;
    } catch (error) {
      throw this.#judge(error);
    }
  }

  /** Gives RESP to a session with a socket; returns how many bytes were taken. */
  receive(session: number, input: Uint8Array): number {
    this.check();
    const now = this.clock();
    try {
      const { output, taken } = this.scratch.receive(session, input, now);
      this.#noteUnstored();
      const socket = this.#listeners.get(session);
      if (output.length > 0 && socket !== undefined && "sent" in socket) socket.sent(output);
      this.#after(now);
      this.#setTimer();
      return taken;
    } catch (error) {
      throw this.#judge(error);
    }
  }

  /** Does something with the engine that is no call; returns what it returns. */
  use<R>(work: (scratch: Scratch, now: number) => R): R {
    this.check();
    try {
      const result = work(this.scratch, this.clock());
      if ((this.scratch.attention & Attention.Happened) !== 0) this.#drain();
      this.#setTimer();
      return result;
    } catch (error) {
      throw this.#judge(error);
    }
  }

  /** Waits for the reply to a call that has moved to a session of its own. */
  wait(waiting: Waiting, settings: Settings): Promise<AnyReply> {
    const { session } = waiting;
    const { signal } = settings;
    // The call itself may have ended everything: SHUTDOWN.
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      const leave = () => {
        signal?.removeEventListener("abort", abort);
        this.disconnect(session);
        this.#setTimer();
      };
      const abort = () => {
        leave();
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort);
      this.#listeners.set(session, {
        binary: settings.bytes === true,
        heard: (reply) => {
          leave();
          if (reply instanceof RedisError) reject(reply);
          else if (this.#unstored) this.stored().then(() => resolve(reply as AnyReply), reject);
          else resolve(reply as AnyReply);
        },
        ended: reject,
      });
      this.#setTimer();
    });
  }

  /** Gives everything that a session is sent to a listener. */
  listen(session: number, listener: Listener | Socket): void {
    this.#listeners.set(session, listener);
  }

  /** Calls `listener` with every message to a session that is no reply; returns what ends that. */
  onPush(session: number, listener: (parts: AnyReply[]) => void): () => void {
    const listeners = this.#pushed.get(session) ?? new Set();
    this.#pushed.set(session, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Whether the last call has changed what must be stored before it is acknowledged. */
  get unstored(): boolean {
    return this.#unstored;
  }

  /** Resolves when storage has all changes so far, on the disk. */
  stored(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.check();
      this.#storing.add(reject);
      const settled = (settle: () => void) => {
        this.#storing.delete(reject);
        settle();
      };
      this.scratch.engine.stored().then(
        () => settled(resolve),
        (error) => settled(() => reject(storageError(error))),
      );
    });
  }

  /** Ends everything. Fails if not all could be stored. */
  close(): Promise<void> {
    this.#closing ??= this.#ended === undefined ? this.#close("the database was closed") : Promise.resolve();
    return this.#closing;
  }

  async #close(why: string): Promise<void> {
    this.end(new RedletError("CLOSED", why));
    const unstored: string | undefined = await this.scratch.engine.close();
    this.#release();
    if (unstored !== undefined) throw new RedletError("STORAGE", `the last changes could not be stored: ${unstored}`);
  }

  /** Refuses everything from now on. Whoever waits is told why. */
  end(why: RedletError): void {
    if (this.#ended !== undefined) return;
    this.#ended = why;
    clearTimeout(this.#timer);
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    for (const listener of listeners) listener.ended(why);
    // What is being closed is still stored.
    if (why.code === "CLOSED") return;
    for (const reject of this.#storing) reject(why);
    this.#storing.clear();
  }

  #release(): void {
    for (const undo of this.#cleanup.splice(0)) undo();
    this.scratch.engine.free();
  }

  #happened({ kind, message }: Happening): void {
    if (kind === "poisoned") this.#poisoned(new RedletError("POISONED", `the engine has stopped: ${message}`));
    else if (kind === "failing" && isFull(message)) void this.#tellFull(message);
    else if (kind === "grown") void this.#measure();
    else if (kind !== "output") this.#tell(kind, message);
    else if (this.#ended === undefined) {
      this.#drain();
      this.#setTimer();
    }
  }

  #poisoned(why: RedletError): void {
    this.end(why);
    this.#build.poison();
    for (const undo of this.#cleanup.splice(0)) undo();
  }

  /** Returns what the browser says of storage. */
  storageReport(): Promise<StorageReport> {
    return report(this.#place);
  }

  /** Tells the engine how much room there is, and everybody else when that gets short. */
  async #measure(): Promise<void> {
    const { usage, quota } = await this.storageReport();
    if (usage === undefined || quota === undefined || this.#ended !== undefined) return;
    this.scratch.engine.setRoom(Math.max(quota - usage, 0));
    const wasShort = this.#short;
    this.#short = usage > SHORT * quota;
    if (this.#short && !wasShort) this.#tell("short", `${usage} of ${quota} bytes are used`);
    this.#setTimer();
  }

  async #tellFull(message: string): Promise<void> {
    const { usage, quota } = await this.storageReport();
    const estimate = quota === undefined ? "" : `: ${usage ?? "some"} of ${quota} bytes are used`;
    // Chromium has no text for it beyond the name.
    this.#tell("full", message.replace(/[: ]+$/, "") + estimate);
  }

  #tell(kind: StorageEvent["kind"], message: string): void {
    const listener = this.#onStorage;
    if (listener !== undefined) queueMicrotask(() => listener({ kind, message }));
  }

  #unanswered(caller: number, now: number): AnyReply | Waiting {
    const { session } = this.scratch;
    if (!this.#sessions.has(caller)) throw new RedletError("CLOSED", "the session was closed");
    this.#after(now);
    return session === 0 ? null : new Waiting(session);
  }

  /** Looks at what a call has brought about besides its reply, and sees to it that time goes on. */
  #after(now: number): void {
    this.#noteUnstored();
    if ((this.scratch.attention & Attention.Happened) !== 0) this.#drain();
    if (now > this.#alarm + IDLE) this.#setAlarm(now + IDLE, now);
  }

  #noteUnstored(): void {
    this.#unstored = (this.scratch.attention & Attention.Unstored) !== 0;
  }

  #drain(): void {
    for (;;) {
      const kind = this.scratch.next();
      if (kind === Happened.Nothing) return;
      const { session } = this.scratch;
      if (kind === Happened.Output) this.#hear(session);
      else if (kind === Happened.Close) this.#closed(session);
      else if (kind === Happened.Resume) this.#resumed(session);
      else if (kind === Happened.Shutdown) this.#shutDown();
    }
  }

  #shutDown(): void {
    this.#closing ??= this.#close("the database was shut down");
    // Who closes it learns what could not be stored; nobody may.
    this.#closing.catch(() => {});
  }

  #hear(session: number): void {
    const listener = this.#listeners.get(session);
    if (listener !== undefined && "sent" in listener) return listener.sent(this.scratch.shown());
    const replies = this.scratch.show(listener?.binary === true);
    const items: (AnyReply | Push)[] = [];
    while (!replies.done) items.push(replies.next());
    for (const item of items) {
      if (listener !== undefined) listener.heard(item);
      else if (item instanceof Push) this.#push(session, item);
    }
  }

  /** Messages are told when the call that brought them is over: a listener may call again. */
  #push(session: number, { parts }: Push): void {
    const listeners = this.#pushed.get(session);
    if (listeners === undefined) return;
    queueMicrotask(() => {
      for (const listener of listeners) listener(parts);
    });
  }

  #closed(session: number): void {
    const listener = this.#listeners.get(session);
    this.disconnect(session);
    listener?.ended(new RedletError("CLOSED", "the session was closed"));
  }

  #resumed(session: number): void {
    const socket = this.#listeners.get(session);
    if (socket !== undefined && "sent" in socket) socket.resumed();
  }

  /** Sets the timer to when the engine wants it. */
  #setTimer(): void {
    if (this.#ended !== undefined) return;
    const at = this.scratch.engine.nextDeadline();
    if (at < Infinity) this.#setAlarm(at, this.clock());
  }

  #setAlarm(at: number, now: number): void {
    clearTimeout(this.#timer);
    this.#alarm = at;
    // Timers count whole milliseconds, and take no more than 31 bits of them.
    const timer = setTimeout(() => this.#tick(), Math.min(Math.max(Math.ceil(at - now), 0), 0x7fff_ffff));
    // Only somebody who waits or listens keeps a process alive, and what is still to be stored.
    if (this.#listeners.size === 0 && this.#place === "memory" && typeof timer === "object") (timer as { unref?(): void }).unref?.();
    this.#timer = timer;
  }

  #tick(): void {
    this.#alarm = -Infinity;
    if (this.#ended !== undefined) return;
    try {
      // Browsers let timers wait for milliseconds even if nothing is to be waited for, so that one slice would be few.
      const until = performance.now() + TURN;
      let slices = 0;
      do this.scratch.tick(this.clock());
      while (this.#isBusy() && ++slices < SLICES && performance.now() < until);
      this.#noteUnstored();
      if ((this.scratch.attention & Attention.Happened) !== 0) this.#drain();
      this.#setTimer();
    } catch (error) {
      this.#judge(error);
    }
  }

  /** Whether a script goes on that has nothing to tell anybody yet. */
  #isBusy(): boolean {
    return this.scratch.attention === 0 && this.scratch.engine.nextDeadline() === 0;
  }

  /** Tells answers from traps; after a trap nothing can be called any more. */
  #judge(error: unknown): unknown {
    if (!(error instanceof WebAssembly.RuntimeError)) return error;
    this.#poisoned(new RedletError("POISONED", `the engine has stopped: ${error.message}`, { cause: error }));
    return this.#ended;
  }
}

/** Tells a listener of progress, but not more often than somebody can see, and of the end. */
function teller(listener: ((progress: Progress) => void) | undefined) {
  let told = performance.now();
  return (bytes: number, total: number, keys: number) => {
    const now = performance.now();
    if (listener === undefined || (now - told < 20 && bytes < total)) return;
    told = now;
    listener({ bytes, total, keys });
  };
}

/** Makes one of our errors of what the engine rejects with, whose name is the code. */
function storageError(error: unknown): RedletError {
  if (error instanceof RedletError) return error;
  const { name, message } = error as { name: RedletErrorCode; message: string };
  return new RedletError(name, message, { cause: error });
}
