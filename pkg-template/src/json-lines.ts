/**
 * Data as JSON lines: an object a line, for every key
 *
 * ```text
 * {"key": "greeting", "type": "string", "value": "hello", "ttl": 60}
 * {"key": "queue", "type": "list", "value": ["a", "b"], "db": 1}
 * {"key": "tags", "type": "set", "value": ["x", "y"]}
 * {"key": "user", "type": "hash", "value": {"name": "Ann"}, "expireAt": 1893456000000}
 * {"key": "board", "type": "zset", "value": {"ann": 1.5, "bob": "inf"}}
 * {"key": "log", "type": "stream", "value": [["1-1", {"field": "value"}]]}
 * {"keyBase64": "/w==", "type": "hash", "value": [[{"base64": "AAE="}, {"base64": "/w=="}]]}
 * ```
 *
 * `ttl` is in seconds from now, `expireAt` in milliseconds since 1970. Bytes that are no text are `keyBase64`,
 * `valueBase64`, and `{"base64": …}` inside a value; pairs may stand in an array instead of an object. Of a key that
 * comes twice, the last one counts. A stream has entries only, no consumer groups.
 */
export class JsonLines {
  #rest = new Uint8Array();
  /** Where `rest` begins in the file. */
  #at = 0;
  #db = 0;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Returns the log that makes the keys of the lines that are whole by now. */
  feed(bytes: Uint8Array): Uint8Array {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const log = new Log();
    let from = 0;
    for (let end; (end = all.indexOf(10, from)) >= 0; from = end + 1) {
      this.#line(all.subarray(from, end), this.#at + from, log);
    }
    this.#rest = all.slice(from);
    this.#at += from;
    return log.bytes();
  }

  /** Returns the same of a last line without an end. */
  end(): Uint8Array {
    const log = new Log();
    this.#line(this.#rest, this.#at, log);
    return log.bytes();
  }

  #line(bytes: Uint8Array, at: number, log: Log): void {
    const text = new TextDecoder().decode(bytes).trim();
    if (text === "") return;
    let key: string | undefined;
    try {
      const record = object(parsed(text), "a line");
      const name = record["keyBase64"] !== undefined ? decoded(record["keyBase64"]) : element(record["key"], "key");
      key = typeof name === "string" ? name : String(record["keyBase64"]);
      this.#select(record["db"] ?? 0, log);
      write(record, name, log);
      const expiry = deadline(record, this.#now());
      if (expiry !== undefined) log.call("PEXPIREAT", name, String(expiry));
    } catch (error) {
      const of = key === undefined ? "" : `, key '${key}'`;
      throw new Error(`${(error as Error).message} at byte ${at}${of}`);
    }
  }

  #select(db: unknown, log: Log): void {
    if (!Number.isInteger(db) || (db as number) < 0) throw new Error("`db` is no database");
    if (db === this.#db) return;
    this.#db = db as number;
    log.call("SELECT", String(db));
  }
}

type Item = string | Uint8Array;

/** Elements that one call adds. */
const MOST = 512;

function write(record: Record<string, unknown>, key: Item, log: Log): void {
  const { type, value } = record;
  log.call("DEL", key);
  if (type === "string") {
    const bytes = record["valueBase64"];
    log.call("SET", key, bytes !== undefined ? decoded(bytes) : element(value, "value"));
  } else if (type === "list" || type === "set") {
    const items = array(value).map((item) => [element(item, "an element")]);
    log.many(type === "list" ? "RPUSH" : "SADD", key, items);
  } else if (type === "hash") {
    log.many("HSET", key, pairs(value).map(([field, item]) => [element(field, "a field"), element(item, "a value")]));
  } else if (type === "zset") {
    log.many("ZADD", key, pairs(value).map(([member, score]) => [scored(score), element(member, "a member")]));
  } else if (type === "stream") {
    entries(value, key, log);
  } else {
    throw new Error(`there is no type ${JSON.stringify(type)}`);
  }
}

function entries(value: unknown, key: Item, log: Log): void {
  let last = 0n;
  for (const entry of array(value)) {
    const [id, fields] = array(entry);
    const match = /^(\d{1,20})-(\d{1,20})$/.exec(String(id));
    const whole = match === null ? 0n : (BigInt(match[1]!) << 64n) + BigInt(match[2]!);
    if (match === null || whole <= last || whole >> 128n > 0n || BigInt(match[2]!) >> 64n > 0n) {
      throw new Error(`${JSON.stringify(id)} is no id of an entry, or not above the one before`);
    }
    last = whole;
    const items = pairs(fields).flatMap(([field, item]) => [element(field, "a field"), element(item, "a value")]);
    if (items.length === 0) throw new Error(`the entry ${String(id)} has no fields`);
    log.call("XADD", key, String(id), ...items);
  }
}

function deadline(record: Record<string, unknown>, now: number): number | undefined {
  const { ttl, expireAt } = record;
  const at = expireAt ?? (typeof ttl === "number" ? now + ttl * 1000 : ttl);
  if (at === undefined || at === null) return undefined;
  if (typeof at !== "number" || !Number.isFinite(at)) throw new Error("`ttl` or `expireAt` is no number");
  return Math.max(1, Math.round(at));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`no JSON: ${(error as Error).message}`);
  }
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${what} is no object`);
  return value as Record<string, unknown>;
}

function array(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error("there is an array missing");
  return value;
}

/** Reads pairs: an object, or an array of arrays of two. */
function pairs(value: unknown): [unknown, unknown][] {
  if (!Array.isArray(value)) return Object.entries(object(value, "`value`"));
  return value.map((pair) => {
    const [one, other, ...more] = array(pair);
    if (other === undefined || more.length > 0) throw new Error("a pair is missing");
    return [one, other];
  });
}

function element(value: unknown, what: string): Item {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  const { base64 } = object(value, what);
  return decoded(base64);
}

function scored(score: unknown): string {
  const text = String(score);
  if (!/^([+-]?inf|[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)$/i.test(text)) throw new Error(`${text} is no score`);
  return text;
}

function decoded(base64: unknown): Uint8Array {
  if (typeof base64 !== "string") throw new Error("base64 is missing");
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    throw new Error("the base64 is damaged");
  }
}

/** Calls in RESP. */
class Log {
  #pieces: Uint8Array[] = [];
  #length = 0;

  call(...args: Item[]): void {
    this.#text(`*${args.length}\r\n`);
    for (const arg of args) {
      const bytes = typeof arg === "string" ? encoder.encode(arg) : arg;
      this.#text(`$${bytes.length}\r\n`);
      this.#add(bytes);
      this.#text("\r\n");
    }
  }

  /** Adds groups of arguments, in as many calls as it takes. */
  many(command: string, key: Item, groups: Item[][]): void {
    for (let i = 0; i < groups.length; i += MOST) this.call(command, key, ...groups.slice(i, i + MOST).flat());
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  #text(text: string): void {
    this.#add(encoder.encode(text));
  }

  #add(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#length += bytes.length;
  }
}

const encoder = new TextEncoder();
