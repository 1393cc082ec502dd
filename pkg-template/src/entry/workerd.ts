import { Redlet as Base } from "../redlet.js";
import { RedletSync as BaseSync } from "../sync.js";
import module from "./redlet.wasm";

const load = () => module;
export * from "../index.js";
export class Redlet<S = string> extends Base<S> { static override readonly load = load; }
export class RedletSync<S = string> extends BaseSync<S> { static override readonly load = load; }
