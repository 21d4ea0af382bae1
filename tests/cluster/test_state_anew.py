#!/usr/bin/env python3
"""The state of a server is not what the log says, or cannot be rebuilt from what the server has. A difference that no checksum shows
is found by comparison with the other servers; the one that is wrong says so and has everything anew, from its own log or, where
that does not reach, from the others, without an operator. Two that differ only say so. One that is alone does not start.
test_state_anew.py [--seed N]"""
import argparse
import glob
import json
import os
import random
import re
import subprocess
import threading
import time

from agent import Agent, eventually, main
from cluster import Cluster

# Snapshots and cuts of the log as soon as it holds the 16 MiB without which there is none.
SHORT_LOG = ["-hcl", 'raft_snapshot_interval = "1s" raft_snapshot_threshold = 10 raft_trailing_logs = 1']
VALUES = 40  # of 500,000 bytes


def step(text):
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)


def state_of(server):
    return os.path.join(server.data_dir, "state")


def snapshots_of(server):
    return glob.glob(os.path.join(state_of(server), "snapshot-*.mdb"))


def this_start(server):
    with open(server.log_path, errors="replace") as f:
        return f.read().rsplit("--- start", 1)[1]


def alter(server, key, value):
    """As if a write had come out otherwise on this server: its file is in order, and its content is not the others'."""
    tool = os.path.join(os.path.dirname(os.path.abspath(server.binary)), "tests", "alter_state")
    done = subprocess.run([tool, state_of(server), key, value], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def cut_in_half(path):
    os.truncate(path, os.path.getsize(path) // 2)


def put(server, key, value):
    status, _, body = server.request("PUT", f"/v1/kv/{key}", body=value)
    assert status == 200 and body.strip() == b"true", (key, status, body)


def value_of(server, key):
    status, _, body = server.request("GET", f"/v1/kv/{key}?stale&raw", timeout=3)
    assert status == 200, (server.name, key, status, body[:100])
    return body.decode()


def put_small(cluster, written, count):
    cluster.wait_writable(30)
    leader = cluster.wait_leader()
    for _ in range(count):
        key = f"k/{len(written)}"
        written[key] = "value of " + key
        put(leader, key, written[key])


def holds(server, written):
    for key, value in written.items():
        found = value_of(server, key)
        assert found == value, f"{server.name}: {key} is {found[:60]!r}"


def equal_everywhere(cluster, written):
    for server in cluster.servers:
        cluster.wait_caught_up(server, 60)
        holds(server, written)


def make_long(server, servers):
    """More than a log keeps: it is cut behind a snapshot on each of them."""
    value = "x" * 500_000
    for n in range(VALUES):
        put(server, f"long/{n}", value)

    def is_cut():
        n = is_cut.count = is_cut.count + 1
        put(server, f"more/{n}", value)
        return all(snapshots_of(s) for s in servers)
    is_cut.count = 0
    eventually("each server has written a snapshot", 60, is_cut)
    for n in range(20):
        put(server, f"short/{n}", "x")
    for s in servers:
        eventually(f"{s.name if hasattr(s, 'name') else 'it'} has cut its log", 60, lambda s=s: int(last_cut(s)) > 1)


def last_cut(server):
    return server.json("GET", "/v1/agent/self")["Stats"]["raft"]["last_snapshot_index"]


class Watcher:
    """Reads from one server all the time, whatever it answers: what it shows must be true."""

    def __init__(self, server, key, value):
        self.server, self.key, self.value = server, key, value
        self.wrong, self.good, self.refused = [], 0, 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stop.is_set():
            try:
                status, _, body = self.server.request("GET", f"/v1/kv/{self.key}?stale&raw", timeout=2)
            except Exception:
                status, body = 0, b""
            if status == 200 and body == self.value.encode():
                self.good += 1
            elif status in (0, 500, 503):
                self.refused += 1
            else:
                self.wrong.append((status, body[:40]))
            time.sleep(0.001)

    def end(self):
        self.stop.set()
        self.thread.join(10)
        return self


def differing_leader(binary):
    with Cluster(3, binary) as cluster:
        written = {}
        cluster.start()
        put_small(cluster, written, 20)
        equal_everywhere(cluster, written)
        wrong, *others = cluster.servers
        for s in cluster.servers:
            s.kill()
        alter(wrong, "k/7", "what nobody wrote")
        # Two of three are no majority against one another: whoever leads goes on. Until it is the one that is wrong.
        wrong.start()
        for n in range(20):
            beside, away = others[n % 2], others[1 - n % 2]
            beside.start()
            if cluster.wait_leader(40) is wrong:
                break
            beside.kill()
        else:
            raise AssertionError("it never led")
        away.start()
        eventually("the leader says that its state differs", 40, lambda: "is not what most servers have" in this_start(wrong))
        assert "transferring leadership" in this_start(wrong), this_start(wrong)[-2000:]
        cluster.wait_writable(40)
        equal_everywhere(cluster, written)
        step(f"{wrong.name} led and differed, let another lead, and has everything anew from its log")


def differing_among_three(rng, binary):
    with Cluster(3, binary) as cluster:
        written = {}
        cluster.start()
        put_small(cluster, written, 100)
        for leads in (False, True):
            server = cluster.wait_leader() if leads else rng.choice(cluster.followers())
            equal_everywhere(cluster, written)
            if leads:  # all go down, so that it may lead again
                others = [s for s in cluster.servers if s is not server]
                for s in cluster.servers:
                    s.kill()
            else:
                server.kill()
            key = rng.choice([k for k in written if k != "k/9"])
            alter(server, key, "what nobody wrote")
            watcher = Watcher(server, "k/9", written["k/9"])
            if leads:
                for s in [server, *others]:
                    s.start()
            else:
                server.start()
            eventually(f"{server.name} says that its state differs", 40, lambda: "is not what most servers have" in this_start(server))
            eventually(f"{server.name} has it anew", 40, lambda: "the state is rebuilt from snapshot and log" in this_start(server))
            cluster.wait_writable(40)
            equal_everywhere(cluster, written)
            watcher.end()
            assert not watcher.wrong, f"{server.name} showed what is not true: {watcher.wrong[:5]}"
            assert watcher.good > 0, "it showed nothing"
            log = this_start(server)
            assert re.search(r"\[ERROR\].*after entry \d+ the digest of this server's state is [0-9a-f]{16}, that of .+ is [0-9a-f]{16}", log), log[-3000:]
            for other in cluster.servers:
                if other is not server:
                    assert "is not what most servers have" not in this_start(other), f"{other.name} took itself for the one that differs"
            put_small(cluster, written, 10)
            step(f"{server.name} ({'led before' if leads else 'followed'}) differed, said so, and has everything anew from its log")


def differing_of_two(binary):
    with Cluster(2, binary) as cluster:
        written = {}
        cluster.start()
        put_small(cluster, written, 30)
        server = cluster.followers()[0]
        cluster.wait_caught_up(server)
        server.kill()
        alter(server, "k/7", "what nobody wrote")
        server.start()
        for s in cluster.servers:
            eventually(f"{s.name} says that the states differ", 40, lambda s=s: "no majority says which of them is wrong" in this_start(s))
            eventually(f"{s.name} has read its own through", 40, lambda s=s: "the state was read through and is as it was written" in this_start(s))
        for s in cluster.servers:
            assert "will be rebuilt" not in this_start(s), f"{s.name} gave its state up, and nobody knows who is wrong"
        cluster.wait_writable(30)
        step("two differ: both say so, neither gives up what may be right")


def left_to_the_others(rng, binary):
    with Cluster(3, binary, extra=SHORT_LOG) as cluster:
        written = {}
        cluster.start(60)
        put_small(cluster, written, 50)
        make_long(cluster.wait_leader(), cluster.servers)
        for way, leads in (("damaged", False), ("differs", False), ("damaged", True)):
            server = cluster.wait_leader() if leads else rng.choice(cluster.followers())
            equal_everywhere(cluster, written)
            server.kill()
            put_small(cluster, written, 5)
            if way == "damaged":
                for path in [os.path.join(state_of(server), "data.mdb"), *snapshots_of(server)]:
                    cut_in_half(path)
            else:
                alter(server, "k/3", "what nobody wrote")
            watcher = Watcher(server, "k/9", written["k/9"])
            server.start()
            eventually(f"{server.name} leaves its state to the others", 60, lambda: "the state is left to the other servers" in this_start(server))
            eventually(f"{server.name} has it from them", 60, lambda: "caught up with the leader" in this_start(server).rsplit("left to the other servers", 1)[1])
            eventually(f"{server.name} counts again", 60, lambda: "the log is whole again" in this_start(server))
            equal_everywhere(cluster, written)
            watcher.end()
            assert not watcher.wrong, f"{server.name} showed what is not true: {watcher.wrong[:5]}"
            assert watcher.good > 0 and watcher.refused > 0, (watcher.good, watcher.refused)
            for name in ("state/incomplete", "raft/recovering"):
                assert not os.path.exists(os.path.join(server.data_dir, name)), name
            assert not glob.glob(os.path.join(server.data_dir, "raft", "*.left-*"))
            # It counts again: with it and one other there is a majority.
            third = next(s for s in cluster.servers if s is not server and s is not cluster.wait_leader())
            third.kill()
            put_small(cluster, written, 5)
            third.start()
            cluster.wait_caught_up(third, 60)
            step(f"{server.name} ({'led' if leads else 'followed'}, {way}) has everything from the others; {watcher.refused} reads were refused meanwhile, none was wrong")
        nobody_else_there(cluster, written)


def nobody_else_there(cluster, written):
    """While the others are away the empty server leads nothing and shows nothing, through any number of starts."""
    server, *others = cluster.servers
    equal_everywhere(cluster, written)
    for s in cluster.servers:
        s.kill()
    for path in [os.path.join(state_of(server), "data.mdb"), *snapshots_of(server)]:
        cut_in_half(path)
    for n in range(2):
        server.start()
        eventually("it is up", 30, lambda: server.request("GET", "/v1/status/leader", timeout=2)[0] == 200)
        for _ in range(2):  # each waits for a leader as long as any read does
            status, _, body = server.request("GET", "/v1/kv/k/1?stale", timeout=30)
            assert status == 500 and b"No cluster leader" in body, (status, body)
            assert server.json("GET", "/v1/status/leader") == ""
        ops = json.dumps([{"KV": {"Verb": "check-not-exists", "Key": "k/1"}}, {"KV": {"Verb": "get", "Key": "k/1"}}])
        status, _, body = server.request("PUT", "/v1/txn?stale", body=ops, timeout=30)
        assert status == 500, (status, body)
        if n == 0:
            server.kill()
    # One other knows everything, but it alone is no majority, and the empty one has no vote to give.
    others[0].start()
    eventually("the other is up", 30, lambda: others[0].request("GET", "/v1/status/leader", timeout=2)[0] == 200)
    for _ in range(40):
        assert server.json("GET", "/v1/status/leader") == "" == others[0].json("GET", "/v1/status/leader"), "a server without its log has voted"
        time.sleep(0.1)
    others[1].start()
    cluster.wait_writable(60)
    equal_everywhere(cluster, written)
    step("alone with its empty state it showed nothing, led nothing and voted for nobody")


def alone(binary):
    with Agent(binary, extra=SHORT_LOG) as agent:
        agent.start()
        make_long(agent, [agent])
        agent.kill()
        paths = [os.path.join(state_of(agent), "data.mdb"), *snapshots_of(agent)]
        for path in paths:
            cut_in_half(path)
        before = [open(path, "rb").read() for path in paths]
        for _ in range(2):
            agent.start(wait=False)
            assert agent.process.wait(60) == 1, agent.log()
            assert "Nothing was changed" in agent.log(), agent.log()
        assert before == [open(path, "rb").read() for path in paths]
        step("alone it does not start, says what to do, and changes nothing")


def test(args):
    rng = random.Random(args.seed)
    print(f"seed {args.seed}", flush=True)
    differing_among_three(rng, args.binary)
    differing_leader(args.binary)
    differing_of_two(args.binary)
    left_to_the_others(rng, args.binary)
    alone(args.binary)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--binary")
    p.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    main(test, p.parse_args())
