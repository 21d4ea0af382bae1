#!/usr/bin/env python3
"""Random faults under load for as long as wanted, every round judged: linearizable, nothing acknowledged lost, writable within 5 s after
each heal, memory bounded.   storm.py [--minutes N | --rounds N] [--clients N] [--seed S] [--servers 3|5] [--only FAULT,...] [--no-network]
[--binary B]"""
import argparse
import collections
import contextlib
import http.client
import os
import random
import shutil
import signal
import sys
import time

from agent import eventually, limit_time
from clients import Load
from cluster import Cluster
from net import Network
from patience import LIMIT
from small_disk import small_disk

HEAL_LIMIT = 5.0
MEMORY_LIMIT = 256 << 10  # KiB of a server; the load is small, and so is the state
DISK_SIZE = "96m"
QUICK = ["-hcl", 'autopilot { server_stabilization_time = "1s" last_contact_threshold = "2s" }']


class Storm:
    def __init__(self, cluster, network, rng, disk, scale=1.0):
        self.cluster, self.network, self.rng, self.disk, self.scale = cluster, network, rng, disk, scale
        self.faults, self.heals, self.notes = collections.Counter(), [], []

    def say(self, words):
        print(f"{time.strftime('%H:%M:%S')} {words}", flush=True)

    @property
    def skipped(self):
        """Kinds of faults that cannot be made here, and why."""
        out = [] if self.network else ["cut cables and splits: no network namespaces"]
        if self.network and not self.network.has_slow_links():
            out.append("slow links: neither netem nor tbf in this kernel")
        return out if self.disk else out + ["a full disk: no file system can be mounted"]

    def kinds(self):
        kinds = ["kill_leader", "kill_any", "kill_all", "hang_leader", "hang_any", "rolling_restart", "replace", "transfer"]
        if self.network:
            kinds += ["unplug_leader", "unplug_any", "split", "one_way", "bridge", "flap"]
            if self.network.has_slow_links():
                kinds += ["slow_links"]
        if self.disk:
            kinds += ["full_disk"]
        return kinds

    def some(self):
        return self.rng.choice(self.cluster.servers)

    def leader(self):
        return self.cluster.leader() or self.some()

    def between(self, low, high):
        """Seconds that a fault lasts."""
        return self.rng.uniform(low, high) * self.scale

    def wait(self, low, high):
        time.sleep(self.between(low, high))

    # Each fault ends healed: all servers run and reach each other. What it returns says what was done.
    def kill_leader(self):
        server = self.leader()
        server.kill()
        self.wait(0.1, 4)
        server.start()
        return server.name

    def kill_any(self):
        server = self.some()
        for _ in range(self.rng.randint(1, 3)):
            server.kill()
            self.wait(0, 1.5)
            server.start()
            self.wait(0, 1.5)
        return server.name

    def kill_all(self):
        for server in self.cluster.servers:
            server.kill()
        self.wait(0, 1)
        for server in self.cluster.servers:
            server.start()
        return "all"

    def hang(self, server):
        seconds = self.rng.choice([self.between(0.3, 2), self.between(2, 15)])
        server.freeze()
        time.sleep(seconds)
        server.thaw()
        return f"{server.name} {seconds:.1f} s"

    def hang_leader(self):
        return self.hang(self.leader())

    def hang_any(self):
        return self.hang(self.some())

    def rolling_restart(self):
        for server in list(self.cluster.servers):
            server.kill(self.rng.choice([signal.SIGTERM, signal.SIGKILL, signal.SIGINT]))
            server.start()
            self.cluster.wait_caught_up(server, 30)
            self.cluster.wait_writable(15)
        return "all"

    def replace(self):
        candidates = [s for s in self.cluster.servers if not self.disk or s.data_dir != self.disk]
        old = self.rng.choice(candidates)
        new = self.cluster.add().start()
        eventually(f"{new.name} is a voter", 40, lambda: self.cluster.configuration().get(new.name, (False,))[0])
        old.kill(self.rng.choice([signal.SIGTERM, signal.SIGKILL]))
        self.cluster.wait_leader(15, but=old)
        eventually(f"{old.name} is removed", 15, lambda: self.removed(old))
        self.cluster.remove(old)
        if self.network:
            self.network.forget(old.name)
        shutil.rmtree(old.folder, ignore_errors=True)
        return f"{old.name} by {new.name}"

    def removed(self, old):
        if old.name in self.cluster.configuration():
            self.cluster.leader().cli("operator", "raft", "remove-peer", f"-address={old.ip}:{old.ports['server']}")
        return old.name not in self.cluster.configuration()

    def transfer(self):
        said = []

        def handed_over():
            leader = self.leader()
            said.append(f"{leader.name}: {leader.cli('operator', 'raft', 'transfer-leader', check=False).strip()[:80]}")
            return said[-1].endswith("Success")
        eventually("the leadership is handed over", 20, handed_over)
        return said[-1]

    def cut(self, pairs, seconds):
        for a, b in pairs:
            self.network.lose(a, b)
        time.sleep(seconds)
        self.network.heal()
        return f"{' '.join(f'{a}>{b}' for a, b in pairs)} {seconds:.1f} s"

    def unplug(self, server):
        seconds = self.between(0.5, 12)
        self.network.unplug(server.name)
        time.sleep(seconds)
        self.network.heal()
        return f"{server.name} {seconds:.1f} s"

    def unplug_leader(self):
        return self.unplug(self.leader())

    def unplug_any(self):
        return self.unplug(self.some())

    def split(self):
        """The clients reach all, but one side does not reach the other."""
        names = [s.name for s in self.cluster.servers]
        self.rng.shuffle(names)
        at = self.rng.randint(1, len(names) - 1)
        if self.rng.random() < 0.5:  # the leader in the minority
            leader = self.leader().name
            names.remove(leader)
            names.insert(0, leader)
            at = 1
        return self.cut([(a, b) for a in names[:at] for b in names[at:]] + [(b, a) for a in names[:at] for b in names[at:]], self.between(1, 12))

    def one_way(self):
        names = [s.name for s in self.cluster.servers]
        chosen = self.rng.choice([self.leader().name, self.rng.choice(names)])
        rest = [n for n in names if n != chosen]
        deaf = self.rng.random() < 0.5
        return self.cut([(n, chosen) if deaf else (chosen, n) for n in rest], self.between(1, 10))

    def bridge(self):
        """Two servers do not reach each other, but both reach the rest."""
        a, b = self.rng.sample([s.name for s in self.cluster.servers], 2)
        return self.cut([(a, b), (b, a)], self.between(1, 12))

    def flap(self):
        """A bad cable: seconds of loss and of none."""
        server, times = self.some(), self.rng.randint(3, 12)
        for _ in range(times):
            self.network.unplug(server.name)
            self.wait(0.02, 0.6)
            self.network.plug(server.name)
            self.wait(0.02, 0.8)
        self.network.heal()
        return f"{server.name} {times} times"

    def slow_links(self):
        for server in self.cluster.servers:
            self.network.slow_link(server.name, self.rng.randint(1, 80), self.rng.randint(0, 10))
        self.wait(3, 10)
        for server in self.cluster.servers:
            self.network.fast_link(server.name)
        return "all"

    def full_disk(self):
        """The disk of one server (the small file system) is filled by somebody else, for a while."""
        server = next(s for s in self.cluster.servers if s.data_dir == self.disk)
        ballast = os.path.join(self.disk, "..", "data", "ballast")
        try:
            with open(ballast, "wb", buffering=0) as f:
                while f.write(b"\0" * 65536):
                    pass
        except OSError:
            pass
        self.wait(2, 8)
        os.remove(ballast)
        return server.name  # heal() sees whether it still runs

    def heal(self, fault, since):
        """Once nothing is broken any more: how long until a write through every server is acknowledged."""
        for server in self.cluster.servers:
            if not server.running():
                raise AssertionError(f"{server.name} ended by itself with {server.process.returncode} during {fault}")
        took = self.cluster.wait_writable(30)
        self.heals.append((took, fault))
        if took > HEAL_LIMIT:
            self.notes.append(f"{time.strftime('%H:%M:%S')} after {fault} at {since} it took {took:.1f} s until writable through all")
            self.say(f"SLOW HEAL: {self.notes[-1]}\n{self.cluster.logs(2500)}")
        return took


