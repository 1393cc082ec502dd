/**
 * A project outside this repository that has installed the packed tarball: what a user has, and nothing else.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

const top = fileURLToPath(new URL("../../", import.meta.url));

/** Programs of package-lock.json come first: the bundlers and runtimes under test. */
const PATH = [join(top, "node_modules/.bin"), process.env.PATH].join(delimiter);

/** What a program does with each entry of the package. */
const BODIES = {
  redlet: `
    const db = await Redlet.open();
    await db.set("key", "a value");
    const refusal = await db.eval("return 1", 0).catch((error) => error.message);
    say((await db.get("key")) + "; " + /import [^,]*/.exec(String(refusal)));
    await db.close();`,
  "redlet/scripting": `
    const db = await Redlet.open();
    await db.eval("redis.call('SET', KEYS[1], ARGV[1])", 1, "key", "a value");
    await db.functionLoad(\`#!lua name=words
      redis.register_function("behind", function(keys, args) return redis.call("GET", keys[1]) .. args[1] end)\`);
    say(String(await db.fcall("behind", 1, "key", " of Lua's")));
    await db.close();`,
};
export const ENTRIES = Object.keys(BODIES);

/** What the programs below print, whoever runs them. */
export const EXPECTED = {
  redlet: "redlet: a value; import redlet/scripting",
  "redlet/scripting": "redlet/scripting: a value of Lua's",
};

/** The file that each entry's module is in. */
export const MODULES = { redlet: "redlet.wasm", "redlet/scripting": "redlet-scripting.wasm" };

/** Returns an entry's name as part of the names of files. */
export const fileName = (entry) => entry.replace("/", "-");

/** Returns a function that uses what an entry exports, and says something. */
export const attempt = (entry) => `async function attempt(say) {${BODIES[entry]}\n}`;

const attempted = (entry) => `${attempt(entry)}\nattempt((text) => console.log("${entry}: " + text));\n`;
export const program = (entry) => `import { Redlet } from "${entry}";\n${attempted(entry)}`;
export const requiring = (entry) => `const { Redlet } = require("${entry}");\n${attempted(entry)}`;

/** Takes a library of functions through the build that can't run it, and back. */
export const THROUGH = `
  import { Redlet as Plain } from "redlet";
  import { Redlet as Scripting } from "redlet/scripting";

  const [before, between, after] = [await Scripting.open(), await Plain.open(), await Scripting.open()];
  await before.functionLoad(\`#!lua name=sums
    redis.register_function("sum", function(_, args) return args[1] + args[2] end)\`);
  await between.import(await before.export());
  await between.set("key", "from between");
  await after.import(await between.export());
  console.log((await after.fcall("sum", 0, 1, 2)) + " " + (await after.get("key")));
  for (const db of [before, between, after]) await db.close();
`;

/** Makes a project, installs the tarball in it, and removes it when the tests of this file are done. */
export function makeConsumer() {
  const folder = mkdtempSync(join(tmpdir(), "redlet-consumer-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const run = (program, ...args) =>
    execFileSync(program, args, {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, PATH, DENO_NO_UPDATE_CHECK: "1" },
    }).trim();
  const write = (name, text) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  write("package.json", JSON.stringify({ name: "consumer", private: true, type: "module" }));
  run("npm", "install", "--silent", "--no-audit", "--no-fund", "--offline", join(top, "target/pack/redlet.tgz"));
  return { folder, run, write };
}
