import * as bindings from "redlet-scripting-wasm";
import { Redlet as Base } from "../redlet.js";
import { RedletSync as BaseSync } from "../sync.js";
import { fetched } from "../load/fetched.js";
import { Build } from "../wasm.js";

// Bundlers know a URL of this form, and take the file along.
const load = fetched(() => new URL("./redlet-scripting.wasm", import.meta.url), () => import("redlet-scripting-inline"));
const build = new Build(bindings, load);
export * from "../index.js";
export class Redlet<S = string> extends Base<S> { static override readonly build = build; }
export class RedletSync<S = string> extends BaseSync<S> { static override readonly build = build; }
