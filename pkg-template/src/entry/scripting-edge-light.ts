import * as bindings from "redlet-scripting-wasm";
import { Redlet as Base } from "../redlet.js";
import { RedletSync as BaseSync } from "../sync.js";
import { Build } from "../wasm.js";
import module from "./redlet-scripting.wasm?module";

const build = new Build(bindings, () => module);
export * from "../index.js";
export class Redlet<S = string> extends Base<S> { static override readonly build = build; }
export class RedletSync<S = string> extends BaseSync<S> { static override readonly build = build; }
