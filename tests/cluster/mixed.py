"""Pools of which some agents are ours and some the real Consul 1.8.7's, with either as the server, and what is done in both. For the tests
that compare by hand: not part of the gate, they say so and end well when the real one is not there
(tests/support/get_oracle fetches it, ACTORD_ORACLE names its folder)."""
import os
import tempfile
import time

from agent import default_binary, eventually, free_network
from event_nodes import Node

began = time.monotonic()


def step(words):
    print(f"  {time.monotonic() - began:5.1f} s  {words}", flush=True)


def oracle():
    folder = os.environ.get("ACTORD_ORACLE", os.path.expanduser("~/.cache/actord-oracle"))
    for path in ("consul/usr/bin/consul", "consul"):
        if os.path.isfile(os.path.join(folder, path)):
            return os.path.join(folder, path)
    return None


def members_agree(nodes):
    names = sorted(n.name for n in nodes)
    return all(sorted(m["Name"] for m in n.json("GET", "/v1/agent/members") if m["Status"] == 1) == names for n in nodes)


def mixed(real, folder, ours_serves, steps):
    ip = free_network()
    kinds = [default_binary(), real] if ours_serves else [real, default_binary()]
    nodes = [Node(folder, "s1", ip + ".1", server=True, binary=kinds[0])]
    try:
        nodes[0].start()
        for i, kind in enumerate((kinds[1], kinds[0]), 2):
            nodes.append(Node(folder, f"c{i}", f"{ip}.{i}", join=ip + ".1", binary=kind))
            nodes[-1].start()
        eventually("all see all", 20, lambda: members_agree(nodes))
        steps(nodes, [default_binary(), real])
    except AssertionError as e:
        raise AssertionError(f"{e}\n" + "\n".join(f"{n.name}:\n{n.log()[-1500:]}" for n in nodes))
    finally:
        for n in nodes:
            n.stop()


def compare(steps):
    """Calls steps(nodes, [our program, the real one]) for a server of ours and for a real one, each with a client of either kind."""
    real = oracle()
    if not real:
        return print("the real Consul is not here: nothing was compared")
    for ours_serves in (True, False):
        step("our server, a real client and ours" if ours_serves else "a real server, our client and a real one")
        with tempfile.TemporaryDirectory(prefix="actord-mixed-") as folder:
            mixed(real, folder, ours_serves, steps)
