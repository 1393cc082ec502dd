import { Redlet as Base } from "../redlet.js";
import { RedletSync as BaseSync } from "../sync.js";
import { fetched } from "../load/fetched.js";

export * from "../index.js";
export class Redlet<S = string> extends Base<S> { static override readonly load = fetched; }
export class RedletSync<S = string> extends BaseSync<S> { static override readonly load = fetched; }
