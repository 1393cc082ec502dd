/** The playground in Chromium, by typing. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { kill, launch, makeProfile, serve } from "./chromium.mjs";
import { Playground, SERVER, SITE } from "./playground.mjs";
import { CALLS, CHANGES, freePort, redis } from "./redis.mjs";

let browser;
const profile = mkdtempSync(join(tmpdir(), "redlet-playground-"));
before(async () => (browser = (await launch(profile)).context));
after(async () => {
  await browser?.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
});

/** Opens the playground in a page of its own, with nothing stored: each server is another origin. */
async function open(t) {
  const address = await serve(t, SITE);
  return { address, ...(await visit(t, address)) };
}

async function visit(t, address) {
  const page = await browser.newPage();
  const playground = await Playground.openKept(page, address);
  t.after(async () => {
    await page.close();
    assert.deepEqual(playground.complaints, []);
  });
  return { page, playground };
}

test("what is typed is answered as redis-cli would print it", { timeout: 60_000 }, async (t) => {
  const { playground } = await open(t);
  await playground.ask("set greeting hello", "OK");
  await playground.ask("get greeting", '"hello"');
  await playground.ask("get nothing", "(nil)");
  await playground.ask("rpush list a 'b c' \"d\\n\"", "(integer) 3");
  await playground.ask("lrange list 0 -1", '1) "a"\n2) "b c"\n3) "d\\n"');
  await playground.ask("lrange nothing 0 -1", "(empty array)");
  await playground.ask("nosuch x", "(error) ERR unknown command 'nosuch', with args beginning with: 'x'");
  await playground.ask("get 'greeting", "Invalid argument(s)");
  await playground.ask("hello 3", /1# "server" => "redis"\n[^]*\n7# "modules" => \(empty array\)/);
  await playground.ask("info keyspace", /# Keyspace\ndb0:keys=2,expires=0,avg_ttl=0/);
  await playground.ask("help llen", /LLEN key\n +summary: Returns .*\n +since: 1\.0\.0\n[^]*/);
});

test("scripts and functions run in the page", { timeout: 60_000 }, async (t) => {
  const { playground } = await open(t);
  await playground.ask("eval \"return redis.call('INCRBY', KEYS[1], 2) * 2\" 1 n", "(integer) 4");
  await playground.ask("function load \"#!lua name=l\\nredis.register_function('f', function() return 'called' end)\"", '"l"');
  await playground.ask("fcall f 0", '"called"');
});

test("the prompt shows the database and the transaction", { timeout: 60_000 }, async (t) => {
  const { playground } = await open(t);
  await playground.ask("select 1", "OK", { prompt: "redlet[1]> " });
  await playground.says("#keys-name", /^Keys in 1$/);
  await playground.ask("multi", "OK", { prompt: "redlet[1](TX)> " });
  await playground.ask("incr n", "QUEUED", { prompt: "redlet[1](TX)> " });
  await playground.ask("lpush n x", "QUEUED", { prompt: "redlet[1](TX)> " });
  const wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
  await playground.ask("exec", `1) (integer) 1\n2) (error) ${wrong}`, { prompt: "redlet[1]> " });
  await playground.lists("n");
  await playground.ask("select 0", "OK");
  await playground.lists();
});

test("lines are edited, completed and brought back", { timeout: 60_000 }, async (t) => {
  const { page, playground } = await open(t);
  await playground.type("set");
  // As much of the syntax as there is room for.
  await playground.shows(/redlet> set key value \[NX\|XX\|IFEQ comparison-value\] \[GET\] .*… $/);
  await playground.type(" key value ex 10 ");
  await playground.ends("redlet> set key value ex 10 [NX|XX|IFEQ comparison-value] [GET]");
  await playground.press("Control+U");
  await playground.type("lra");
  await playground.press("Tab");
  await playground.type(" list 0 -1");
  await playground.press("Home", "Control+ArrowRight", "ArrowRight", "x", "Backspace", "Enter");
  await playground.ends("redlet> lrange list 0 -1\n(empty array)\nredlet>");
  await playground.type("echo draft");
  await playground.press("ArrowUp");
  await playground.ends("redlet> lrange list 0 -1");
  await playground.press("ArrowDown", "Control+C");
  await playground.ends("redlet> echo draft^C\nredlet>");
  // A line over several rows, and back to its beginning.
  const long = "0123456789".repeat(30);
  await page.keyboard.insertText(`echo ${long}`);
  await playground.press("Home", "Control+ArrowRight", "ArrowRight");
  await playground.type("é\n");
  const shown = (await playground.shows(/"é0[0-9\n]*"\nredlet> $/)).replaceAll("\n", "");
  assert.ok(shown.includes(`redlet> echo é${long}"é${long}"redlet>`), shown);
});

test("several lines are pasted and run one after the other", { timeout: 60_000 }, async (t) => {
  const { address, page, playground } = await open(t);
  await browser.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(address).origin });
  await page.evaluate(() => navigator.clipboard.writeText("set a 1\nincr a\n\nget a"));
  await playground.press("Control+V");
  await playground.ends("redlet> set a 1\nOK\nredlet> incr a\n(integer) 2\nredlet>\nredlet> get a");
  await playground.press("Enter");
  await playground.ends('redlet> get a\n"2"\nredlet>');
});

