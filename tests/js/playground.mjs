/** The playground as somebody at a keyboard has it: keys go in, and what the page says is read. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** The site as built, which `cargo xtask test` puts into target/www. */
export const SITE = fileURLToPath(new URL("../../target/www", import.meta.url));

/** The server as `cargo xtask test` builds it. */
export const SERVER = fileURLToPath(new URL("../../target/debug/redlet-server", import.meta.url));

/** How long the page may take for anything, in milliseconds: far more than it does. */
const PATIENCE = 15_000;

/** One page of the playground, and all that its console has complained of. */
export class Playground {
  complaints = [];
  /** What nobody in the page has caught. */
  failure;

  constructor(page) {
    this.page = page;
    page.setDefaultTimeout(PATIENCE);
    page.on("pageerror", (error) => (this.failure = error));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.complaints.push(message.text());
    });
  }

  static async open(page, address) {
    const playground = new Playground(page);
    await page.goto(address);
    return playground;
  }

  /** Opens it, and waits until the engine in the tab is there. */
  static async openKept(page, address) {
    const playground = await Playground.open(page, address);
    await playground.says("#status", /^Kept in this browser/);
    await playground.shows(/redlet> $/);
    return playground;
  }

  /** Types where the focus is, key by key. */
  async type(text) {
    await this.page.keyboard.type(text);
  }

  async press(...keys) {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** Takes note that the console may complain of this, once. */
  expects(pattern) {
    const at = this.complaints.findIndex((complaint) => pattern.test(complaint));
    assert.ok(at >= 0, `nobody complains of ${pattern}`);
    this.complaints.splice(at, 1);
  }

  /** Types a line, and waits until a terminal ends with what it answers, a text or a pattern, and a prompt. */
  async ask(line, answer, { prompt = "redlet> ", terminal = 0 } = {}) {
    await this.type(`${line}\n`);
    if (typeof answer === "string") return this.ends(`> ${line}\n${answer}\n${prompt}`, terminal);
    return this.shows(new RegExp(`> ${escaped(line)}\n\\s*${answer.source}\n${escaped(prompt)}$`), terminal);
  }

  /** Returns what a terminal shows, without what follows the last letter. */
  text(terminal = 0) {
    return this.#rows(terminal, ".xterm-rows > *");
  }

  /** Returns what a screen reader finds in a terminal; xterm brings that up to date once a second. */
  spoken(terminal = 0) {
    return this.#rows(terminal, ".xterm-accessibility-tree > *");
  }

  async #rows(terminal, selector) {
    const rows = this.page.locator(".pane").nth(terminal).locator(selector);
    const lines = await rows.evaluateAll((rows) => rows.map((row) => row.textContent.replaceAll("\u00a0", " ")));
    // A row has blanks up to where something stood.
    return lines.map((line) => line.trimEnd()).join("\n").trimEnd();
  }

  /** Waits until a terminal ends with a text. */
  ends(text, terminal = 0) {
    return this.#until(() => this.text(terminal), (shown) => shown.endsWith(text.trimEnd()), text);
  }

  /** Waits until a terminal shows something. */
  shows(pattern, terminal = 0) {
    return this.#until(async () => `${await this.text(terminal)} `, (shown) => pattern.test(shown), pattern);
  }

  /** Waits until a screen reader finds something in a terminal. */
  speaks(pattern, terminal = 0) {
    return this.#until(() => this.spoken(terminal), (spoken) => pattern.test(spoken), pattern);
  }

  /** Waits until an element's text is as it should be. */
  says(selector, pattern) {
    const read = async () => (await this.page.locator(selector).allInnerTexts()).join("\n");
    return this.#until(read, (shown) => pattern.test(shown), pattern);
  }

  /** Returns the rows of the list of keys: key, type, time to live, bytes. */
  keys() {
    const rows = this.page.locator("#keys tr");
    return rows.evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
  }

  /** Waits until the list has just these keys. */
  lists(...names) {
    const read = async () => (await this.keys()).map(([name]) => name);
    return this.#until(read, (shown) => shown.join() === names.join(), names);
  }

  /** Waits until what is read is right; fails with what it was last. */
  async #until(read, isRight, expected) {
    const end = Date.now() + PATIENCE;
    let shown;
    do {
      shown = await read();
      if (isRight(shown)) return shown;
      assert.equal(this.failure, undefined);
      // The page changes what it shows when it paints.
      await this.page.evaluate(() => new Promise(requestAnimationFrame));
    } while (Date.now() < end);
    assert.fail(`expected ${expected}, but found\n${shown}`);
  }
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
