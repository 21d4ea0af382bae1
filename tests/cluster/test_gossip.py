#!/usr/bin/env python3
"""Servers that find each other by gossip, each at an address of its own: joining, leaving, a killed and a hanging one, one that comes back
elsewhere, two of one name, exchanged keys under load with a look at the wire, and floods of lies.   test_gossip.py [--packets N]"""
import argparse
import os
import random
import socket
import threading
import time

import gossip
from agent import children, eventually, free_network, main, skip
from cluster import Cluster
from gossip import ALIVE, FAILED, LEFT, agree, members

KEYS = ["AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "EBESExQVFhcYGRobHB0eHw=="]
FAST = ["-hcl", 'gossip_lan { probe_interval = "300ms" probe_timeout = "150ms" gossip_interval = "50ms" suspicion_mult = 6 } '
                'gossip_wan { probe_interval = "300ms" probe_timeout = "150ms" gossip_interval = "50ms" }']
GROWTH = 40 << 20  # bytes that a server may grow by
began = time.monotonic()


def step(words):
    print(f"  {time.monotonic() - began:5.1f} s  {words}", flush=True)


def placed(block):
    return lambda name: {"ip": f"{block}.{int(name[1:])}"}


def statuses(cluster, **others):
    return {**{s.name: ALIVE if s.alive() else FAILED for s in cluster.servers}, **others}


def forms(cluster):
    cluster.start()
    took = eventually("all see all", 10, lambda: agree(cluster.alive(), statuses(cluster)))
    step(f"three servers see one another {took:.1f} s after they could be written to")
    took = eventually("all see all among datacenters", 20, lambda: agree(cluster.alive(), {f"{s.name}.dc1": ALIVE for s in cluster.alive()}, wan=True))
    step(f"the pool of servers is flooded {took:.1f} s later")
    wanted = {"consul.memberlist.udp.sent", "consul.memberlist.udp.received", "consul.serf.member.join", "consul.memberlist.probeNode",
              "consul.raft.last_index", "consul.raft.applied_index"}
    seen = set()

    def counted():
        told = cluster.servers[0].json("GET", "/v1/agent/metrics")
        seen.update(m["Name"] for kind in ("Gauges", "Counters", "Samples") for m in told[kind])
        return wanted <= seen
    eventually("gossip and Raft are measured", 20, counted)


def one_is_killed(cluster):
    victim = cluster.servers[-1]
    victim.kill()
    others = cluster.alive()
    took = eventually("the killed one has failed", 30, lambda: agree(others, statuses(cluster, **{victim.name: FAILED})))
    step(f"{victim.name} was killed: all see it failed after {took:.1f} s")
    victim.start()
    took = eventually("it is back", 30, lambda: agree(cluster.alive(), statuses(cluster)))
    step(f"it is back, and all see it alive after {took:.1f} s")
    cluster.wait_writable()


def one_flaps(cluster):
    """Shorter than a suspicion: nobody may be declared dead for it."""
    victim = cluster.followers()[-1]
    others = [s for s in cluster.servers if s is not victim]
    for _ in range(4):
        victim.freeze()
        time.sleep(0.7)
        victim.thaw()
        time.sleep(0.3)
        for s in others:
            assert members(s)[victim.name][0] == ALIVE, f"{victim.name} only flapped, {s.name} sees it dead"
    eventually("all see all", 10, lambda: agree(cluster.alive(), statuses(cluster)))
    step(f"{victim.name} flapped and was never declared dead")


def one_leaves_and_returns_elsewhere(cluster, block):
    guest = cluster.add()
    guest.start()
    eventually("the guest is seen", 20, lambda: agree(cluster.alive(), statuses(cluster)))
    assert guest.request("PUT", "/v1/agent/leave", timeout=25)[0] == 200
    assert guest.process.wait(20) == 0, guest.log()
    others = cluster.alive()
    took = eventually("the guest has left", 10, lambda: agree(others, statuses(cluster, **{guest.name: LEFT})))
    step(f"{guest.name} left: all see so {took:.1f} s after its end")
    eventually("it is out of Raft", 20, lambda: guest.name not in cluster.configuration())
    guest.ip = f"{block}.99"
    guest.start()
    eventually("the guest is back at another address", 20, lambda: all(members(s).get(guest.name) == (ALIVE, guest.ip) for s in others))
    cluster.wait_writable(30)
    eventually("it is in Raft again", 30, lambda: guest.name in cluster.configuration())
    step(f"{guest.name} is back at another address")
    return guest


def one_is_killed_and_returns_elsewhere(cluster, block, guest):
    """It is known by its tags. Whoever else had its name would have to wait for 30 s after its death."""
    guest.kill()
    others = cluster.alive()
    eventually("it has failed", 30, lambda: agree(others, statuses(cluster)))
    guest.ip = f"{block}.98"
    guest.start()
    took = eventually("the killed guest is back at another address", 10, lambda: all(members(s).get(guest.name) == (ALIVE, guest.ip) for s in others))
    eventually("all see all", 10, lambda: agree(cluster.alive(), statuses(cluster)))
    cluster.wait_writable(30)
    step(f"{guest.name}, which was killed, is back at another address after {took:.1f} s")
    guest.kill()
    eventually("it has failed", 30, lambda: agree(others, statuses(cluster)))
    status, _, text = others[0].request("PUT", "/v1/agent/force-leave/nobody")
    assert (status, text) == (500, b"agent: No node found with name 'nobody'"), text
    assert others[0].request("PUT", f"/v1/agent/force-leave/{guest.name}")[0] == 200
    eventually("it was forced to leave", 10, lambda: agree(others, statuses(cluster, **{guest.name: LEFT})))
    assert others[1].request("PUT", f"/v1/agent/force-leave/{guest.name}?prune")[0] == 200
    eventually("it is forgotten", 10, lambda: agree(others, {s.name: ALIVE for s in others}))
    step("killed, forced to leave, pruned")
    cluster.remove(guest)


def two_of_one_name(cluster, block):
    """The one who comes later is not taken in, whoever it asks."""
    double = Cluster(0, binary=cluster.binary, extra=FAST)
    with double:
        thief = double.add(["-bootstrap-expect=3", f"-retry-join={cluster.servers[0].join_address()}"])
        thief.name, thief.ip, thief.ports = cluster.servers[1].name, f"{block}.77", dict(cluster.servers[1].ports)
        thief.start()
        eventually("the double looks around", 10, lambda: members(thief))
        time.sleep(3)
        for s in cluster.alive():
            assert members(s)[thief.name] == (ALIVE, cluster.servers[1].ip), members(s)
    eventually("all see all", 20, lambda: agree(cluster.alive(), statuses(cluster)))
    step("a second agent of the same name changed nothing")


class Watch:
    """Looks all the time at whom the servers see. Use as a context manager; it is an error when anybody sees anything else than expected."""

    def __init__(self, cluster, expected):
        self.cluster, self.expected, self.wrong, self.over = cluster, expected, [], threading.Event()
        self.seen = {s.name: 0 for s in cluster.alive()}  # how often each answered
        self.threads = [threading.Thread(target=self.look, args=(s,), daemon=True) for s in cluster.alive()]

    def look(self, server):
        while not self.over.wait(0.05):
            seen = {name: state for name, (state, _) in members(server).items()}
            self.seen[server.name] += 1 if seen else 0
            if seen and seen != self.expected:
                self.wrong.append((server.name, seen))

    def __enter__(self):
        self.sizes = {s.name: os.path.getsize(s.log_path) for s in self.cluster.alive()}
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, kind, *_):
        if not kind:
            eventually("every server answered while it was looked at", 20, lambda: all(self.seen.values()))
        self.over.set()
        for t in self.threads:
            t.join()
        if kind:
            return
        assert not self.wrong, self.wrong[:3]
        for s in self.cluster.alive():
            with open(s.log_path, errors="replace") as f:
                f.seek(self.sizes[s.name])
                events = [line for line in f if "EventMember" in line and "EventMemberUpdate" not in line]
            assert not events, (s.name, events[:3])


