import type { StorageReport } from "redlet/scripting";
import { itemsOf, quoted, textOf, type Answer } from "./answer.js";
import type { Connection } from "./connection.js";
import type { Engine } from "./engine.js";

/** Keys that are listed at the most. */
const MOST = 200;
/** How often the panels count down, and look whether storing is done, in milliseconds. */
const BEAT = 1000;

interface Key {
  name: Uint8Array;
  label: string;
  type: string;
  /** When it expires; undefined if it does not. */
  deadline: number | undefined;
  bytes: string;
}

/** Elements of the page. */
export interface Places {
  keys: HTMLElement;
  title: HTMLElement;
  count: HTMLElement;
  none: HTMLElement;
  storage: HTMLElement;
}

/** The list of keys and the state of storage, kept up to date: the engine tells which keys change. */
export class Panels {
  /** Gets a call that shows a key, as one would type it. */
  onShow: (line: string) => void = () => {};
  readonly #places: Places;
  #about = "";
  #engine: Engine | undefined;
  #connection: Connection | undefined;
  #db = 0;
  #keys: Key[] = [];
  #rows = new Map<string, HTMLTableRowElement>();
  #looking = false;
  #again = false;
  /** Something is not stored yet, so that the state of storage changes by itself. */
  #storing = false;

  constructor(places: Places) {
    this.#places = places;
    setInterval(() => document.hidden || this.#beat(), BEAT);
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
  }

  /** Shows what an engine holds; nothing if there is none. */
  async watch(engine: Engine | undefined): Promise<void> {
    this.#connection?.close();
    this.#connection = undefined;
    this.#about = engine?.about ?? "";
    this.#engine = engine;
    this.#show([], "");
    this.#places.storage.replaceChildren();
    this.#places.none.hidden = true;
    if (engine === undefined) return;
    const connection = await engine.connect();
    connection.onMessage = () => this.look();
    connection.onEnd = (why) => engine.onTrouble(why);
    this.#connection = connection;
    this.#again = this.#looking;
    await connection.call("HELLO", "3");
    void connection.call("CLIENT", "NO-TOUCH", "ON");
    void connection.call("CLIENT", "TRACKING", "ON", "BCAST");
    await connection.call("SELECT", String(this.#db));
    this.look();
  }

  /** Shows another database. */
  select(db: number): void {
    if (this.#db === db) return;
    this.#db = db;
    void this.#connection?.call("SELECT", String(db)).catch(() => {});
    this.look();
  }

  /** Looks again; once more if that is being done just now. */
  look(): void {
    this.#again = true;
    if (!this.#looking) void this.#lookWhileAsked();
  }

  async call(...words: string[]): Promise<Answer | undefined> {
    return this.#connection?.call(...words);
  }

  async #lookWhileAsked(): Promise<void> {
    this.#looking = true;
    while (this.#again) {
      this.#again = false;
      const connection = this.#connection;
      // Whoever closed it says so.
      if (connection?.open) await Promise.all([this.#lookAtKeys(connection), this.#lookAtStorage(connection)]).catch(() => {});
    }
    this.#looking = false;
  }

  async #lookAtKeys(connection: Connection): Promise<void> {
    const [size, scanned] = await Promise.all([
      connection.call("DBSIZE"),
      connection.call("SCAN", "0", "COUNT", String(MOST)),
    ]);
    if (size.kind === "error") return this.#show([], textOf(size));
    const names = itemsOf(itemsOf(scanned)[1]).map((name) => (name.kind === "bulk" ? name.bytes : new Uint8Array()));
    const keys = await Promise.all(names.slice(0, MOST).map((name) => facts(connection, name)));
    keys.sort((a, b) => (a.label < b.label ? -1 : 1));
    const total = textOf(size);
    this.#show(keys, Number(total) > keys.length ? `${keys.length} of ${total}` : total);
  }

  async #lookAtStorage(connection: Connection): Promise<void> {
    const info = fields(textOf(await connection.call("INFO", "persistence")));
    const number = (name: string) => Number(info.get(name) ?? 0);
    const unstored = number("aof_buffer_length");
    this.#storing = unstored > 0 || info.get("rdb_bgsave_in_progress") === "1" || number("rdb_changes_since_last_save") > 0;
    const report = await this.#engine?.files?.storageReport();
    const rows = [row("Data", this.#about), ...snapshotRows(info), ...logRows(info), ...roomRows(report)];
    const trouble = info.get("redlet_last_error") ?? info.get("redlet_warning");
    if (trouble !== undefined) rows.push(row("Trouble", trouble));
    this.#places.storage.replaceChildren(...rows.flat());
  }

  #show(keys: Key[], count: string): void {
    this.#keys = keys;
    this.#places.title.textContent = this.#db === 0 ? "Keys" : `Keys in ${this.#db}`;
    this.#places.count.textContent = count;
    this.#places.none.hidden = keys.length > 0;
    const before = this.#rows;
    // Rows that stay are kept: one of them may have the focus.
    this.#rows = new Map(keys.map((key) => [key.label, before.get(key.label) ?? this.#row(key.label)]));
    const rows = [...this.#rows.values()];
    const isSame = rows.length === before.size && rows.every((row, i) => this.#places.keys.children[i] === row);
    if (!isSame) this.#places.keys.replaceChildren(...rows);
    this.#fill();
  }

  #row(label: string): HTMLTableRowElement {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    const button = document.createElement("button");
    button.textContent = label;
    button.title = `Show ${label}`;
    button.addEventListener("click", () => {
      const key = this.#keys.find((key) => key.label === label);
      const call = key && readers[key.type];
      if (call !== undefined) this.onShow(call.replace("$", quotedWord(key!.name)));
    });
    name.append(button);
    row.append(name, ...Array.from({ length: 3 }, () => document.createElement("td")));
    return row;
  }

  #fill(): void {
    for (const key of this.#keys) {
      const cells = this.#rows.get(key.label)!.cells;
      const texts = [key.type, timeLeft(key.deadline), key.bytes];
      texts.forEach((text, i) => {
        if (cells[i + 1]!.textContent !== text) cells[i + 1]!.textContent = text;
      });
    }
  }

  #beat(): void {
    this.#fill();
    if (this.#storing && this.#connection?.open) void this.#lookAtStorage(this.#connection).catch(() => {});
  }
}

/** How each type is read. */
const readers: Record<string, string> = {
  string: "GET $",
  list: "LRANGE $ 0 -1",
  hash: "HGETALL $",
  set: "SMEMBERS $",
  zset: "ZRANGE $ 0 -1 WITHSCORES",
  stream: "XRANGE $ - +",
};

async function facts(connection: Connection, name: Uint8Array): Promise<Key> {
  const [type, left, bytes] = await Promise.all([
    connection.call("TYPE", name),
    connection.call("PTTL", name),
    connection.call("MEMORY", "USAGE", name),
  ]);
  const ms = Number(textOf(left));
  const deadline = ms < 0 ? undefined : Date.now() + ms;
  return { name, label: plainOrQuoted(name), type: textOf(type), deadline, bytes: textOf(bytes) };
}

function plainOrQuoted(name: Uint8Array): string {
  const text = quoted(name);
  return text.includes("\\") || text === '""' ? text : text.slice(1, -1);
}

function quotedWord(name: Uint8Array): string {
  const text = quoted(name);
  return /^"[^\s"'\\]+"$/.test(text) ? text.slice(1, -1) : text;
}

function timeLeft(deadline: number | undefined): string {
  if (deadline === undefined) return "";
  const seconds = Math.max(Math.ceil((deadline - Date.now()) / 1000), 0);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.ceil(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.ceil(seconds / 3600)} h` : `${Math.ceil(seconds / 86_400)} d`;
}

function fields(info: string): Map<string, string> {
  return new Map(info.split("\r\n").map((line) => line.split(/:(.*)/s) as [string, string]));
}

function snapshotRows(info: Map<string, string>): HTMLElement[][] {
  const taken = Number(info.get("rdb_last_save_time") ?? 0);
  const isRunning = info.get("rdb_bgsave_in_progress") === "1";
  const hasFailed = info.get("rdb_last_bgsave_status") === "err";
  const moment = info.get("rdb_saves") === "0" ? "none since opening" : new Date(taken * 1000).toLocaleTimeString();
  const changes = info.get("rdb_changes_since_last_save") ?? "";
  return [
    row("Last snapshot", isRunning ? "being taken…" : hasFailed ? `${moment}, the last one failed` : moment),
    row("Changes since", changes),
  ];
}

function logRows(info: Map<string, string>): HTMLElement[][] {
  if (info.get("aof_enabled") !== "1") return [row("Log", "off")];
  const state = info.get("aof_last_write_status") === "ok" ? "" : ", failing";
  const capacity = info.get("redlet_ring_capacity");
  if (capacity === undefined) return [row("Log", size(Number(info.get("aof_current_size"))) + state)];
  const used = Number(info.get("redlet_ring_bytes"));
  const text = `${size(used)} of ${size(Number(capacity))}${state}`;
  const meter = document.createElement("meter");
  Object.assign(meter, { max: Number(capacity), high: Number(capacity) * 0.75, value: used });
  meter.setAttribute("aria-label", "Part of the log that is used");
  const unstored = size(Number(info.get("aof_buffer_length")));
  return [row("Log", text, meter), row("Not stored yet", unstored)];
}

function roomRows(report: StorageReport | undefined): HTMLElement[][] {
  if (report === undefined || report.place === "memory" || report.quota === undefined) return [];
  const promise = report.persistent === true ? "" : ", may be cleared when room gets short";
  return [row("Room", `${size(report.usage ?? 0)} of ${size(report.quota)} used${promise}`)];
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} kB`;
  return bytes < 1024 ** 3 ? `${(bytes / 1024 ** 2).toFixed(1)} MB` : `${(bytes / 1024 ** 3).toFixed(1)} GB`;
}

/** Makes a name and what it is. */
function row(name: string, value: string, more?: HTMLElement): HTMLElement[] {
  const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
  dt.textContent = name;
  dd.textContent = value;
  if (more !== undefined) dd.append(more);
  return [dt, dd];
}
