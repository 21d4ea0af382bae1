#!/usr/bin/env python3
"""What an agent answered is there to read: after a registration, an update, a TTL's news, maintenance and their removal, over HTTP and DNS, at a leader, a
follower and a client agent. Without a leader registrations are answered all the same and reach the catalog later. One check id in two services is
refused, by the API, at start, at a reload and when it was kept from before.   test_registration.py [--rounds N]"""
import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time

from agent import Agent, eventually, main
from cluster import Cluster, Server

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "conformance"))
import dns_packet  # noqa: E402

PATIENCE = 0.2  # with slower servers the answer says nothing of the catalog
began = time.monotonic()


def step(words):
    print(f"  {time.monotonic() - began:5.1f} s  {words}", flush=True)


class Client(Server):
    def command(self):
        return [word for word in super().command() if word != "-server"]


class Reader:
    """One agent: changes through it, and what it says right after."""

    def __init__(self, agent):
        self.agent, self.http = agent, agent.connection()
        self.dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.dns.settimeout(10)
        self.dns.connect((agent.ip, agent.ports["dns"]))
        self.stale = isinstance(agent, Client)  # asks any server by DNS, also one that is a little behind, as Consul's
        self.seen = self.slow = 0
        self.missed = []

    def ask(self, method, path, body=None):
        self.http.request(method, path, None if body is None else json.dumps(body))
        answer = self.http.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, (path, answer.status, text)
        return text

    def changed(self, path, body, look, what):
        start = time.monotonic()
        self.ask("PUT", path, body)
        took = time.monotonic() - start
        if look():
            self.seen += 1
        elif took < PATIENCE:
            self.missed.append(what)
        else:
            self.slow += 1

    def resolves(self, name, there):
        if self.stale:
            return True
        self.dns.send(dns_packet.question(f"{name}.service.consul", "A"))
        return there == ("127.0.0.77" in str(dns_packet.take_apart(self.dns.recv(4096))))

    def round(self, n):
        name = f"{self.agent.name}-{n}"

        def checks():
            return self.ask("GET", f"/v1/health/checks/{name}")

        def instances():
            return self.ask("GET", f"/v1/catalog/service/{name}")

        def register(port, look, what):
            self.changed("/v1/agent/service/register", {"Name": name, "Port": port, "Address": "127.0.0.77", "Check": {"TTL": "1h", "Status": "passing"}}, look, what)

        register(1001, lambda: '"passing"' in checks(), f"{name}: its check")
        register(1002, lambda: ":1002" in instances(), f"{name}: its new port")
        self.changed(f"/v1/agent/check/warn/service:{name}?note=hm", None, lambda: '"warning"' in checks(), f"{name}: a TTL's news")
        self.changed("/v1/agent/check/register", {"Name": f"{name}-more", "ServiceID": name, "TTL": "1h"}, lambda: f"{name}-more" in checks(), f"{name}: one more check")
        self.changed(f"/v1/agent/check/deregister/{name}-more", None, lambda: f"{name}-more" not in checks(), f"{name}: without it")
        self.changed(f"/v1/agent/service/maintenance/{name}?enable=true", None, lambda: "_service_maintenance" in checks(), f"{name}: maintenance")
        self.changed(f"/v1/agent/service/maintenance/{name}?enable=false", None,
                     lambda: "_service_maintenance" not in checks() and self.resolves(name, True), f"{name}: its address by DNS")
        self.changed(f"/v1/agent/service/deregister/{name}", None, lambda: name not in instances() and self.resolves(name, False), f"{name}: gone")


def answered_is_there(agent, kind, rounds):
    reader = Reader(agent)
    for n in range(rounds):
        reader.round(n)
    assert not reader.missed, f"{kind}: {len(reader.missed)} of {rounds * 8} changes were answered and not there, first {reader.missed[:5]}"
    assert reader.seen >= reader.slow, f"{kind}: {reader.slow} of {rounds * 8} answers took longer than {PATIENCE} s"
    step(f"{kind}: {reader.seen} of {rounds * 8} changes were there once answered, {reader.slow} took longer than {PATIENCE} s")


