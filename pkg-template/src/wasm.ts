import { __wbg_reset_state as reset, initSync } from "redlet-wasm";
import { RedletError } from "./errors.js";

/** Finds the compiled module: each entry of the package has its own way. */
export type Loader = () => WebAssembly.Module | Promise<WebAssembly.Module>;

let memory: WebAssembly.Memory | undefined;
let poisoned = false;

/** Returns the linear memory of the one instance, which is made at the first call, and anew after a panic. */
export function instantiate(module: WebAssembly.Module): WebAssembly.Memory {
  if (memory !== undefined && !poisoned) return memory;
  if (memory !== undefined) reset();
  poisoned = false;
  // What is instantiated already stays: this just returns its exports.
  memory = initSync({ module }).memory;
  return memory;
}

/** Gives up the instance: a trap has left it in the middle of something. */
export function poison(): void {
  poisoned = true;
}

/** Compiles what an entry, or the option `wasm`, has. */
export async function compile(load: Loader | undefined, wasm: WebAssembly.Module | BufferSource | undefined): Promise<WebAssembly.Module> {
  if (isModule(wasm)) return wasm;
  if (wasm !== undefined) return WebAssembly.compile(wasm);
  return loaded(load);
}

/** Compiles at once, or throws. */
export function compileNow(load: Loader | undefined, wasm: WebAssembly.Module | BufferSource | undefined): WebAssembly.Module {
  if (isModule(wasm)) return wasm;
  if (wasm !== undefined) return new WebAssembly.Module(wasm);
  const module = loaded(load);
  if (isModule(module)) return module;
  throw new RedletError("UNAVAILABLE", "the module has to be fetched here: await open(), or give the option `wasm`");
}

function loaded(load: Loader | undefined): ReturnType<Loader> {
  if (load === undefined) throw new RedletError("UNAVAILABLE", "this entry has no module: give the option `wasm`");
  return load();
}

/** Tells compiled modules, of whichever realm. */
export function isModule(source: unknown): source is WebAssembly.Module {
  return Object.prototype.toString.call(source) === "[object WebAssembly.Module]";
}

/** Tells WebAssembly from the HTML that servers of single-page programs answer for any file. */
export function isWasm(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;
}
