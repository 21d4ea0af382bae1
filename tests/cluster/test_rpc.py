#!/usr/bin/env python3
"""Consul's RPC on the server port of a real process: the answers are the real Consul's (golden/rpc_answers.json), blocking queries wake,
and hostile clients neither grow the server nor disturb it.   test_rpc.py [--record CONSUL] [--silent N]"""
import argparse
import json
import os
import random
import socket
import sys
import time

import rpc
from agent import Agent, main
from rpc_conversation import answers

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", "rpc_answers.json")
GROWTH = 96 << 20  # bytes that the server may grow by: twice what may wait for one connection, and its own work


def address(server):
    return ("127.0.0.1", server.ports["server"])


def record(binary):
    with Agent(binary=binary) as server:
        server.start()
        with rpc.Client(address(server)) as c, open(GOLDEN, "w") as f:
            json.dump(answers(c), f, indent=1, sort_keys=True)
            f.write("\n")


def same_answers(server):
    with open(GOLDEN) as f:
        wanted = json.load(f)
    with rpc.Client(address(server)) as c:
        got = answers(c)
    assert len(wanted) > 150 and set(got) == set(wanted), set(got) ^ set(wanted)
    for label, answer in wanted.items():
        assert got[label] == answer, f"{label}\n  Consul {json.dumps(answer)}\n  ours   {json.dumps(got[label])}"


def blocking(server):
    """A query waits until its key changes, not until another does; and no longer than it was told."""
    with rpc.Client(address(server)) as c:
        def put(key, value):
            c.call("KVS.Apply", {"Datacenter": "dc1", "DirEnt": {"Key": key, "Value": value}, "Op": "set"})
        put("wake", b"1")
        index = c.call("KVS.Get", rpc.read(Key="wake"))["Index"]
        stream = c.open()
        stream.send(rpc.pack({"Seq": 9, "ServiceMethod": "KVS.Get"}) + rpc.pack(rpc.read(Key="wake", MinQueryIndex=index, MaxQueryTime=60 * 10**9)))
        put("other", b"1")
        time.sleep(0.3)
        assert not stream.data, "woken by another key"
        put("wake", b"2")
        header, body = stream.values(2, 5)
        assert header["Error"] == "" and body["Entries"][0]["Value"] == "2" and body["Index"] > index, (header, body)
        began = time.monotonic()
        late = c.call("KVS.Get", rpc.read(Key="wake", MinQueryIndex=body["Index"], MaxQueryTime=10**9))
        assert late["Index"] == body["Index"] and 0.9 < time.monotonic() - began < 3


def rss(server):
    with open(f"/proc/{server.process.pid}/status") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmRSS"))


def connect(server, first=b"", source="127.0.0.1"):
    s = socket.create_connection(address(server), 5, source_address=(source, 0))
    s.sendall(first)
    return s


def gone(s, seconds):
    s.settimeout(seconds)
    try:
        while s.recv(1 << 16):
            pass
        return True
    except ConnectionError:
        return True
    except socket.timeout:
        return False


def hostile(server, silent):
    rng = random.Random(1)
    before, leader = rss(server), server.json("GET", "/v1/agent/self")["Stats"]["raft"]["term"]
    with rpc.Client(address(server)) as c:
        c.call("KVS.Apply", {"Datacenter": "dc1", "DirEnt": {"Key": "big", "Value": b"x" * 500000}, "Op": "set"})
    open_ones = [connect(server, source=f"127.0.{1 + n // 200}.{1 + n % 200}") for n in range(silent)]  # say nothing
    syn = rpc.frame(rpc.WINDOW, rpc.SYN, 1, 0)
    head = rpc.pack({"Seq": 1, "ServiceMethod": "KVS.Get"})
    claims = [b"\xdb\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xc1", b"\xdd\x00\x01\xff\xff" + b"\xc0" * 131071]
    for claim in claims:  # an answer that refuses, and the stream's end
        s = connect(server, b"\x04" + syn + rpc.frame(rpc.DATA, 0, 1, len(head + claim), head + claim))
        s.settimeout(5)
        seen = b""
        while b"Error" not in seen:
            more = s.recv(4096)
            assert more, "closed without an answer"
            seen += more
        open_ones.append(s)
    s = connect(server, b"\x04" + syn + struct_frame(1 << 30))  # beyond the window
    assert gone(s, 5)
    for first in (1, 2, 3, 6, 7, 9, 200):
        assert gone(connect(server, bytes([first])), 5), first
    for _ in range(300):
        s = connect(server, rng.choice([b"\x00", b"\x04", b"\x05"]) + rng.randbytes(rng.randrange(2000)))
        s.close()
    for _ in range(5):  # frames that are well-formed and mean nothing
        s = connect(server, b"\x04")
        try:
            for _ in range(2000):
                n = rng.randrange(100)
                s.sendall(rpc.frame(rng.choice([0, 0, 0, 1, 2]), rng.randrange(16), rng.randrange(20), n, b"") + rng.randbytes(n))
        except OSError:
            pass
        s.close()
    slow = connect(server, b"\x04")  # asks and asks, and reads nothing
    slow.settimeout(1)
    ask = head + rpc.pack(rpc.read(Key="big"))
    try:
        for n in range(1, 4001, 2):
            slow.sendall(rpc.frame(rpc.WINDOW, rpc.SYN, n, 0) + rpc.frame(rpc.WINDOW, 0, n, 1 << 22) + rpc.frame(rpc.DATA, 0, n, len(ask), ask))
    except OSError:
        pass
    time.sleep(2)
    grown = rss(server) - before
    assert grown < GROWTH, f"grew by {grown >> 20} MiB"
    with rpc.Client(address(server), source=("127.0.0.77", 0)) as c:
        assert len(c.call("KVS.Get", rpc.read(Key="big"))["Entries"][0]["Value"]) == 500000
    assert server.json("GET", "/v1/agent/self")["Stats"]["raft"]["term"] == leader
    for s in open_ones[:silent]:
        assert gone(s, 10), "a silent connection is kept"
    slow.close()
    return grown >> 20


def struct_frame(length):
    return rpc.frame(rpc.DATA, 0, 1, length)


def run(silent):
    with Agent() as server:
        server.start()
        same_answers(server)
        blocking(server)
        print(f"   grew by {hostile(server, silent)} MiB", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--record")
    parser.add_argument("--silent", type=int, default=1000)
    options = parser.parse_args()
    if options.record:
        record(options.record)
        sys.exit(0)
    main(run, options.silent)
