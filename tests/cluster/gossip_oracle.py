#!/usr/bin/env python3
"""Our servers in pools with the real serf and Consul 1.8.7, plain and encrypted: who sees whom, events both ways, kill -9, leave, force-leave, a
hanging agent, exchanged keys. Not part of the gate: says so and ends well when the real ones are not there
(tests/support/get_oracle consul serf fetches them, ACTORD_ORACLE names their folder).   gossip_oracle.py"""
import http.client
import os
import random
import signal
import tempfile
import time

import gossip
from agent import Http, eventually, free_network, main
from cluster import Cluster
from gossip import ALIVE, FAILED, LEFT, members

KEY, NEXT = "AAECAwQFBgcICQoLDA0ODw==", "EBESExQVFhcYGRobHB0eHw=="
WORDS = {"alive": ALIVE, "leaving": 2, "left": LEFT, "failed": FAILED}
began = time.monotonic()


def step(words):
    print(f"  {time.monotonic() - began:5.1f} s  {words}", flush=True)


class Serf:
    """A real serf agent at a LAN address."""

    def __init__(self, name, ip, port, join, folder, key=None):
        self.name, self.ip, self.program = name, ip, gossip.oracle("serf")
        self.heard = os.path.join(folder, name + ".events")
        line = [self.program, "agent", f"-node={name}", f"-bind={ip}:{port}", f"-rpc-addr={ip}:7373", f"-join={join}", "-profile=lan",
                f"-event-handler=user=echo $SERF_USER_EVENT $(cat) >> {self.heard}"]
        self.process = gossip.Process(line + ([f"-encrypt={key}"] if key else []), os.path.join(folder, name + ".log"))

    def cli(self, *words):
        return gossip.run([self.program, words[0], f"-rpc-addr={self.ip}:7373", *words[1:]])

    def members(self):
        code, text = self.cli("members")
        return {line.split()[0]: WORDS[line.split()[2]] for line in text.splitlines()} if code == 0 else {}


class Real(Http):
    """A Consul agent, the real one unless `program` is another, with the default ports at an address of its own."""

    def __init__(self, name, ip, folder, *flags, program=None):
        self.name, self.ip, self.program = name, ip, program or gossip.oracle("consul")
        self.process = gossip.Process([self.program, "agent", f"-node={name}", f"-bind={ip}", f"-client={ip}", f"-data-dir={os.path.join(folder, name)}", *flags],
                                      os.path.join(folder, name + ".log"))

    def cli(self, *words):
        return gossip.run([self.program, *words, f"-http-addr={self.ip}:8500"])

    def connection(self, timeout=10):
        return http.client.HTTPConnection(self.ip, 8500, timeout=timeout)

    def members(self, *flags):
        code, text = self.cli("members", *flags)
        return {line.split()[0]: WORDS[line.split()[2]] for line in text.splitlines()[1:]} if code == 0 else {}


def ours(agent, wan=False):
    return {name: status for name, (status, _) in members(agent, wan).items()}


def all_say(expected, cluster, real):
    return all(ours(s) == expected for s in cluster.alive()) and all(r.members() == expected for r in real)


def event_time(server):
    return int(server.json("GET", "/v1/agent/self")["Stats"]["serf_lan"]["event_time"])


def with_serf(folder, key):
    block = free_network()
    extra = [f"-encrypt={key}"] if key else []
    with Cluster(3, extra=extra, place=lambda name: {"ip": f"{block}.{name[1:]}"}) as cluster:
        cluster.start()
        real = [Serf(f"real{n}{'-sealed' if key else ''}", f"{block}.{10 + n}", 7946, cluster.servers[n].join_address(), folder, key) for n in range(2)]
        try:
            expected = {**{s.name: ALIVE for s in cluster.servers}, **{r.name: ALIVE for r in real}}
            took = eventually("all see all", 20, lambda: all_say(expected, cluster, real))
            step(f"{'encrypted' if key else 'plain'}: two real serf agents and three of ours see one another after {took:.1f} s")
            before = event_time(cluster.servers[2])
            for n in range(5):  # its clock may be behind ours at first
                assert real[0].cli("event", "deploy", f"v{n}")[0] == 0
            eventually("our servers hear its event", 5, lambda: all(event_time(s) > before for s in cluster.servers))
            status, _, text = cluster.servers[1].request("PUT", "/v1/event/fire/hello", body="from ours")
            if status == 200:
                eventually("the real ones hear ours", 5, lambda: all(os.path.exists(r.heard) and "consul:event:hello" in open(r.heard, errors="replace").read() for r in real))
                step("user events are heard on both sides")
            else:
                step(f"its user event is heard by ours (ours cannot be fired: {status} {text[:60]!r})")
            died(cluster, real, expected)
            if key:
                exchange(cluster, real)
        except AssertionError:
            print(real[0].process.log(), cluster.logs())
            raise
        finally:
            for r in real:
                r.process.stop()


