import { Redlet as Base } from "../redlet.js";
import { RedletSync as BaseSync } from "../sync.js";
import { inline } from "../load/inline.js";

export * from "../index.js";
export class Redlet<S = string> extends Base<S> { static override readonly load = inline; }
export class RedletSync<S = string> extends BaseSync<S> { static override readonly load = inline; }
