#!/usr/bin/env python3
"""Disks that take nothing more, below all servers of a cluster, below most of them, and below one that has only just started: nobody waits for what
cannot come, and what was acknowledged is there once there is room.   test_full_disks.py [--only WORD]"""
import argparse
import contextlib
import os
import threading
import time

from agent import Agent, default_binary, eventually, main, patience, skip
from cluster import Cluster
from small_disk import small_disk
from test_agent_disk import fill_disk

AT_ONCE = 5  # s; what waits for a leader waits 7, and what waits for room for ever


def put(server, key, value, answers):
    """Through one server, and how long that took."""
    began = time.monotonic()
    status, _, text = server.request("PUT", f"/v1/kv/{key}", value, timeout=90)
    took = time.monotonic() - began
    assert status in answers, f"{server.name} answered {key} with {status} {text[:200]!r} after {took:.1f} s\n{server.log()}"
    return status, took, text.decode(errors="replace")


def all_refuse(servers, what):
    """Each of them is asked at the same time: the first to hear of the disk and those that hear of it from others."""
    found = {}

    def ask(server):
        try:
            found[server.name] = put(server, f"large/{server.name}", "x" * 400000, [500])
        except (AssertionError, OSError) as e:
            found[server.name] = e
    threads = [threading.Thread(target=ask, args=(s,)) for s in servers]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for name, answer in found.items():
        if isinstance(answer, Exception):
            raise AssertionError(f"{what}: {name}: {answer}") from answer
        assert answer[1] < patience(AT_ONCE), f"{what}: {name} refused only after {answer[1]:.1f} s: {answer[2]}"
    print(f"  {what}: refused after " + ", ".join(f"{answer[1]:.2f} s ({answer[2].strip()[:90]})" for answer in found.values()), flush=True)


def test_all_full(binary):
    if os.geteuid() != 0:
        return skip("full disks: mounting small file systems takes root")
    with Cluster(3, binary) as cluster, contextlib.ExitStack() as disks:
        for server in cluster.servers:
            assert disks.enter_context(small_disk(server.folder, "24m"))
        cluster.start()
        for n in range(10):
            put(cluster.servers[n % 3], f"kept/{n}", "here", [200])
        ballast = [fill_disk(server.folder, 0) for server in cluster.servers]
        all_refuse(cluster.servers, "all disks are full")
        all_refuse(cluster.servers, "they still are")
        for path in ballast:
            os.unlink(path)
        cluster.wait_writable(60)
        for server in cluster.servers:
            status, _, text = server.request("GET", "/v1/kv/kept/7?raw")
            assert (status, text) == (200, b"here"), f"{server.name}: {status} {text!r}"


def failing(trigger, path="/raft/"):
    library = os.path.join(os.path.dirname(default_binary()), "tests", "libfailing_writes.so")
    assert os.path.exists(library), f"{library} is not built"
    # AddressSanitizer, where the server has it, wants to be the first library.
    return {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0", "LD_PRELOAD": library,
            "ACTORD_FULL_TRIGGER": trigger, "ACTORD_FULL_PATH": path}


def test_most_full(binary):
    """The leader has room, but nobody to agree with."""
    with Cluster(3, binary) as cluster:
        for server in cluster.servers:
            before = dict(os.environ)
            os.environ.update(failing(os.path.join(server.folder, "full")))
            try:
                server.start()
            finally:
                os.environ.clear()
                os.environ.update(before)
        cluster.wait_writable(30)
        leader, followers = cluster.wait_leader(), cluster.followers()
        triggers = [os.path.join(server.folder, "full") for server in followers]
        for path in triggers:
            open(path, "w").close()
        all_refuse(cluster.servers, "two of three disks are full")
        os.unlink(triggers[0])
        cluster.wait_writable(60, through=[leader])
        os.unlink(triggers[1])
        cluster.wait_writable(60)


def test_no_vote(binary):
    """Alone, and not even its vote can be written: it serves all the same, and leads as soon as it can."""
    for path in ("/raft/", "/state/"):
        with Agent(binary) as server:
            server.name = "n1"
            trigger = os.path.join(server.folder, "full")
            server.environment = failing(trigger, path)
            server.start()
            put(server, "kept", "here", [200])
            server.kill()
            open(trigger, "w").close()
            began = time.monotonic()
            server.start(wait=False)
            eventually("it answers", 20, lambda: server.request("GET", "/v1/kv/kept?raw&stale")[2] == b"here")
            took = time.monotonic() - began
            assert took < patience(AT_ONCE), f"it served only after {took:.1f} s\n{server.log()}"
            refused = put(server, "new", "x", [500])
            assert refused[1] < patience(AT_ONCE), f"refused only after {refused[1]:.1f} s: {refused[2]}"
            print(f"  {path}: served after {took:.2f} s, refused after {refused[1]:.2f} s ({refused[2].strip()[:90]})", flush=True)
            os.unlink(trigger)
            eventually("writes are taken again", 30, lambda: server.request("PUT", "/v1/kv/new", "x")[0] == 200)
            assert server.request("GET", "/v1/kv/kept?raw")[2] == b"here"


def test(options):
    for one in (test_all_full, test_most_full, test_no_vote):
        if options.only in one.__name__:
            one(options.binary)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--binary", default=default_binary())
    p.add_argument("--only", default="")
    main(test, p.parse_args())
