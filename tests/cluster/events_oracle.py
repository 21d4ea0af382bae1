#!/usr/bin/env python3
"""Events, remote execution, locks and watches where our agents and the real Consul 1.8.7's are in one pool, with either as the server and either
command line at each. Not part of the gate.   events_oracle.py"""
import base64
import os
import time

from agent import eventually, main
from mixed import compare, step


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


def all_of_them(nodes, programs):
    events_both_ways(nodes, programs)
    watches_see(nodes[1], nodes[2], programs)
    exec_everywhere(nodes, programs)
    locks_exclude(nodes[1], programs)


if __name__ == "__main__":
    main(lambda: compare(all_of_them))
