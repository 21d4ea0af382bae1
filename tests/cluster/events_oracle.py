#!/usr/bin/env python3
"""Events, remote execution, locks and watches where our agents and the real Consul 1.8.7's are in one pool, with either as the server and either
command line at each. Not part of the gate: says so and ends well when the real one is not there (tools/get-oracle fetches it, or ACTORD_ORACLE
names its folder).   events_oracle.py"""
import base64
import os
import tempfile
import time

from agent import default_binary, eventually, main
from event_nodes import Node, block

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


def events_both_ways(nodes, programs):
    for i, node in enumerate(nodes):
        for j, program in enumerate(programs):
            code, out, err = node.cli("event", f"-name=e{i}{j}", f"from {node.name}", binary=program)
            assert code == 0 and out.startswith("Event ID: "), (node.name, code, out, err)
            eventually(f"all heard what {node.name} fired", 10, lambda: all(len(n.events(f"e{i}{j}")) == 1 for n in nodes))
            heard = [n.events(f"e{i}{j}")[0] for n in nodes]
            assert all({**h, "LTime": 0} == {**heard[0], "LTime": 0} for h in heard), heard
            assert base64.b64decode(heard[0]["Payload"]) == f"from {node.name}".encode(), heard
    step(f"events fired by each of {[n.name for n in nodes]} by either command line were heard by all")


def exec_everywhere(nodes, programs):
    for node in nodes:
        for program in programs:
            code, out, err = node.cli("exec", "-wait=4s", "echo out; exit 3", binary=program)
            for n in nodes:
                assert all(line in out.splitlines() for line in (f"    {n.name}: out", f"==> {n.name}: finished with exit code 3")), (node.name, program, out, err)
            assert code == 2 and f"{len(nodes)} / {len(nodes)} node(s)" in out, (code, out, err)
    step("exec by either command line at each ran on all")


def locks_exclude(node, programs):
    for first in programs:
        for second in programs:
            for n in ("1", "2"):
                prefix = f"lock{programs.index(first)}{programs.index(second)}{n}"
                holders = [node.spawn("lock", f"-n={n}", prefix, "echo held; sleep 60", binary=first) for _ in range(int(n))]
                assert [h.stdout.readline() for h in holders] == ["held\n"] * int(n)
                code, out, err = node.cli("lock", f"-n={n}", "-timeout=1s", prefix, "echo no", binary=second)
                assert (code, out, err) == (1, "", "Shutdown triggered or timeout during lock acquisition\n"), (first, second, n, code, out, err)
                for h in holders:
                    h.terminate()
                    h.wait(20)
                code, out, err = node.cli("lock", f"-n={n}", prefix, "echo mine", binary=second)
                assert (code, out) == (0, "mine\n"), (first, second, n, code, out, err)
    step("locks and semaphores of either command line exclude those of the other")


def watches_see(node, other, programs):
    for i, program in enumerate(programs):
        seen = os.path.join(node.folder, f"seen{i}")
        p = node.spawn("watch", "-type=event", f"-name=w{i}", f"cat >> {seen}", binary=program)
        time.sleep(1)
        other.cli("event", f"-name=w{i}", "x")
        eventually("the watch saw the event", 10, lambda: os.path.exists(seen) and len(open(seen).read().splitlines()) == 2)
        p.kill()
        p.wait()
    step("watches of either command line see events")


def mixed(real, folder, ours_serves):
    ip = block()
    kinds = [default_binary(), real] if ours_serves else [real, default_binary()]
    nodes = [Node(folder, "s1", ip + ".1", server=True, binary=kinds[0])]
    try:
        nodes[0].start()
        for i, kind in enumerate((kinds[1], kinds[0]), 2):
            nodes.append(Node(folder, f"c{i}", f"{ip}.{i}", join=ip + ".1", binary=kind).start())
        eventually("all see all", 20, lambda: members_agree(nodes))
        programs = [default_binary(), real]
        events_both_ways(nodes, programs)
        watches_see(nodes[1], nodes[2], programs)
        exec_everywhere(nodes, programs)
        locks_exclude(nodes[1], programs)
    except AssertionError as e:
        raise AssertionError(f"{e}\n" + "\n".join(f"{n.name}:\n{n.log()[-1500:]}" for n in nodes))
    finally:
        for n in nodes:
            n.stop()


def compare():
    real = oracle()
    if not real:
        return print("the real Consul is not here: nothing was compared")
    for ours_serves in (True, False):
        step("our server, a real client and ours" if ours_serves else "a real server, our client and a real one")
        with tempfile.TemporaryDirectory(prefix="actord-events-") as folder:
            mixed(real, folder, ours_serves)


if __name__ == "__main__":
    main(compare)
