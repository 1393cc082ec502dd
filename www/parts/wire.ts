import type { Answer } from "./answer.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A word of a call. */
export type Word = string | Uint8Array;

/** Writes a call as a server reads it. */
export function encodeCall(words: readonly Word[]): Uint8Array {
  const parts: Uint8Array[] = [encoder.encode(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = typeof word === "string" ? encoder.encode(word) : word;
    parts.push(encoder.encode(`$${bytes.length}\r\n`), bytes, encoder.encode("\r\n"));
  }
  return joined(parts);
}

/** Reads answers out of a stream, in whatever pieces it comes. */
export class Answers {
  #bytes: Uint8Array = new Uint8Array();

  /** Takes a piece; returns the answers that are whole now. */
  feed(piece: Uint8Array): Answer[] {
    this.#bytes = joined([this.#bytes, piece]);
    const answers: Answer[] = [];
    let start = 0;
    for (;;) {
      const found = read(this.#bytes, start);
      if (found === undefined) break;
      answers.push(found.answer);
      start = found.end;
    }
    this.#bytes = this.#bytes.slice(start);
    return answers;
  }
}

interface Found {
  answer: Answer;
  end: number;
}

/** What the first byte says that is followed by text alone. */
const simple = { "+": "status", "-": "error", ":": "integer", "(": "integer", ",": "double" } as const;
const collections = { "*": "array", "~": "set", ">": "push", "%": "map" } as const;

/** Reads one answer at a place; undefined if it is not all there. */
function read(bytes: Uint8Array, start: number): Found | undefined {
  const lineEnd = bytes.indexOf(13, start);
  if (lineEnd < 0 || lineEnd + 2 > bytes.length) return undefined;
  const text = decoder.decode(bytes.subarray(start + 1, lineEnd));
  const end = lineEnd + 2;
  const type = String.fromCharCode(bytes[start]!);
  if (type in simple) return { answer: { kind: simple[type as keyof typeof simple], text }, end };
  if (type in collections) return readItems(bytes, end, type as keyof typeof collections, Number(text));
  switch (type) {
    case "_":
      return { answer: { kind: "null" }, end };
    case "#":
      return { answer: { kind: "boolean", text: String(text === "t") }, end };
    case "$":
    case "=":
      return readBytes(bytes, end, type === "=", Number(text));
    default:
      throw new Error(`what was sent is not RESP: it begins with ${JSON.stringify(type)}`);
  }
}

function readBytes(bytes: Uint8Array, start: number, verbatim: boolean, length: number): Found | undefined {
  if (length < 0) return { answer: { kind: "null" }, end: start };
  const end = start + length + 2;
  if (end > bytes.length) return undefined;
  const content = bytes.slice(start, start + length);
  // Four bytes say what kind of text it is.
  if (verbatim) return { answer: { kind: "verbatim", text: decoder.decode(content.subarray(4)) }, end };
  return { answer: { kind: "bulk", bytes: content }, end };
}

function readItems(
  bytes: Uint8Array,
  start: number,
  type: keyof typeof collections,
  length: number,
): Found | undefined {
  if (length < 0) return { answer: { kind: "null" }, end: start };
  const items: Answer[] = [];
  const count = type === "%" ? 2 * length : length;
  let end = start;
  while (items.length < count) {
    const found = read(bytes, end);
    if (found === undefined) return undefined;
    items.push(found.answer);
    end = found.end;
  }
  return { answer: { kind: collections[type], items }, end };
}

function joined(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
