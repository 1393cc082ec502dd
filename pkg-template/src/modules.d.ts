/** A module's bytes in base64, as the packer writes them. */
declare module "redlet-inline" {
  const base64: string;
  export default base64;
}

declare module "redlet-scripting-inline" {
  const base64: string;
  export default base64;
}

/** What runtimes at the edge make of a .wasm file. */
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

declare module "*.wasm?module" {
  const module: WebAssembly.Module;
  export default module;
}
