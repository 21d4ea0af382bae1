"""Clients that put a load on a cluster and record what they asked and were told, in a form that linear.py judges."""
import base64
import http.client
import json
import random
import threading
import time

from agent import patience
from linear import ABSENT, Operation, check

# Answers that promise that nothing was done. All others than 200 leave the outcome of a write unknown.
REFUSALS = (b"No cluster leader", b"No path to datacenter")
TIMEOUT = patience(4.0)


class Client(threading.Thread):
    def __init__(self, load, number, seed):
        super().__init__(daemon=True)
        self.load, self.number, self.rng = load, number, random.Random(seed)
        self.connections, self.avoid, self.known = {}, {}, {}
        self.count = 0

    def run(self):
        try:
            while not self.load.stopping.is_set():
                server = self.choose()
                if server is None:
                    time.sleep(0.05)
                    continue
                self.one(server)
                if self.load.pause:
                    time.sleep(self.rng.uniform(0, 2 * self.load.pause))
        except Exception as e:  # an answer that nobody can read is the server's fault, not the end of a client
            self.load.wrong(f"client {self.number} gave up: {type(e).__name__}: {e}")

    def choose(self):
        """Any server, but one that hung a moment ago seldom."""
        now = time.monotonic()
        servers = list(self.load.cluster.servers)
        calm = [s for s in servers if self.avoid.get(s.name, 0) < now]
        return self.rng.choice(calm or servers) if servers else None

    def one(self, server):
        self.count += 1
        key = f"{self.load.prefix}k{self.rng.randrange(self.load.keys)}"
        value = f"c{self.number}n{self.count}"
        what = self.rng.random()
        if what < 0.40:
            self.read(server, key, self.rng.choice(["", "?consistent"]))
        elif what < 0.45:
            self.stale_read(server, key)
        elif what < 0.62:
            self.write(server, Operation("put", key, 0, value=value), "PUT", "", value)
        elif what < 0.80:
            seen, index = self.known.get(key, (ABSENT, 0))
            self.write(server, Operation("cas", key, 0, value=value, expected=seen), "PUT", f"?cas={index}", value)
        elif what < 0.84:
            self.write(server, Operation("delete", key, 0), "DELETE", "", None)
        else:
            own = f"{self.load.prefix}own/{self.number}/{self.count}"
            op = self.write(server, Operation("put", own, 0, value=value), "PUT", "", value, record=False)
            if op.result:
                self.load.acknowledged[own] = value
                if self.rng.random() < 0.3:  # what I wrote through one server, another shows me
                    self.read_own(own, value)

    def exchange(self, server, method, path, body):
        """(status, headers, body), or (None, why, sent): sent says whether the server may have seen it."""
        sent = False
        try:
            c = self.connections.get(server.name)
            if c is None:
                c = self.connections[server.name] = http.client.HTTPConnection(server.ip, server.ports["http"], timeout=TIMEOUT)
            if c.sock is None:
                c.connect()
            sent = True
            c.request(method, path, body=body)
            r = c.getresponse()
            return r.status, dict((k.lower(), v) for k, v in r.getheaders()), r.read()
        except (OSError, http.client.HTTPException) as e:
            self.connections.pop(server.name, None)
            c.close()
            hung = isinstance(e, TimeoutError)
            self.avoid[server.name] = time.monotonic() + self.rng.uniform(0.2, 4.0 if hung else 0.6)
            return None, repr(e), sent

    def write(self, server, op, method, query, body, record=True):
        op.client, op.start = self.number, time.monotonic()
        status, headers, text = self.exchange(server, method, f"/v1/kv/{op.key}{query}", body)
        end = time.monotonic()
        op.place = f"{server.name} {status} {text[:120]!r}" if status else f"{server.name} {headers}"
        if status == 200:
            op.end, op.result = end, text.strip() == b"true"
            if op.kind != "cas" and not op.result:
                self.load.wrong(f"{op}: answered 200 without true")
        elif (status is None and text is False) or (status and any(r in text for r in REFUSALS)):
            self.load.note("refused", op.place.split(" ", 1)[1])
            op.result = False
            return op
        else:
            self.load.note("unknown", op.place.split(" ", 1)[1])
            op.result = None
        if record:
            self.load.operations.append(op)
        self.load.answered(status == 200, True, op.end, end - op.start)
        return op

    def read(self, server, key, query):
        op = Operation("get", key, time.monotonic(), client=self.number)
        status, headers, text = self.exchange(server, "GET", f"/v1/kv/{key}{query}", None)
        op.place = f"{server.name}{query}"
        if status not in (200, 404):
            self.load.note("failed reads", f"{status} {(headers if status is None else text)[:100]!r}")
            return
        op.end = time.monotonic()
        op.result, index = ABSENT, 0
        if status == 200:
            entry = json.loads(text)[0]
            op.result, index = base64.b64decode(entry["Value"] or "").decode(), entry["ModifyIndex"]
            other = self.load.indexes.setdefault((key, op.result), index)
            if other != index:
                self.load.wrong(f"{op}: ModifyIndex {index}, and {other} before")
        op.place += f" index {index}"
        self.known[key] = (op.result, index)
        self.load.operations.append(op)
        self.load.answered(True, False, op.end, op.end - op.start)

    def stale_read(self, server, key):
        """May be old, but is never what nobody wrote."""
        status, headers, text = self.exchange(server, "GET", f"/v1/kv/{key}?stale", None)
        if status == 200:
            entry = json.loads(text)[0]
            other = self.load.indexes.setdefault((key, base64.b64decode(entry["Value"] or "").decode()), entry["ModifyIndex"])
            if other != entry["ModifyIndex"]:
                self.load.wrong(f"stale read of {key} at {server.name}: {entry}, and index {other} before")
            self.load.count("stale reads")
        elif status != 404:
            self.load.note("failed stale reads", f"{status} {(headers if status is None else text)[:100]!r}")

    def read_own(self, key, value):
        server = self.choose()
        begun = time.monotonic()
        status, _, text = self.exchange(server, "GET", f"/v1/kv/{key}?raw", None)
        if (status == 200 and text.decode() != value) or status == 404:
            self.load.wrong(f"client {self.number} wrote {key}={value}, acknowledged, and {server.name} said {status} {text!r} at {begun:.4f}")
        self.load.count("own reads")


