import { Console } from "./parts/console.js";
import type { Engine } from "./parts/engine.js";
import { Files } from "./parts/files.js";
import { Panels } from "./parts/panels.js";
import { Screen } from "./parts/screen.js";
import { openServer } from "./parts/server.js";
import { openScratch, openTab } from "./parts/tab.js";

const byId = (id: string) => document.getElementById(id)!;
const button = (id: string) => byId(id) as HTMLButtonElement;
const engines = { tab: openTab, scratch: openScratch, server: openServer };
type Choice = keyof typeof engines;

/** A place to type at. */
interface Pane {
  console: Console;
  screen: Screen;
  element: HTMLElement;
}

const remembered = "redlet-playground-history";
/** Lines that are remembered. */
const MOST = 500;
/** Panes that there is room for. */
const PANES = 3;

const history = recall();
const panes: Pane[] = [];
const panels = new Panels({
  keys: byId("keys"),
  title: byId("keys-name"),
  count: byId("key-count"),
  none: byId("no-keys"),
  storage: byId("storage"),
});
const files = new Files({
  export: button("export"),
  choose: button("import"),
  chosen: byId("file") as HTMLInputElement,
  replace: byId("replace") as HTMLInputElement,
  stop: button("stop"),
  progress: byId("progress") as HTMLProgressElement,
});
files.onSay = (text, isTrouble) => {
  say(text, isTrouble);
  panels.look();
};
let engine: Engine | undefined;
let chosen: Choice = "tab";
/** Where somebody typed last. */
let current = addPane();

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
    await use(opened);
  } catch (error) {
    const { code } = error as { code?: unknown };
    const isLocked = code === "LOCKED";
    say(isLocked ? "This database is open in another tab. Close it there, and try again." : messageOf(error), true);
    byId("offers").hidden = !isLocked && code !== "NEWER";
    if (engine === undefined) await Promise.all(panes.map(({ console }) => console.attach(undefined)));
  }
  const shown = chosen === "server" ? "server" : "tab";
  for (const radio of document.querySelectorAll<HTMLInputElement>("#engines input")) radio.checked = radio.value === shown;
}

async function use(opened: Engine): Promise<void> {
  engine = opened;
  opened.onTrouble = (why) => say(why, true);
  byId("offers").hidden = true;
  button("snapshot").disabled = false;
  files.use(opened.files);
  await Promise.all(panes.map(({ console }) => console.attach(opened)));
  say(opened.about.charAt(0).toUpperCase() + opened.about.slice(1));
  await watch();
}

function watch(): Promise<void> {
  return panels.watch(engine).catch((error) => say(messageOf(error), true));
}

function say(text: string, isTrouble = false): void {
  const status = byId("status");
  status.textContent = text;
  status.classList.toggle("trouble", isTrouble);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function addPane(): Pane {
  const element = document.createElement("div");
  element.className = "pane";
  const inner = document.createElement("div");
  element.append(inner);
  byId("panes").append(element);
  const screen = new Screen(inner, "Commands. Tab completes a name, and leaves an empty line.");
  const console = new Console(screen, history, {
    ran: () => {
      remember();
      panels.look();
    },
    selected: () => panels.select(current.console.db),
    authenticated: () => void watch(),
  });
  const pane = { console, screen, element };
  element.addEventListener("focusin", () => {
    current = pane;
    panels.select(console.db);
  });
  panes.push(pane);
  countPanes();
  return pane;
}

function removePane(): void {
  const { console, screen, element } = panes.pop()!;
  console.close();
  screen.close();
  element.remove();
  countPanes();
  panes.at(-1)!.screen.terminal.focus();
}

function countPanes(): void {
  button("add").disabled = panes.length >= PANES;
  button("remove").disabled = panes.length <= 1;
}

byId("engines").addEventListener("change", (event) => {
  void choose((event.target as HTMLInputElement).value as Choice);
});
button("again").addEventListener("click", () => void choose("tab"));
button("scratch").addEventListener("click", () => void choose("scratch"));
button("interrupt").addEventListener("click", () => {
  current.console.editor.feed("\x03");
  current.screen.terminal.focus();
});
button("add").addEventListener("click", () => {
  const { console, screen } = addPane();
  void console.attach(engine);
  screen.terminal.focus();
});
button("remove").addEventListener("click", removePane);
button("snapshot").addEventListener("click", async () => {
  const reply = await panels.call("BGSAVE").catch(() => undefined);
  if (reply?.kind === "error") say(reply.text, true);
  panels.look();
});
panels.onShow = (line) => {
  current.console.editor.feed(`\x15${line}\r`);
  current.screen.terminal.focus();
};

current.console.editor.print(["Type a command, or help. Tab completes, Ctrl-C ends a wait."]);
current.screen.terminal.focus();
await choose("tab");
