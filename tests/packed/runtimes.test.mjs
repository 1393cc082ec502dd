/** The packed tarball in each runtime that is no browser. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { ENTRIES, EXPECTED, MODULES, THROUGH, attempt, fileName, makeConsumer, program, requiring } from "./consumer.mjs";

const { folder, run, write } = makeConsumer();
const deno = (file) => run("deno", "run", "--cached-only", "--no-prompt", "--node-modules-dir=manual", file);

for (const entry of ENTRIES) {
  const name = fileName(entry);
  const file = write(`${name}.mjs`, program(entry));

  test(`Node imports ${entry}`, () => {
    assert.equal(run("node", file), EXPECTED[entry]);
  });

  test(`Node requires ${entry}`, () => {
    assert.equal(run("node", write(`${name}.cjs`, requiring(entry))), EXPECTED[entry]);
  });

  test(`Node gives ${entry}/slim the module`, () => {
    const opening = `
      import { readFileSync } from "node:fs";
      import { fileURLToPath } from "node:url";
      import { Redlet as Slim } from "${entry}/slim";
      const wasm = readFileSync(fileURLToPath(import.meta.resolve("redlet/${MODULES[entry]}")));
      const Redlet = { open: () => Slim.open({ wasm }) };`;
    const text = program(entry).replace(/^import .*/, opening);
    assert.equal(run("node", write(`${name}-slim.mjs`, text)), EXPECTED[entry]);
  });

  test(`Deno runs ${entry} without a permission`, () => {
    assert.equal(deno(file), EXPECTED[entry]);
  });

  test(`Bun runs ${entry}`, () => {
    assert.equal(run("bun", "run", file), EXPECTED[entry]);
  });

  test(`Bun compiles ${entry} into a program`, () => {
    run("bun", "build", "--compile", file, "--outfile", name);
    assert.equal(run(join(folder, name)), EXPECTED[entry]);
  });

  test(`workerd runs ${entry} with the module beside it`, async (t) => {
    write(`${name}-worker.mjs`, `
      import { Redlet } from "${entry}";
      ${attempt(entry)}
      export default {
        async fetch() {
          let said;
          await attempt((text) => (said = text));
          return new Response("${entry}: " + said);
        },
      };`);
    // What wrangler does: bundle for workerd, and hand over each .wasm as a compiled module.
    await build({
      absWorkingDir: folder,
      entryPoints: [`${name}-worker.mjs`],
      outdir: "worker",
      bundle: true,
      format: "esm",
      conditions: ["workerd", "worker"],
      external: ["node:*", "cloudflare:*"],
      loader: { ".wasm": "copy" },
      assetNames: "[name]",
    });
    const built = (file) => readFileSync(join(folder, "worker", file));
    const miniflare = new Miniflare({
      compatibilityDate: "2026-01-01",
      modules: [
        { type: "ESModule", path: "worker.js", contents: built(`${name}-worker.js`).toString() },
        { type: "CompiledWasm", path: MODULES[entry], contents: built(MODULES[entry]) },
      ],
    });
    t.after(() => miniflare.dispose());
    const response = await miniflare.dispatchFetch("http://localhost/");
    assert.equal(await response.text(), EXPECTED[entry]);
  });

  test(`TypeScript finds types of ${entry} for import and for require`, () => {
    const typed = (text) => text.replace("attempt(say)", "attempt(say: (text: string) => void)");
    const right = typed(program(entry)).replace("(error) =>", "(error: Error) =>");
    write(`${name}.mts`, right);
    write(`${name}.cts`, right);
    write("wrong.mts", right + "\nconst wrong: number = await (await Redlet.open()).get('key');\n");
    const types = readFileSync(new URL("types.mts", import.meta.url), "utf8");
    write("types.mts", types.replace('from "redlet"', `from "${entry}"`));
    const tsc = ["--noEmit", "--strict", "--target", "es2022", "--types", "", "--skipLibCheck", "false"];
    for (const module of ["nodenext", "node20"]) {
      run("tsc", ...tsc, "--module", module, `${name}.mts`, `${name}.cts`, "types.mts");
    }
    run("tsc", ...tsc, "--module", "esnext", "--moduleResolution", "bundler", `${name}.mts`);
    assert.throws(() => run("tsc", ...tsc, "--module", "nodenext", "wrong.mts"), /status|failed/);
  });
}

test("a build without Lua keeps libraries of functions, in one process with the other", () => {
  const file = write("through.mjs", THROUGH);
  for (const said of [run("node", file), deno(file), run("bun", "run", file)]) {
    assert.equal(said, "3 from between");
  }
});
