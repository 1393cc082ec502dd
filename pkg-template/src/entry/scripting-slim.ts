import * as bindings from "redlet-scripting-wasm";
import { Redlet as Base } from "../redlet.js";
import { RedletSync as BaseSync } from "../sync.js";
import { Build } from "../wasm.js";

const build = new Build(bindings);
export * from "../index.js";
export class Redlet<S = string> extends Base<S> { static override readonly build = build; }
export class RedletSync<S = string> extends BaseSync<S> { static override readonly build = build; }
