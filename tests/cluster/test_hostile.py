#!/usr/bin/env python3
"""Strangers at the server port of a real cluster: connections that say nothing and frames of random bytes, under load. The servers'
memory stays bounded, nobody leads but who did, and the clients notice nothing.   test_hostile.py [--frames N] [--silent N]"""
import argparse
import random
import resource
import select
import socket
import threading
import time

from agent import eventually, main, patience
from clients import Load
from cluster import Cluster

STREAM, HELLO, PING, PONG, SNAPSHOT_BEGIN, KINDS = b"\xac", 1, 6, 7, 8, 256
GROWTH = 64 << 20  # bytes that a server may grow by


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def frame(kind, body):
    return (len(body) + 1).to_bytes(4, "big") + bytes([kind]) + body


def hello(name, purpose, datacenter="dc1", id=None, address=""):
    """As actors/peers/core/frames.hpp has it; of a server that nobody can reach, or in the name of another."""
    def text(field, value):
        return varint(field * 2 + 1) + varint(len(value)) + value.encode()

    def number(field, value):
        return varint(field * 2) + varint(value)
    return frame(HELLO, number(1, 1) + number(2, 1) + number(3, purpose) + text(4, id or name) + text(5, name) +
                 (text(6, address) if address else b"") + text(7, datacenter))


class Answers:
    """What a server sends back, cut into frames."""

    def __init__(self):
        self.left, self.ponged = b"", False

    def feed(self, data):
        self.left += data
        while len(self.left) >= 5 and len(self.left) >= 4 + int.from_bytes(self.left[:4], "big"):
            self.ponged = self.ponged or self.left[4] == PONG
            self.left = self.left[4 + int.from_bytes(self.left[:4], "big"):]
        return bool(data)


class Noise(threading.Thread):
    """Sends frames of random bytes to one server, a connection for every few hundred, some after a hello and some without. Those after
    a hello end with a ping: its answer proves that all before were looked at."""

    def __init__(self, server, frames, seed):
        super().__init__(daemon=True)
        self.server, self.frames, self.rng = server, frames, random.Random(seed)
        self.sent = self.taken = self.connections = self.refused = 0
        self.failure = ""

    def run(self):
        try:
            while self.sent < self.frames:
                self.connection(min(500, self.frames - self.sent))
        except Exception as e:  # told by whoever joins
            self.failure = repr(e)

    def random_frame(self, purpose):
        """Of any kind, but of those that end the connection when they are nonsense."""
        kind = self.rng.choice([self.rng.randrange(3, 14), self.rng.randrange(KINDS)])
        if kind in (HELLO, SNAPSHOT_BEGIN if purpose == 2 else HELLO):
            kind = 3
        return frame(kind, self.rng.randbytes(self.rng.randrange(60)))

    def burst(self, count):
        """(bytes, frames, whether an answer to a ping is to come)"""
        kind = self.rng.random()
        if kind < 0.2:  # nothing like a server
            return self.rng.randbytes(self.rng.randrange(1, 400)), 1, False
        if kind < 0.4:  # ours, then nonsense at once
            return STREAM + frame(self.rng.randrange(KINDS), self.rng.randbytes(self.rng.randrange(200))), 1, False
        if kind < 0.5:  # announces much, and brings little
            return STREAM + self.rng.getrandbits(32).to_bytes(4, "big") + self.rng.randbytes(100), 1, False
        purpose, name = self.rng.choice([1, 2]), f"stranger{self.rng.randrange(3)}"
        if kind < 0.6:  # a hello, then what ends it
            last = frame(self.rng.choice([HELLO, SNAPSHOT_BEGIN]), self.rng.randbytes(self.rng.randrange(60)))
            return STREAM + hello(name, purpose, self.rng.choice(["dc1", "elsewhere"])) + last, 1, False
        return STREAM + hello(name, purpose) + b"".join(self.random_frame(purpose) for _ in range(count)) + frame(PING, b""), count, True

    def connection(self, count):
        data, frames, pinged = self.burst(count)
        answers = Answers()
        try:
            with socket.create_connection((self.server.ip, self.server.ports["server"]), timeout=patience(30)) as s:
                s.sendall(data)
                if not pinged:
                    s.shutdown(socket.SHUT_WR)
                while not answers.ponged and answers.feed(s.recv(65536)):
                    pass
        except TimeoutError as e:
            raise AssertionError(f"{self.server.name} neither answers nor closes a connection") from e
        except OSError:  # shown the door
            self.refused += 1
        if answers.ponged:
            self.taken += frames
        self.sent += frames
        self.connections += 1


class Silent:
    """Connections that never say anything, or only the first byte, or half of a hello."""

    def __init__(self, servers, count):
        beginnings = [b"", b"", STREAM, (STREAM + hello("late", 1))[:20]]
        self.sockets = []
        for n in range(count):
            server = servers[n % len(servers)]
            # From many addresses: a client gets limits.rpc_max_conns_per_client of them, and the servers share this one.
            source = (f"127.0.{1 + n // 50 % 250}.{1 + n % 50}", 0) if server.ip.startswith("127.") else None
            s = socket.create_connection((server.ip, server.ports["server"]), timeout=5, source_address=source)
            s.sendall(beginnings[n % len(beginnings)])
            self.sockets.append(s)

    def closed(self):
        """How many the servers have closed by now."""
        poll = select.poll()
        for s in self.sockets:
            poll.register(s, select.POLLIN)
        return len(poll.poll(0))

    def close(self):
        for s in self.sockets:
            s.close()


