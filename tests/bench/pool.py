#!/usr/bin/env python3
"""Pools of real agents on addresses of their own on the loopback network.   pool.py COMMAND --oracle PATH
  idle    servers and many client agents of ours with nothing to do: CPU and memory of each client (beside some of the oracle's)
  detect  a client agent is killed: how long until the first of the others, and all of them, call it failed; ours and the oracle's in turn
  mixed   servers and clients of ours and clients of the oracle in one pool: how long until all agree after the last join, and after five kills"""
import argparse
import http.client
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "cluster"))
from agent import Http, children, eventually  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def say(words=""):
    print(words, flush=True)


class Member(Http):
    """An agent with an address of its own and Consul's default ports."""

    def __init__(self, binary, address, name, folder, server=False, servers=0, join=None, extra=()):
        self.binary, self.address, self.name, self.server = binary, address, name, server
        self.folder = os.path.join(folder, name)
        self.command = [binary, "agent", f"-bind={address}", f"-client={address}", f"-node={name}", f"-data-dir={self.folder}", "-log-level=warn", *extra]
        if server:
            self.command += ["-server", f"-bootstrap-expect={servers}"]
        if join:
            self.command += [f"-retry-join={join}", "-retry-interval=1s"]
        self.process = None

    def start(self):
        os.makedirs(self.folder, exist_ok=True)
        with open(self.folder + ".log", "ab") as log:
            self.process = children.start(self.command, stdout=log, stderr=subprocess.STDOUT)
        return self

    def connection(self, timeout=10):
        return http.client.HTTPConnection(self.address, 8500, timeout=timeout)

    def members(self):
        """Name to status number (1 alive, 3 left, 4 failed)."""
        return {m["Name"]: m["Status"] for m in self.json("GET", "/v1/agent/members", timeout=5)}

    def cpu(self):
        """Seconds of a core since its start."""
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self):
        """Resident megabytes, and those of them that are its own."""
        kib = {}
        with open(f"/proc/{self.process.pid}/smaps_rollup") as f:
            for line in f:
                words = line.split()
                if words[0] in ("Rss:", "Private_Dirty:", "Private_Clean:"):
                    kib[words[0]] = int(words[1])
        return kib["Rss:"] / 1024, (kib["Private_Dirty:"] + kib["Private_Clean:"]) / 1024


class Pool:
    def __init__(self, network):
        self.network, self.next, self.folder, self.all = network, 1, tempfile.mkdtemp(prefix="actord-pool-"), []

    def add(self, binary, prefix, count, server=False):
        join = self.all[0].address if self.all else None
        fresh = []
        for _ in range(count):
            name = f"{prefix}{self.next}"
            fresh.append(Member(binary, f"{self.network}.{self.next}", name, self.folder, server, count, join or f"{self.network}.1"))
            self.next += 1
        self.all += fresh
        for m in fresh:
            m.start()
        return fresh

    def wait_leader(self, seconds=60):
        eventually("a leader", seconds, lambda: self.all[0].json("GET", "/v1/status/leader", timeout=2))

    def wait_answers(self, seconds=60):
        for m in self.all:
            eventually(f"{m.name} answers", seconds, lambda m=m: m.members() is not None)

    def agree(self, expected, seconds, watchers=None):
        """Until all watchers say `expected`: name to status. Returns seconds to the first and to the last that does."""
        watchers = watchers or [m for m in self.all if m.process.poll() is None]
        began, when = time.monotonic(), {}

        def watch(m):
            while time.monotonic() - began < seconds:
                try:
                    seen = m.members()
                    if all(seen.get(n) == s for n, s in expected.items()) and set(seen) <= set(expected):
                        when[m.name] = time.monotonic() - began
                        return
                except (OSError, AssertionError, ValueError):
                    pass
                time.sleep(0.1)

        threads = [threading.Thread(target=watch, args=(m,)) for m in watchers]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        missing = [m.name for m in watchers if m.name not in when]
        if missing:
            one = next(m for m in watchers if m.name == missing[0])
            raise AssertionError(f"{len(missing)} of {len(watchers)} do not agree within {seconds} s: {missing}; {one.name} says {self.said_by(one)}")
        return min(when.values()), max(when.values())

    @staticmethod
    def said_by(m):
        try:
            return m.members()
        except (OSError, AssertionError, ValueError) as e:
            return repr(e)

    def everybody(self):
        return {m.name: 1 for m in self.all}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for m in self.all:
            if m.process and m.process.poll() is None:
                m.process.kill()
        for m in self.all:
            if m.process:
                m.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def idle(args):
    for binary, what, count in ((args.ours, "ours", args.agents), (args.oracle, "oracle", args.oracle_agents)):
        if not binary or count == 0:
            continue
        with Pool(args.network) as pool:
            servers = pool.add(binary, "s", 3, server=True)
            pool.wait_leader()
            clients = pool.add(binary, "c", count)
            pool.agree(pool.everybody(), 120, watchers=servers + clients[:3])
            time.sleep(args.settle)
            before, began = [m.cpu() for m in clients], time.monotonic()
            at_servers = [m.cpu() for m in servers]
            time.sleep(args.seconds)
            took = time.monotonic() - began
            cpu = [(m.cpu() - b) / took * 100 for m, b in zip(clients, before)]
            memory = [m.memory() for m in clients]
            say(f"{what:<7} {count} clients, {took:.0f} s idle: CPU of a core, %: median {statistics.median(cpu):.3f} max {max(cpu):.3f}; "
                f"RSS, MiB: median {statistics.median(m[0] for m in memory):.1f} max {max(m[0] for m in memory):.1f}, "
                f"own pages: max {max(m[1] for m in memory):.1f}; servers' CPU, %: max {max((m.cpu() - b) / took * 100 for m, b in zip(servers, at_servers)):.2f}")


