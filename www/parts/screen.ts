import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";

const theme = {
  background: "#16181d",
  foreground: "#e6e6e3",
  cursor: "#ff6b63",
  selectionBackground: "#3d4454",
  brightBlack: "#7d8494",
  yellow: "#e5c07b",
};

/** A terminal that fills an element, and lets the browser have the keys that it needs. */
export class Screen {
  readonly terminal = new Terminal({
    fontFamily: "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
    fontSize: 14,
    lineHeight: 1.15,
    cursorBlink: true,
    screenReaderMode: true,
    scrollback: 5000,
    theme,
  });
  onResize: () => void = () => {};
  /** Returns whether Tab should go on to what comes behind the terminal. */
  leavesByTab: () => boolean = () => false;
  readonly #fit = new FitAddon();
  readonly #observer: ResizeObserver;

  constructor(element: HTMLElement, label: string) {
    this.terminal.loadAddon(this.#fit);
    this.terminal.attachCustomKeyEventHandler((event) => !this.#isForBrowser(event));
    this.terminal.open(element);
    const textarea = this.terminal.textarea!;
    textarea.setAttribute("aria-label", label);
    this.#takeTyped(textarea);
    this.#fit.fit();
    this.#observer = new ResizeObserver(() => {
      this.#fit.fit();
      this.onResize();
    });
    this.#observer.observe(element);
  }

  close(): void {
    this.#observer.disconnect();
    this.terminal.dispose();
  }

  /**
   * Takes text that no key brings, such as a picker's emoji: for the sake of screen readers xterm leaves that alone, since
   * it can't tell it from the echo of a key.
   */
  #takeTyped(textarea: HTMLTextAreaElement): void {
    let isKey = false;
    textarea.addEventListener("keydown", () => void (isKey = true), true);
    textarea.addEventListener("keyup", () => void (isKey = false), true);
    textarea.addEventListener("input", (event) => {
      const { inputType, data, isComposing } = event as InputEvent;
      if (inputType === "insertText" && data && !isKey && !isComposing) this.terminal.input(data);
    });
  }

  /** Copying what is selected, pasting, and leaving the terminal. */
  #isForBrowser({ key, ctrlKey, altKey, shiftKey }: KeyboardEvent): boolean {
    if (key === "Tab") return shiftKey || this.leavesByTab();
    const letter = ctrlKey && !altKey ? key.toLowerCase() : "";
    return letter === "v" || (letter === "c" && (shiftKey || this.terminal.hasSelection()));
  }
}
