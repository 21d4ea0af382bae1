#!/usr/bin/env python3
"""Three servers of ours beside three of another binary of Consul's interface, in the same run.   cluster.py COMMAND --oracle PATH
  throughput   puts and gets over 64 connections to the leader and to a follower: rate, CPU summed over all servers, p50, p99; puts per sync
  failover     SIGKILL and SIGSTOP of the leader under 16 writers: how long until a write succeeds again, medians
  catchup      a follower that was cut off under load, and a server with nothing, catch up by snapshot: what the leader's writers feel"""
import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "cluster"))
from agent import children, eventually  # noqa: E402
from cluster import Cluster  # noqa: E402
from net import Network  # noqa: E402
from writers import Writers  # noqa: E402

QUIET = ["-log-level=err"]


def say(words=""):
    print(words, flush=True)


def beside(binary):
    """`bench` is built into the same folder as the server, or into tests/ of it."""
    here = os.path.dirname(os.path.abspath(binary))
    return next((p for p in (os.path.join(here, "bench"), os.path.join(here, "tests", "bench")) if os.path.exists(p)), "bench")


def settle(cluster, seconds=30):
    """Until the servers of a cluster use next to no CPU."""
    until, calm = time.monotonic() + seconds, 0
    while calm < 3 and time.monotonic() < until:
        before = sum(s.cpu() for s in cluster.servers)
        time.sleep(0.3)
        calm = calm + 1 if sum(s.cpu() for s in cluster.servers) - before <= 0.04 else 0


# ---- throughput ------------------------------------------------------------------------------------------------------

