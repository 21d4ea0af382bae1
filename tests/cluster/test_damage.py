#!/usr/bin/env python3
"""The files of the state are damaged between two runs, and while the server runs: it starts, says what it found, and every key
is there. Where nothing is left to rebuild from, the start fails with what to do and touches nothing.   test_damage.py [--seed N]"""
import argparse
import base64
import os
import random
import shutil
import signal
import struct
import time

from agent import Agent, eventually, main
from cluster import Cluster

PAGE = 4096
KEYS = 300
BULK = 200  # large values: a short log is not cut
SNAPSHOTS = ["-hcl", 'raft_snapshot_threshold = 64 raft_snapshot_interval = "1s" raft_trailing_logs = 16']


def put_all(agent):
    for n in range(KEYS):
        status, _, body = agent.request("PUT", f"/v1/kv/d/{n}", body=("v%d" % n) + "x" * (9000 if n % 50 == 0 else 50))
        assert status == 200 and body.strip() == b"true", (status, body)
    agent.json("PUT", "/v1/agent/service/register", {"Name": "web", "Port": 80})
    agent.json("PUT", "/v1/session/create", {"Name": "s"})


def check_all(agent, said):
    got = {e["Key"]: base64.b64decode(e["Value"]).decode().rstrip("x") for e in agent.json("GET", "/v1/kv/d/?recurse")}
    assert got == {f"d/{n}": "v%d" % n for n in range(KEYS)}, f"{said}: {KEYS - len(got)} keys are gone"
    assert len(agent.json("GET", "/v1/session/list")) == 1, said
    assert "web" in agent.json("GET", "/v1/agent/services"), said


def lower_counts(data, pages):
    for n in pages:
        at = n * PAGE + 12
        (lower,) = struct.unpack_from("<H", data, at)
        struct.pack_into("<H", data, at, (lower - 2) & 0xFFFF)