def died(cluster, real, expected):
    """A hanging and a killed one of each kind, and one that leaves."""
    theirs, victim = real[1], cluster.followers()[-1]
    theirs.process.process.send_signal(signal.SIGSTOP)
    expected = {**expected, theirs.name: FAILED}
    took = eventually("the hanging serf has failed", 40, lambda: all_say(expected, cluster, real[:1]))
    theirs.process.process.send_signal(signal.SIGCONT)
    expected = {**expected, theirs.name: ALIVE}
    again = eventually("it is back", 40, lambda: all_say(expected, cluster, real))
    step(f"a hanging serf has failed after {took:.1f} s, and is back {again:.1f} s after it goes on")
    victim.freeze()
    expected = {**expected, victim.name: FAILED}
    took = eventually("our hanging server has failed", 40, lambda: all_say(expected, cluster, real))
    victim.thaw()
    expected = {**expected, victim.name: ALIVE}
    again = eventually("it is back", 60, lambda: all_say(expected, cluster, real))
    step(f"our hanging server has failed after {took:.1f} s, and is back {again:.1f} s after it goes on")
    victim.kill()
    expected = {**expected, victim.name: FAILED}
    took = eventually("our killed server has failed", 40, lambda: all_say(expected, cluster, real))
    victim.start()
    expected = {**expected, victim.name: ALIVE}
    again = eventually("it is back", 40, lambda: all_say(expected, cluster, real))
    step(f"our killed server has failed after {took:.1f} s, and is back {again:.1f} s after its start")
    assert theirs.cli("leave")[0] == 0
    expected = {**expected, theirs.name: LEFT}
    took = eventually("the serf has left", 20, lambda: all_say(expected, cluster, real[:1]))
    theirs.process.stop()
    step(f"a leaving serf has left after {took:.1f} s")


def exchange(cluster, real):
    at = cluster.servers[0]
    for method, key in (("POST", NEXT), ("PUT", NEXT), ("DELETE", KEY)):
        status, _, text = at.request(method, "/v1/operator/keyring", body=f'{{"Key": "{key}"}}', timeout=20)
        assert status == 200, (method, text)
    code, text = real[0].cli("keys", "-list")
    assert code == 0 and NEXT in text and KEY not in text, text
    step("keys are exchanged through ours; the real one has the new key alone")