def step(text):
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)


def elections(cluster):
    return sum(s.log(1 << 24).count("entering leader state") for s in cluster.servers)


def writes_of(load, begin, end):
    took = sorted(t for when, t in load.writes if begin <= when <= end)
    return f"{len(took)} writes, p50 {took[len(took) // 2] * 1000:.1f} ms, p99 {took[int(len(took) * 0.99)] * 1000:.1f} ms" if took else "no writes"


def test(args):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, args.silent + 1000)), hard))
    print(f"seed {args.seed}", flush=True)
    with Cluster(3, args.binary) as cluster:
        try:
            hostile(args, cluster)
        except (AssertionError, OSError) as e:
            raise AssertionError(f"{type(e).__name__}: {e}\n{cluster.logs(3000)}") from e


def hostile(args, cluster):
    cluster.start()
    load = Load(cluster, args.clients, seed=args.seed).start()
    time.sleep(args.calm)
    leader, voted, sizes, begin = cluster.wait_leader(), elections(cluster), {s.name: s.rss() for s in cluster.servers}, time.monotonic()
    step(f"{leader.name} leads; undisturbed: {writes_of(load, 0, begin)}")

    silent = Silent([leader], args.silent)
    noises = [Noise(s, args.frames // len(cluster.servers) + 1, f"{args.seed}/{s.name}") for s in cluster.servers]
    for n in noises:
        n.start()
    peak = dict(sizes)
    while any(n.is_alive() for n in noises):
        time.sleep(0.2)
        for s in cluster.servers:
            peak[s.name] = max(peak[s.name], s.rss())
    took = time.monotonic() - begin
    failures = [n.failure for n in noises if n.failure]
    assert not failures, failures
    assert sum(n.taken for n in noises) > args.frames * 0.8, "the servers do not look at what comes after a hello"
    eventually("the silent connections are closed", 20, lambda: silent.closed() == args.silent)
    end = time.monotonic()
    silent.close()
    step(f"{sum(n.sent for n in noises)} frames over {sum(n.connections for n in noises)} connections in {took:.1f} s, "
         f"{sum(n.taken for n in noises)} taken after a hello, {sum(n.refused for n in noises)} connections broken off; {args.silent} silent ones; "
         f"meanwhile: {writes_of(load, begin, end)}")
    load.stop()
    step(load.summary())

    grown = {name: (sizes[name] >> 10, peak[name] >> 10) for name in sizes}
    step(f"memory KiB before and at its peak: {grown}")
    assert all(peak[name] < sizes[name] + GROWTH for name in sizes), grown
    assert cluster.wait_leader() is leader and elections(cluster) == voted, f"{voted} elections before, {elections(cluster)} after"
    names = set(cluster.configuration())
    assert names == {"s1", "s2", "s3"}, f"strangers are members: {names}"
    assert not [kind for kind, _ in load.notes if kind in ("refused", "unknown", "failed reads")], load.summary()
    wrong = load.verify(leader)
    assert not wrong, wrong
    took = cluster.wait_writable(10)
    step(f"linearizable, {leader.name} still leads, writable through each")
    impersonated(cluster, leader)


def impersonated(cluster, leader):
    """In the name of the leader, and of a follower, strangers give an address at which nobody is."""
    ids = {s["Node"]: s["ID"] for s in leader.json("GET", "/v1/operator/raft/configuration")["Servers"]}
    follower = next(s for s in cluster.servers if s is not leader)
    for victim in (follower, leader):
        voted, others = elections(cluster), [s for s in cluster.servers if s is not victim]
        for n in range(10):
            for other in others:
                with socket.create_connection((other.ip, other.ports["server"]), timeout=patience(10)) as s:
                    s.sendall(STREAM + hello(victim.name, 1, id=ids[victim.name], address="127.66.66.66:8300") + frame(PING, b""))
                    answers = Answers()
                    while not answers.ponged and answers.feed(s.recv(65536)):
                        pass
            for server in cluster.servers:
                status, _, body = server.request("PUT", f"/v1/kv/impersonated/{n}", body=server.name, timeout=10)
                assert (status, body.strip()) == (200, b"true"), (victim.name, server.name, status, body)
        assert elections(cluster) == voted, f"{victim.name} was cut off"
    step("a stranger who speaks in a server's name changes nothing")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--binary")
    p.add_argument("--frames", type=int, default=30000)
    p.add_argument("--silent", type=int, default=1000)
    p.add_argument("--clients", type=int, default=4)
    p.add_argument("--calm", type=float, default=2, help="seconds before the strangers come")
    p.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    main(test, p.parse_args())
