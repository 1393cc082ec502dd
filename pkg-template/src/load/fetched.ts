import { isWasm } from "../wasm.js";

let module: Promise<WebAssembly.Module> | undefined;

/** Fetches the module from beside the JavaScript; where that does not work, unpacks the inline copy. */
export function fetched(): Promise<WebAssembly.Module> {
  module ??= download().catch(async () => (await import("./inline.js")).inline());
  return module;
}

async function download(): Promise<WebAssembly.Module> {
  // Bundlers know this form, and take the file along.
  const response = await fetch(new URL("./redlet.wasm", import.meta.url));
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (!response.ok || !isWasm(bytes)) throw new TypeError(`${response.url} is no WebAssembly module`);
  return WebAssembly.compile(bytes);
}
