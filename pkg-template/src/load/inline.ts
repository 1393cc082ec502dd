/** Returns what unpacks a copy of a module that is part of the JavaScript. */
export function inline(base64: string): () => WebAssembly.Module {
  let module: WebAssembly.Module | undefined;
  return () => (module ??= new WebAssembly.Module(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))));
}
