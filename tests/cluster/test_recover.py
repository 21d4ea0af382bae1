#!/usr/bin/env python3
"""Two of three servers are lost for good: the third neither writes nor forgets, and with peers.json it is a cluster again, to which new
servers come. A bad peers.json stops the start and says why; nothing is changed by it. A write that asks for its index is read on any server. Servers come back at other addresses."""
import base64
import json
import os

from agent import eventually, free_ports, main
from cluster import Cluster

QUICK = ["-hcl", 'autopilot { server_stabilization_time = "500ms" last_contact_threshold = "2s" }']


def own_writes(cluster):
    for n in range(30):
        for server in cluster.servers:
            status, headers, body = server.request("PUT", "/v1/kv/own?at_least", body=str(n))
            assert status == 200 and body.strip() == b"true", (status, body)
            for reader in cluster.servers:
                seen = reader.json("GET", f"/v1/kv/own?at_least={headers['x-consul-index']}")[0]["Value"]
                assert base64.b64decode(seen) == str(n).encode(), (server.name, reader.name, n, seen)
    status, _, body = cluster.servers[0].request("GET", "/v1/kv/own?at_least=999999999", timeout=30)
    assert status == 500 and b"has not reached index 999999999" in body, (status, body)


def recovers(cluster):
    survivor, *lost = cluster.servers
    for n in range(20):
        assert survivor.request("PUT", f"/v1/kv/kept/{n}", body=str(n))[2].strip() == b"true"
    for server in lost:
        cluster.remove(server)
    status, _, _ = survivor.request("PUT", "/v1/kv/alone", body="1", timeout=40)
    assert status == 500, status
    survivor.kill()
    raft = os.path.join(survivor.data_dir, "raft")
    assert "peers.json" in open(os.path.join(raft, "peers.info")).read()
    place = os.path.join(raft, "peers.json")
    bad = {"not JSON": "[{", "an unknown form": '["127.0.0.1:8300"]', "nobody": "[]", "no address": '[{"id": "a"}]',
           "twice the same": '[{"id": "a", "address": "1.1.1.1:1"}, {"id": "a", "address": "1.1.1.2:1"}]',
           "no voter": '[{"id": "a", "address": "1.1.1.1:1", "non_voter": true}]'}
    for name, text in bad.items():
        with open(place, "w") as f:
            f.write(text)
        survivor.start()
        assert survivor.process.wait(20) != 0, name
        assert "peers.json" in survivor.log(), (name, survivor.log())
    with open(place, "w") as f:
        json.dump([{"id": open(os.path.join(survivor.data_dir, "node-id")).read().strip(), "address": f"{survivor.ip}:{survivor.ports['server']}"}], f)
    survivor.start()
    cluster.wait_writable(20)
    assert not os.path.exists(place)
    assert cluster.configuration() == {survivor.name: (True, True)}, cluster.configuration()
    for n in range(20):
        assert base64.b64decode(survivor.json("GET", f"/v1/kv/kept/{n}")[0]["Value"]) == str(n).encode(), n
    survivor.kill()  # the word holds without the file, too
    survivor.start()
    cluster.wait_writable(20)
    added = [cluster.add().start() for _ in range(2)]
    eventually("three voters again", 30, lambda: sorted(voter for voter, _ in cluster.configuration().values()) == [True, True, True])
    for server in (cluster.leader(), next(s for s in added if s is not cluster.leader())):
        moves(cluster, server)
    survivor.kill()
    cluster.wait_writable(20, through=added)


def moves(cluster, server):
    """A server comes back with its data at another address."""
    server.kill()
    server.ports["server"], server.ports["serf_lan"] = free_ports(2)
    server.start()
    address = f"{server.ip}:{server.ports['server']}"

    def known():
        servers = cluster.leader().json("GET", "/v1/operator/raft/configuration")["Servers"]
        return {s["Node"]: s["Address"] for s in servers}[server.name] == address
    eventually(f"{server.name} is known to be at {address}", 20, lambda: cluster.leader() and known())
    cluster.wait_writable(20)


def test():
    with Cluster(3, extra=QUICK) as cluster:
        cluster.start()
        own_writes(cluster)
        recovers(cluster)


if __name__ == "__main__":
    main(test)