def without_leader(cluster, client):
    for server in cluster.servers[1:]:
        server.kill()
    left = cluster.servers[0]
    eventually("the last server knows that nobody leads", 30, lambda: left.request("GET", "/v1/status/leader")[2].strip() == b'""')
    for agent in (left, client):
        start = time.monotonic()
        for n in range(20):
            status, _, text = agent.request("PUT", "/v1/agent/service/register", json.dumps({"Name": f"lost-{agent.name}-{n}"}))
            assert status == 200, (status, text)
        step(f"without a leader {agent.name} answered 20 registrations in {time.monotonic() - start:.2f} s")
    for server in cluster.servers[1:]:
        server.start()
    cluster.wait_writable(30)
    for agent in (left, client):
        eventually(f"what {agent.name} was told is in the catalog", 90,
                   lambda: all(client.json("GET", f"/v1/catalog/service/lost-{agent.name}-{n}") for n in (0, 19)))
    step("they are in the catalog since there is a leader again")


def cluster_of_three(rounds):
    with Cluster() as cluster:
        cluster.start()
        client = Client("c1", cluster.folder, cluster.binary, lambda: cluster.servers)
        try:
            client.start()
            eventually("the client agent is in the catalog", 30, lambda: client.json("GET", "/v1/catalog/node/c1"))
            leader = cluster.wait_leader()
            answered_is_there(leader, "a leader", rounds)
            answered_is_there(next(s for s in cluster.servers if s is not leader), "a follower", rounds)
            answered_is_there(client, "a client agent", rounds)
            without_leader(cluster, client)
        finally:
            client.kill()


def one_id_in_two_services():
    file = 'services {{ name = "{0}"  check {{ id = "{1}"  ttl = "1h" }} }}\n'
    with Agent() as agent:
        path = os.path.join(agent.folder, "services.hcl")

        def write(*pairs):
            with open(path, "w") as f:
                f.write("".join(file.format(*pair) for pair in pairs))

        write(("a", "x"))
        agent.config_files = [path]
        agent.start()

        def refused(text, method, where, body=None, code=400):
            status, _, answer = agent.request(method, where, None if body is None else json.dumps(body))
            assert status == code and text in answer.decode(), (where, status, answer)

        taken = 'CheckID "x" is taken by a check of service "a": give the check of service "b" another CheckID'
        refused(taken, "PUT", "/v1/agent/service/register", {"Name": "b", "Check": {"CheckID": "x", "TTL": "1h"}})
        refused(taken, "PUT", "/v1/agent/service/register", {"Name": "b", "Checks": [{"TTL": "1h"}, {"CheckID": "x", "TTL": "1h"}]})
        assert "b" not in agent.json("GET", "/v1/agent/services")
        refused("of the node another CheckID", "PUT", "/v1/agent/check/register", {"ID": "x", "Name": "x", "TTL": "1h"})
        write(("a", "x"), ("b", "x"))
        refused(taken, "PUT", "/v1/agent/reload", code=500)
        assert agent.json("GET", "/v1/agent/checks")["x"]["ServiceID"] == "a"
        agent.json("PUT", "/v1/agent/check/update/x", {"Status": "warning", "Output": "hm"})
        write(("b", "x"), ("a", "y"))
        agent.json("PUT", "/v1/agent/reload")
        moved = agent.json("GET", "/v1/agent/checks")["x"]
        assert (moved["ServiceID"], moved["Status"], moved["Output"]) == ("b", "warning", "hm"), moved
        step("one check id in two services is refused by the API and a reload; a reload may move it, with its state")

        # What a file says at start may not take what the API was promised.
        agent.json("PUT", "/v1/agent/service/register", {"Name": "kept", "Check": {"CheckID": "z", "TTL": "1h"}})
        agent.kill(signal.SIGINT)

        def starts_not(text):
            agent.start(wait=False)
            assert agent.process.wait(20) != 0
            assert text in agent.log(), agent.log()

        write(("b", "x"), ("a", "x"))
        starts_not('CheckID "x" is taken by a check of service "b"')
        write(("b", "z"))
        starts_not('CheckID "z" is taken by a check of service "kept": give the check of service "b" another CheckID')
        write(("b", "x"))
        agent.start()
        assert agent.json("GET", "/v1/agent/checks")["z"]["ServiceID"] == "kept"
        step("at start it is refused, too, and the kept check is there when the file has another id")


def run(rounds):
    one_id_in_two_services()
    cluster_of_three(rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=130)
    main(run, parser.parse_args().rounds)
