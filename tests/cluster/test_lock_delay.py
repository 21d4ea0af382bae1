#!/usr/bin/env python3
"""A session ends while it holds a key, and before its lock delay is over servers are killed: whoever answers then, nobody gets the key
too early, and everybody gets it afterwards.   test_lock_delay.py [--delay SECONDS]"""
import argparse
import http.client
import time

from agent import Agent, eventually, main
from cluster import Cluster

LATE = 25  # seconds within which a key that is free again has to be had


def step(text):
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)


def session(server, delay):
    # Of no check: it must not end with the server that it was made through. Its node is in the catalog soon after the start.
    made = []
    eventually("a session", 20, lambda: made.append(server.json("PUT", "/v1/session/create", {"LockDelay": f"{delay}s", "Checks": [], "NodeChecks": []})) or True)
    return made[0]["ID"]


def acquire(server, key, holder):
    status, _, body = server.request("PUT", f"/v1/kv/{key}?acquire={holder}", body="x", timeout=3)
    return status == 200 and body.strip() == b"true"


def end_while_held(server, key, delay):
    """When the session's end was asked for, and who wants the key next."""
    first, next_one = session(server, delay), session(server, delay)
    assert acquire(server, key, first), f"{key} could not be acquired"
    began = time.monotonic()
    assert server.json("PUT", f"/v1/session/destroy/{first}") is True
    assert not acquire(server, key, next_one), f"{key} was acquired at once"
    return began, next_one


def had_after(servers, key, holder):
    """Asks all servers in turn until one gives the key; when that was."""
    deadline = time.monotonic() + LATE
    while time.monotonic() < deadline:
        for server in servers:
            try:
                if acquire(server, key, holder):
                    return time.monotonic()
            except (OSError, http.client.HTTPException):
                pass
        time.sleep(0.05)
    raise AssertionError(f"nobody gives {key} within {LATE} s")


def judge(what, servers, key, holder, began, delay):
    answered = had_after(servers, key, holder)
    step(f"{what}: acquired {answered - began:.1f} s after the session's end, with a delay of {delay} s")
    assert answered - began >= delay, f"{what}: the key was given {answered - began:.1f} s after the session's end, {delay} s are its delay"


def alone(delay):
    with Agent() as agent:
        agent.start()
        began, holder = end_while_held(agent, "alone", delay)
        agent.kill()
        agent.start()
        judge("a lone server, killed and started", [agent], "alone", holder, began, delay)


def three(delay):
    with Cluster(3) as cluster:
        cluster.start()
        leader = cluster.wait_leader()
        began, holder = end_while_held(leader, "moved", delay)
        for server in [s for s in cluster.servers if s is not leader]:
            server.kill()
            server.start()
            cluster.wait_caught_up(server)
        leader.kill()
        judge("followers restarted, leader killed", cluster.alive(), "moved", holder, began, delay)
        leader.start()
        cluster.wait_caught_up(leader)
        cluster.wait_leader()
        began, holder = end_while_held(cluster.leader(), "all", delay)
        for server in cluster.servers:
            server.kill()
        for server in cluster.servers:
            server.start()
        judge("all restarted", cluster.servers, "all", holder, began, delay)


def run(delay):
    alone(delay)
    three(delay)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--delay", type=int, default=6)
    a = p.parse_args()
    main(run, a.delay)
