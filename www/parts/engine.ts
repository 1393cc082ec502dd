import { Connection, type Line } from "./connection.js";
import type { FileExchange } from "./files.js";
import type { Word } from "./wire.js";

/** What the page talks to: the engine in this tab, or a server. */
export abstract class Engine {
  /** What the prompt calls it. */
  abstract readonly name: string;
  /** Says what the engine is, and whether its data stays. */
  abstract readonly about: string;
  /** Takes and gives files, if it can. */
  get files(): FileExchange | undefined {
    return undefined;
  }
  /** Gets what the page should tell of storage, or of the server. */
  onTrouble: (why: string) => void = () => {};
  /** The last call that has proven who we are, for connections to come. */
  credentials: Word[] | undefined;

  /** Opens a connection, as who we have been on others. */
  async connect(): Promise<Connection> {
    const connection = new Connection(await this.line());
    if (this.credentials !== undefined) void connection.call(...this.credentials);
    return connection;
  }

  abstract close(): Promise<void>;
  protected abstract line(): Promise<Line>;
}
