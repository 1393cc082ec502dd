import { names } from "./commands.js";

const attached = new WeakSet<object>();

/**
 * Gives a class a method for every command: `configGet` for CONFIG GET. Each calls `run` with the command's words and
 * its own arguments. What the class has by itself stays. The second time nothing happens.
 */
export function attachCommands(prototype: object, run: (self: never, words: string[], args: unknown[]) => unknown): void {
  if (attached.has(prototype)) return;
  attached.add(prototype);
  for (const name of names.split("|")) {
    const words = name.split(" ");
    const method = camelCase(name);
    if (method in prototype) continue;
    Object.defineProperty(prototype, method, {
      value(this: never, ...args: unknown[]) {
        return run(this, words, args);
      },
      configurable: true,
      writable: true,
    });
  }
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/[ -](.)/g, (_, letter: string) => letter.toUpperCase());
}