def leaves(data):
    return [n for n in range(2, len(data) // PAGE) if data[n * PAGE + 10] == 2]


def damages(rng, data):
    """Names and damaged copies of the file."""
    count = len(data) // PAGE

    def changed(change):
        copy = bytearray(data)
        change(copy)
        return copy

    def flip(copy, times):
        for _ in range(times):
            copy[rng.randrange(len(copy))] ^= 1 << rng.randrange(8)

    yield "every leaf lost its last entry", changed(lambda c: lower_counts(c, leaves(c)))
    for n in rng.sample(leaves(data), 4):
        yield f"page {n} lost its last entry", changed(lambda c: lower_counts(c, [n]))
    for n in rng.sample(range(count), 4):
        yield f"page {n} is zero", changed(lambda c: c.__setitem__(slice(n * PAGE, (n + 1) * PAGE), bytes(PAGE)))
    for times in (1, 20, 2000):
        yield f"{times} bits are turned over", changed(lambda c: flip(c, times))
    yield "half of it is gone", data[:len(data) // 2]
    yield "it is empty", bytearray()
    yield "it is noise", bytearray(rng.randbytes(len(data)))


def between_runs(rng, agent):
    path = os.path.join(agent.data_dir, "state", "data.mdb")
    for sig in (signal.SIGKILL, signal.SIGINT):
        with open(path, "rb") as f:
            whole = bytearray(f.read())
        for said, copy in damages(rng, whole):
            with open(path, "wb") as f:
                f.write(copy)
            agent.start()
            check_all(agent, said)
            agent.kill(sig)


def while_it_runs(agent):
    """The pages of the running server change under it: whoever meets one of them first, the server comes back by itself."""
    path = os.path.join(agent.data_dir, "state", "data.mdb")
    agent.start()
    pid = agent.process.pid
    with open(path, "r+b") as f:
        data = bytearray(f.read())
        for n in leaves(data):
            f.seek(n * PAGE)
            f.write(b"\xff" * PAGE)
    for n in range(20):
        try:
            agent.request("GET", f"/v1/kv/d/{n}", timeout=2)
            agent.request("PUT", f"/v1/kv/d/{n}", body="v%d" % n, timeout=2)
        except OSError:
            pass

    def is_whole():
        check_all(agent, "pages changed while it ran")
        return True

    eventually("the server is back with everything", 20, is_whole)
    assert agent.process.poll() is None and agent.process.pid == pid, "it is another process"
    log = open(agent.log_path, errors="replace").read()
    assert "the state is rebuilt" in log, log[-2000:]
    agent.kill()


def nothing_left(agent):
    """The log was cut behind a snapshot, and both state and snapshot are damaged."""
    state = os.path.join(agent.data_dir, "state")

    def snapshots():
        return [n for n in os.listdir(state) if n.startswith("snapshot-")]
    agent.start()
    put_all(agent)
    for n in range(BULK):
        assert agent.request("PUT", "/v1/kv/bulk", body=str(n) * 100_000)[0] == 200
    # The cut follows the snapshot's line in the log.
    eventually("a snapshot is written and the log cut behind it", 30, lambda: snapshots() and int(agent.json("GET", "/v1/agent/self")["Stats"]["raft"]["last_snapshot_index"]) > 0)
    agent.kill()
    # First with what is left: the snapshot.
    os.truncate(os.path.join(state, "data.mdb"), os.path.getsize(os.path.join(state, "data.mdb")) // 2)
    agent.start()
    check_all(agent, "rebuilt from a snapshot")
    agent.kill()
    names = ["data.mdb", *snapshots()]
    assert len(names) > 1, names
    for name in names:
        path = os.path.join(state, name)
        os.truncate(path, os.path.getsize(path) // 2)
    before = {name: open(os.path.join(state, name), "rb").read() for name in names}
    for _ in range(2):
        agent.start(wait=False)
        assert agent.process.wait(10) == 1
        assert "Nothing was changed" in agent.log(), agent.log()
    assert before == {name: open(os.path.join(state, name), "rb").read() for name in names}


def snapshot_damaged(cluster):
    """A bit of the leader's snapshot file flips, and a server whose disk was replaced needs it: it is written anew instead of sent again and again."""
    cluster.start()
    leader = cluster.wait_leader()
    for n in range(BULK // 2):
        status, _, body = leader.request("PUT", f"/v1/kv/bulk/{n}", body="x" * 400_000)
        assert (status, body.strip()) == (200, b"true"), (status, body)
    state = os.path.join(leader.data_dir, "state")

    def newest():
        names = [name for name in os.listdir(state) if name.startswith("snapshot-") and name.endswith(".mdb")]
        return max(names, key=lambda name: os.path.getmtime(os.path.join(state, name)), default=None)

    eventually("the leader has a snapshot", 60, newest)
    with open(os.path.join(state, newest()), "r+b") as f:
        f.seek(os.path.getsize(f.name) // 2)
        bit = f.read(1)[0] ^ 1
        f.seek(-1, 1)
        f.write(bytes([bit]))
    victim = next(s for s in cluster.servers if s is not leader)
    victim.kill()
    shutil.rmtree(victim.data_dir)
    victim.start()
    eventually("the new server has everything", 60, lambda: len(victim.json("GET", "/v1/kv/bulk/?keys&stale")) == BULK // 2)


def run(seed):
    rng = random.Random(seed)
    print(f"seed {seed}", flush=True)
    with Agent() as agent:
        agent.start()
        put_all(agent)
        agent.kill()
        between_runs(rng, agent)
        while_it_runs(agent)
    with Agent(extra=SNAPSHOTS) as agent:
        nothing_left(agent)
    with Cluster(3, extra=SNAPSHOTS + ["-hcl", "raft_trailing_logs = 1"]) as cluster:
        snapshot_damaged(cluster)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=int(time.time()))
    main(run, p.parse_args().seed)