def with_consul(folder):
    block = free_network()
    ports = {"http": 8500, "dns": 8600, "server": 8300, "serf_lan": 8301, "serf_wan": 8302}
    with Cluster(3, place=lambda name: {"ip": f"{block}.{name[1:]}", "ports": dict(ports)}) as cluster:
        cluster.start()
        client = Real("realclient", f"{block}.10", folder, f"-retry-join={cluster.servers[0].ip}")
        far = Real("far1", f"{block}.20", folder, "-server", "-bootstrap-expect=1", "-datacenter=dc2", f"-retry-join-wan={cluster.servers[1].ip}")
        try:
            expected = {**{s.name: ALIVE for s in cluster.servers}, client.name: ALIVE}
            took = eventually("all see all", 40, lambda: all_say(expected, cluster, [client]))
            step(f"a real Consul client and three of our servers see one another after {took:.1f} s")
            among = {**{f"{s.name}.dc1": ALIVE for s in cluster.servers}, "far1.dc2": ALIVE}
            took = eventually("the datacenters see one another", 60, lambda: all(ours(s, True) == among for s in cluster.alive()) and far.members("-wan") == among)
            step(f"a real server of another datacenter and ours see one another after {took:.1f} s")
            client.process.process.kill()
            eventually("the killed client has failed", 40, lambda: all(ours(s) == {**expected, client.name: FAILED} for s in cluster.alive()))
            assert cluster.servers[2].request("PUT", f"/v1/agent/force-leave/{client.name}")[0] == 200
            eventually("it was forced to leave", 10, lambda: all(ours(s) == {**expected, client.name: LEFT} for s in cluster.alive()))
            step("a killed client has failed, and was forced to leave")
            client = Real("realclient", f"{block}.10", folder, f"-retry-join={cluster.servers[0].ip}")
            eventually("it is back", 40, lambda: all_say(expected, cluster, [client]))
            assert client.cli("leave")[0] == 0
            eventually("it has left", 20, lambda: all(ours(s) == {**expected, client.name: LEFT} for s in cluster.alive()))
            step("it came back, and left")
            leaver = cluster.followers()[0]
            assert leaver.request("PUT", "/v1/agent/leave", timeout=25)[0] == 200
            leaver.process.wait(25)
            eventually("the real server sees ours leave", 20, lambda: far.members("-wan").get(f"{leaver.name}.dc1") == LEFT)
            step("the real server sees ours leave")
        except AssertionError:
            print(client.process.log(), far.process.log(), cluster.logs())
            raise
        finally:
            client.process.stop()
            far.process.stop()


def many(folder, each=10, kill=5):
    """Three of our servers, our clients and real ones in one pool: all agree soon after the last has joined, and after some were killed."""
    block, ports = free_network(), {"http": 8500, "dns": 8600, "server": 8300, "serf_lan": 8301, "serf_wan": 8302}
    with Cluster(3, place=lambda name: {"ip": f"{block}.{name[1:]}", "ports": dict(ports)}) as cluster:
        cluster.start()
        clients = []
        try:
            for n in range(each):
                for kind, program, octet in (("ours", cluster.binary, 20), ("real", None, 60)):
                    clients.append(Real(f"{kind}{n}", f"{block}.{octet + n}", folder, f"-retry-join={cluster.servers[n % 3].ip}", program=program))
            expected = {**{s.name: ALIVE for s in cluster.servers}, **{c.name: ALIVE for c in clients}}
            eventually("the last is seen by a server", 60, lambda: ours(cluster.servers[0]) == expected)
            try:
                took = eventually("all agree", 20, lambda: all(ours(a) == expected for a in clients + cluster.alive()))
            except AssertionError:
                print({a.name: set(expected.items()) ^ set(ours(a).items()) for a in clients + cluster.alive() if ours(a) != expected})
                raise
            step(f"{len(expected)} agents, {each} of our clients and {each} real ones among them, agree {took:.1f} s after a server sees the last join")
            dying = random.sample(clients, kill)
            for c in dying:
                c.process.process.kill()
            left = [c for c in clients if c not in dying]
            expected.update({c.name: FAILED for c in dying})
            kinds = {"ours": [c for c in left if c.name.startswith("ours")] + cluster.alive(), "real ones": [c for c in left if c.name.startswith("real")]}
            begin, seen = time.monotonic(), {}
            while len(seen) < 2 and time.monotonic() - begin < 60:
                for kind, agents in kinds.items():
                    if kind not in seen and all(ours(a) == expected for a in agents):
                        seen[kind] = time.monotonic() - begin
                time.sleep(0.1)
            assert len(seen) == 2, {c.name: ours(c) for c in left}
            step(f"{kill} clients were killed: all " + ", all ".join(f"{kind} agree after {t:.1f} s" for kind, t in seen.items()))
        finally:
            for c in clients:
                c.process.stop()


def run():
    if not gossip.oracle("consul") or not gossip.oracle("serf"):
        print("skipped: the real consul and serf are not here")
        return
    with tempfile.TemporaryDirectory(prefix="actord-oracle-") as folder:
        with_serf(folder, None)
        with_serf(folder, KEY)
        with_consul(folder)
        many(folder)


if __name__ == "__main__":
    main(run)
