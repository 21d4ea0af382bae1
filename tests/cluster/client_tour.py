"""One client agent in a cluster of three servers, each at a loopback address of its own with the default ports: what the tests of client agents do,
whoever made the servers. Standard library and dig."""
import base64
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from agent import Http, children, eventually, free_network, patience

PRIVATE = 24 << 10  # KiB that the client may have of its own
began = time.monotonic()


def step(words):
    print(f"  {time.monotonic() - began:5.1f} s  {words}", flush=True)


class Process(Http):
    """An agent of either kind at an address of its own, with the default ports."""

    def __init__(self, binary, name, ip, folder, flags=()):
        self.binary, self.name, self.ip, self.flags = binary, name, ip, list(flags)
        self.data_dir = os.path.join(folder, name)
        self.log_path = os.path.join(folder, name + ".log")
        self.process = None
        self.before = []  # words before the command, such as those that enter a network namespace

    def start(self):
        command = [*self.before, self.binary, "agent", f"-node={self.name}", f"-bind={self.ip}", f"-client={self.ip}", f"-data-dir={self.data_dir}"]
        with open(self.log_path, "ab") as log:
            self.process = children.start(command + self.flags, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self, sig=signal.SIGKILL):
        if self.running():
            self.process.send_signal(sig)
            self.process.wait(30)

    def connection(self, timeout=10):
        return http.client.HTTPConnection(self.ip, 8500, timeout=patience(timeout))

    def log(self, size=3000):
        with open(self.log_path, errors="replace") as f:
            return f.read()[-size:]

    def dig(self, name, kind="A"):
        r = subprocess.run(["dig", "+short", "+time=2", "+tries=1", f"@{self.ip}", "-p", "8600", name, kind], capture_output=True, text=True, timeout=10)
        return [line for line in r.stdout.splitlines() if line and not line.startswith(";")]

    def memory(self):
        """(private + shared RSS, private) in KiB."""
        with open(f"/proc/{self.process.pid}/smaps_rollup") as f:
            rows = {line.split(":")[0]: int(line.split()[1]) for line in f if line.split()[-1] == "kB"}
        return rows["Rss"], rows["Private_Clean"] + rows["Private_Dirty"]

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Backend:
    """What an HTTP check looks at; `status` is what it says."""

    def __init__(self, ip):
        backend = self
        self.status = 200

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(backend.status)
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer((ip, 0), Handler)
        self.url = f"http://{ip}:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class World:
    """`servers` are of the one binary, the client of the other."""

    def __init__(self, server_binary, client_binary):
        self.folder = tempfile.mkdtemp(prefix="client-oracle-")
        self.server_binary, self.client_binary, self.prefix = server_binary, client_binary, free_network()
        self.ours_serve = os.path.basename(server_binary) != "consul"
        self.made, self.servers = 0, []
        self.processes = []

    def add(self, binary, name, flags):
        self.made += 1
        p = Process(binary, name, f"{self.prefix}.{self.made}", self.folder, flags)
        self.processes.append(p)
        return p

    def server(self, expect=0):
        flags = ["-server", "-hcl", 'performance { raft_multiplier = 1 } autopilot { server_stabilization_time = "500ms" }']
        if expect:
            flags.append(f"-bootstrap-expect={expect}")
        flags += [f"-retry-join={s.ip}" for s in self.servers] + ["-retry-interval=1s"]
        s = self.add(self.server_binary, f"s{self.made + 1}", flags)
        self.servers.append(s)
        return s.start()

    def client(self, name, flags=()):
        return self.add(self.client_binary, name, [f"-retry-join={s.ip}" for s in self.servers] + ["-retry-interval=1s", *flags]).start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            for p in self.processes:
                if os.path.exists(p.log_path):
                    print(f"== {p.name}\n{p.log()}")
        for p in self.processes:
            p.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def has_leader(agent):
    status, _, body = agent.request("GET", "/v1/status/leader", timeout=3)
    return status == 200 and len(body.strip()) > 2


def health(agent, service):
    """node -> worst status of the service's own checks."""
    rows = agent.json("GET", f"/v1/health/service/{service}")
    return {r["Node"]["Node"]: sorted(c["Status"] for c in r["Checks"] if c["ServiceID"])[:1] for r in rows}


