import type { Terminal } from "@xterm/xterm";
import { behind } from "./width.js";

/** What the editor asks while a line is typed. */
export interface Advice {
  completions(typed: string): string[];
  hint(line: string): string;
}

const quiet = (text: string) => `\x1b[90m${text}\x1b[0m`;

/** Edits the line at the bottom of a terminal: history, completion, hints, and the usual keys. */
export class Editor {
  /** Gets a line; the next one is taken when that is done. */
  onLine: (line: string) => Promise<void> = async () => {};
  /** Gets Ctrl-C while a line is being dealt with. */
  onInterrupt: () => void = () => {};
  prompt = "";
  readonly #terminal: Terminal;
  readonly #advice: Advice;
  readonly #history: string[];
  #chars: string[] = [];
  #cursor = 0;
  /** The row that the cursor was left in, counted from the prompt's. */
  #row = 0;
  /** The line of the history that is shown; its length when a new one is typed. */
  #shown: number;
  /** The new line, while one of the history is shown. */
  #draft = "";
  /** What Tab makes of the line, one after the other. */
  #choices: string[] = [];
  /** Keys that were not dealt with yet: pasted, or typed while a line was being dealt with. */
  #keys: string[] = [];
  #working = false;
  #running = false;
  readonly #actions: Record<string, () => void> = {
    "\x7f": () => this.#rubOut(),
    "\b": () => this.#rubOut(),
    "\t": () => this.#complete(),
    "\x03": () => this.#abandon(),
    "\x0c": () => this.clear(),
    "\x04": () => this.#delete(),
    "\x1b[3~": () => this.#delete(),
    "\x0b": () => void (this.#chars.length = this.#cursor),
    "\x15": () => this.#replace(""),
    "\x17": () => this.#cutWord(),
    "\x10": () => this.#older(),
    "\x1b[A": () => this.#older(),
    "\x0e": () => this.#newer(),
    "\x1b[B": () => this.#newer(),
    "\x02": () => this.#move(this.#cursor - 1),
    "\x1b[D": () => this.#move(this.#cursor - 1),
    "\x06": () => this.#move(this.#cursor + 1),
    "\x1b[C": () => this.#move(this.#cursor + 1),
    "\x01": () => this.#move(0),
    "\x1b[H": () => this.#move(0),
    "\x05": () => this.#move(Infinity),
    "\x1b[F": () => this.#move(Infinity),
    "\x1b[1;5D": () => this.#move(this.#wordStart()),
    "\x1bb": () => this.#move(this.#wordStart()),
    "\x1b[1;5C": () => this.#move(this.#wordEnd()),
    "\x1bf": () => this.#move(this.#wordEnd()),
  };

  constructor(terminal: Terminal, advice: Advice, history: string[]) {
    this.#terminal = terminal;
    this.#advice = advice;
    this.#history = history;
    this.#shown = history.length;
    terminal.onData((data) => this.feed(data));
  }

  /** Returns whether nothing is typed. */
  get empty(): boolean {
    return this.#chars.length === 0 && !this.#working;
  }

