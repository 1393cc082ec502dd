import { inline } from "./inline.js";
import { isWasm, type Loader } from "../wasm.js";

/** Returns what fetches a module, from beside the JavaScript; where that does not work, it unpacks the inline copy. */
export function fetched(url: () => URL, copy: () => Promise<{ default: string }>): Loader {
  let module: Promise<WebAssembly.Module> | undefined;
  return () => (module ??= download(url()).catch(async () => inline((await copy()).default)()));
}

async function download(url: URL): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (!response.ok || !isWasm(bytes)) throw new TypeError(`${response.url} is no WebAssembly module`);
  return WebAssembly.compile(bytes);
}