test("waits end by Ctrl-C or by another terminal, and messages come by themselves", { timeout: 60_000 }, async (t) => {
  const { page, playground } = await open(t);
  await playground.ask("select 2", "OK", { prompt: "redlet[2]> " });
  await playground.type("blpop jobs 0\n");
  await playground.ends("blpop jobs 0");
  await playground.press("Control+C");
  await playground.ends("^C\nredlet[2]>");
  await playground.type("blpop jobs 0\n");
  await page.getByRole("button", { name: "Add a terminal" }).click();
  await playground.shows(/^redlet> $/, 1);
  await playground.ask("select 2", "OK", { prompt: "redlet[2]> ", terminal: 1 });
  await playground.ask("rpush jobs one", "(integer) 1", { prompt: "redlet[2]> ", terminal: 1 });
  await playground.shows(/1\) "jobs"\n2\) "one"\n(\(\d+\.\d\ds\)\n)?redlet\[2\]> $/);

  await playground.type("subscribe news\n");
  const subscribed = '1) "subscribe"\n2) "news"\n3) (integer) 1';
  await playground.ends(`Reading messages... (press Ctrl-C to quit)\n${subscribed}`, 1);
  await page.locator(".pane").first().click();
  await playground.ask("publish news hello", "(integer) 1", { prompt: "redlet[2]> " });
  await playground.ends(`${subscribed}\n1) "message"\n2) "news"\n3) "hello"`, 1);
  await page.locator(".pane").last().click();
  await playground.press("Control+C");
  await playground.ends("^C\nredlet[2]>", 1);
  await page.getByRole("button", { name: "Remove the last" }).click();
  await playground.ask("pubsub numsub news", '1) "news"\n2) (integer) 0', { prompt: "redlet[2]> " });
});

test("the panels show keys and storage as they change", { timeout: 60_000 }, async (t) => {
  const { page, playground } = await open(t);
  await playground.says("#no-keys", /None yet/);
  await playground.ask("set short-lived x px 100000", "OK");
  await playground.ask("rpush list a b", "(integer) 2");
  await playground.ask('set "a b" y', "OK");
  await playground.lists("a b", "list", "short-lived");
  const [, list, short] = await playground.keys();
  assert.deepEqual(list.slice(0, 3), ["list", "list", ""]);
  assert.ok(Number(list[3]) > 20 && /^(100|9\d) s$/.test(short[2]), `${list} ${short}`);
  await playground.ask("pexpire short-lived 1", "(integer) 1");
  await playground.lists("a b", "list");

  await playground.says("#storage", /Last snapshot\n.*\nChanges since\n[5-9]\n/);
  await playground.says("#storage", /Log\n\d+ B of 16\.0 MB\nNot stored yet\n0 B/);
  await page.getByRole("button", { name: "Take a snapshot" }).click();
  await playground.says("#storage", /Changes since\n0\nLog\n0 B of/);

  await page.getByRole("button", { name: "a b" }).click();
  await playground.ends('redlet> GET "a b"\n"y"\nredlet>');
});

