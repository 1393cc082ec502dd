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

/** Prints what a working package prints, whoever runs it. */
export const EXPECTED = "redlet: a value";

const BODY = `
  const db = await Redlet.open();
  await db.set("key", "a value");
  console.log("redlet: " + (await db.get("key")));
  await db.close();
`;
export const PROGRAM = `import { Redlet } from "redlet";\n${BODY}`;
export const REQUIRING = `const { Redlet } = require("redlet");\n(async () => {${BODY}})();`;

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
