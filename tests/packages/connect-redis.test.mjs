/** connect-redis: sessions of a web server, as browsers come back to them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { promisify } from "node:util";
import { RedisStore } from "connect-redis";
import session from "express-session";
import { HOSTS } from "./hosts.mjs";

for (const [name, host] of Object.entries(HOSTS)) {
  test(`connect-redis keeps the sessions of a web server on ${name}`, async (t) => {
    const client = await (await host(t)).nodeRedis();
    const store = new RedisStore({ client, prefix: "app:" });
    const visit = await serve(t, session({ store, secret: "s", resave: false, saveUninitialized: false, cookie: { maxAge: 60_000 } }));

    const first = await visit("/");
    assert.equal(first.said, "1");
    assert.equal((await visit("/", first.cookie)).said, "2");
    assert.equal((await visit("/", first.cookie)).said, "3");
    const other = await visit("/");
    assert.equal(other.said, "1");

    const ids = await promisify(store.ids.bind(store))();
    assert.equal(ids.length, 2);
    assert.equal(await promisify(store.length.bind(store))(), 2);
    const ttl = await client.ttl(`app:${ids[0]}`);
    assert.ok(ttl > 50 && ttl <= 60, String(ttl));
    const all = await promisify(store.all.bind(store))();
    assert.deepEqual(all.map(({ visits }) => visits).sort(), [1, 3]);

    assert.equal((await visit("/leave", first.cookie)).said, "gone");
    assert.equal((await visit("/", first.cookie)).said, "1");
    await promisify(store.clear.bind(store))();
    assert.deepEqual(await client.keys("app:*"), []);
  });
}

/** Starts a web server that counts visits; returns what visits it, with the cookie of an earlier visit. */
async function serve(t, sessions) {
  const server = createServer((request, response) => {
    sessions(request, response, () => {
      if (request.url === "/leave") return request.session.destroy(() => response.end("gone"));
      request.session.visits = (request.session.visits ?? 0) + 1;
      response.end(String(request.session.visits));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return async (path, cookie) => {
    const headers = cookie === undefined ? {} : { cookie };
    const response = await fetch(`http://127.0.0.1:${server.address().port}${path}`, { headers });
    return { said: await response.text(), cookie: response.headers.get("set-cookie")?.split(";")[0] };
  };
}