def detect(args):
    figures = {"ours": [], "oracle": []}
    for _ in range(args.rounds):
        for binary, what in ((args.ours, "ours"), (args.oracle, "oracle")):
            with Pool(args.network) as pool:
                pool.add(binary, "s", 3, server=True)
                pool.wait_leader()
                clients = pool.add(binary, "c", args.agents)
                pool.agree(pool.everybody(), 120)
                time.sleep(5)
                for victim in random.sample(clients, args.kills):
                    gone = {m.name for m in pool.all if m.process.poll() is not None}
                    victim.process.send_signal(signal.SIGKILL)
                    victim.process.wait()
                    expected = {m.name: 4 if m is victim or m.name in gone else 1 for m in pool.all}
                    first, last = pool.agree(expected, 120)
                    figures[what].append((first, last))
                    say(f"  {what:<7} first {first:.2f} s, all {last:.2f} s")
    for what, rows in figures.items():
        say(f"{what:<7} {len(rows)} kills of {args.agents + 3} agents: first knows, median {statistics.median(r[0] for r in rows):.2f} s; "
            f"all know, median {statistics.median(r[1] for r in rows):.2f} s, worst {max(r[1] for r in rows):.2f} s")


def mixed(args):
    with Pool(args.network) as pool:
        servers = pool.add(args.ours, "s", 3, server=True)
        pool.wait_leader()
        ours = pool.add(args.ours, "c", args.agents)
        theirs = pool.add(args.oracle, "r", args.agents)
        pool.wait_answers()
        first, last = pool.agree(pool.everybody(), 60)
        say(f"{len(pool.all)} members agree {last:.2f} s after the last one answered")
        victims = random.sample(ours + theirs, 5)
        for v in victims:
            v.process.send_signal(signal.SIGKILL)
        for v in victims:
            v.process.wait()
        dead = {v.name for v in victims}
        first, last = pool.agree({m.name: 4 if m.name in dead else 1 for m in pool.all}, 120)
        say(f"five killed ({', '.join(sorted(dead))}): first agrees after {first:.2f} s, all after {last:.2f} s")
        eventually("serfHealth of the dead is critical", 30, lambda: dead == {
            c["Node"] for c in servers[0].json("GET", "/v1/health/state/critical") if c["CheckID"] == "serfHealth"})
        say("serfHealth of exactly these is critical")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["idle", "detect", "mixed"])
    parser.add_argument("--ours", default=os.path.join(ROOT, "build", "release", "consul-actord"))
    parser.add_argument("--oracle", default="")
    parser.add_argument("--agents", type=int, default=None)
    parser.add_argument("--oracle-agents", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--settle", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--network", default="127.20.0")
    args = parser.parse_args()
    if args.agents is None:
        args.agents = 50 if args.command == "idle" else 10
    {"idle": idle, "detect": detect, "mixed": mixed}[args.command](args)


if __name__ == "__main__":
    main()
