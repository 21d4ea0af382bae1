#!/usr/bin/env python3
"""Sessions, locks held by them and network coordinates where our agents and the real Consul 1.8.7's are in one pool, with either as the server:
sessions made, renewed and lost through client agents of both kinds, coordinates that each kind announces served by the other, ?near= and
rtt by either command line. Not part of the gate.   places_oracle.py"""
import math
import time

from agent import eventually, main
from mixed import compare, step


def sessions_live_and_end(nodes):
    for maker in nodes:
        own = maker.json("PUT", "/v1/session/create", {"Name": "plain", "LockDelay": "0s"})["ID"]
        short = maker.json("PUT", "/v1/session/create", {"TTL": "10s", "LockDelay": "0s", "Behavior": "delete", "NodeChecks": ["serfHealth"]})["ID"]
        for node in nodes:
            row = node.json("GET", f"/v1/session/info/{own}")[0]
            assert row["Node"] == maker.name and row["NodeChecks"] == ["serfHealth"] and row["Name"] == "plain", (node.name, row)
            assert own in [s["ID"] for s in node.json("GET", f"/v1/session/node/{maker.name}")]
            assert node.json("PUT", f"/v1/session/renew/{short}")[0]["TTL"] == "10s"
        assert maker.json("PUT", f"/v1/kv/held?acquire={own}", "x") is True
        assert nodes[0].json("PUT", f"/v1/kv/held?acquire={short}", "x") is False
        assert nodes[-1].json("GET", "/v1/kv/held")[0]["Session"] == own
        assert maker.json("PUT", f"/v1/kv/gone/{maker.name}?acquire={short}", "x") is True
        nodes[-1].json("PUT", f"/v1/session/destroy/{own}")
        assert "Session" not in maker.json("GET", "/v1/kv/held")[0]
        yield maker, short


def time_runs_out(nodes):
    """Renewed ones live on, the others are gone between one and two and a half times their TTL, and with them what they held."""
    pairs = list(sessions_live_and_end(nodes))
    kept = nodes[0].json("PUT", "/v1/session/create", {"TTL": "10s", "LockDelay": "0s"})["ID"]
    began = time.monotonic()

    def over():
        nodes[int(time.monotonic()) % len(nodes)].json("PUT", f"/v1/session/renew/{kept}")
        time.sleep(0.5)
        return all(n.json("GET", f"/v1/session/info/{s}") == [] for n in nodes for _, s in pairs)
    eventually("sessions that nobody renews end", 26, over)
    assert time.monotonic() - began > 5
    assert all(nodes[-1].request("GET", f"/v1/kv/gone/{maker.name}")[0] == 404 for maker, _ in pairs)
    assert nodes[0].json("GET", f"/v1/session/info/{kept}")
    assert nodes[1].request("PUT", f"/v1/session/renew/{pairs[0][1]}")[0] == 404
    step("sessions by clients of both kinds: shown everywhere, lock keys, renewed ones live, the others end with their keys")


def a_check_ends_sessions(nodes):
    for maker in nodes[1:]:
        maker.json("PUT", "/v1/agent/check/register", {"Name": "alive", "TTL": "1h", "Status": "passing"})
        eventually("the check arrives", 10, lambda: [c for c in nodes[0].json("GET", f"/v1/health/node/{maker.name}") if c["CheckID"] == "alive" and c["Status"] == "passing"])
        session = maker.json("PUT", "/v1/session/create", {"NodeChecks": ["serfHealth", "alive"], "LockDelay": "0s"})["ID"]
        assert maker.json("PUT", f"/v1/kv/lead/{maker.name}?acquire={session}", "x") is True
        maker.request("PUT", "/v1/agent/check/fail/alive")
        took = eventually("the session ends with its check", 10, lambda: nodes[0].json("GET", f"/v1/session/info/{session}") == [])
        assert "Session" not in maker.json("GET", f"/v1/kv/lead/{maker.name}")[0]
        maker.request("PUT", "/v1/agent/check/deregister/alive")
    step(f"a check that fails ends the sessions of clients of both kinds (the last after {took:.1f} s)")


def by_distance(node, source, names):
    """Whether the names are sorted by their distance from the source as the coordinates have it, which move now and then."""
    where = {c["Node"]: c["Coord"] for c in node.json("GET", "/v1/coordinate/nodes")}

    def distance(name):
        a, b = where[source], where[name]
        far = math.dist(a["Vec"], b["Vec"]) + a["Height"] + b["Height"]
        return far + a["Adjustment"] + b["Adjustment"] if far + a["Adjustment"] + b["Adjustment"] > 0 else far
    return len(names) == len(where) and names == sorted(names, key=distance)


def places(nodes, programs):
    names = sorted(n.name for n in nodes)
    for n in nodes:
        eventually(f"{n.name} serves the coordinates of all", 60, lambda: sorted(c["Node"] for c in n.json("GET", "/v1/coordinate/nodes")) == names)
        assert [c["Node"] for c in n.json("GET", f"/v1/coordinate/node/{names[0]}")] == [names[0]]
        assert n.json("GET", "/v1/coordinate/datacenters")[0]["Datacenter"] == "dc1"
        for node in nodes:
            row = n.json("GET", f"/v1/coordinate/node/{node.name}")[0]
            assert len(row["Coord"]["Vec"]) == 8 and row["Coord"]["Height"] > 0, row
    for n in nodes:
        for near in ("_agent", nodes[0].name, nodes[-1].name):
            source = n.name if near == "_agent" else near
            eventually(f"{n.name} sorts near {near}", 20, lambda: by_distance(n, source, [r["Node"] for r in n.json("GET", f"/v1/catalog/nodes?near={near}")]))
            eventually("instances", 20, lambda: by_distance(n, source, [r["Node"] for r in n.json("GET", f"/v1/catalog/service/everywhere?near={near}")]))
            eventually("health", 20, lambda: by_distance(n, source, [r["Node"]["Node"] for r in n.json("GET", f"/v1/health/service/everywhere?near={near}")]))
    step("coordinates of all are served by all, and ?near= sorts by them")
    for n in nodes:
        for program in programs:
            for words in ((nodes[0].name, nodes[-1].name), (nodes[1].name,)):
                code, out, err = n.cli("rtt", *words, binary=program)
                assert code == 0 and out.startswith("Estimated ") and " rtt: " in out and "(using LAN coordinates)" in out, (n.name, program, words, code, out, err)
            code, out, err = n.cli("rtt", "-wan", f"{nodes[0].name}.dc1", f"{nodes[0].name}.dc1", binary=program)
            assert code == 0 and "(using WAN coordinates)" in out, (n.name, program, code, out, err)
    step("rtt by either command line at each")


def all_of_them(nodes, programs):
    for n in nodes:
        n.json("PUT", "/v1/agent/service/register", {"Name": "everywhere"})
    for n in nodes:
        eventually("all are there", 20, lambda: len(n.json("GET", "/v1/catalog/service/everywhere")) == len(nodes))
    for n in nodes:
        eventually("the leader registered them", 20, lambda: "serfHealth" in [c["CheckID"] for c in n.json("GET", f"/v1/health/node/{n.name}")])
    time_runs_out(nodes)
    a_check_ends_sessions(nodes)
    places(nodes, programs)


if __name__ == "__main__":
    main(lambda: compare(all_of_them))