def round_of(storm, number, clients, seed, faults):
    load = Load(storm.cluster, clients, keys=6, seed=seed, prefix=f"r{number}/").start()
    time.sleep(0.5)
    for fault in faults:
        since = time.strftime("%H:%M:%S")
        storm.faults[fault] += 1
        done = getattr(storm, fault)()
        took = storm.heal(f"{fault} {done}", since)
        storm.say(f"  {fault} {done}; writable {took:.2f} s after")
        time.sleep(storm.rng.uniform(0.2, 1.5))
    load.stop()
    for server in storm.cluster.servers:
        storm.cluster.wait_caught_up(server, 30)
    wrong = load.verify(storm.cluster.wait_leader())
    storm.say(f"round {number}: {load.summary()}")
    if wrong:  # a bad history ends the round, not the storm
        storm.notes.append(f"round {number}: {wrong.splitlines()[0]} … {wrong.splitlines()[-1]}")
        storm.say(f"BAD ROUND {number}: {wrong}")
    for server in storm.cluster.servers:  # every server has the same keys
        own = server.json("GET", f"/v1/kv/r{number}/own?keys&stale", timeout=30) if load.acknowledged else []
        missing = set(load.acknowledged) - set(own)
        assert not missing, f"round {number}: {server.name} lacks {sorted(missing)[:5]} of {len(load.acknowledged)}"
    storm.cluster.leader().request("DELETE", f"/v1/kv/r{number}/?recurse", timeout=30)
    return load


