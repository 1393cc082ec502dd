import type { CoreOptions } from "./core.js";

/** How a database is opened. */
export interface OpenOptions {
  /** Names the database among those of this origin. */
  name?: string;
  /** Where it is kept. In memory it is gone with the page. */
  storage?: "memory";
  /** Parameters, by their names in redis.conf: `{ "notify-keyspace-events": "KEA" }`. */
  config?: Record<string, string | number | boolean>;
  /** The compiled module, or its bytes, where the entry's own is not wanted; `redlet/slim` has none. */
  wasm?: WebAssembly.Module | BufferSource;
  /** Milliseconds since 1970; a test's own clock. */
  clock?: () => number;
}

/** Returns what the engine is made with. */
export function coreOptions(options: OpenOptions): CoreOptions {
  // Nothing is saved by itself where there is nowhere to save to.
  const config: Record<string, string> = { save: "" };
  for (const [name, value] of Object.entries(options.config ?? {})) {
    config[name] = typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
  }
  return { config, clock: options.clock ?? Date.now };
}
