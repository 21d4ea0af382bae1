#!/usr/bin/env python3
"""Three servers and eight clients: the leader is killed, then frozen; followers restart; all restart in turn; a new server joins and an old one
is removed; one of three alone refuses to write and shows what it has. The clients' history is linearizable and nothing acknowledged is
lost.   test_three.py [--seed N] [--clients N]"""
import argparse
import base64
import random
import signal
import time

from agent import eventually, main
from clients import Load
from cluster import Cluster

QUICK = ["-hcl", 'autopilot { server_stabilization_time = "500ms" last_contact_threshold = "2s" }']
began = time.monotonic()


def step(words):
    print(f"  {time.monotonic() - began:5.1f} s  {words}", flush=True)


def forms(cluster):
    took = cluster.start()
    configuration = cluster.configuration()
    assert configuration.keys() == {"s1", "s2", "s3"}, configuration
    assert all(voter for voter, _ in configuration.values()), configuration
    assert [n for n, (_, leads) in configuration.items() if leads] == [cluster.leader().name], configuration
    for server in cluster.servers:
        lines = server.cli("operator", "raft", "list-peers").splitlines()
        assert lines[0].split()[:2] == ["Node", "ID"] and len(lines) == 4, lines
        said = {line.split()[0]: line.split()[2:5] for line in lines[1:]}
        for other in cluster.servers:
            state = "leader" if other is cluster.leader() else "follower"
            assert said[other.name] == [f"{other.ip}:{other.ports['server']}", state, "true"], (said, other.name)
    step(f"three servers formed, writable through each after {took:.2f} s; list-peers is right at each")


def own_writes(cluster):
    """What was written through a follower is read there at once, and elsewhere."""
    for n in range(20):
        for server in cluster.servers:
            value = f"{server.name}-{n}"
            assert server.request("PUT", "/v1/kv/own", body=value)[2].strip() == b"true"
            for reader in cluster.servers:
                seen = base64.b64decode(reader.json("GET", "/v1/kv/own")[0]["Value"]).decode()
                assert seen == value, f"{value} written through {server.name}, {reader.name} says {seen}"
    step("60 writes through each server are read at once through each")


def leader_dies(cluster):
    leader = cluster.wait_leader()
    leader.kill()
    took = cluster.wait_writable(15)
    step(f"the leader {leader.name} was killed, writable through the others after {took:.2f} s")
    leader.start()
    cluster.wait_caught_up(leader)


def leader_hangs(cluster, seconds):
    leader = cluster.wait_leader()
    leader.freeze()
    took = cluster.wait_writable(15)
    new = cluster.wait_leader()
    assert new is not leader
    time.sleep(seconds)
    leader.thaw()
    healed = cluster.wait_writable(15)
    cluster.wait_caught_up(leader)
    step(f"the leader {leader.name} hung, writable through the others after {took:.2f} s, through it {healed:.2f} s after it went on")


def followers_restart(cluster):
    follower = cluster.followers()[0]
    follower.kill()
    time.sleep(0.5)
    follower.start()
    cluster.wait_caught_up(follower)
    for server in list(cluster.servers):
        server.kill(signal.SIGTERM)
        server.start()
        cluster.wait_caught_up(server)
        cluster.wait_writable(15)
    step("a follower was killed and all restarted in turn")


def replaced(cluster):
    new = cluster.add()
    new.start()
    eventually(f"{new.name} is a voter", 20, lambda: cluster.configuration().get(new.name, (False,))[0])
    old = cluster.followers()[0]
    if old is new:
        old = cluster.followers()[1]
    address = f"{old.ip}:{old.ports['server']}"
    old.kill(signal.SIGTERM)
    cluster.leader().cli("operator", "raft", "remove-peer", f"-address={address}")
    cluster.remove(old)
    eventually(f"{old.name} is gone", 10, lambda: old.name not in cluster.configuration())
    assert len(cluster.configuration()) == 3 and all(v for v, _ in cluster.configuration().values()), cluster.configuration()
    cluster.wait_writable(15)
    step(f"{new.name} joined with nothing and votes, {old.name} was removed")


def alone(cluster):
    rest = cluster.followers()[0]
    others = [s for s in cluster.servers if s is not rest]
    rest.request("PUT", "/v1/kv/shown", body="still here")
    eventually("it is here", 5, lambda: rest.request("GET", "/v1/kv/shown?stale&raw")[2] == b"still here")
    for server in others:
        server.kill()
    time.sleep(1.5)  # it may not know yet that the leader is gone
    start = time.monotonic()
    status, _, body = rest.request("PUT", "/v1/kv/shown", body="never", timeout=20)
    held = time.monotonic() - start
    assert (status, body.strip()) == (500, b"No cluster leader"), (status, body)
    assert 5 < held < 12, f"held for {held:.1f} s"
    start = time.monotonic()
    status, headers, body = rest.request("GET", "/v1/kv/shown?stale&raw")
    assert (status, body) == (200, b"still here") and time.monotonic() - start < 1, (status, body)
    assert headers["x-consul-knownleader"] == "false", headers
    for server in others:
        server.start()
    took = cluster.wait_writable(15)
    assert rest.request("GET", "/v1/kv/shown?consistent&raw")[2] != b"never"
    step(f"alone it refused after {held:.1f} s and showed what it has; writable {took:.2f} s after the others came back")


def test(binary, clients, seed):
    print(f"seed {seed}", flush=True)
    with Cluster(3, binary, extra=QUICK) as cluster:
        try:
            forms(cluster)
            own_writes(cluster)
            load = Load(cluster, clients, seed=seed).start()
            time.sleep(1)
            leader_dies(cluster)
            leader_hangs(cluster, 1)
            followers_restart(cluster)
            replaced(cluster)
            load.stop()
            step(load.summary())
            wrong = load.verify(cluster.wait_leader())
            assert not wrong, wrong
            assert load.counts.get("answered", 0) > 500, "the clients hardly got an answer"
            step("linearizable, and all acknowledged writes are there")
            alone(cluster)
            lost = load.verify(cluster.wait_leader())
            assert not lost, lost
        except (AssertionError, OSError) as e:
            raise AssertionError(f"{type(e).__name__}: {e}\n{cluster.logs(3000)}") from e


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--binary")
    p.add_argument("--clients", type=int, default=8)
    p.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    a = p.parse_args()
    main(test, a.binary, a.clients, a.seed)
