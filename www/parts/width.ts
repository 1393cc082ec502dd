/** Where a cursor stands: rows below the one that a text began in, and columns. */
export interface Place {
  row: number;
  column: number;
}

const zero = /[\p{Mn}\p{Me}\u200b-\u200f\u2060]/u;
const wide = /[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3040-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

/** Returns how many columns a letter takes in the terminal. */
function width(char: string): number {
  if (char < "\u0300") return 1;
  return zero.test(char) ? 0 : wide.test(char) ? 2 : 1;
}

/** Returns where a cursor stands behind a text that begins at `from`, in a terminal that wraps. */
export function behind(text: Iterable<string>, columns: number, from: Place = { row: 0, column: 0 }): Place {
  let { row, column } = from;
  for (const char of text) {
    const more = width(char);
    if (column + more > columns) {
      row++;
      column = 0;
    }
    column += more;
  }
  return { row, column };
}