test("a reload brings back the data and the lines", { timeout: 60_000 }, async (t) => {
  const { page, playground } = await open(t);
  await playground.ask("set kept yes", "OK");
  await page.reload();
  await playground.says("#status", /^Kept in this browser/);
  await playground.lists("kept");
  await playground.press("ArrowUp");
  await playground.shows(/redlet> set kept yes \[NX\|XX\|IFEQ comparison-value\] /);
});

test("a second tab says why it can't have the data, and what to do", { timeout: 60_000 }, async (t) => {
  const { address, page, playground } = await open(t);
  await playground.ask("set mine 1", "OK");
  const other = await browser.newPage();
  t.after(() => other.close());
  const second = await Playground.open(other, address);
  await second.says("#status", /^This database is open in another tab\. Close it there/);
  await second.ask("get mine", "Error: No engine is open.", { prompt: "not connected> " });
  await other.getByRole("button", { name: "Open an empty one in memory" }).click();
  await second.says("#status", /^In memory, gone with this page$/);
  await other.locator(".pane").click();
  await second.ask("get mine", "(nil)");
  await page.close();
  await other.reload();
  await second.says("#status", /^Kept in this browser$/);
  await second.lists("mine");
});

test("without a server the engine in the tab stays", { timeout: 60_000 }, async (t) => {
  const { address, page, playground } = await open(t);
  // It is chosen for a moment only.
  await page.getByRole("radio", { name: "on the server" }).click({ force: true });
  await playground.says("#status", new RegExp(`^No redlet-server answers at ${new URL(address).host}$`));
  assert.ok(await page.getByRole("radio", { name: "in this tab" }).isChecked());
  await page.locator(".pane").click();
  await playground.ask("echo here", '"here"');
  playground.expects(/WebSocket connection to .* failed/);
});

test("the server that brings the page is talked to over WebSocket", { timeout: 60_000 }, async (t) => {
  const address = await startServer(t);
  const { page, playground } = await visit(t, address);
  await playground.ask("set where tab", "OK");
  await page.getByRole("radio", { name: "on the server" }).check();
  const { host } = new URL(address);
  await playground.says("#status", new RegExp(`^Connected to ${host}$`));
  await page.locator(".pane").click();
  const prompt = `${host}> `;
  await playground.ask("set where server", "OK", { prompt });
  await playground.ask("config set requirepass secret", "OK", { prompt });
  await playground.type("blpop jobs 0\n");
  await playground.press("Control+C");
  await playground.ends(`^C\n${prompt}`);
  await playground.ask("get where", "(error) NOAUTH Authentication required.", { prompt });
  await playground.ask("auth secret", "OK", { prompt });
  await playground.ask("get where", '"server"', { prompt });
  await playground.lists("where");
  await page.getByRole("radio", { name: "in this tab" }).check();
  await playground.says("#status", /^Kept in this browser$/);
  await page.locator(".pane").click();
  await playground.ask("get where", '"tab"');
});

test("it can be used from the keyboard and by ear", { timeout: 60_000 }, async (t) => {
  const { page, playground } = await open(t);
  await playground.ask("set key value", "OK");
  await playground.lists("key");
  const focused = () => page.evaluate(() => document.activeElement?.ariaLabel ?? document.activeElement?.textContent);
  assert.match(await focused(), /^Commands\. /);
  await playground.press("Tab");
  assert.equal(await focused(), "Ctrl-C");
  await playground.press("Shift+Tab");
  assert.match(await focused(), /^Commands\. /);
  await playground.press("Tab", "Tab", "Tab", "Enter");
  await playground.speaks(/redlet> GET key\n"value"\nredlet>$/);
  for (const [role, name] of [
    ["group", "Engine"],
    ["radio", "in this tab"],
    ["region", "Terminals"],
    ["region", "Keys"],
    ["region", "Storage"],
    ["rowheader", "key"],
    ["meter", "Part of the log that is used"],
  ]) {
    assert.equal(await page.getByRole(role, { name, exact: true }).count(), 1, `${role} ${name}`);
  }
});

