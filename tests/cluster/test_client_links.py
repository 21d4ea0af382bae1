#!/usr/bin/env python3
"""A client agent whose cable is cut while its checks change and its services come and go: the servers take it for failed, and when the cable
is back the catalog is right within seconds. Network namespaces; needs root.   test_client_links.py"""
import argparse
import json
import os
import subprocess

from agent import Skipped, default_binary, eventually, main
from client_tour import World, health, member, serf_health, step
from net import Network


class Cabled(World):
    """Each process in a network namespace of its own."""

    def __init__(self, binary, network):
        super().__init__(binary, binary)
        self.network = network

    def add(self, binary, name, flags):
        p = super().add(binary, name, flags)
        place = self.network.place(name)
        p.ip, p.before = place["ip"], ["ip", "netns", "exec", place["namespace"]]
        return p


def inside(process, method, path, body=None):
    """A request to an agent that only its own namespace reaches."""
    words = [*process.before, "curl", "-sf", "-X", method, f"http://{process.ip}:8500{path}"] + (["-d", json.dumps(body)] if body is not None else [])
    r = subprocess.run(words, capture_output=True, text=True, timeout=20)
    assert r.returncode == 0, (path, r.stdout, r.stderr)
    return r.stdout


def cut(world):
    server = world.server(expect=1)
    eventually("a leader", 30, lambda: len(server.json("GET", "/v1/status/leader")) > 2)
    client = world.client("c1", ["-hcl", "enable_local_script_checks = true"])
    eventually("in the catalog", 30, lambda: serf_health(server, client) == ["passing"])
    ill = os.path.join(world.folder, "ill")
    check = {"Args": ["/bin/sh", "-c", f"test ! -e {ill} || exit 2"], "Interval": "200ms"}
    config = os.path.join(world.folder, "web.json")
    with open(config, "w") as f:
        json.dump({"service": {"name": "web", "port": 80, "check": {"args": check["Args"], "interval": "200ms"}}}, f)
    client.flags.append(f"-config-file={config}")
    client.kill()
    client.start()
    eventually("passing", 20, lambda: health(server, "web") == {"c1": ["passing"]})
    client.json("PUT", "/v1/agent/service/register", {"Name": "before", "Port": 1})
    eventually("registered", 10, lambda: "c1" in health(server, "before"))
    world.network.unplug("c1")
    with open(ill, "w"):
        pass
    inside(client, "PUT", "/v1/agent/service/deregister/before")
    inside(client, "PUT", "/v1/agent/service/register", {"Name": "after", "Port": 2})
    took = eventually("the client is failed", 40, lambda: member(server, client)["Status"] == 4 and serf_health(server, client) == ["critical"])
    assert health(server, "web") == {"c1": ["passing"]} and health(server, "after") == {}, "news came through a cable that is cut"
    eventually("the check sees it", 10, lambda: json.loads(inside(client, "GET", "/v1/agent/checks"))["service:web"]["Status"] == "critical")
    world.network.plug("c1")
    back = eventually("the member is back", 60, lambda: member(server, client)["Status"] == 1 and serf_health(server, client) == ["passing"])
    right = eventually("the catalog is right", 20, lambda: health(server, "web") == {"c1": ["critical"]} and "c1" in health(server, "after") and health(server, "before") == {})
    os.unlink(ill)
    eventually("well again", 10, lambda: health(server, "web") == {"c1": ["passing"]})
    step(f"cut off: failed after {took:.1f} s; plugged in: a member after {back:.1f} s, the catalog right {right:.1f} s later")


def run(options):
    why = Network.why_not()
    if why:
        raise Skipped(f"no network namespaces here: {why}")
    network = Network()
    try:
        with Cabled(options.binary, network) as world:
            cut(world)
    finally:
        network.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=default_binary())
    main(run, parser.parse_args())
