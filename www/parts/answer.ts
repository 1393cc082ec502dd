/** A reply or a message, as the protocol tells them apart. */
export type Answer =
  | { kind: "status" | "error" | "integer" | "double" | "boolean" | "verbatim"; text: string }
  | { kind: "bulk"; bytes: Uint8Array }
  | { kind: "null" }
  | { kind: "array" | "set" | "push"; items: Answer[] }
  /** Keys and values in turn. */
  | { kind: "map"; items: Answer[] };

const decoder = new TextDecoder();

/** Returns an answer's text, without quotes; empty if it has none. */
export function textOf(answer: Answer | undefined): string {
  if (answer === undefined) return "";
  if ("text" in answer) return answer.text;
  return answer.kind === "bulk" ? decoder.decode(answer.bytes) : "";
}

/** Returns the parts of an answer that has some. */
export function itemsOf(answer: Answer | undefined): Answer[] {
  return answer !== undefined && "items" in answer ? answer.items : [];
}

/** Returns the lines that redis-cli prints for an answer. */
export function printed(answer: Answer): string[] {
  switch (answer.kind) {
    case "status":
      return [withoutControls(answer.text)];
    case "verbatim":
      return lines(answer.text);
    case "error":
      return [`(error) ${withoutControls(answer.text)}`];
    case "integer":
    case "double":
      return [`(${answer.kind}) ${answer.text}`];
    case "boolean":
      return [`(${answer.text})`];
    case "null":
      return ["(nil)"];
    case "bulk":
      return [quoted(answer.bytes)];
    case "map":
      return answer.items.length === 0 ? ["(empty hash)"] : pairs(answer.items);
    case "set":
      return answer.items.length === 0 ? ["(empty set)"] : numbered(answer.items.map(printed), "~");
    case "array":
    case "push":
      return answer.items.length === 0 ? [`(empty ${answer.kind})`] : numbered(answer.items.map(printed), ")");
  }
}

/** Returns a text's lines, without what could move a terminal's cursor. */
export function lines(text: string): string[] {
  return text.trimEnd().split(/\r?\n/).map(withoutControls);
}

function withoutControls(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "");
}

function numbered(items: string[][], mark: string): string[] {
  const width = String(items.length).length;
  return items.flatMap((item, i) => {
    const head = `${String(i + 1).padStart(width)}${mark} `;
    return item.map((line, j) => (j === 0 ? head : " ".repeat(head.length)) + line);
  });
}

function pairs(items: Answer[]): string[] {
  const shown: string[][] = [];
  for (let i = 0; i + 1 < items.length; i += 2) {
    const key = `${printed(items[i]!).join(" ")} => `;
    const value = printed(items[i + 1]!);
    shown.push(itemsOf(items[i + 1]).length > 0 ? [key, ...value] : [key + value[0], ...value.slice(1)]);
  }
  return numbered(shown, "#");
}

const escapes: Record<number, string> = {
  7: "\\a",
  8: "\\b",
  9: "\\t",
  10: "\\n",
  13: "\\r",
  34: '\\"',
  92: "\\\\",
};

/** Shows bytes between quotes. UTF-8 stays as it is; what is none, or can't be seen, is escaped. */
export function quoted(bytes: Uint8Array): string {
  const text = asUtf8(bytes);
  const shown = text === undefined ? Array.from(bytes, escaped) : Array.from(text, letter);
  return `"${shown.join("")}"`;
}

function letter(char: string): string {
  if (char >= " " && char < "\x7f") return escaped(char.charCodeAt(0));
  const visible = char > "\x9f" && !/[\p{Cf}\p{Zl}\p{Zp}]/u.test(char);
  return visible ? char : Array.from(new TextEncoder().encode(char), escaped).join("");
}

function escaped(byte: number): string {
  const known = escapes[byte];
  if (known !== undefined) return known;
  return byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
}

function asUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