def sizes(cluster):
    return {s.name: (s.rss() >> 10, s.disk() >> 10, s.starts) for s in cluster.servers}


def storm_of(args, network):
    rng = random.Random(args.seed)
    place = network.place if network else None
    with Cluster(args.servers, args.binary, extra=QUICK, place=place, keep=args.keep) as cluster:
        first = cluster.servers[0].data_dir
        with small_disk(first, DISK_SIZE) if os.geteuid() == 0 and not args.no_disk else contextlib.nullcontext(False) as mounted:
            storm = Storm(cluster, network, rng, first if mounted else None, args.scale)
            kinds = [k for k in storm.kinds() if not args.only or k in args.only.split(",")]
            storm.say(f"seed {args.seed}, {args.servers} servers, {args.clients} clients, faults: {' '.join(kinds)}")
            for why in storm.skipped:
                print(f"skipped: {why}")
            storm.say(f"formed, writable after {cluster.start():.2f} s, logs in {cluster.folder}")
            return rounds(storm, args, kinds)


def rounds(storm, args, kinds):
    cluster, until = storm.cluster, time.monotonic() + args.minutes * 60
    first, totals, number = sizes(cluster), collections.Counter(), 0
    failure = ""
    try:
        while number < args.rounds if args.rounds else time.monotonic() < until:
            load = round_of(storm, number, args.clients, args.seed, storm.rng.choices(kinds, k=args.faults))
            totals["operations"] += load.total()
            totals["judged"] += len(load.operations)
            totals["acknowledged"] += len(load.acknowledged)
            for kind, count in load.counts.items():
                totals[kind] += count
            number += 1
            if number == 1:
                first = sizes(cluster)
            storm.say(f"  sizes {sizes(cluster)}")
    except (AssertionError, OSError, http.client.HTTPException) as e:
        failure = f"{type(e).__name__}: {e}"
        storm.say(f"FAILED: {failure}\n{cluster.logs(6000)}")
    took = sorted(t for t, _ in storm.heals)
    print(f"\n{number} rounds, {totals['operations']} operations, {totals['answered']} answered, {totals['unknown']} of unknown outcome, "
          f"{totals['refused']} refused, {totals['judged']} judged, {totals['acknowledged']} acknowledged keys checked")
    print(f"{sum(storm.faults.values())} faults: " + ", ".join(f"{n} {k}" for k, n in sorted(storm.faults.items())))
    if took:
        print(f"writable after a heal: median {took[len(took) // 2]:.2f} s, 95% {took[int(len(took) * 0.95)]:.2f} s, worst {took[-1]:.2f} s "
              f"({max(storm.heals)[1]}), limit {HEAL_LIMIT} s")
    last = sizes(cluster)
    print("server: KiB of memory and disk after the first round, and at the end (starts)")
    for name in last:
        a = first.get(name)
        print(f"  {name}: {f'{a[0]}, {a[1]}' if a else 'new'} -> {last[name][0]}, {last[name][1]} ({last[name][2]})")
    for note in storm.notes:
        print(f"BAD: {note}")
    largest = max(size[0] for size in last.values())
    if largest > MEMORY_LIMIT:
        storm.notes.append(f"a server has {largest} KiB of memory, limit {MEMORY_LIMIT}")
        print(f"BAD: {storm.notes[-1]}")
    good = not failure and not storm.notes and number > 0
    print(f"{int(good)} passed, {int(not good)} failed, {len(storm.skipped)} skipped")
    return 0 if good else 1


def main(words=None):
    p = argparse.ArgumentParser()
    p.add_argument("--minutes", type=float, default=10)
    p.add_argument("--rounds", type=int, help="so many rounds, however long they take")
    p.add_argument("--faults", type=int, default=4, help="in a round")
    p.add_argument("--scale", type=float, default=1.0, help="how long faults last, times this")
    p.add_argument("--clients", type=int, default=16)
    p.add_argument("--servers", type=int, default=3)
    p.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    p.add_argument("--only", default="")
    p.add_argument("--binary")
    p.add_argument("--no-network", action="store_true", help="no namespaces")
    p.add_argument("--no-disk", action="store_true", help="no small file system")
    p.add_argument("--keep", action="store_true", help="keep the folder")
    args = p.parse_args(words)
    why = "as asked" if args.no_network else Network.why_not()
    if why:
        print(f"no network namespaces, so no cut cables: {why}")
    network = None if why else Network()
    limit_time(LIMIT + int(args.minutes * 60) if not args.rounds else LIMIT)
    try:
        return storm_of(args, network)
    except Exception as e:  # before the first round; rounds() tells of the others
        print(f"FAILED: {type(e).__name__}: {e}\n0 passed, 1 failed")
        return 1
    finally:
        if network:
            network.close()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
