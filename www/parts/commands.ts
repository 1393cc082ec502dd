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

const bold = (text: string) => `\x1b[1m${text}\x1b[0m`;
const quiet = (text: string) => `\x1b[90m${text}\x1b[0m`;
const label = (text: string) => `\x1b[33m${text}:\x1b[0m`;

/** Returns the lines of `help NAME`, `help @GROUP` and `help`. */
export function help(topic: string): string[] {
  const wanted = topic.trim().replace(/\s+/g, " ").toUpperCase();
  if (wanted === "") return introduction;
  const found = wanted.startsWith("@")
    ? commands.filter(({ group }) => group === wanted.slice(1).toLowerCase())
    : commands.filter(({ name }) => name === wanted || name.startsWith(`${wanted} `));
  if (found.length === 0) return [`There is no help for ${topic.trim()}.`];
  return ["", ...found.flatMap(explanation), ...(found.length === 1 ? details(found[0]!) : [])];
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
    else shown.push(isExample ? `    ${quiet(line)}` : `  ${line}`.trimEnd());
  }
  return text === "" ? [] : [...shown, ""];
}

const introduction = [
  "To learn about commands type:",
  '      "help @<group>" for the commands of a group: ' + groups.join(", "),
  '      "help <command>" for one of them',
  '      "help " and Tab for what there is',
  'Tab completes names. The arrows bring back what was typed before. Ctrl-C ends a wait, "clear" clears.',
];
