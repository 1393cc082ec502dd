import declarations from "../commands.json";
import { follow, show, type Item } from "./syntax.js";

interface Command {
  name: string;
  arguments: Item[];
  summary: string;
  text: string;
  since: string;
  group: string;
}

const commands: Command[] = declarations;
const known = new Map(commands.map((command) => [command.name, command]));
const names = [...known.keys()].sort();
const groups = [...new Set(commands.map(({ group }) => group))].sort();

/** Returns the command that words begin with: the longest name, of one or two words. */
function commandOf(words: readonly string[]): Command | undefined {
  const name = words.slice(0, 2).join(" ").toUpperCase();
  return known.get(name) ?? known.get(name.split(" ", 1)[0]!);
}

/** Returns the lines that Tab may make of what has been typed, in the case that it was typed in. */
export function completions(typed: string): string[] {
  const [, help = "", start = ""] = /^(help\s+)?(.*)$/i.exec(typed) ?? [];
  if (start === "" && help === "") return [];
  const topics = help === "" ? names : [...groups.map((group) => `@${group}`), ...names];
  const found = topics.filter((topic) => topic.toUpperCase().startsWith(start.toUpperCase()));
  const lower = typed === typed.toLowerCase();
  return found.map((topic) => help + (lower ? topic.toLowerCase() : topic));
}

/** Returns what may follow in the syntax of the command being typed. */
export function hint(line: string): string {
  // The last word may still be growing, and may have an open quote.
  const words = line.match(/(?:"(?:\\.|[^"\\])*"?|'(?:\\'|[^'])*'?|[^\s"'])+/g) ?? [];
  const command = commandOf(words);
  if (command === undefined) return "";
  const args = words.slice(command.name.split(" ").length);
  const { items, taken } = follow(command.arguments, args);
  const isEnded = /\s$/.test(line);
  if (taken < args.length - (isEnded ? 0 : 1) || items.length === 0) return "";
  return (isEnded ? "" : " ") + show(items);
}

const bold = (text: string) => `\x1b[1m${text}\x1b[22m`;
const quiet = (text: string) => `\x1b[90m${text}\x1b[39m`;
const label = (text: string) => `\x1b[33m${text}:\x1b[39m`;

/** Returns the lines of `help NAME`, `help @GROUP` and `help`, for a terminal of so many columns. */
export function help(topic: string, columns: number): string[] {
  const wanted = topic.trim().replace(/\s+/g, " ").toUpperCase();
  const found = wanted.startsWith("@")
    ? commands.filter(({ group }) => group === wanted.slice(1).toLowerCase())
    : commands.filter(({ name }) => name === wanted || name.startsWith(`${wanted} `));
  if (wanted !== "" && found.length === 0) return [`There is no help for ${topic.trim()}.`];
  const text = wanted === "" ? introduction : ["", ...found.flatMap(explanation), ...(found.length === 1 ? details(found[0]!) : [])];
  return text.flatMap((line) => wrapped(line, columns));
}

function explanation(command: Command): string[] {
  return [
    `  ${bold(command.name)} ${quiet(show(command.arguments))}`,
    `  ${label("summary")} ${command.summary}`,
    `  ${label("since")} ${command.since}`,
    `  ${label("group")} ${command.group}`,
    "",
  ];
}

/** Returns what there is to say about a command, its examples set off. */
function details({ text }: Command): string[] {
  let isExample = false;
  const shown: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("```")) isExample = !isExample;
    else shown.push(isExample ? `    ${quiet(line)}` : `  ${line.replace(/`([^`]*)`/g, (_, word) => bold(word))}`.trimEnd());
  }
  return text === "" ? [] : [...shown, ""];
}

/** Breaks a line between words, and indents what follows as it begins. */
function wrapped(line: string, columns: number): string[] {
  const indent = /^ */.exec(line)![0];
  const rows: string[] = [];
  let row = indent;
  let length = indent.length;
  for (const word of line.trimStart().split(" ")) {
    const more = word.replace(/\x1b\[\d+m/g, "").length;
    if (length > indent.length && length + more > columns) {
      rows.push(row.trimEnd());
      row = indent;
      length = indent.length;
    }
    row += `${word} `;
    length += more + 1;
  }
  return [...rows, row.trimEnd()];
}

const introduction = [
  "To learn about commands type",
  `  help @group    for the commands of a group: ${groups.join(", ")}`,
  "  help command   for one of them",
  "and Tab behind `help ` for what there is.",
  "",
  "Tab completes names, the arrows bring back what was typed, Ctrl-C ends a wait, and clear clears.",
];
