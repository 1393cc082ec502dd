/** What a command answered instead of a reply. */
export class RedisError extends Error {
  override readonly name = "RedisError";
  /** The first word: `ERR`, `WRONGTYPE`, `NOSCRIPT`. */
  readonly code: string;

  constructor(message: string) {
    super(message);
    this.code = message.split(" ", 1)[0] ?? "ERR";
  }
}

/**
 * Why Redlet itself can't do what it was asked for.
 *
 * - `CLOSED`: the database was closed.
 * - `WOULD_WAIT`: the call would have to wait, and this face of the database can't.
 * - `LOCKED`: another tab or worker has the database open.
 * - `SUPERSEDED`: another tab or worker has taken the database over.
 * - `STORAGE`: what was asked is done in memory, but storage failed.
 * - `DAMAGED`: what is stored, or to be imported, can't be read.
 * - `NEWER`: a later version of Redlet has stored it in a way that this one does not know.
 * - `UNAVAILABLE`: this place has no such storage.
 * - `BUSY`: something of that kind is under way already.
 * - `POISONED`: the engine has panicked or ran out of memory; opening again starts from what is stored.
 */
export type RedletErrorCode =
  | "CLOSED"
  | "WOULD_WAIT"
  | "LOCKED"
  | "SUPERSEDED"
  | "STORAGE"
  | "DAMAGED"
  | "NEWER"
  | "UNAVAILABLE"
  | "BUSY"
  | "POISONED";

export class RedletError extends Error {
  override readonly name = "RedletError";

  constructor(
    readonly code: RedletErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Some calls of a pipeline failed. */
export class PipelineError extends Error {
  override readonly name = "PipelineError";

  constructor(
    /** What every call answered, a `RedisError` where it failed. */
    readonly replies: readonly unknown[],
    cause: RedisError,
  ) {
    super(cause.message, { cause });
  }
}
