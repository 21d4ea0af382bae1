#!/usr/bin/env python3
"""Three servers under one gossip pool: each is registered with serfHealth and the service consul by whoever leads; a killed one turns critical
everywhere and comes back; one that leaves is gone from the catalog and from Raft; a new leader finds the old one.   test_members.py"""
import argparse
import json
import signal
import time

from agent import eventually, main
from cluster import Cluster

QUICK = ["-hcl", 'autopilot { server_stabilization_time = "500ms" last_contact_threshold = "2s" cleanup_dead_servers = false }']
DETECTED = 30  # s; SWIM's bound for three members is far below
began = time.monotonic()


def step(words):
    print(f"  {time.monotonic() - began:5.1f} s  {words}", flush=True)


def health(server):
    """{node: status of its serfHealth} as this server shows it."""
    return {c["Node"]: c["Status"] for c in server.json("GET", "/v1/health/state/any?stale") if c["CheckID"] == "serfHealth"}


def show(cluster, wanted, seconds=DETECTED):
    """Waits until all living servers show exactly these healths; how long that took."""
    since = time.monotonic()

    def agreed():
        said = {s.name: health(s) for s in cluster.servers if s.alive()}
        assert all(one == wanted for one in said.values()), f"want {wanted}, got {said}"
        return True

    eventually("equal healths at all", seconds, agreed)
    return time.monotonic() - since


def seen_by_autopilot(server):
    """{node: (SerfStatus, Version, LastContact)} as this server shows it, healthy or not."""
    return {s["Name"]: (s["SerfStatus"], s["Version"], s["LastContact"]) for s in json.loads(server.request("GET", "/v1/operator/autopilot/health")[2])["Servers"]}


def registered(cluster):
    took = show(cluster, {"s1": "passing", "s2": "passing", "s3": "passing"})
    for server in cluster.servers:
        eventually("all with their addresses", 10, lambda: all(r["TaggedAddresses"] for r in server.json("GET", "/v1/catalog/service/consul?stale")))
        rows = {r["Node"]: r for r in server.json("GET", "/v1/catalog/service/consul?stale")}
        assert rows.keys() == {"s1", "s2", "s3"}, rows.keys()
        for other in cluster.servers:
            row = rows[other.name]
            assert row["ServicePort"] == other.ports["server"], (row, other.ports)
            assert row["ServiceMeta"]["raft_version"] == "3" and row["ServiceMeta"]["version"].startswith("1."), row
            assert row["TaggedAddresses"] and len(row["ID"]) == 36, row
        said = lambda: {name: (status, version) for name, (status, version, _) in seen_by_autopilot(server).items()}
        eventually("autopilot has all three", 20, lambda: said() == dict.fromkeys(("s1", "s2", "s3"), ("alive", "1.8.7")))
        assert [s["ProtocolVersion"] for s in server.json("GET", "/v1/operator/raft/configuration?stale")["Servers"]] == ["3"] * 3
    step(f"all three are registered with a passing serfHealth at each, {took:.1f} s after they were writable")


def follower_dies(cluster):
    victim = next(s for s in cluster.servers if s is not cluster.wait_leader())
    before = {"s1": "passing", "s2": "passing", "s3": "passing"}
    victim.kill()
    took = show(cluster, {**before, victim.name: "critical"})
    step(f"{victim.name} was killed, critical at the others after {took:.1f} s")
    victim.start()
    cluster.wait_caught_up(victim)
    took = show(cluster, before)
    step(f"{victim.name} is back, passing at all after {took:.1f} s")


def leader_dies(cluster):
    leader = cluster.wait_leader()
    leader.kill()
    cluster.wait_writable(15)
    took = show(cluster, {"s1": "passing", "s2": "passing", "s3": "passing", leader.name: "critical"})
    eventually("the one that the next leader never heard of says so", 20, lambda: seen_by_autopilot(cluster.wait_leader())[leader.name] == ("failed", "1.8.7", "-1ns"))
    step(f"the leader {leader.name} was killed, the next one says critical after {took:.1f} s")
    leader.start()
    cluster.wait_caught_up(leader)
    show(cluster, {"s1": "passing", "s2": "passing", "s3": "passing"})
    step(f"{leader.name} is back")


def one_leaves(cluster):
    victim = next(s for s in cluster.servers if s is not cluster.wait_leader())
    left = {s.name: "passing" for s in cluster.servers if s is not victim}
    victim.cli("leave")
    victim.kill(signal.SIGINT) if victim.running() else None
    took = show(cluster, left)
    for server in cluster.servers:
        if server is victim:
            continue
        assert {n["Node"] for n in server.json("GET", "/v1/catalog/nodes?stale")} == set(left), server.name

    def out_of_raft():
        peers = cluster.configuration()
        assert victim.name not in peers, peers
        return True

    eventually("out of Raft", 20, out_of_raft)
    step(f"{victim.name} left, gone from the catalog after {took:.1f} s and from Raft")
    victim.start()
    show(cluster, {"s1": "passing", "s2": "passing", "s3": "passing"})

    def voter_again():
        peers = cluster.configuration()
        assert peers.get(victim.name, (False, False))[0], peers
        return True

    eventually("a voter again", 30, voter_again)
    step(f"{victim.name} came again, registered and a voter")


def test(binary):
    with Cluster(3, binary, extra=QUICK) as cluster:
        try:
            cluster.start()
            registered(cluster)
            follower_dies(cluster)
            leader_dies(cluster)
            one_leaves(cluster)
        except (AssertionError, OSError) as e:
            raise AssertionError(f"{type(e).__name__}: {e}\n{cluster.logs(3000)}") from e


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--binary")
    main(test, p.parse_args().binary)