def services(world, client):
    backend = Backend(client.ip)
    client.json("PUT", "/v1/agent/service/register", {"ID": "web-1", "Name": "web", "Port": 8080, "Tags": ["v1"], "Meta": {"k": "v"},
                                                      "Check": {"HTTP": backend.url, "Interval": "200ms", "Timeout": "1s"}})
    both = [client] + [s for s in world.servers if s.running()]
    for agent in both:
        eventually(f"{agent.name} shows web passing", 20, lambda: health(agent, "web") == {client.name: ["passing"]})
        eventually(f"{agent.name}'s DNS shows it", 5, lambda: agent.dig("web.service.consul") == [client.ip])  # a follower's answers are its own
        assert agent.dig("web.service.consul", "SRV")[0].split()[:3] == ["1", "1", "8080"], agent.dig("web.service.consul", "SRV")
        assert agent.dig(f"{client.name}.node.consul") == [client.ip]
    backend.status = 500
    for agent in both:
        eventually(f"{agent.name} shows web critical", 20, lambda: health(agent, "web") == {client.name: ["critical"]})
        eventually(f"{agent.name}'s DNS leaves it out", 5, lambda: agent.dig("web.service.consul") == [])
    backend.status = 200
    for agent in both:
        eventually(f"{agent.name} shows web passing again", 20, lambda: health(agent, "web") == {client.name: ["passing"]})
    client.json("PUT", "/v1/agent/service/deregister/web-1")
    for agent in both:
        eventually(f"{agent.name} forgets web", 20, lambda: agent.json("GET", "/v1/catalog/service/web") == [])
    step("a service registered by the client's API, seen by curl and dig at both, critical, back, deregistered")


def keys(world, client):
    server = next(s for s in world.servers if s.running())
    assert client.json("PUT", "/v1/kv/a/b?flags=42") is True
    assert client.request("PUT", "/v1/kv/a/b?flags=42", body="hello")[2].strip() == b"true"
    for agent in (client, server):
        row = agent.json("GET", "/v1/kv/a/b")[0]
        assert base64.b64decode(row["Value"]) == b"hello" and row["Flags"] == 42, row
    index = client.json("GET", "/v1/kv/a/b")[0]["ModifyIndex"]
    assert client.request("PUT", "/v1/kv/a/b?cas=1", body="x")[2].strip() == b"false"
    assert client.request("PUT", f"/v1/kv/a/b?cas={index}", body="second")[2].strip() == b"true"
    assert client.json("GET", "/v1/kv/a?keys") == ["a/b"]
    assert client.request("GET", "/v1/kv/none")[0] == 404
    status, headers, _ = client.request("GET", "/v1/kv/a/b")
    assert headers["x-consul-knownleader"] == "true" and int(headers["x-consul-index"]) > 0, headers
    for mode in ("?stale", "?consistent"):
        assert client.request("GET", "/v1/kv/a/b" + mode)[0] == 200
    reply = client.json("PUT", "/v1/txn", [{"KV": {"Verb": "set", "Key": "t1", "Value": base64.b64encode(b"1").decode()}},
                                           {"KV": {"Verb": "get", "Key": "a/b"}}])
    assert [r["KV"]["Key"] for r in reply["Results"]] == ["t1", "a/b"] and reply["Errors"] is None, reply
    reply = client.json("PUT", "/v1/txn", [{"KV": {"Verb": "get", "Key": "t1"}}])
    assert base64.b64decode(reply["Results"][0]["KV"]["Value"]) == b"1", reply
    status, _, body = client.request("PUT", "/v1/txn", body=json.dumps([{"KV": {"Verb": "check-index", "Key": "t1", "Index": 1}}]))
    assert status == 409 and json.loads(body)["Errors"], (status, body)
    assert client.request("DELETE", "/v1/kv/t1")[2].strip() == b"true"
    step("keys, conditional writes, consistency modes and transactions through the client")


def blocking(world, client):
    server = next(s for s in world.servers if s.running())
    client.request("PUT", "/v1/kv/watched", body="1")
    index = client.request("GET", "/v1/kv/watched")[1]["x-consul-index"]
    got = []
    threads = [threading.Thread(target=lambda: got.append(client.request("GET", f"/v1/kv/watched?index={index}&wait=20s", timeout=30))) for _ in range(20)]
    for t in threads:
        t.start()
    time.sleep(0.5)
    assert not got
    at = time.monotonic()
    server.request("PUT", "/v1/kv/watched", body="2")
    for t in threads:
        t.join(30)
    took = time.monotonic() - at
    assert took < 3 and len(got) == 20, (took, len(got))
    assert all(base64.b64decode(json.loads(r[2])[0]["Value"]) == b"2" for r in got)
    at = time.monotonic()
    status, headers, _ = client.request("GET", f"/v1/kv/watched?index={got[0][1]['x-consul-index']}&wait=1s", timeout=30)
    assert status == 200 and 0.9 < time.monotonic() - at < 4
    step(f"twenty blocking queries woke {took * 1000:.0f} ms after the write at a server; one timed out as asked")


