import type { Redlet as Engine } from "redlet-wasm";
import { RedletError } from "./errors.js";

/** Finds the compiled module: each entry of the package has its own way. */
export type Loader = () => WebAssembly.Module | Promise<WebAssembly.Module>;

/** What wasm-bindgen writes beside a module: the class, and what makes the one instance that the class uses. */
export interface Bindings {
  readonly Redlet: typeof Engine;
  initSync(source: { module: WebAssembly.Module }): { readonly memory: WebAssembly.Memory };
  __wbg_reset_state(): void;
}

/** A build of the engine, as an entry of the package has it. */
export class Build {
  readonly #bindings: Bindings;
  readonly #load: Loader | undefined;
  #memory: WebAssembly.Memory | undefined;
  #poisoned = false;

  constructor(bindings: Bindings, load?: Loader) {
    this.#bindings = bindings;
    this.#load = load;
  }

  /** The engine's class, to be used once there is an instance. */
  get Engine(): typeof Engine {
    return this.#bindings.Redlet;
  }

  /** Returns the linear memory of the one instance, which is made at the first call, and anew after a panic. */
  instantiate(module: WebAssembly.Module): WebAssembly.Memory {
    if (this.#memory !== undefined && !this.#poisoned) return this.#memory;
    if (this.#memory !== undefined) this.#bindings.__wbg_reset_state();
    this.#poisoned = false;
    // What is instantiated already stays: this just returns its exports.
    this.#memory = this.#bindings.initSync({ module }).memory;
    return this.#memory;
  }

  /** Gives up the instance: a trap has left it in the middle of something. */
  poison(): void {
    this.#poisoned = true;
  }

  /** Compiles what the entry, or the option `wasm`, has. */
  async compile(wasm: WebAssembly.Module | BufferSource | undefined): Promise<WebAssembly.Module> {
    if (isModule(wasm)) return wasm;
    if (wasm !== undefined) return WebAssembly.compile(wasm);
    return this.#loaded();
  }

  /** Compiles at once, or throws. */
  compileNow(wasm: WebAssembly.Module | BufferSource | undefined): WebAssembly.Module {
    if (isModule(wasm)) return wasm;
    if (wasm !== undefined) return new WebAssembly.Module(wasm);
    const module = this.#loaded();
    if (isModule(module)) return module;
    throw new RedletError("UNAVAILABLE", "the module has to be fetched here: await open(), or give the option `wasm`");
  }

  #loaded(): ReturnType<Loader> {
    if (this.#load === undefined) throw new RedletError("UNAVAILABLE", "this entry has no module: give the option `wasm`");
    return this.#load();
  }
}

/** Tells compiled modules, of whichever realm. */
export function isModule(source: unknown): source is WebAssembly.Module {
  return Object.prototype.toString.call(source) === "[object WebAssembly.Module]";
}

/** Tells WebAssembly from the HTML that servers of single-page programs answer for any file. */
export function isWasm(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;
}
