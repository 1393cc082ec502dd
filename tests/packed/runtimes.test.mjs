/** The packed tarball in each runtime that is no browser. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { EXPECTED, PROGRAM, REQUIRING, makeConsumer } from "./consumer.mjs";

const { folder, run, write } = makeConsumer();
const program = write("program.mjs", PROGRAM);

test("Node imports it", () => {
  assert.equal(run("node", program), EXPECTED);
});

test("Node requires it", () => {
  assert.equal(run("node", write("program.cjs", REQUIRING)), EXPECTED);
});

test("Deno runs it without a permission", () => {
  assert.equal(run("deno", "run", "--cached-only", "--no-prompt", "--node-modules-dir=manual", program), EXPECTED);
});

test("Bun runs it", () => {
  assert.equal(run("bun", "run", program), EXPECTED);
});

test("Bun compiles it into a program", () => {
  run("bun", "build", "--compile", program, "--outfile", "program");
  assert.equal(run(join(folder, "program")), EXPECTED);
});

test("TypeScript finds types for import and for require", () => {
  const typed = PROGRAM + "\nconst wrong: number = await (await Redlet.open()).get('key');\n";
  write("right.mts", PROGRAM);
  write("right.cts", REQUIRING.replace(/const (\{.*\}) = require\((.*)\)/, "import $1 from $2"));
  write("wrong.mts", typed);
  write("types.mts", readFileSync(new URL("types.mts", import.meta.url), "utf8"));
  const tsc = ["--noEmit", "--strict", "--target", "es2022", "--types", "", "--skipLibCheck", "false"];
  for (const module of ["nodenext", "node20"]) {
    run("tsc", ...tsc, "--module", module, "right.mts", "right.cts", "types.mts");
  }
  run("tsc", ...tsc, "--module", "esnext", "--moduleResolution", "bundler", "right.mts");
  assert.throws(() => run("tsc", ...tsc, "--module", "nodenext", "wrong.mts"), /status|failed/);
});

test("workerd runs it with the module beside it", async (t) => {
  write("worker.mjs", `
    import { Redlet } from "redlet";
    export default {
      async fetch() {
        const db = await Redlet.open();
        await db.set("key", "a value");
        return new Response("redlet: " + (await db.get("key")));
      },
    };`);
  // What wrangler does: bundle for workerd, and hand over each .wasm as a compiled module.
  await build({
    absWorkingDir: folder,
    entryPoints: ["worker.mjs"],
    outdir: "worker",
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker"],
    external: ["node:*", "cloudflare:*"],
    loader: { ".wasm": "copy" },
    assetNames: "[name]",
  });
  const miniflare = new Miniflare({
    compatibilityDate: "2026-01-01",
    modules: [
      { type: "ESModule", path: "worker.js", contents: readFileSync(join(folder, "worker/worker.js"), "utf8") },
      { type: "CompiledWasm", path: "redlet.wasm", contents: readFileSync(join(folder, "worker/redlet.wasm")) },
    ],
  });
  t.after(() => miniflare.dispose());
  const response = await miniflare.dispatchFetch("http://localhost/");
  assert.equal(await response.text(), EXPECTED);
});