def status(world, client):
    everybody = {s.name for s in world.servers if s.running()} | {client.name}
    eventually("the client knows all members", 10, lambda: everybody <= {m["Name"] for m in client.json("GET", "/v1/agent/members")})
    eventually("all servers are known", 10,
               lambda: client.json("GET", "/v1/agent/self")["Stats"]["consul"]["known_servers"] == str(sum(s.running() for s in world.servers)))
    me = client.json("GET", "/v1/agent/self")
    assert me["Config"]["Server"] is False and me["Stats"]["consul"]["server"] == "false", me["Stats"]
    with open(client.log_path, errors="replace") as f:
        assert "(Segment: '')" in f.read(2000), "the banner of a client names the servers' segment"
    assert has_leader(client)
    assert len(client.json("GET", "/v1/status/peers")) >= 1
    assert client.json("GET", "/v1/catalog/datacenters") == ["dc1"]
    assert client.json("GET", "/v1/operator/raft/configuration")["Servers"]
    server = next(s for s in world.servers if s.running())
    asked = client.json("GET", "/v1/operator/autopilot/configuration")
    assert asked == server.json("GET", "/v1/operator/autopilot/configuration") and asked["CleanupDeadServers"] is True, asked
    eventually("autopilot has looked at all servers", 20, lambda: everybody - {client.name} <= {
        s["Name"] for s in json.loads(client.request("GET", "/v1/operator/autopilot/health")[2])["Servers"]})
    nodes = {n["Node"] for n in client.json("GET", "/v1/catalog/nodes")}
    assert client.name in nodes, nodes
    step("members, self, status, operator endpoints and the catalog answer through the client")


def late(world, client):
    """Registered while no server runs: arrives when they are back."""
    for s in world.servers:
        s.kill()
    client.json("PUT", "/v1/agent/service/register", {"Name": "late", "Port": 1})
    assert "late" in client.json("GET", "/v1/agent/services")
    code, _, body = client.request("GET", "/v1/kv/a/b", timeout=20)
    assert code == 500, (code, body)
    for s in world.servers:
        s.start()
    eventually("a leader again", 40, lambda: has_leader(world.servers[0]))
    took = eventually("the late service arrives", 60, lambda: client.name in health(world.servers[0], "late"))
    client.json("PUT", "/v1/agent/service/deregister/late")
    step(f"a service registered while no server ran arrived {took:.1f} s after there was a leader")


def no_leader(world, client):
    for s in world.servers[1:]:
        s.kill()
    eventually("no leader", 30, lambda: not has_leader(world.servers[0]))
    client.json("PUT", "/v1/agent/service/register", {"Name": "leaderless", "Port": 1})
    at = time.monotonic()
    code, _, body = client.request("PUT", "/v1/kv/x", body="1", timeout=40)
    assert code == 500 and b"No cluster leader" in body, (code, body)
    held = time.monotonic() - at
    for s in world.servers[1:]:
        s.start()
    eventually("a leader again", 40, lambda: has_leader(client))
    took = eventually("the service arrives", 60, lambda: client.name in health(client, "leaderless"))
    client.json("PUT", "/v1/agent/service/deregister/leaderless")
    step(f"without a leader a write was held {held:.1f} s and refused; the registration arrived {took:.1f} s after the election")


def replaced(world, client):
    client.json("PUT", "/v1/agent/service/register", {"Name": "steady", "Port": 7})
    eventually("steady is there", 20, lambda: client.name in health(client, "steady"))
    failures = []
    for old in list(world.servers):
        fresh = world.server()
        eventually("the new server is a voter", 60, lambda: any(s["Node"] == fresh.name and s["Voter"] for s in client.json("GET", "/v1/operator/raft/configuration")["Servers"]))
        old.request("PUT", "/v1/agent/leave", timeout=30)
        old.process.wait(30)
        world.servers.remove(old)
        eventually("a leader", 40, lambda: has_leader(client))
        code, _, body = client.request("GET", "/v1/health/service/steady", timeout=20)
        if code != 200:
            failures.append((code, body))
        # A write under way when its leader goes is of unknown outcome, and says so.
        eventually("a write", 20, lambda: client.request("PUT", "/v1/kv/replaced", body=old.name, timeout=20)[2].strip() == b"true")
    assert not failures, failures
    assert client.name in health(world.servers[0], "steady")
    client.json("PUT", "/v1/agent/service/deregister/steady")
    step("all servers replaced one by one while the client stayed")


