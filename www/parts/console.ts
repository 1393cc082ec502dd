import { lines, printed, textOf, type Answer } from "./answer.js";
import { completions, help, hint } from "./commands.js";
import type { Connection } from "./connection.js";
import { Editor } from "./editor.js";
import type { Engine } from "./engine.js";
import type { Screen } from "./screen.js";
import { splitWords } from "./words.js";

/** What a console tells the page. */
export interface Page {
  /** A line was dealt with. */
  ran(line: string): void;
  /** The console talks to another database. */
  selected(db: number): void;
  /** The engine has accepted who we are. */
  authenticated(): void;
}

/** A client at work: lines that are typed, calls that are made of them, and what the prompt shows of its state. */
export class Console {
  readonly editor: Editor;
  readonly #screen: Screen;
  readonly #page: Page;
  #engine: Engine | undefined;
  #connection: Connection | undefined;
  #db = 0;
  #dbBeforeMulti = 0;
  #inMulti = false;
  /** Ends the wait for an answer, or for messages. */
  #cancel: (() => void) | undefined;

  constructor(screen: Screen, history: string[], page: Page) {
    this.#screen = screen;
    this.#page = page;
    this.editor = new Editor(screen.terminal, { completions, hint }, history);
    this.editor.onLine = (line) => this.#run(line);
    this.editor.onInterrupt = () => this.#interrupt();
    screen.leavesByTab = () => this.editor.empty;
    screen.onResize = () => this.editor.draw();
  }

  get db(): number {
    return this.#db;
  }

  /** Talks to an engine from now on; to none if there is none. */
  async attach(engine: Engine | undefined): Promise<void> {
    this.#interrupt();
    this.#engine = engine;
    this.#forget();
    this.#db = 0;
    await this.#connect().catch(() => {});
    this.#prompt();
  }

  /** Ends the connection. */
  close(): void {
    this.#interrupt();
    this.#forget();
  }

  async #run(line: string): Promise<void> {
    for (const said of await this.#answer(line)) this.editor.print([said]);
    this.#prompt();
    this.#page.ran(line);
  }

  async #answer(line: string): Promise<string[]> {
    const words = splitWords(line);
    if (words === undefined) return ["Invalid argument(s)"];
    const [name = "", ...rest] = words.map((word) => new TextDecoder().decode(word));
    const lower = name.toLowerCase();
    if (lower === "help" || lower === "?") return help(rest.join(" "), this.#screen.terminal.cols);
    if (lower === "clear" && rest.length === 0) {
      this.editor.clear();
      return [];
    }
    if (name === "") return [];
    try {
      const connection = await this.#connect();
      if (/^([ps]?subscribe|monitor)$/.test(lower) && !this.#inMulti) return await this.#read(connection, words);
      return await this.#call(connection, lower, rest, words);
    } catch (error) {
      return [error instanceof Error ? `Error: ${error.message}` : String(error)];
    }
  }

  async #call(connection: Connection, name: string, rest: string[], words: Uint8Array[]): Promise<string[]> {
    const start = performance.now();
    const answer = await Promise.race([connection.call(...words), this.#canceled()]);
    if (answer === undefined) return this.#reconnect();
    this.#note(name, rest, words, answer);
    const seconds = (performance.now() - start) / 1000;
    const took = seconds >= 0.5 ? [`(${seconds.toFixed(2)}s)`] : [];
    return [...shown(name, rest, answer), ...took];
  }

  /** Shows messages as they come, until Ctrl-C. */
  async #read(connection: Connection, words: Uint8Array[]): Promise<string[]> {
    this.editor.print(["Reading messages... (press Ctrl-C to quit)"]);
    const canceled = this.#canceled();
    const failed = new Promise<Answer | string>((resolve) => {
      connection.onMessage = (message) => {
        if (message.kind === "error") resolve(message);
        else this.editor.print(printed(message));
      };
      connection.onEnd = resolve;
    });
    connection.tell(...words);
    const end = await Promise.race([failed, canceled]);
    if (end === undefined) return this.#reconnect();
    this.#listen(connection);
    return typeof end === "string" ? [`Error: ${end}`] : printed(end);
  }

  /** Resolves when the person wants to wait no longer. */
  #canceled(): Promise<undefined> {
    return new Promise((resolve) => {
      this.#cancel = () => resolve(undefined);
    });
  }

  #interrupt(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Leaves a connection that is busy, for one that goes on in the same database. */
  async #reconnect(): Promise<string[]> {
    this.#forget();
    await this.#connect().catch(() => {});
    return ["^C"];
  }

  #forget(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#inMulti = false;
  }

  async #connect(): Promise<Connection> {
    if (this.#connection?.open) return this.#connection;
    if (this.#engine === undefined) throw new Error("No engine is open.");
    this.#forget();
    const connection = await this.#engine.connect();
    this.#connection = connection;
    this.#listen(connection);
    if (this.#db !== 0) void connection.call("SELECT", String(this.#db)).catch(() => {});
    return connection;
  }

  #listen(connection: Connection): void {
    connection.onMessage = (message) => this.editor.print(printed(message));
    connection.onEnd = () => this.#prompt();
  }

  /** Keeps what the prompt shows true. */
  #note(name: string, rest: string[], words: Uint8Array[], answer: Answer): void {
    if (answer.kind === "error" && name !== "exec") return;
    if (name === "auth" || (name === "hello" && /^auth$/i.test(rest[1] ?? ""))) {
      this.#engine!.credentials = words;
      this.#page.authenticated();
    } else if (name === "multi" && rest.length === 0) {
      this.#inMulti = true;
      this.#dbBeforeMulti = this.#db;
    } else if (name === "exec" && this.#inMulti) {
      this.#inMulti = false;
      if (answer.kind === "error" || answer.kind === "null") this.#db = this.#dbBeforeMulti;
    } else if (name === "discard") {
      this.#inMulti = false;
      this.#db = this.#dbBeforeMulti;
    } else if (name === "select") this.#db = Number(rest[0]);
    else if (name === "reset") {
      this.#inMulti = false;
      this.#db = 0;
    }
  }

  #prompt(): void {
    const { name } = this.#engine ?? {};
    const db = this.#db === 0 ? "" : `[${this.#db}]`;
    const multi = this.#inMulti ? "(TX)" : "";
    this.editor.prompt = name !== undefined && this.#connection?.open ? `${name}${db}${multi}> ` : "not connected> ";
    this.editor.draw();
    this.#page.selected(this.#db);
  }
}

/** Subcommands whose answers redis-cli prints as the text that they are; `*` for any, or none. */
const texts: Record<string, string> = {
  info: "*",
  lolwut: "*",
  client: "list|info",
  cluster: "nodes|info",
  debug: "htstats|htstats-key",
  latency: "graph|doctor",
  memory: "malloc-stats|doctor",
};

function shown(name: string, rest: string[], answer: Answer): string[] {
  const subcommands = texts[name] ?? "";
  const isText = subcommands === "*" || subcommands.split("|").includes(rest[0]?.toLowerCase() ?? "*");
  return isText && answer.kind === "bulk" ? lines(textOf(answer)) : printed(answer);
}