def hasty_strangers(cluster):
    """Who connects and hangs up faster than anybody looks leaves no descriptor behind."""
    server = cluster.servers[0]

    def held():
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))
    before = held()
    for _ in range(3000):
        with socket.create_connection((server.ip, server.ports["serf_lan"]), timeout=10) as s:
            s.sendall(b"\x06")
    eventually(f"the descriptors of 3000 connections are closed, but for {before}", 20, lambda: held() <= before + 30)
    eventually("all see all", 10, lambda: agree(cluster.alive(), statuses(cluster)))
    step("3000 connections that hung up left no descriptor behind")


def strangers(cluster):
    """Garbage, bombs and lies. Nobody dies of them."""
    rng = random.Random(1)
    target, victim = cluster.servers[0], cluster.servers[1]
    to = (target.ip, target.ports["serf_lan"])
    before = target.rss()
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(3000):
        out.sendto(rng.randbytes(rng.randrange(1, 1400)), to)
        out.sendto(bytes([rng.randrange(14)]) + rng.randbytes(rng.randrange(200)), to)
    bomb = gossip.compressed(b"\x08" + bytes(20_000_000))[:60_000]
    nested = gossip.alive("n")
    for _ in range(12):
        nested = gossip.compound([nested] * 3)[:60_000]
    for packet in (bomb, gossip.compressed(b"\x08" + bytes(60_000_00)), nested, gossip.compound([b""] * 255), gossip.compound([b"\x04"] * 20, 200)):
        for _ in range(50):
            out.sendto(packet[:65_000], to)
    for kind in (gossip.dead, gossip.suspect):
        for inc in (0, 1, 2, 1000, 1 << 31, 0xffffffff):
            out.sendto(kind(victim.name, inc, "stranger"), to)
            out.sendto(kind(target.name, inc, "stranger"), to)
    out.sendto(gossip.alive(victim.name, "127.9.9.9", 9, 1 << 30), to)
    out.sendto(gossip.alive("wrong-dc", meta=b"\xff" + gossip.raw({"role": "node", "dc": "elsewhere", "id": "x"})), to)
    streams = []
    for n in range(300):
        s = socket.socket()
        s.settimeout(1)
        try:
            s.connect(to)
            s.send((b"", b"\x06", b"\x0a\xff\xff\xff\xff", b"\x06" + gossip.raw({"Join": True, "Nodes": 1 << 30, "UserStateLen": 1 << 40}), rng.randbytes(500))[n % 5])
        except OSError:
            pass
        streams.append(s)
    for _ in range(10):  # longer than a suspicion that nobody refutes
        time.sleep(0.5)
        assert agree(cluster.alive(), statuses(cluster)), [members(s) for s in cluster.alive()]
    for s in streams:
        s.close()
    assert len(cluster.alive()) == 3, cluster.logs()
    cluster.wait_writable()
    grown = target.rss() - before
    assert grown < GROWTH, f"grew by {grown >> 20} MiB"
    step(f"garbage, bombs, lies and half streams harmed nobody; RSS {before >> 20} MiB grew by {grown >> 20}")
    out.close()


