"""What redis-py's introduction shows, as far as the commands go."""

import sys

import redis

port = int(sys.argv[1])
r = redis.Redis(host="127.0.0.1", port=port, db=0, decode_responses=True)
assert r.ping()
assert r.set("foo", "bar")
assert r.get("foo") == "bar"
assert r.set("foo", "baz", nx=True) is None
assert r.set("short", "lived", px=60000) and 0 < r.pttl("short") <= 60000
assert r.mset({"a": "1", "b": "2"}) and r.mget("a", "b", "none") == ["1", "2", None]

raw = redis.Redis(host="127.0.0.1", port=port)
raw.set(b"\x00\xff", b"\r\n")
assert raw.get(b"\x00\xff") == b"\r\n"

with r.pipeline() as pipe:
    assert pipe.set("n", 5).incr("n").get("n").execute() == [True, 6, "6"]

with r.pipeline() as pipe:
    pipe.watch("n")
    r.incr("n")
    pipe.multi()
    pipe.set("n", 0)
    try:
        pipe.execute()
        raise SystemExit("a watched key was changed")
    except redis.WatchError:
        pass

p = r.pubsub()
p.subscribe("news")
assert p.get_message(timeout=10)["type"] == "subscribe"
assert r.publish("news", "something") == 1
assert p.get_message(timeout=10)["data"] == "something"

assert r.rpush("queue", "a", "b") == 2
assert r.blpop("queue", timeout=1) == ("queue", "a")
assert r.lrange("queue", 0, -1) == ["b"]

assert sorted(r.scan_iter(match="[ab]")) == ["a", "b"]
assert r.info("server")["redis_version"].startswith("7.0.")
try:
    r.incr("foo")
    raise SystemExit("a word was counted up")
except redis.ResponseError as error:
    assert str(error) == "value is not an integer or out of range"
print("done")
