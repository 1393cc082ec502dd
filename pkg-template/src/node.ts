/**
 * What Node, Bun and Deno have besides TextDecoder and TextEncoder. It does the same, and needs no view of the bytes,
 * which takes as long as a short string. It is no part of what they promise, so it is tried before it is used.
 */

interface Methods {
  utf8Slice?(this: Uint8Array, start: number, end: number): string;
  utf8Write?(this: Uint8Array, text: string, at: number): number;
}

const methods = (globalThis as { Buffer?: { prototype?: Methods } }).Buffer?.prototype;

/** Reads UTF-8 between two places. */
export const nodeSlice = tried(methods?.utf8Slice, (slice) => slice.call(Uint8Array.of(97, 98, 99), 1, 2) === "b");

/** Writes UTF-8 to a place; returns how many bytes that took. */
export const nodeWrite = tried(methods?.utf8Write, (write) => {
  const bytes = new Uint8Array(4);
  return write.call(bytes, "\u00e9", 1) === 2 && bytes.join() === "0,195,169,0";
});

function tried<M>(method: M | undefined, works: (method: M) => boolean): M | undefined {
  try {
    return method !== undefined && works(method) ? method : undefined;
  } catch {
    return undefined;
  }
}