def lies(rng, names, places):
    """About members and strangers, with incarnations of all sizes."""
    n = 0
    while True:
        n += 1
        name, by = rng.choice(names), rng.choice(names + ["stranger", f"ghost{n}"])
        inc = rng.choice((rng.randrange(1, 50), n, 1 << rng.randrange(32), (1 << 24) - 1, 0xfffffffe, 0xffffffff))
        kind = n % 40
        if kind == 7:
            yield gossip.suspect(name, inc, by)
        elif kind == 17:
            yield gossip.dead(name, inc, by if by != name else "stranger")
        elif kind == 27:
            yield gossip.dead(name, inc, name)  # as if it left
        elif kind == 37:
            yield gossip.alive(name, "127.9.9.9", 9, inc)
        elif kind % 4 == 0:
            yield gossip.alive(f"ghost{n:07}", *rng.choice(places))  # where somebody else lives
        else:
            yield gossip.alive(f"ghost{n:07}", f"127.{rng.randrange(256)}.{rng.randrange(256)}.1", rng.randrange(1, 1024), inc)


def send_lies(seed, names, to, packets, replays, until):
    """As fast as they go, then slowly until the time is over. Prints how many at first and how many a second."""
    rng, began, n = random.Random(seed), time.monotonic(), 0
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    lie = lies(rng, names, to)
    while n < packets or time.monotonic() < until:
        if n < len(replays) * 10:
            out.sendto(replays[n % len(replays)], to[n % 3])
        out.sendto(next(lie), to[0] if n % 4 else to[n // 4 % 3])
        n += 1
        if n == packets:
            step(f"sent {n} lies, {n / (time.monotonic() - began):.0f} a second")
        if n > packets and n % 50 == 0:
            time.sleep(0.05)


def flood(cluster, packets, replays, least=12):
    """Lies from two processes, in the end slowly until suspicions would have run out. The members stay the real ones for every observer at every
    time, and nobody's memory grows."""
    servers = cluster.alive()
    to = [(s.ip, s.ports["serf_lan"]) for s in servers]
    before = {s.name: s.rss() for s in servers}
    most = dict(before)
    with Watch(cluster, statuses(cluster)) as watch:
        until = time.monotonic() + least
        senders = [children.fork(send_lies, (seed, [s.name for s in servers], to, packets // 2, replays, until)) for seed in range(2)]
        for p in senders:
            p.start()
        while any(p.is_alive() for p in senders):
            time.sleep(0.1)
            most = {s.name: max(most[s.name], s.rss()) for s in servers}
        assert all(p.exitcode == 0 for p in senders)
        time.sleep(2)
    cluster.wait_writable(30)
    grown = max(most[n] - before[n] for n in most)
    assert grown < GROWTH, (before, most)
    step(f"{packets} lies and {len(replays) * 20} replayed packets changed nothing in {sum(watch.seen.values())} looks; RSS grew by at most {grown / (1 << 20):.1f} MiB")


def keys_are_exchanged(binary, packets):
    """Under load, again and again; nobody is lost and nothing goes in clear."""
    block = free_network()
    with Cluster(3, binary=binary, extra=FAST + [f"-encrypt={KEYS[0]}"], place=placed(block)) as cluster:
        ports = [s.ports[p] for s in cluster.servers for p in ("serf_lan", "serf_wan")]
        look = gossip.Wire.possible()
        wire = gossip.Wire([s.ip for s in cluster.servers], ports)
        if look:
            wire.__enter__()
        else:
            skip("looking for what goes in clear: no raw sockets")
        cluster.start()
        eventually("all see all", 20, lambda: agree(cluster.alive(), statuses(cluster)))
        eventually("all see all among datacenters", 30, lambda: agree(cluster.alive(), {f"{s.name}.dc1": ALIVE for s in cluster.alive()}, wan=True))
        assert "Gossip: true" in open(cluster.servers[0].log_path).read(), "the banner does not tell of encryption"
        at = cluster.servers[0]
        current = KEYS[0]
        for turn in range(5):  # not back to the first
            fresh = KEYS[(turn + 1) % len(KEYS)]
            for method, key in (("POST", fresh), ("PUT", fresh), ("DELETE", current)):
                # A query travels in packets; that somebody has not answered is told, and is asked again as an operator would.
                for _ in range(3):
                    status, _, text = at.request(method, "/v1/operator/keyring", body=f'{{"Key": "{key}"}}', timeout=20)
                    if b"nodes reported success" not in text:
                        break
                assert status == 200, (method, text)
                for s in cluster.alive():
                    seen = {name: state for name, (state, _) in members(s).items()}
                    assert seen == statuses(cluster), f"{s.name} sees {seen} while keys are exchanged"
            current = fresh
            rings = at.json("GET", "/v1/operator/keyring", timeout=20)
            assert [(r["WAN"], r["Keys"], r["PrimaryKeys"], r["NumNodes"]) for r in rings] == \
                [(True, {current: 3}, {current: 3}, 3), (False, {current: 3}, {current: 3}, 3)], rings
        status, _, text = at.request("DELETE", "/v1/operator/keyring", body=f'{{"Key": "{current}"}}', timeout=20)
        assert status == 500 and b"Removing the primary key is not allowed" in text, text
        for s in cluster.servers:
            for file in ("local.keyring", "remote.keyring"):
                path = os.path.join(s.data_dir, "serf", file)
                assert open(path).read() == f'[\n  "{current}"\n]', path
                assert os.stat(path).st_mode & 0o777 == 0o600, path
        # The keyring file wins over the configuration's key, which nobody knows any more.
        victim = cluster.followers()[-1]
        victim.kill()
        victim.start()
        eventually("who restarts has the present key", 30, lambda: agree(cluster.alive(), statuses(cluster)))
        assert victim.log(100_000).count("keyring doesn't include key provided with -encrypt, using keyring") == 2, victim.log()
        flood(cluster, packets, [p[3] for p in wire.packets[:500]], least=3)
        if look:
            ours = {s.ports[p] for s in cluster.servers for p in ("serf_lan", "serf_wan")}
            wire.__exit__()
            sent = [p for p in wire.packets if p[1] in ours]
            names = [s.name.encode() for s in cluster.servers]
            clear = [p for p in sent if p[3][:1] != b"\x01" or any(b"Node\xa2" + n in p[3] for n in names)]
            first = [s for s in wire.streams if s[3][:1] in (b"\x06", b"\x09", b"\x00")]
            assert sent and not clear, clear[:3]
            assert not first, first[:3]
            step(f"keys exchanged 5 times, nobody was lost; {len(sent)} packets and {len(wire.streams)} pieces of streams, none in clear")
        else:
            step("keys exchanged 5 times, nobody was lost (the wire may not be looked at here)")
        return [p[3] for p in wire.packets[-500:]]


def run(args):
    replays = keys_are_exchanged(None, args.packets // 5)
    block = free_network()
    with Cluster(3, extra=FAST, place=placed(block)) as cluster:
        try:
            forms(cluster)
            one_is_killed(cluster)
            one_flaps(cluster)
            one_is_killed_and_returns_elsewhere(cluster, block, one_leaves_and_returns_elsewhere(cluster, block))
            two_of_one_name(cluster, block)
            strangers(cluster)
            hasty_strangers(cluster)
            flood(cluster, args.packets, replays)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{cluster.logs(6000)}") from e


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packets", type=int, default=100000, help="how many lies")
    main(run, parser.parse_args())
