#!/usr/bin/env python3
"""A follower that was away for so long that the leader's log begins after what it has, and a server that has nothing, are brought up to
date by a snapshot while clients go on; and the log does not grow for ever.   test_catch_up.py [--rounds N] [--seed N]"""
import argparse
import hashlib
import random
import time

from agent import eventually, main
from clients import Load
from cluster import Cluster

POLICY = ["-hcl", 'raft_snapshot_threshold = 256 raft_snapshot_interval = "1s" raft_trailing_logs = 64',
          "-hcl", 'autopilot { server_stabilization_time = "1s" last_contact_threshold = "2s" cleanup_dead_servers = false }']
VALUE, KEYS = 64 << 10, 48
MANY = 640  # values: more than twice what a log holds before it is cut


def step(text):
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)


def value_of(rng):
    return rng.randbytes(VALUE // 2).hex().encode()


def fill(cluster, rng, expected):
    """Writes until the leader's log was cut; what was written is in `expected`."""
    leader = cluster.wait_leader()
    cuts = leader.log(1 << 22).count("wrote a snapshot")
    connection = leader.connection()
    for n in range(MANY):
        key, value = f"big/{n % KEYS}", value_of(rng)
        connection.request("PUT", f"/v1/kv/{key}", body=value)
        answer = connection.getresponse()
        assert answer.read().strip() == b"true", key
        expected[key] = hashlib.sha256(value).hexdigest()
    eventually("the leader wrote a snapshot", 20, lambda: leader.log(1 << 22).count("wrote a snapshot") > cuts)


def same(server, expected):
    for key, digest in expected.items():
        status, _, body = server.request("GET", f"/v1/kv/{key}?stale&raw")
        assert status == 200 and hashlib.sha256(body).hexdigest() == digest, f"{server.name}: {key}: {status}, {len(body)} bytes"


def p99(load, begin, end):
    took = sorted(t for when, t in load.writes if begin <= when <= end)
    return f"p99 of {len(took)} writes {took[int(len(took) * 0.99)] * 1000:.1f} ms" if took else "no writes"


def comes_back(cluster, server, load, expected, who):
    begin = time.monotonic()
    server.start()
    cluster.wait_caught_up(server, 60)
    end = time.monotonic()
    eventually(f"{server.name} installed a snapshot", 5, lambda: "installing a snapshot" in server.log(1 << 22).rsplit("--- start", 1)[1])
    same(server, expected)
    step(f"{who} caught up by snapshot in {end - begin:.2f} s; {p99(load, begin - 5, begin)} before, {p99(load, begin, end + 0.5)} meanwhile")


def rounds(args, cluster):
    rng, expected = random.Random(args.seed), {}
    cluster.start()
    load = Load(cluster, 4, seed=args.seed, pause=0.01).start()
    largest = 0
    for n in range(args.rounds):
        away = cluster.followers()[0]
        away.kill()
        time.sleep(3)  # the leader keeps the log for a follower that it heard of within two election time-outs
        fill(cluster, rng, expected)
        comes_back(cluster, away, load, expected, f"{away.name}, which was away,")
        largest = max(largest, *(s.disk() for s in cluster.servers))
    new = cluster.add()
    comes_back(cluster, new, load, expected, f"{new.name}, which had nothing,")
    eventually(f"{new.name} is a voter", 20, lambda: cluster.configuration().get(new.name, (False,))[0])
    load.stop()
    wrong = load.verify(cluster.wait_leader())
    assert not wrong, wrong
    for server in cluster.servers:
        cluster.wait_caught_up(server)
        same(server, expected)
    step(f"{load.summary()}; linearizable; the largest data directory was {largest >> 20} MiB after {args.rounds * MANY * VALUE >> 20} MiB of writes")


def test(args):
    print(f"seed {args.seed}", flush=True)
    with Cluster(3, args.binary, extra=POLICY) as cluster:
        try:
            rounds(args, cluster)
        except (AssertionError, OSError) as e:
            raise AssertionError(f"{type(e).__name__}: {e}\n{cluster.logs(3000)}") from None


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--binary")
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    main(test, p.parse_args())
