import type { Redlet } from "redlet/scripting";

/** What can be given files and asked for them: the engine in this tab. */
export type FileExchange = Pick<Redlet, "export" | "import" | "storageReport">;

/** Elements of the page. */
export interface FilePlaces {
  export: HTMLButtonElement;
  choose: HTMLButtonElement;
  chosen: HTMLInputElement;
  replace: HTMLInputElement;
  stop: HTMLButtonElement;
  progress: HTMLProgressElement;
}

/** Dumps, logs and JSON lines that are dropped on the page or chosen, and a dump that is taken away. */
export class Files {
  /** Gets what the page should tell. */
  onSay: (text: string, isTrouble?: boolean) => void = () => {};
  readonly #places: FilePlaces;
  #exchange: FileExchange | undefined;
  #import: AbortController | undefined;

  constructor(places: FilePlaces) {
    this.#places = places;
    places.export.addEventListener("click", () => void this.#run(() => this.#export()));
    places.choose.addEventListener("click", () => places.chosen.click());
    places.chosen.addEventListener("change", () => this.#take(places.chosen.files));
    places.stop.addEventListener("click", () => this.#import?.abort(new Error("The import was given up. Nothing has changed.")));
    document.addEventListener("dragover", (event) => this.#hover(event, event.dataTransfer?.types.includes("Files") === true));
    document.addEventListener("dragleave", (event) => event.relatedTarget === null && this.#hover(event, false));
    document.addEventListener("drop", (event) => {
      this.#hover(event, false);
      event.preventDefault();
      this.#take(event.dataTransfer?.files ?? null);
    });
  }

  /** Lets files come and go; not with an engine elsewhere. */
  use(exchange: FileExchange | undefined): void {
    this.#exchange = exchange;
    this.#show();
  }

  #hover(event: Event, isOver: boolean): void {
    if (isOver) event.preventDefault();
    document.body.classList.toggle("dropping", isOver && this.#exchange !== undefined);
  }

  #take(files: FileList | null): void {
    const file = files?.[0];
    this.#places.chosen.value = "";
    this.#places.chosen.blur();
    if (file === undefined) return;
    if (this.#exchange === undefined) this.onSay("Files can be imported by the engine in this tab only.", true);
    else void this.#run(() => this.#read(file));
  }

  async #export(): Promise<string> {
    const blob = await this.#exchange!.export();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = "dump.rdb";
    link.click();
    // The browser has begun to read it by then.
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    return `Exported ${blob.size} bytes as dump.rdb`;
  }

  async #read(file: File): Promise<string> {
    const { progress, replace } = this.#places;
    this.#import = new AbortController();
    this.#show();
    try {
      const { keys, replaced, skipped, expired } = await this.#exchange!.import(file, {
        replace: replace.checked,
        signal: this.#import.signal,
        onProgress: ({ bytes, keys }) => {
          progress.value = bytes / Math.max(1, file.size);
          this.onSay(`Importing ${file.name}: ${keys} keys`);
        },
      });
      const others = [
        [replaced, "of them in place of others"],
        [skipped, "left out because they are there already"],
        [expired, "left out because their time was over"],
      ] as const;
      const notes = others.filter(([count]) => count > 0).map(([count, what]) => `, ${count} ${what}`);
      return `Imported ${keys} ${keys === 1 ? "key" : "keys"} from ${file.name}${notes.join("")}`;
    } finally {
      this.#import = undefined;
      this.#show();
    }
  }

  async #run(work: () => Promise<string>): Promise<void> {
    try {
      this.onSay(await work());
    } catch (error) {
      this.onSay(error instanceof Error ? error.message : String(error), true);
    }
  }

  #show(): void {
    const { export: save, choose, stop, progress } = this.#places;
    const isReading = this.#import !== undefined;
    save.disabled = choose.disabled = this.#exchange === undefined || isReading;
    stop.hidden = progress.hidden = !isReading;
    if (!isReading) progress.value = 0;
  }
}
