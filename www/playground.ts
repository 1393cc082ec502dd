import { Console } from "./parts/console.js";
import type { Engine } from "./parts/engine.js";
import { Panels } from "./parts/panels.js";
import { Screen } from "./parts/screen.js";
import { openServer } from "./parts/server.js";
import { openScratch, openTab } from "./parts/tab.js";

const byId = (id: string) => document.getElementById(id)!;
const engines = { tab: openTab, scratch: openScratch, server: openServer };
type Choice = keyof typeof engines;

const remembered = "redlet-playground-history";
/** Lines that are remembered. */
const MOST = 500;
/** Terminals that fit below one another. */
const TERMINALS = 3;

const history = recall();
const consoles: { console: Console; screen: Screen; element: HTMLElement }[] = [];
const panels = new Panels({
  keys: byId("keys"),
  title: byId("keys-name"),
  count: byId("key-count"),
  none: byId("no-keys"),
  storage: byId("storage"),
});
let engine: Engine | undefined;
let chosen: Choice = "tab";

function recall(): string[] {
  try {
    return JSON.parse(localStorage.getItem(remembered) ?? "[]") as string[];
  } catch {
    // Storage is forbidden, or somebody else wrote there: begin anew.
    return [];
  }
}

function remember(): void {
  try {
    localStorage.setItem(remembered, JSON.stringify(history.slice(-MOST)));
  } catch {
    // The lines are there for as long as the page is.
  }
}

/** Opens an engine; the one before stays if that fails. */
async function choose(choice: Choice): Promise<void> {
  say("Opening…");
  try {
    const opened = await engines[choice]();
    await engine?.close();
    chosen = choice;
    use(opened);
    say(sentence(opened.about));
  } catch (error) {
    const isLocked = (error as { code?: unknown }).code === "LOCKED";
    say(isLocked ? "This database is open in another tab. Close it there, and try again." : messageOf(error), true);
    byId("offers").hidden = !isLocked;
  }
  for (const button of document.querySelectorAll<HTMLInputElement>("#engines input")) {
    button.checked = button.value === (chosen === "scratch" ? "tab" : chosen);
  }
}

function use(opened: Engine): void {
  engine = opened;
  byId("offers").hidden = true;
  opened.onTrouble = (why) => say(why, true);
  for (const { console } of consoles) void console.attach(opened);
  void watch();
}

function watch(): Promise<void> {
  return panels.watch(engine).catch((error) => say(messageOf(error), true));
}

function say(text: string, isTrouble = false): void {
  const status = byId("status");
  status.textContent = text;
  status.classList.toggle("trouble", isTrouble);
}

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

function addTerminal(): void {
  const element = document.createElement("div");
  element.className = "pane";
  element.append(document.createElement("div"));
  byId("terminals").append(element);
  const screen = new Screen(element.firstElementChild as HTMLElement, "Commands. Tab completes a name, and leaves an empty line.");
  const console = new Console(screen, history, {
    ran: () => {
      remember();
      panels.look();
    },
    selected: (db) => {
      if (element.contains(document.activeElement) || consoles.length === 1) panels.select(db);
    },
    authenticated: () => void watch(),
  });
  element.addEventListener("focusin", () => panels.select(console.db));
  consoles.push({ console, screen, element });
  countTerminals();
  void console.attach(engine);
  screen.terminal.focus();
}

function removeTerminal(): void {
  const last = consoles.pop();
  if (last === undefined) return;
  last.console.close();
  last.screen.close();
  last.element.remove();
  countTerminals();
  consoles.at(-1)?.screen.terminal.focus();
}

function countTerminals(): void {
  (byId("add") as HTMLButtonElement).disabled = consoles.length >= TERMINALS;
  (byId("remove") as HTMLButtonElement).disabled = consoles.length <= 1;
}

byId("engines").addEventListener("change", (event) => {
  void choose((event.target as HTMLInputElement).value as Choice);
});
byId("again").addEventListener("click", () => void choose("tab"));
byId("scratch").addEventListener("click", () => void choose("scratch"));
byId("add").addEventListener("click", addTerminal);
byId("remove").addEventListener("click", removeTerminal);
byId("snapshot").addEventListener("click", async () => {
  const reply = await panels.call("BGSAVE").catch(() => undefined);
  if (reply?.kind === "error") say(reply.text, true);
  panels.look();
});
panels.onShow = (line) => {
  const { console, screen } = consoles[0]!;
  console.editor.feed(`\x15${line}\r`);
  screen.terminal.focus();
};

addTerminal();
consoles[0]!.console.editor.print(["Type a command, or `help`. Tab completes, Ctrl-C ends a wait."]);
await choose("tab");
