#!/usr/bin/env python3
"""A follower that was away for so long that the leader's log begins after what it has, and a server that has nothing, are brought up to
date by a snapshot while clients go on, one of them once its disk has room for it; and the log does not grow for ever.   test_catch_up.py [--rounds N] [--seed N]"""
import argparse
import contextlib
import hashlib
import os
import random
import time

from agent import eventually, main
from clients import Load
from cluster import Cluster
from small_disk import small_disk

POLICY = ["-hcl", 'raft_snapshot_threshold = 256 raft_snapshot_interval = "1s" raft_trailing_logs = 64',
          "-hcl", 'autopilot { server_stabilization_time = "1s" last_contact_threshold = "2s" cleanup_dead_servers = false }']
VALUE, KEYS = 64 << 10, 48
LARGEST = 160 << 20  # bytes of a data directory, however many rounds: state, snapshot, and a log that is cut
SMALL = "256m"  # a disk that takes what a data directory needs at most
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


def lacks_room(cluster, server):
    """The snapshot does not fit on its disk: it says so, and its leader does not send it again and again. Without that disk it is only started."""
    ballast = os.path.join(server.data_dir, "ballast")
    server.start()
    if not os.path.exists(ballast):
        return
    leader, name = cluster.wait_leader(), server.name
    eventually(f"{name} says that there is no room", 30, lambda: "there is no room for the snapshot" in server.log(1 << 22))
    sent = leader.log(1 << 22).count("sending a snapshot")
    time.sleep(5)
    tries = leader.log(1 << 22).count("sending a snapshot") - sent
    assert tries <= 4, f"the snapshot that does not fit was sent {tries} times in 5 s"
    assert server.request("GET", "/v1/kv/big/0?stale&raw")[0] in (200, 404, 500), f"{name} answers"
    os.unlink(ballast)
    step(f"{name} had no room, and was asked {tries} times in 5 s")


def fill_disk(server, leave):
    with open(os.path.join(server.data_dir, "ballast"), "wb") as f:
        free = os.statvfs(server.data_dir)
        f.write(bytes(max(0, free.f_bavail * free.f_frsize - leave)))


def comes_back(cluster, server, load, expected, who):
    begin = time.monotonic()
    lacks_room(cluster, server)
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
        away = next((s for s in cluster.followers() if os.path.ismount(s.data_dir)), cluster.followers()[0])
        away.kill()
        if n == 0 and os.path.ismount(away.data_dir):
            fill_disk(away, 1 << 20)
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
    assert largest < LARGEST, f"a data directory has {largest >> 20} MiB"
    step(f"{load.summary()}; linearizable; the largest data directory was {largest >> 20} MiB after {args.rounds * MANY * VALUE >> 20} MiB of writes")


def test(args):
    print(f"seed {args.seed}", flush=True)
    with Cluster(3, args.binary, extra=POLICY) as cluster:
        small = cluster.servers[:2] if os.geteuid() == 0 else []  # one of two follows
        with contextlib.ExitStack() as disks:
            for server in small:
                assert disks.enter_context(small_disk(server.data_dir, SMALL))
            try:
                rounds(args, cluster)
            except (AssertionError, OSError) as e:
                raise AssertionError(f"{type(e).__name__}: {e}\n{cluster.logs(3000)}") from e
            for server in small:
                server.kill()


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--binary")
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    main(test, p.parse_args())
