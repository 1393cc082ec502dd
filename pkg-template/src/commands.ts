// Made from the declarations of the commands by `UPDATE=1 cargo test --test generated`.
import type { Argument, Key, Value } from "./values.js";

/** The commands as methods. `S` is what bulk strings are read as. */
export interface Commands<S = string> {
  /** Returns the message. */
  echo(message: Value): S;
  /** Returns the string value of a key. */
  get(key: Key): S | null;
  /** Adds one to the integer at a key, which counts as zero if there is none. */
  incr(key: Key): number;
  /** Returns PONG, or the message. */
  ping(message?: Value): "PONG" | S;
  /** Changes the database of the connection. */
  select(index: number): "OK";
  /** Sets the string value of a key, whatever it held before. */
  set(key: Key, value: Value, ...options: Argument[]): "OK" | S | null;
}

/** The names of all commands, subcommands behind their container's. */
export const names = "ECHO|GET|INCR|PING|SELECT|SET";
