import { type Answer } from "./answer.js";
import { Answers, encodeCall, type Word } from "./wire.js";

/** A way to an engine, for bytes. */
export interface Line {
  send(bytes: Uint8Array): void;
  close(): void;
  onBytes: (bytes: Uint8Array) => void;
  onEnd: (why: string) => void;
}

/** A client's side of a connection: who waits for which answer, and what comes besides. */
export class Connection {
  /** Gets what answers no call. */
  onMessage: (message: Answer) => void = () => {};
  /** Gets the reason when the other side has gone. */
  onEnd: (why: string) => void = () => {};
  readonly #line: Line;
  readonly #answers = new Answers();
  #waiting: { resolve(answer: Answer): void; reject(why: Error): void }[] = [];
  #ended: string | undefined;

  constructor(line: Line) {
    this.#line = line;
    line.onBytes = (bytes) => {
      for (const answer of this.#answers.feed(bytes)) this.#heard(answer);
    };
    line.onEnd = (why) => {
      if (this.#end(why)) this.onEnd(why);
    };
  }

  get open(): boolean {
    return this.#ended === undefined;
  }

  /** Makes a call. Rejects if the connection ends before it is answered. */
  call(...words: Word[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(new Error(this.#ended));
      this.#waiting.push({ resolve, reject });
      this.#line.send(encodeCall(words));
    });
  }

  /** Makes a call whose answers are messages. */
  tell(...words: Word[]): void {
    if (this.#ended === undefined) this.#line.send(encodeCall(words));
  }

  close(): void {
    if (this.#end("the connection was closed")) this.#line.close();
  }

  #heard(answer: Answer): void {
    const waiting = answer.kind === "push" ? undefined : this.#waiting.shift();
    if (waiting === undefined) this.onMessage(answer);
    else waiting.resolve(answer);
  }

  #end(why: string): boolean {
    if (this.#ended !== undefined) return false;
    this.#ended = why;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(why));
    return true;
  }
}