def load(args, cluster, server, case, seconds):
    """The figures of one load against one server; CPU is that of all servers of the cluster."""
    pids = ",".join(str(s.process.pid) for s in cluster.servers)
    done = subprocess.run([args.bench, "run", "--addr", f"127.0.0.1:{server.ports['http']}", "--pid", pids, "--case", case, "--seconds", str(seconds),
                           "--rounds", "1"], capture_output=True, text=True, timeout=seconds + 120, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{case} on {server.name}: {done.stderr or done.stdout}")
    return {line.split(" ", 1)[1].rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in done.stdout.splitlines()}


TARGETS = {"req/s": ("at least 2x", lambda r: r >= 2), "cpu us/req": ("at most 1/3", lambda r: r <= 1 / 3), "p99 us": ("no worse", lambda r: r <= 1)}


def throughput(args):
    rows, missed = {}, 0
    with Cluster(3, args.ours, extra=QUIET) as ours, Cluster(3, args.oracle, extra=QUIET, prefix="o") as oracle:
        for cluster in (ours, oracle):
            cluster.start(60)
        for _ in range(args.rounds):
            for cluster in (ours, oracle):
                for case in ("kv_put_64", "kv_get_64"):
                    for place in ("leader", "follower"):
                        server = cluster.wait_leader() if place == "leader" else cluster.followers()[0]
                        settle(cluster)
                        for name, value in load(args, cluster, server, case, args.seconds).items():
                            rows.setdefault((case, place, name), ([], []))[cluster is oracle].append(value)
        say(f"{'case':<12} {'through':<10} {'figure':<12} {'ours':>10} {'oracle':>10} {'ratio':>8}  target")
        for (case, place, name), (a, b) in rows.items():
            a, b = statistics.median(a), statistics.median(b)
            words, good = TARGETS.get(name, ("", None)) if case == "kv_put_64" else ("", None)
            verdict = "" if good is None else f"{words}: {'yes' if good(a / b) else 'NO'}"
            missed += good is not None and not good(a / b)
            say(f"{case:<12} {place:<10} {name:<12} {a:>10.1f} {b:>10.1f} {a / b:>8.3f}  {verdict}")
        for cluster in (ours, oracle):
            say(f"{'oracle' if cluster is oracle else 'ours'}: resident MiB {' '.join(str(s.rss() >> 20) for s in cluster.servers)}")
        count_syncs(args, ours)
    say(f"{missed} targets missed")


def count_syncs(args, cluster):
    """The system calls that make things durable, of each server during a load. LMDB's commit of a batch of log entries is one of
    them, followed by a write of its meta page, which is synchronous by itself (O_DSYNC) and does not show up here."""
    if not shutil.which("strace"):
        say("no strace, so syncs are not counted")
        return
    settle(cluster)
    leader = cluster.wait_leader()
    traces = {s.name: children.start(["strace", "-f", "-c", "-e", "trace=fsync,fdatasync,msync,sync_file_range,syncfs", "-p", str(s.process.pid)],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for s in cluster.servers}
    time.sleep(1)
    puts = load(args, cluster, leader, "kv_put_64", args.seconds)["req/s"] * args.seconds
    for server in cluster.servers:
        traces[server.name].send_signal(signal.SIGINT)
        text = traces[server.name].communicate(timeout=20)[1]
        calls = {m[2]: int(m[1]) for m in re.finditer(r"(\d+)(?:\s+\d+)?\s+(f\w*sync|msync|sync\w+)$", text, re.M)}
        total = sum(calls.values())
        say(f"{server.name}{' (leads)' if server is leader else ''}: {calls} for about {puts:.0f} puts and those that filled the store before: "
            f"{puts / max(total, 1):.1f} puts per sync")


# ---- failover --------------------------------------------------------------------------------------------------------

def one_failover(cluster, how, writers_count):
    """Seconds from the signal until the first write that began after it is acknowledged, and until half of the writers had one."""
    leader = cluster.wait_leader(60)
    with Writers(cluster, writers_count) as writers:
        time.sleep(1.5)
        at = time.monotonic()
        if how == "SIGKILL":
            leader.kill()
        else:
            leader.freeze()
        eventually("writes succeed again", 90, lambda: writers.since(at) >= writers_count // 2)
        first, half = writers.first(at), writers.half(at)
        leader.thaw()
    if how == "SIGKILL":
        leader.start()
    cluster.wait_caught_up(leader, 90)
    cluster.wait_writable(60)
    return first - at, half - at


def failover(args):
    missed = 0
    with Cluster(3, args.ours, extra=QUIET) as ours, Cluster(3, args.oracle, extra=QUIET, prefix="o") as oracle:
        for cluster in (ours, oracle):
            cluster.start(60)
        for how in ("SIGKILL", "SIGSTOP"):
            took = ([], [])
            for n in range(args.rounds):
                for cluster in (ours, oracle):
                    time.sleep(2)
                    first, half = one_failover(cluster, how, 16)
                    took[cluster is oracle].append((first, half))
                say(f"  {how} {n + 1}: ours {took[0][-1][0]:.2f} s (half of the writers {took[0][-1][1]:.2f}), "
                    f"oracle {took[1][-1][0]:.2f} s ({took[1][-1][1]:.2f})")
            first = [statistics.median(t[0] for t in side) for side in took]
            half = [statistics.median(t[1] for t in side) for side in took]
            good = first[0] <= first[1] / 2
            missed += not good
            say(f"{how}: median of {args.rounds}: first write after {first[0]:.2f} s, oracle {first[1]:.2f} s, ratio {first[0] / first[1]:.3f}, "
                f"at most 1/2: {'yes' if good else 'NO'}; half of the writers {half[0]:.2f} s, {half[1]:.2f} s")
    say(f"{missed} targets missed")


# ---- catching up -----------------------------------------------------------------------------------------------------

class Pace:
    """Puts at a steady rate to one server; what they took, second by second."""

    def __init__(self, bench, server, rate, seconds, size):
        self.seconds, self.begun = [], time.monotonic()
        self.process = children.start([bench, "pace", "--addr", f"{server.ip}:{server.ports['http']}", "--rate", str(rate), "--seconds", str(seconds),
                                        "--bytes", str(size), "--samples", "yes"], stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            label, _, failures, _, _, _, *samples = line.split()
            if samples:
                self.seconds.append((int(label), int(failures), [float(us) for us in samples[0].split(",")]))

    def between(self, begin, end):
        """(p50, p99, worst, failures) of the puts from begin to end, in whole seconds."""
        rows = [r for r in self.seconds if begin - self.begun <= r[0] <= end - self.begun + 1]
        took = sorted(us for r in rows for us in r[2])
        return took[len(took) // 2], took[int(len(took) * 0.99)], took[-1], sum(r[1] for r in rows)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def snapshots_sent(server):
    return server.log(1 << 22).count("sent a snapshot")


def catchup(args):
    why = Network.why_not()
    network = None if why else Network()
    if why:
        say(f"no namespaces ({why}): the follower is killed instead of cut off")
    extra = ["-hcl", f"raft_snapshot_threshold = {args.threshold} raft_snapshot_interval = \"5s\" raft_trailing_logs = 2048"]
    try:
        with Cluster(3, args.ours, extra=extra, place=network.place if network else None) as cluster:
            cluster.start()
            fill(cluster.wait_leader(), args.keys)
            catch_up(args, cluster, network)
    finally:
        if network:
            network.close()


def fill(server, keys):
    """So many small keys, by transactions of 64."""
    if not keys:
        return
    connection, begin = server.connection(), time.monotonic()
    for first in range(0, keys, 64):
        ops = [{"KV": {"Verb": "set", "Key": f"fill/{n:08}", "Value": "dmFsdWU="}} for n in range(first, min(first + 64, keys))]
        connection.request("PUT", "/v1/txn", body=json.dumps(ops))
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
    say(f"{keys} keys written in {time.monotonic() - begin:.0f} s")


def catch_up(args, cluster, network):
    leader, follower = cluster.wait_leader(), cluster.followers()[0]
    pace = Pace(args.bench, leader, args.rate, args.minutes * 60 + 600, args.bytes)
    try:
        time.sleep(20)
        before = time.monotonic()
        first = pace.between(pace.begun + 5, before)
        say(f"{args.rate} puts of {args.bytes} bytes per second to {leader.name}; all up: p50 {first[0]:.0f} us, p99 {first[1]:.0f} us")
        if args.minutes:
            be_away(args, cluster, network, leader, follower, pace, before)
            time.sleep(20)
        base = pace.between(time.monotonic() - 15, time.monotonic())
        begin = time.monotonic()
        told("a new server", cluster, leader, cluster.add().start(), pace, base, begin)
        say(f"memory KiB: {' '.join(f'{s.name} {s.rss() >> 10}' for s in cluster.servers)}; the state of {leader.name} on disk {leader.disk() >> 10} KiB")
    finally:
        pace.stop()


def be_away(args, cluster, network, leader, follower, pace, before):
    network.unplug(follower.name) if network else follower.kill()
    time.sleep(args.minutes * 60)
    cut = time.monotonic()
    base = pace.between(max(before + 5, cut - 60), cut)
    say(f"{follower.name} cut off for {args.minutes} minutes; the last minute of it: p50 {base[0]:.0f} us, p99 {base[1]:.0f} us, worst {base[2]:.0f} us")
    begin = time.monotonic()
    network.plug(follower.name) if network else follower.start()
    told("the follower", cluster, leader, follower, pace, base, begin)


def told(who, cluster, leader, server, pace, base, begin):
    sent = snapshots_sent(leader)
    cluster.wait_caught_up(server, 300)
    end = time.monotonic()
    time.sleep(1.2)
    during = pace.between(begin, end)
    for line in leader.log(1 << 22).splitlines():
        if "sent a snapshot" in line and (m := re.search(r"bytes=\d+.*", line)):
            say(f"  the leader: sent a snapshot: {m[0]}")
    assert cluster.wait_leader() is leader, "the leader changed"
    say(f"{who} {server.name} caught up in {end - begin:.1f} s, {snapshots_sent(leader) - sent} snapshots sent: p50 {during[0]:.0f} us, p99 {during[1]:.0f} us, "
        f"worst {during[2]:.0f} us, {during[3]} failures; p99 rose {during[1] / base[1]:.2f}x, less than 2x: {'yes' if during[1] < 2 * base[1] else 'NO'}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("command", choices=["throughput", "failover", "catchup"])
    p.add_argument("--ours", default=os.environ.get("ACTORD_BINARY", os.path.join(ROOT, "build", "release", "consul-actord")))
    p.add_argument("--oracle", help="for throughput and failover")
    p.add_argument("--bench", help="the program bench; beside ours when left out")
    p.add_argument("--rounds", type=int, help="3 for throughput, 10 for failover")
    p.add_argument("--seconds", type=float, default=5, help="of one load")
    p.add_argument("--minutes", type=float, default=10, help="catchup: how long the follower is cut off")
    p.add_argument("--rate", type=int, default=1000, help="catchup: puts per second")
    p.add_argument("--keys", type=int, default=0, help="catchup: keys that are there before")
    p.add_argument("--bytes", type=int, default=512, help="catchup: of a value")
    p.add_argument("--threshold", type=int, default=16384, help="catchup: log entries between snapshots")
    args = p.parse_args()
    args.bench = args.bench or beside(args.ours)
    args.rounds = args.rounds or (10 if args.command == "failover" else 3)
    if args.command != "catchup" and not args.oracle:
        p.error(f"{args.command} needs --oracle")
    {"throughput": throughput, "failover": failover, "catchup": catchup}[args.command](args)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
