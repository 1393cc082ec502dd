/** A string, bytes, or a number that is sent as its decimal text. */
export type Value = string | Uint8Array | number | bigint;

/** A number, or its text: cursors and large counts are answered as text. */
export type Numeric = number | bigint | string;

/** A key, as a value: binary-safe. */
export type Key = string | Uint8Array | number;

/**
 * What a call can be given behind its name. Lists and maps are laid out in a row, and so are objects, which serve for
 * pairs and for options alike: `{ EX: 10, NX: true }` is `EX 10 NX`, and what is false or undefined is left out.
 */
export type Argument =
  | Value
  | Iterable<Argument>
  | { readonly [word: string]: Value | boolean | undefined | readonly Value[] };

/**
 * A reply. Strings are bytes where bytes are asked for; integers beyond 2^53 are bigints; sets are arrays; maps are
 * objects, or `Map`s where bytes are asked for.
 */
export type Reply<S = string> =
  | S
  | string
  | number
  | bigint
  | boolean
  | null
  | Error
  | Reply<S>[]
  | { [key: string]: Reply<S> }
  | Map<Reply<S>, Reply<S>>;

/** Appends arguments to `flat` as the engine takes them: in a row. */
export function flatten(args: Iterable<unknown>, flat: Value[]): Value[] {
  for (const arg of args) {
    if (isValue(arg)) flat.push(arg);
    else if (typeof arg !== "object" || arg === null) throw notAnArgument(arg);
    else if (Symbol.iterator in arg) flatten(arg as Iterable<unknown>, flat);
    else options(arg, flat);
  }
  return flat;
}

function options(object: object, flat: Value[]): void {
  for (const [word, value] of Object.entries(object)) {
    if (value === false || value === undefined) continue;
    flat.push(word);
    if (value !== true) flatten([value], flat);
  }
}

function isValue(arg: unknown): arg is Value {
  return typeof arg === "string" || typeof arg === "number" || typeof arg === "bigint" || arg instanceof Uint8Array;
}

function notAnArgument(arg: unknown): TypeError {
  return new TypeError(`${arg === null ? "null" : typeof arg} is no argument: strings, numbers and Uint8Arrays are`);
}
