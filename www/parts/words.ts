/**
 * Splits a line into words as redis-cli does: blanks separate, `"…"` knows escapes, `'…'` knows `\'`.
 * Undefined if a quote is left open.
 */
export function splitWords(line: string): Uint8Array[] | undefined {
  const words: Uint8Array[] = [];
  const encoder = new TextEncoder();
  let at = 0;
  for (;;) {
    while (isBlank(line[at])) at++;
    if (at >= line.length) return words;
    const bytes: number[] = [];
    while (at < line.length && !isBlank(line[at])) {
      const char = String.fromCodePoint(line.codePointAt(at)!);
      if (char !== '"' && char !== "'") {
        bytes.push(...encoder.encode(char));
        at += char.length;
        continue;
      }
      const end = quotedEnd(line, at);
      if (end === undefined || (end < line.length && !isBlank(line[end]))) return undefined;
      bytes.push(...unquoted(line.slice(at + 1, end - 1), char));
      at = end;
    }
    words.push(Uint8Array.from(bytes));
  }
}

function isBlank(char: string | undefined): boolean {
  return char !== undefined && " \t\n\v\f\r".includes(char);
}

/** Returns the place behind the quote that closes the one at `start`. */
function quotedEnd(line: string, start: number): number | undefined {
  for (let at = start + 1; at < line.length; at++) {
    if (line[at] === "\\") at++;
    else if (line[at] === line[start]) return at + 1;
  }
  return undefined;
}

const controls: Record<string, number> = { n: 10, r: 13, t: 9, b: 8, a: 7 };

function unquoted(text: string, quote: string): number[] {
  const encode = (part: string) => [...new TextEncoder().encode(part)];
  if (quote === "'") return encode(text.replaceAll("\\'", "'"));
  const parts = text.match(/\\x[0-9a-fA-F]{2}|\\.|[^\\]+/gsu) ?? [];
  return parts.flatMap((part) => {
    if (!part.startsWith("\\")) return encode(part);
    if (part.length === 4) return [parseInt(part.slice(2), 16)];
    const control = controls[part[1]!];
    return control === undefined ? encode(part.slice(1)) : [control];
  });
}