def empty_folder(world, client):
    """Restart with an empty data directory: the old services go, as nobody here knows them."""
    client.json("PUT", "/v1/agent/service/register", {"Name": "gone", "Port": 7})
    eventually("registered", 20, lambda: client.name in health(client, "gone"))
    node_id = client.json("GET", "/v1/agent/self")["Config"]["NodeID"]
    client.kill(signal.SIGINT)
    shutil.rmtree(client.data_dir)
    client.flags.append(f"-node-id={node_id}")
    client.start()
    took = eventually("the service is gone from the catalog", 90, lambda: health(client, "gone") == {})
    for each in world.servers:  # who comes next must find it there
        eventually("the client is back in the pool", 20, lambda: (client.name, 1) in {(m["Name"], m["Status"]) for m in each.json("GET", "/v1/agent/members")})
    step(f"restarted with an empty data directory; its old service left the catalog after {took:.1f} s")


def restarted(world, client):
    client.json("PUT", "/v1/agent/service/register", {"Name": "kept", "Port": 7})
    eventually("registered", 20, lambda: client.name in health(client, "kept"))
    client.kill()
    client.start()
    eventually("the service is there again", 30, lambda: "kept" in client.json("GET", "/v1/agent/services"))
    eventually("in the catalog", 30, lambda: client.name in health(client, "kept"))
    client.json("PUT", "/v1/agent/service/deregister/kept")
    step("killed and started again: its services are there")


def cloned(world, client):
    node_id = client.json("GET", "/v1/agent/self")["Config"]["NodeID"]
    twin = world.client("twin", [f"-node-id={node_id}"])
    eventually("the twin serves", 20, lambda: twin.request("GET", "/v1/agent/self")[0] == 200)
    twin.json("PUT", "/v1/agent/service/register", {"Name": "cloned", "Port": 7})
    time.sleep(5)
    assert client.running() and client.name not in health(client, "cloned")
    names = {n["Node"] for n in client.json("GET", "/v1/catalog/nodes")}
    if world.ours_serve:  # real servers rename the node to and fro, whoever's clients these are
        assert client.name in names, names
    twin.kill()
    world.processes.remove(twin)
    step("a clone with the same node id does not take the client's place in the catalog" if world.ours_serve else "the client lived with a clone of its node id")


def member(server, client):
    """As this server sees it; of status 0 when it does not."""
    return next((m for m in server.json("GET", "/v1/agent/members") if m["Name"] == client.name), {"Status": 0, "Addr": ""})


def serf_health(server, client):
    return [c["Status"] for c in server.json("GET", f"/v1/health/node/{client.name}") if c["CheckID"] == "serfHealth"]


def moved(world, client):
    """The same name and node id come back at a new address."""
    client.json("PUT", "/v1/agent/service/register", {"Name": "mover", "Port": 7})
    eventually("registered", 20, lambda: client.name in health(client, "mover"))
    client.kill(signal.SIGINT)
    world.made += 1
    client.ip = f"{world.prefix}.{world.made}"
    client.start()
    for server in world.servers:
        eventually("the member is at its new address", 20, lambda: (member(server, client)["Status"], member(server, client)["Addr"]) == (1, client.ip))
        eventually("the catalog's address is the new one", 20, lambda: (client.name, client.ip) in [(n["Node"], n["Address"]) for n in server.json("GET", "/v1/catalog/nodes")])
        eventually("its service is there", 20, lambda: [r["Address"] for r in server.json("GET", "/v1/catalog/service/mover")] == [client.ip])
    eventually("its DNS answer is the new address", 5, lambda: client.dig("mover.service.consul") == [client.ip])  # from any server, which may lag
    client.json("PUT", "/v1/agent/service/deregister/mover")
    step("left and came back under the same name at a new address")


