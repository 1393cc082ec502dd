export * from "../index.js";
export { Redlet } from "../redlet.js";
export { RedletSync } from "../sync.js";
