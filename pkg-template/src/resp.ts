import { RedisError } from "./errors.js";
import { nodeSlice } from "./node.js";
import type { Reply } from "./values.js";

/** Takes nothing away: by itself a decoder takes U+FEFF at the beginning for a mark of the encoding. */
export const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
function decode(bytes: Uint8Array, start: number, end: number): string {
  return nodeSlice === undefined ? decoder.decode(bytes.subarray(start, end)) : nodeSlice.call(bytes, start, end);
}

/** Up to this length, in bytes, ASCII is read faster here than by the decoder. It takes a browser's three times as long to begin. */
const SHORT = "process" in globalThis ? 32 : 64;

/** A message that nobody asked for: `["message", channel, payload]`. */
export class Push {
  constructor(readonly parts: Reply<string | Uint8Array>[]) {}
}

/** Reads RESP where it lies. The engine has written it, so it is whole and well formed. */
export class Reader {
  #at = 0;
  #end = 0;
  #bytes: Uint8Array = new Uint8Array();
  #binary = false;

  /** Goes to the replies between two places; `binary` asks for bulk strings as bytes of their own. */
  open(bytes: Uint8Array, start: number, end: number, binary: boolean): this {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#binary = binary;
    return this;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** Reads one reply, or one message, with all its parts. */
  next(): Reply<string | Uint8Array> | Push {
    switch (this.#bytes[this.#at++]) {
      case 36: // $
        return this.#bulk(this.#integer());
      case 43: // +
        return this.#line();
      case 58: // :
        return this.#number();
      case 95: // _
        return this.#null();
      case 42: // *
      case 126: // ~
        return this.#parts(this.#integer());
      case 37: // %
        return this.#map(this.#integer());
      case 45: // -
        return new RedisError(this.#line());
      case 44: // ,
        return double(this.#line());
      case 35: // #
        return this.#line() === "t";
      case 61: // =
        return this.#bulk(this.#integer())?.slice(4) ?? null;
      case 40: // (
        return BigInt(this.#line());
      case 62: // >
        return new Push(this.#parts(this.#integer()) ?? []);
      case 124: // |
        this.#map(this.#integer());
        return this.next();
      default:
        throw new TypeError(`not a reply at ${this.#at - 1}`);
    }
  }

  /** Reads a length or a small number, and the line's end. */
  #integer(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    const negative = bytes[at] === 45;
    if (negative) at++;
    let n = 0;
    for (let digit = bytes[at]!; digit !== 13; digit = bytes[++at]!) n = n * 10 + (digit - 48);
    this.#at = at + 2;
    return negative ? -n : n;
  }

  #number(): number | bigint {
    const start = this.#at;
    const n = this.#integer();
    return Number.isSafeInteger(n) ? n : BigInt(this.#text(start, this.#at - 2));
  }

  #bulk(length: number): string | Uint8Array | null {
    if (length < 0) return null;
    const start = this.#at;
    const end = start + length;
    this.#at = end + 2;
    return this.#binary ? this.#bytes.slice(start, end) : this.#text(start, end);
  }

  #line(): string {
    const bytes = this.#bytes;
    const start = this.#at;
    let end = start;
    while (bytes[end] !== 13) end++;
    this.#at = end + 2;
    if (end - start === 2 && bytes[start] === 79 && bytes[start + 1] === 75) return "OK";
    return this.#text(start, end);
  }

  #null(): null {
    this.#at += 2;
    return null;
  }

  #parts(length: number): Reply<string | Uint8Array>[] | null {
    if (length < 0) return null;
    const parts = new Array<Reply<string | Uint8Array>>(length);
    for (let i = 0; i < length; i++) parts[i] = this.next() as Reply<string | Uint8Array>;
    return parts;
  }

  #map(pairs: number): Reply<string | Uint8Array> {
    const map = new Map<Reply<string | Uint8Array>, Reply<string | Uint8Array>>();
    for (let i = 0; i < pairs; i++) {
      const key = this.next() as Reply<string | Uint8Array>;
      map.set(key, this.next() as Reply<string | Uint8Array>);
    }
    // `fromEntries` defines: a field named __proto__ is a field.
    return this.#binary ? map : Object.fromEntries(map);
  }

  #text(start: number, end: number): string {
    const bytes = this.#bytes;
    if (end - start > SHORT) return decode(bytes, start, end);
    let text = "";
    let i = start;
    // Many at a time: every piece that is appended is a string of its own until somebody reads the whole.
    for (; i + 16 <= end; i += 16) {
      const a = bytes[i]!, b = bytes[i + 1]!, c = bytes[i + 2]!, d = bytes[i + 3]!;
      const e = bytes[i + 4]!, f = bytes[i + 5]!, g = bytes[i + 6]!, h = bytes[i + 7]!;
      const j = bytes[i + 8]!, k = bytes[i + 9]!, l = bytes[i + 10]!, m = bytes[i + 11]!;
      const n = bytes[i + 12]!, o = bytes[i + 13]!, p = bytes[i + 14]!, q = bytes[i + 15]!;
      if ((a | b | c | d | e | f | g | h | j | k | l | m | n | o | p | q) > 127) return decode(bytes, start, end);
      text += String.fromCharCode(a, b, c, d, e, f, g, h, j, k, l, m, n, o, p, q);
    }
    for (; i + 8 <= end; i += 8) {
      const a = bytes[i]!, b = bytes[i + 1]!, c = bytes[i + 2]!, d = bytes[i + 3]!;
      const e = bytes[i + 4]!, f = bytes[i + 5]!, g = bytes[i + 6]!, h = bytes[i + 7]!;
      if ((a | b | c | d | e | f | g | h) > 127) return decode(bytes, start, end);
      text += String.fromCharCode(a, b, c, d, e, f, g, h);
    }
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (byte > 127) return decode(bytes, start, end);
      text += String.fromCharCode(byte);
    }
    return text;
  }
}

function double(text: string): number {
  if (text === "inf") return Infinity;
  if (text === "-inf") return -Infinity;
  return Number(text);
}
