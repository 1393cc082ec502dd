/** An item of a command's syntax, as commands.json has it. */
export interface Item {
  /** To be written as it stands. */
  readonly word?: string;
  /** The name of something that stands for a value. */
  readonly value?: string;
  /** One of these, or nothing. */
  readonly optional?: readonly (readonly Item[])[];
  /** One of these. */
  readonly group?: readonly (readonly Item[])[];
  readonly repeated?: boolean;
}

type Items = readonly Item[];

/** Writes items for a reader. */
export function show(items: Items): string {
  return items.map(showItem).join(" ");
}

function showItem({ word, value, optional, group, repeated }: Item): string {
  const inner = (optional ?? group ?? []).map(show).join("|");
  const more = repeated ? "..." : "";
  return optional === undefined ? `${word ?? value ?? `<${inner}>`}${more}` : `[${inner}${more}]`;
}

/** What may follow some words, and how many of them there was a place for. */
interface Left {
  items: Items;
  taken: number;
}

/** Returns what may follow words that a call has already. */
export function follow(items: Items, words: readonly string[]): Left {
  let left = items;
  let taken = 0;
  while (taken < words.length) {
    const place = taker(left, words[taken]!);
    const found = left[place];
    if (found === undefined) break;
    const inner = take(found, words.slice(taken));
    taken += inner.taken;
    // Options come in any order. What a call must have ends the options before it.
    const before = found.optional === undefined ? [] : left.slice(0, place);
    const unfinished = taken < words.length ? [] : inner.items;
    left = [...unfinished, ...before, ...again(found), ...left.slice(place + 1)];
  }
  return { items: left, taken };
}

/** Finds the item that a word belongs to: an option by its name, else the first that takes any word. */
function taker(items: Items, word: string): number {
  const must = items.findIndex((item) => item.optional === undefined);
  const near = must < 0 ? items : items.slice(0, must + 1);
  const named = near.findIndex((item) => isNamed(item, word));
  return named >= 0 ? named : near.findIndex(takesAny);
}

function isNamed(item: Item, word: string): boolean {
  return item.word === word.toUpperCase() || firsts(item).some((first) => isNamed(first, word));
}

function takesAny(item: Item): boolean {
  return item.value !== undefined || firsts(item).some(takesAny);
}

/** Returns what an item may begin with. */
function firsts({ optional, group }: Item): Item[] {
  return (optional ?? group ?? []).flatMap(([first]) => first ?? []);
}

function take(item: Item, words: readonly string[]): Left {
  const choices = item.optional ?? item.group;
  if (choices === undefined) return { items: [], taken: 1 };
  const begins = (test: (first: Item) => boolean) => choices.find(([first]) => first !== undefined && test(first));
  return follow(begins((first) => isNamed(first, words[0]!)) ?? begins(takesAny) ?? [], words);
}

/** Returns what may come once more. */
function again(item: Item): Items {
  if (!item.repeated) return [];
  return [item.optional === undefined ? { optional: item.group ?? [[{ ...item, repeated: false }]], repeated: true } : item];
}
