"""A data directory of a version, and what its server answered of it: written by make_data.py, held against today's server by tests/cluster/test_upgrade.py."""
import json
import os
import re
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cluster"))
from agent import eventually  # noqa: E402

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
KEYS = {"plain": b"value", "empty": b"", "binary": bytes(range(256)), "deep/er/key": b"x" * 2000, "ünïcode": "ü".encode()}
# What a server must answer as the version that wrote the data did.
ASKED = ("/v1/kv/?recurse", "/v1/kv/?keys&separator=/", "/v1/session/list", "/v1/catalog/services", "/v1/catalog/nodes", "/v1/catalog/service/outside",
         "/v1/catalog/service/own", "/v1/health/node/outside", "/v1/health/state/critical", "/v1/agent/services", "/v1/operator/raft/configuration",
         "/v1/operator/autopilot/configuration")


def fill(agent):
    """By the HTTP interface, so that any version can."""
    for name, value in KEYS.items():
        assert agent.request("PUT", f"/v1/kv/{name.replace('ü', '%C3%BC').replace('ï', '%C3%AF')}?flags=42", value)[2].strip() == b"true", name
    for n in range(20):
        agent.request("PUT", f"/v1/kv/gone/{n}", b"x")
    agent.request("DELETE", "/v1/kv/gone/?recurse")
    eventually("the node is in the catalog", 20, lambda: agent.json("GET", "/v1/catalog/nodes"))
    session = agent.json("PUT", "/v1/session/create", {"Name": "holder", "LockDelay": "0s", "Behavior": "delete"})["ID"]
    assert agent.request("PUT", f"/v1/kv/held?acquire={session}", b"mine")[2].strip() == b"true"
    agent.json("PUT", "/v1/agent/service/register", {"Name": "own", "Port": 80, "Tags": ["a", "b"], "Meta": {"k": "v"}, "Weights": {"Passing": 2, "Warning": 1}})
    agent.json("PUT", "/v1/catalog/register", {
        "Node": "outside", "Address": "10.9.8.7", "NodeMeta": {"external": "true"}, "Service": {"ID": "o1", "Service": "outside", "Port": 5432},
        "Check": {"Node": "outside", "CheckID": "c", "Name": "answers", "Status": "critical", "Output": "no", "ServiceID": "o1"}})
    agent.json("PUT", "/v1/operator/autopilot/configuration", {**agent.json("GET", "/v1/operator/autopilot/configuration"), "MaxTrailingLogs": 123})


def answers(agent):
    """By URL; without what is another's with each start, or with each machine."""
    out = {}
    for url in ASKED:
        text = json.dumps(agent.json("GET", url), sort_keys=True)
        text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:<port>", text)
        out[url] = json.loads(text)
    for row in [r for url in ("/v1/catalog/nodes", "/v1/catalog/service/own") for r in out[url]]:
        for name in ("ModifyIndex", "Meta", "NodeMeta"):
            row.pop(name, None)
    out["/v1/operator/raft/configuration"].pop("Index", None)
    return out


def versions():
    return sorted(name[:-7] for name in os.listdir(FOLDER) if name.endswith(".tar.xz")) if os.path.isdir(FOLDER) else []


def unpack(version, into):
    with tarfile.open(os.path.join(FOLDER, f"{version}.tar.xz")) as tar:
        tar.extractall(into)
    with open(os.path.join(FOLDER, f"{version}.json")) as f:
        return json.load(f)