test("in a narrow window nothing sticks out", { timeout: 60_000 }, async (t) => {
  const { page, playground } = await open(t);
  await page.setViewportSize({ width: 400, height: 700 });
  await playground.type("set key value");
  await playground.shows(/redlet> set key value \[NX\|XX.*… $/);
  const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(widths[0] <= widths[1], `${widths}`);
});

test("what was answered is there after the browser was killed", { timeout: 60_000 }, async (t) => {
  const address = await serve(t, SITE);
  let again;
  // The browser goes first, then its profile.
  t.after(() => again?.context.close());
  const profile = makeProfile(t);
  const killed = await launch(profile);
  const first = await Playground.openKept(killed.page, address);
  await first.ask("set greeting hello", "OK");
  await first.ask("rpush jobs a b c", "(integer) 3");
  await kill(profile, killed.context);
  again = await launch(profile);
  const second = await Playground.openKept(again.page, address);
  await second.lists("greeting", "jobs");
  await second.ask("get greeting", '"hello"');
  await second.ask("lrange jobs 0 -1", '1) "a"\n2) "b"\n3) "c"');
});

/** Starts a redlet-server that serves the site; returns the page's address. */
async function startServer(t) {
  const port = await freePort();
  const options = ["--port", "0", "--ws-port", String(port), "--www", SITE, "--save", ""];
  const server = spawn(SERVER, options, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => server.kill());
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.includes("Ready to accept connections")) break;
  }
  return `http://127.0.0.1:${port}/`;
}

/** Drops a file on the page. */
async function drop(page, name, content) {
  const dropped = await page.evaluateHandle(
    ([name, base64]) => {
      const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], name));
      return dataTransfer;
    },
    [name, Buffer.from(content).toString("base64")],
  );
  await page.dispatchEvent("body", "dragover", { dataTransfer: dropped });
  await page.dispatchEvent("body", "drop", { dataTransfer: dropped });
}

test("files are dropped on the page, and a dump is taken away", { timeout: 60_000 }, async (t) => {
  const { page, playground } = await open(t);
  await playground.ask("set there 1", "OK");
  const lines = [
    { key: "there", type: "string", value: "new" },
    { key: "list", type: "list", value: ["a"] },
  ];
  await drop(page, "data.jsonl", lines.map((line) => JSON.stringify(line)).join("\n"));
  await playground.says("#status", /^Imported 2 keys from data\.jsonl, 1 of them in place of others$/);
  await playground.lists("list", "there");
  await playground.ask("get there", '"new"');
  await page.locator("#replace").uncheck();
  await drop(page, "log.aof", "*3\r\n$3\r\nSET\r\n$5\r\nthere\r\n$5\r\nnewer\r\n");
  await playground.says("#status", /^Imported 0 keys from log\.aof, 1 left out because they are there already$/);
  await drop(page, "bad.rdb", Buffer.from("REDIS0010\u00fe", "latin1"));
  await playground.says("#status", /^.+ at byte \d+$/);

  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#export").click()]);
  assert.equal(download.suggestedFilename(), "dump.rdb");
  await playground.says("#status", /^Exported \d+ bytes as dump\.rdb$/);
  const path = await download.path();
  await playground.page.locator(".pane textarea").focus();
  await playground.ask("flushall", "OK");
  await page.locator("#file").setInputFiles({ name: "dump.rdb", mimeType: "", buffer: readFileSync(path) });
  await playground.says("#status", /^Imported 2 keys from dump\.rdb$/);
  await playground.lists("list", "there");
});

test("a dump of redis-server is dropped on the page, changed by typing, and taken back", { timeout: 60_000 }, async (t) => {
  const server = await redis(t);
  for (const call of CALLS) server.cli(...call);
  server.cli("SAVE");
  const { page, playground } = await open(t);
  await drop(page, "dump.rdb", server.file("dump.rdb"));
  await playground.says("#status", new RegExp(`^Imported ${server.cli("DBSIZE")} keys from dump\\.rdb$`));
  await playground.lists(...server.cli("KEYS", "*").split("\n").sort());
  const quoted = CHANGES.map((call) => call.map((word) => JSON.stringify(String(word))).join(" "));
  for (const line of quoted) await playground.type(`${line}\n`);
  await playground.ask("get new", '"1"');
  for (const call of CHANGES) server.cli(...call);
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#export").click()]);
  const second = await redis(t, readFileSync(await download.path()));
  assert.equal(second.digest(), server.digest());
});
