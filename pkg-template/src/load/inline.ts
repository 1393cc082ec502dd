import base64 from "redlet-inline";

let module: WebAssembly.Module | undefined;

/** Unpacks the copy of the module that is part of the JavaScript. */
export function inline(): WebAssembly.Module {
  module ??= new WebAssembly.Module(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
  return module;
}
