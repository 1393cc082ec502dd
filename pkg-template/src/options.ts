import { RedletError } from "./errors.js";

/** Where data can be kept. */
export type Place = "memory" | "indexeddb" | "opfs";

/** How far reading is. */
export interface Progress {
  /** Bytes that were read. */
  bytes: number;
  /** How many there are; undefined for a stream. */
  total: number | undefined;
  /** Keys that there are by now. */
  keys: number;
}

/** How a database is opened. */
export interface OpenOptions {
  /** Names the database among those of this origin; `"default"` if it is left out. */
  name?: string;
  /**
   * Where it is kept. What is in memory is gone with the page; that is the default. `"opfs"` is files of the origin
   * private file system, which only a dedicated worker can write to. Nothing else takes the place of what is named.
   */
  storage?: Place;
  /**
   * Asks the browser, when the database is opened, to keep this origin's data when room gets short. Its answer is in
   * `storageReport()`; some browsers ask their user.
   */
  persistentStorage?: boolean;
  /**
   * When changes are stored: before a promise resolves, within a second (the default), or when the page is idle.
   */
  appendfsync?: "always" | "everysec" | "no";
  /** How many bytes of log may lie between two snapshots. A larger snapshot allows for as many as it has. */
  ringBytes?: number;
  /** Parameters, by their names in redis.conf: `{ "notify-keyspace-events": "KEA" }`. */
  config?: Record<string, string | number | boolean>;
  /** Is told how far opening is, several times a second. */
  onProgress?: (progress: Progress) => void;
  /** Is told when storage fails, works again or is lost, and what was found damaged. */
  onStorage?: (event: StorageEvent) => void;
  /** The compiled module, or its bytes, where the entry's own is not wanted; `redlet/slim` has none. */
  wasm?: WebAssembly.Module | BufferSource;
  /** Milliseconds since 1970: a test's own clock. */
  clock?: () => number;
}

/**
 * What has happened to storage.
 *
 * - `damaged`: opening found something damaged, and left it out.
 * - `short`: four fifths of the browser's quota are used. From then on snapshots take the place of the log early.
 * - `failing`: changes can't be stored; it is tried again every second.
 * - `full`: the same, because the browser's quota is used up: the message says how much that is. Once there is room
 *   again, by deleting something of this origin, `working` follows.
 * - `working`: they can be stored again.
 * - `lost`: they can't be stored until the database is opened anew.
 */
export interface StorageEvent {
  kind: "damaged" | "failing" | "short" | "full" | "working" | "lost";
  message: string;
}

const PLACES: readonly unknown[] = ["memory", "indexeddb", "opfs"] satisfies Place[];

/** Returns where the data is to be kept. */
export function placeOf({ storage = "memory" }: OpenOptions): Place {
  if (PLACES.includes(storage)) return storage;
  throw new RedletError("UNAVAILABLE", `there is no storage ${JSON.stringify(storage)}: ${PLACES.join(" or ")}`);
}

const RING_BYTES = 16 * 1024 * 1024;

export function ringBytes(options: OpenOptions): number {
  return options.ringBytes ?? RING_BYTES;
}

/** Returns parameters as a redis.conf file has them. */
export function parameters(options: OpenOptions): Record<string, string> {
  const stored = placeOf(options) !== "memory";
  // Nothing is saved by itself where there is nowhere to save to.
  const config: Record<string, string> = stored ? { appendonly: "yes" } : { save: "" };
  if (options.appendfsync !== undefined) config["appendfsync"] = options.appendfsync;
  for (const [name, value] of Object.entries(options.config ?? {})) {
    config[name] = typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
  }
  return config;
}
