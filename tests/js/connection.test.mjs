/** Connections that speak RESP. */
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { Redlet, open } from "./package.mjs";

const encode = (text) => new TextEncoder().encode(text);

/** Connects; `heard` reads until all of a text has come, and fails if something else does. */
function connect(db) {
  const { readable, writable } = db.connection();
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  const decoder = new TextDecoder();
  let buffered = "";
  const heard = async (expected) => {
    while (buffered.length < expected.length) {
      const { done, value } = await reader.read();
      if (done) break;
      buffered += decoder.decode(value);
    }
    assert.equal(buffered.slice(0, expected.length), expected);
    buffered = buffered.slice(expected.length);
  };
  return { say: (text) => writer.write(encode(text)), heard, reader, writer };
}

test("calls come in pieces, and replies go out in order", async (t) => {
  const db = await open(t, Redlet);
  const { say, heard } = connect(db);
  for (const letter of "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\na\r\nbc\r\n") await say(letter);
  await heard("+OK\r\n");
  await say("GET key\r\nINCR key\r\nGET other\r\n");
  await heard("$5\r\na\r\nbc\r\n-ERR value is not an integer or out of range\r\n$-1\r\n");
  assert.equal(await db.get("key"), "a\r\nbc");
});

test("a call that waits holds up the ones behind it", async (t) => {
  const db = await open(t, Redlet);
  const { say, heard } = connect(db);
  await say("SELECT 1\r\nBLPOP list 0\r\nECHO behind\r\n");
  await heard("+OK\r\n");
  const other = connect(db);
  await other.say("SELECT 1\r\nRPUSH list a\r\n");
  await other.heard("+OK\r\n:1\r\n");
  await heard("*2\r\n$4\r\nlist\r\n$1\r\na\r\n$6\r\nbehind\r\n");
});

test("a wait ends in time", async (t) => {
  const db = await open(t, Redlet);
  const { say, heard } = connect(db);
  await say("BLPOP list 0.01\r\n");
  await heard("*-1\r\n");
});

test("messages come as they are published", async (t) => {
  const db = await open(t, Redlet);
  const { say, heard } = connect(db);
  await say("SUBSCRIBE news\r\n");
  await heard("*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
  assert.equal(await db.publish("news", "hello"), 1);
  await heard("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
});

test("it ends when either side wants", async (t) => {
  const db = await open(t, Redlet);
  const quitting = connect(db);
  await quitting.say("QUIT\r\n");
  await quitting.heard("+OK\r\n");
  assert.equal((await quitting.reader.read()).done, true);
  const closing = connect(db);
  await closing.say("CLIENT SETNAME mine\r\n");
  await closing.heard("+OK\r\n");
  await closing.writer.close();
  assert.equal((await closing.reader.read()).done, true);
  assert.doesNotMatch(await db.call("CLIENT", "LIST"), /name=mine/);
  const left = connect(db);
  await db.close();
  assert.equal((await left.reader.read()).done, true);
});

test("Node takes it for a socket", async (t) => {
  const db = await open(t, Redlet);
  const socket = Duplex.fromWeb(db.connection());
  socket.write("PING\r\n");
  for await (const chunk of socket) {
    assert.equal(chunk.toString(), "+PONG\r\n");
    break;
  }
});