class Load:
    """A round of load on keys of its own. Begin with start(), end with stop(), then verify()."""

    def __init__(self, cluster, clients=8, keys=4, seed=1, prefix="r0/", pause=0.004):
        self.cluster, self.keys, self.prefix, self.pause = cluster, keys, prefix, pause
        self.stopping, self.lock = threading.Event(), threading.Lock()
        self.operations, self.acknowledged, self.indexes = [], {}, {}
        self.counts, self.notes, self.mistakes, self.writes = {}, {}, [], []
        self.threads = [Client(self, n, f"{seed}/{prefix}/{n}") for n in range(clients)]

    def start(self):
        for t in self.threads:
            t.start()
        return self

    def count(self, name):
        with self.lock:
            self.counts[name] = self.counts.get(name, 0) + 1

    def note(self, kind, what):
        with self.lock:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self.notes[(kind, what[:140])] = self.notes.get((kind, what[:140]), 0) + 1

    def wrong(self, what):
        with self.lock:
            self.mistakes.append(what)

    def answered(self, good, is_write, when, took):
        with self.lock:
            if good:
                self.counts["answered"] = self.counts.get("answered", 0) + 1
                if is_write:
                    self.writes.append((when, took))

    def total(self):
        return sum(t.count for t in self.threads)

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join(TIMEOUT * 3)
        return self

    def verify(self, server, max_steps=1_000_000, least=20):
        """Of a cluster that is whole again: returns what is wrong, as text, empty when nothing is. A load that was hardly answered proves
        nothing: at least so many reads and writes of each kind must have been."""
        found = list(self.mistakes)
        found += [f"only {n} {what}: {self.summary()}" for what, n in (
            ("reads were answered", sum(o.kind == "get" for o in self.operations)), ("writes were acknowledged", len(self.writes)),
            ("keys of their own were acknowledged", len(self.acknowledged))) if n < least]
        found += [f"client {t.number} hangs" for t in self.threads if t.is_alive()]
        entries = server.json("GET", f"/v1/kv/{self.prefix}own/?recurse&consistent", timeout=30) if self.acknowledged else []
        have = {e["Key"]: base64.b64decode(e["Value"] or "").decode() for e in entries}
        missing = [(k, v) for k, v in self.acknowledged.items() if have.get(k) != v]
        if missing:
            found.append(f"{len(missing)} of {len(self.acknowledged)} acknowledged writes are missing: {missing[:10]}")
        for n in range(self.keys):  # a last look at each key closes its history
            key = f"{self.prefix}k{n}"
            op = Operation("get", key, time.monotonic(), place=f"{server.name}?consistent, last look")
            status, _, text = server.request("GET", f"/v1/kv/{key}?consistent")
            op.end = time.monotonic()
            op.result = base64.b64decode(json.loads(text)[0]["Value"] or "").decode() if status == 200 else ABSENT
            assert status in (200, 404), f"{status} {text!r}"
            self.operations.append(op)
        verdict = check(self.operations, max_steps)
        if not verdict.good:
            found.append(verdict.evidence)
            rest = check([o for o in self.operations if o.kind != "get" or "?consistent" in o.place], max_steps)
            found.append("without the default reads it is " + ("linearizable" if rest.good else "not either: " + rest.evidence))
        return "\n".join(found)

    def summary(self):
        counts = ", ".join(f"{v} {k}" for k, v in sorted(self.counts.items()))
        notes = "; ".join(f"{n}x {kind}: {what}" for (kind, what), n in sorted(self.notes.items(), key=lambda e: -e[1])[:6])
        return f"{self.total()} operations ({counts}), {len(self.operations)} judged" + (f" | {notes}" if notes else "")