  /** Takes keys as a terminal sends them. */
  feed(data: string): void {
    if (this.#running && data.includes("\x03")) {
      this.#keys = [];
      return this.onInterrupt();
    }
    this.#keys.push(...splitKeys(data));
    if (!this.#working) void this.#work();
  }

  /** Shows the prompt, what has been typed behind it, and a hint as far as there is room in its row. */
  draw(): void {
    if (this.#running) return;
    const { cols } = this.#terminal;
    const start = behind(this.prompt, cols);
    const end = behind(this.#chars, cols, start);
    const cursor = behind(this.#chars.slice(0, this.#cursor), cols, start);
    // A terminal wraps when the next letter comes, and the cursor can't stand behind the last column.
    const wrapped = cursor.column === cols ? { row: cursor.row + 1, column: 0 } : cursor;
    const last = end.column === cols ? "\r\n" : "";
    const below = (last === "" ? end.row : end.row + 1) - wrapped.row;
    const text = this.#chars.join("") + quiet(this.#hint(cols - end.column - 1)) + last;
    const up = below > 0 ? `\x1b[${below}A` : "";
    const right = wrapped.column > 0 ? `\x1b[${wrapped.column}C` : "";
    this.#terminal.write(`${this.#erasure()}${this.prompt}${text}\r${up}${right}`);
    this.#row = wrapped.row;
  }

  /** Prints lines above the prompt. */
  print(lines: readonly string[]): void {
    this.#terminal.write(this.#erasure() + lines.map((line) => `${line}\r\n`).join(""));
    this.#row = 0;
    this.draw();
  }

  clear(): void {
    this.#terminal.write("\x1b[H\x1b[2J\x1b[3J");
    this.#row = 0;
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let key; (key = this.#keys.shift()) !== undefined; ) {
      if (key === "\r") await this.#run(this.#enter());
      else (this.#actions[key] ?? (() => this.#insert(key)))();
      if (key !== "\t") this.#choices = [];
    }
    this.#working = false;
    this.draw();
  }

  async #run(line: string): Promise<void> {
    this.#running = true;
    try {
      await this.onLine(line);
    } finally {
      this.#running = false;
    }
  }

  /** Takes the line that was typed, and leaves it standing without its hint. */
  #enter(): string {
    const line = this.#chars.join("");
    this.#terminal.write(`${this.#erasure()}${this.prompt}${line}\r\n`);
    this.#row = 0;
    this.#replace("");
    if (line.trim() !== "" && line !== this.#history.at(-1)) this.#history.push(line);
    this.#shown = this.#history.length;
    return line;
  }

  /** Leaves the line standing, and begins another. */
  #abandon(): void {
    this.#terminal.write(`${this.#erasure()}${this.prompt}${this.#chars.join("")}^C\r\n`);
    this.#row = 0;
    this.#replace("");
    this.#shown = this.#history.length;
  }

  #erasure(): string {
    return `${this.#row > 0 ? `\x1b[${this.#row}A` : ""}\r\x1b[J`;
  }

  #hint(room: number): string {
    const hint = this.#cursor === this.#chars.length ? this.#advice.hint(this.#chars.join("")) : "";
    return hint.length <= room ? hint : room > 1 ? `${hint.slice(0, room - 1)}…` : "";
  }

  #insert(key: string): void {
    if (key < " ") return;
    this.#chars.splice(this.#cursor, 0, key);
    this.#cursor++;
  }

  #replace(line: string): void {
    this.#chars = [...line];
    this.#cursor = this.#chars.length;
  }

  #move(to: number): void {
    this.#cursor = Math.min(Math.max(to, 0), this.#chars.length);
  }

  #rubOut(): void {
    if (this.#cursor > 0) this.#chars.splice(--this.#cursor, 1);
  }

  #delete(): void {
    this.#chars.splice(this.#cursor, 1);
  }

  #cutWord(): void {
    const start = this.#wordStart();
    this.#chars.splice(start, this.#cursor - start);
    this.#cursor = start;
  }

  #wordStart(): number {
    let at = this.#cursor;
    while (at > 0 && this.#chars[at - 1] === " ") at--;
    while (at > 0 && this.#chars[at - 1] !== " ") at--;
    return at;
  }

  #wordEnd(): number {
    let at = this.#cursor;
    while (this.#chars[at] === " ") at++;
    while (at < this.#chars.length && this.#chars[at] !== " ") at++;
    return at;
  }

  /** Goes round: every completion in turn, and then what was typed. */
  #complete(): void {
    if (this.#choices.length === 0) {
      const typed = this.#chars.join("");
      const choices = this.#advice.completions(typed);
      if (choices.length > 0) this.#choices = [...choices, typed];
    }
    const next = this.#choices.shift();
    if (next === undefined) return;
    this.#choices.push(next);
    this.#replace(next);
  }

  #older(): void {
    if (this.#shown === 0) return;
    if (this.#shown >= this.#history.length) this.#draft = this.#chars.join("");
    this.#replace(this.#history[--this.#shown]!);
  }

  #newer(): void {
    if (this.#shown < this.#history.length) this.#replace(this.#history[++this.#shown] ?? this.#draft);
  }
}

/** Splits what a terminal sends into keys: escape sequences whole, anything else by character. */
function splitKeys(data: string): string[] {
  return data.replaceAll("\r\n", "\r").replaceAll("\n", "\r").match(/\x1b\[[0-9;]*[A-Za-z~]|\x1b?./gsu) ?? [];
}