def crashed(world, client):
    """Comes back at another address. Servers of ours know it again at once, real ones 30 s after its death at the earliest."""
    second = world.client("c2")
    eventually("the second serves", 20, lambda: has_leader(second))
    second.json("PUT", "/v1/agent/service/register", {"Name": "crashed", "Port": 7})
    eventually("registered", 20, lambda: "c2" in health(client, "crashed"))
    eventually("all servers see it", 20, lambda: all(member(s, second)["Status"] == 1 for s in world.servers))
    second.kill()
    eventually("the servers take it for failed", 40, lambda: all(member(s, second)["Status"] == 4 and serf_health(s, second) == ["critical"] for s in world.servers))
    world.made += 1
    second.ip = f"{world.prefix}.{world.made}"
    second.start()
    took = 0
    for agent in world.servers:
        took += eventually("the member is at its new address", 10 if world.ours_serve else 70,
                           lambda: (member(agent, second)["Status"], member(agent, second)["Addr"]) == (1, second.ip))
        eventually("it is healthy", 20, lambda: serf_health(agent, second) == ["passing"])
        eventually("its service is there", 20, lambda: [r["Address"] for r in agent.json("GET", "/v1/catalog/service/crashed")] == [second.ip])
    eventually("its DNS answer is the new address", 5, lambda: client.dig("crashed.service.consul") == [second.ip])
    second.kill(signal.SIGINT)
    eventually("it has left", 20, lambda: health(client, "crashed") == {})
    world.processes.remove(second)
    step(f"a client that was killed came back at another address, seen there after {took:.1f} s")


def flapping(world, client):
    """Stalls that are shorter than a suspicion, then one that is longer."""
    client.json("PUT", "/v1/agent/service/register", {"Name": "flap", "Port": 7})
    server = world.servers[0]
    eventually("registered", 20, lambda: client.name in health(server, "flap"))
    eventually("passing", 20, lambda: serf_health(server, client) == ["passing"])
    made = server.json("GET", "/v1/catalog/service/flap")[0]["CreateIndex"]
    for _ in range(3):
        client.process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        client.process.send_signal(signal.SIGCONT)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            assert member(server, client)["Status"] == 1 and serf_health(server, client) == ["passing"]
            time.sleep(0.05)
    client.process.send_signal(signal.SIGSTOP)
    out = eventually("the servers take it for failed", 40, lambda: member(server, client)["Status"] == 4 and serf_health(server, client) == ["critical"])
    assert server.json("GET", "/v1/health/service/flap?passing") == []
    client.process.send_signal(signal.SIGCONT)
    back = eventually("it is back", 30, lambda: all(member(s, client)["Status"] == 1 and serf_health(s, client) == ["passing"] for s in world.servers))
    assert server.json("GET", "/v1/catalog/service/flap")[0]["CreateIndex"] == made, "its service was registered anew"
    client.json("PUT", "/v1/agent/service/deregister/flap")
    step(f"three stalls of 1 s did no harm; a long one was noticed after {out:.1f} s and over after {back:.1f} s")


def idle(world, client, seconds):
    time.sleep(5)
    before = client.cpu()
    time.sleep(seconds)
    used = (client.cpu() - before) / seconds * 100
    rss, private = client.memory()
    step(f"idle: RSS {rss / 1024:.1f} MiB of which private {private / 1024:.1f}, CPU {used:.2f} % of a core over {seconds} s")
    assert rss < 15 * 1000, rss
    assert used < 0.3, used


def tour(world, only="", idle_seconds=0, steps=None):
    for _ in range(3):
        world.server(expect=3)
    eventually("a leader", 60, lambda: has_leader(world.servers[0]))
    client = world.client("c1")
    eventually("the client answers", 30, lambda: has_leader(client))
    eventually("the client is in the catalog", 30, lambda: client.name in {n["Node"] for n in client.json("GET", "/v1/catalog/nodes")})
    step("three servers and a client")
    for each in steps or STEPS:
        if not only or only in each.__name__:
            each(world, client)
    private = client.memory()[1]
    assert private < PRIVATE, f"the client has {private} KiB of its own after all this"
    step(f"after all this the client has {private / 1024:.1f} MiB of its own")
    if idle_seconds:
        idle(world, client, idle_seconds)


def hung_up(world, client):
    """Who asks much over DNS's TCP and is gone before the answers harms nobody."""
    name = b"".join(bytes([len(part)]) + part for part in (b"example", b"com")) + b"\0"
    question = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0" + name + b"\0\x01\0\x01"
    for _ in range(300):
        with socket.create_connection((client.ip, 8600), timeout=5) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not a farewell
            s.sendall((len(question).to_bytes(2, "big") + question) * 40)
    assert client.running(), f"the client ended with {client.process.poll()}"
    assert client.dig(f"{client.name}.node.consul") == [client.ip]
    step("300 who asked 40 questions and hung up did no harm")


STEPS = (status, hung_up, services, keys, blocking, restarted, moved, crashed, flapping, no_leader, late, empty_folder, cloned, replaced)
