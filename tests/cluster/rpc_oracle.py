#!/usr/bin/env python3
"""A real Consul client agent in a cluster of one server of ours: what it registers, asks and hears goes over the server RPC. Skips without
a real Consul.   rpc_oracle.py [--consul PATH] [--server IP] [--client IP]"""
import argparse
import http.server
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

from agent import children, default_binary, eventually, main


def ask(base, path, method="GET", body=None):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(base + path, data, method=method), timeout=30) as r:
        return r.read(), r.headers


def json_of(base, path, method="GET", body=None):
    return json.loads(ask(base, path, method, body)[0] or b"null")


class Health(http.server.BaseHTTPRequestHandler):
    well = True

    def do_GET(self):
        self.send_response(200 if Health.well else 503)
        self.end_headers()

    def log_message(self, *_):
        pass


def statuses(base):
    return [c["Status"] for i in json_of(base, "/v1/health/service/web") for c in i["Checks"] if c["CheckID"] == "service:web1"]


def dig(address):
    return subprocess.run(["dig", "+short", f"@{address}", "-p", "8600", "web.service.consul"], capture_output=True, text=True, check=True).stdout.strip()


def catalog(server, client, o):
    web = http.server.ThreadingHTTPServer((o.client, 0), Health)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    port = web.server_address[1]
    ask(client, "/v1/agent/service/register", "PUT", {"Name": "web", "ID": "web1", "Port": port, "Tags": ["v1"], "Meta": {"a": "b"},
                                                      "Check": {"HTTP": f"http://{o.client}:{port}/", "Interval": "1s"}})
    for base in (server, client):
        eventually("the check passes", 10, lambda: statuses(base) == ["passing"])
        assert json_of(base, "/v1/catalog/services")["web"] == ["v1"]
    assert dig(o.client) == o.client and dig(o.server) == o.client
    Health.well = False
    eventually("the check is critical", 10, lambda: statuses(server) == ["critical"])
    eventually("a critical instance leaves DNS", 10, lambda: dig(o.client) == "")
    Health.well = True
    eventually("the check passes again", 10, lambda: statuses(server) == ["passing"])


def keys(server, client):
    assert ask(client, "/v1/kv/foo", "PUT", b"bar")[0] == b"true"
    value, headers = ask(client, "/v1/kv/foo?raw")
    assert value == b"bar" and ask(server, "/v1/kv/foo?raw")[0] == b"bar"
    got = []
    waiter = threading.Thread(target=lambda: got.append(ask(client, f"/v1/kv/foo?raw&wait=20s&index={headers['X-Consul-Index']}")[0]))
    waiter.start()
    time.sleep(0.5)
    assert not got
    ask(server, "/v1/kv/foo", "PUT", b"new")
    waiter.join(5)
    assert got == [b"new"], got
    done = json_of(client, "/v1/txn", "PUT", [{"KV": {"Verb": "set", "Key": "t", "Value": "MQ=="}}, {"KV": {"Verb": "get", "Key": "t"}}])
    assert done["Errors"] is None and done["Results"][1]["KV"]["Value"] == "MQ=="
    assert json_of(client, "/v1/kv/?keys") == ["foo", "t"]
    try:
        ask(client, "/v1/kv/foo?dc=dc9")
        raise AssertionError("another datacenter was reached")
    except urllib.error.HTTPError as e:
        assert e.read() == b"rpc error making call: No path to datacenter"


def run(o):
    folder = tempfile.mkdtemp(prefix="actord-rpc-")
    running, log = [], os.path.join(folder, "client.log")
    server, client = f"http://{o.server}:8500", f"http://{o.client}:8500"

    def start(name, *words):
        with open(os.path.join(folder, name + ".log"), "wb") as out:
            running.append(children.start([*words, f"-data-dir={os.path.join(folder, name)}"], stdout=out, stderr=subprocess.STDOUT))
    try:
        start("server", default_binary(), "agent", "-server", "-bootstrap-expect=1", f"-bind={o.server}", f"-client={o.server}", "-node=s1")
        eventually("a leader", 20, lambda: json_of(server, "/v1/status/leader"))
        start("client", o.consul, "agent", f"-bind={o.client}", f"-client={o.client}", "-node=c1", f"-retry-join={o.server}")
        eventually("the client registers itself", 30, lambda: "c1" in [n["Node"] for n in json_of(server, "/v1/catalog/nodes")])
        catalog(server, client, o)
        keys(server, client)
        ask(client, "/v1/event/fire/deploy", "PUT", b"x")
        for base in (server, client):
            eventually("the event is heard", 10, lambda: [e["Name"] for e in json_of(base, "/v1/event/list")] == ["deploy"])
        ask(client, "/v1/agent/service/deregister/web1", "PUT")
        eventually("the service is gone", 10, lambda: json_of(server, "/v1/catalog/service/web") == [])
        with open(log) as f:
            text = f.read()
        synced = re.findall(r"Synced service: service=web1", text)
        assert len(synced) == 1, f"the service was registered {len(synced)} times"
        assert "failed to sync changes" not in text, text[-3000:]
    finally:
        for p in reversed(running):
            p.kill()
            p.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--consul", default=os.path.expanduser("~/.cache/actord-oracle/consul/usr/bin/consul"))
    p.add_argument("--server", default="127.12.1.1")
    p.add_argument("--client", default="127.12.1.2")
    options = p.parse_args()
    if not os.path.exists(options.consul):
        print(f"skipped: no real Consul at {options.consul}")
    else:
        main(run, options)
