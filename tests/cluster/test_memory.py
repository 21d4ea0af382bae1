#!/usr/bin/env python3
"""Floods from strangers make a server grow, within its bounds; when they are over, it gives the memory back. With little address space it
starts, and its state may grow.   test_memory.py [--only WORD]"""
import argparse
import os
import random
import resource
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from agent import Agent, default_binary, eventually, main, patience
from rpc import DATA, SYN, WINDOW, Client, frame, pack, read

NEAR = 12 << 20  # bytes above what it was before that may stay


def own_memory(agent):
    """Resident bytes without what is mapped of files."""
    with open(f"/proc/{agent.process.pid}/statm") as f:
        _, resident, shared = map(int, f.read().split()[:3])
    return (resident - shared) * os.sysconf("SC_PAGESIZE")


def connections(port, count, first, more=b"", rounds=0, source=None):
    """So many, all open at once; each sends `first`, then `rounds` times `more`. From many addresses, or one."""
    sockets = []
    for n in range(count):
        try:
            s = socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(source or f"127.{1 + n // 50 % 250}.7.{1 + n % 50}", 0))
            s.sendall(first)
            s.setblocking(False)
            sockets.append(s)
        except OSError:
            pass
    for _ in range(rounds):
        for s in sockets:
            try:
                s.send(more)
            except OSError:
                pass
    return sockets


def gossip_flood(agent, note):
    # A push/pull that announces much, of members that do not come.
    body = b"\x06" + b"\x83\xa5Nodes\xce\x00\x00\xff\xff\xacUserStateLen\x00\xa4Join\xc3" + random.randbytes(60000)
    sockets = connections(agent.ports["serf_lan"], 3000, body, random.randbytes(60000), 3)
    note()
    for s in sockets:
        s.close()


def ping_flood(agent, note):
    # Yamux's pings, whose answers nobody reads.
    ping = b"".join(struct.pack(">BBHII", 0, 2, 1, 0, n) for n in range(5000))
    sockets = connections(agent.ports["server"], 90, b"\x04" + ping, ping, 200)
    note()
    for s in sockets:
        s.close()


def half_requests(agent, source=None):
    head = b"\x00" + pack({"Seq": 1, "ServiceMethod": "KVS.Apply"}) + b"\x81\xa5Value\xc6\x00\x20\x00\x00"
    return connections(agent.ports["server"], 90, head + random.randbytes(1 << 20), source=source)


def request_flood(agent, note):
    # Halves of large requests.
    sockets = half_requests(agent)
    note()
    for s in sockets:
        s.close()


def http_flood(agent, note):
    half = b"PUT /v1/kv/x HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n" + bytes(400000)
    sockets = connections(agent.ports["http"], 190, half)
    note()
    for s in sockets:
        s.close()


def flood_one(options, flood):
    with Agent(options.binary) as agent:
        agent.start()
        for n in range(200):
            assert agent.request("PUT", f"/v1/kv/k{n}", "x" * 1000)[0] == 200
        time.sleep(12)  # by then it has given back what starting took, once
        before, peak = own_memory(agent), [0]
        done = threading.Event()

        def watch():
            while not done.is_set():
                peak[0] = max(peak[0], own_memory(agent))
                time.sleep(0.02)
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            flood(agent, lambda: time.sleep(1))
        finally:
            done.set()
            watcher.join()
        after = own_memory(agent)
        took = eventually(f"{flood.__name__}: memory is given back ({before >> 20} MiB before, {peak[0] >> 20} at its peak, {after >> 20} after)", 60,
                          lambda: own_memory(agent) < before + NEAR)
        print(f"  {flood.__name__}: {before >> 20} MiB before, {peak[0] >> 20} at its peak, {after >> 20} after it, {own_memory(agent) >> 20} after {took:.0f} s more", flush=True)
        assert agent.request("GET", "/v1/kv/k7?raw")[0] == 200


def floods(options):
    """Each has a server of its own, since giving back takes 20 s."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8000)), hard))
    with ThreadPoolExecutor() as several:
        running = [several.submit(flood_one, options, flood) for flood in (gossip_flood, ping_flood, request_flood, http_flood)]
    for one in running:
        one.result()


def told_bound(options):
    """What strangers may make a server hold is a setting."""
    with Agent(options.binary, extra=["-hcl", "limits { rpc_max_held_bytes = 33554432 }"]) as agent:
        agent.start()
        before = own_memory(agent)
        # One request, larger than any of the strangers', which is not finished before they have been.
        value = random.randbytes(2 << 20)
        whole = b"\x00" + pack({"Seq": 1, "ServiceMethod": "Status.Ping"}) + pack({"Value": value})
        good = socket.create_connection(("127.0.0.1", agent.ports["server"]), timeout=patience(20))
        good.sendall(whole[:-1])
        sockets = half_requests(agent, "127.0.0.2")
        eventually("the largest go", 20, lambda: "from=127.0.0.2" in agent.log() and "closing a connection of the address that makes us hold the most" in agent.log())
        assert "of the address that makes us hold the most: from=127.0.0.1 " not in agent.log(), agent.log()
        assert own_memory(agent) < before + (80 << 20), own_memory(agent)
        good.sendall(whole[-1:])
        assert b"Status.Ping" in good.recv(4096), "who came from another address had to go"
        assert agent.request("PUT", "/v1/kv/k", "x")[0] == 200
        for s in [good, *sockets]:
            s.close()
    print("  32 MiB of half requests, then the largest of the address that has most are closed", flush=True)


def blocked_calls(port, first, connections_, streams):
    """Connections full of blocking queries, each on a stream and for a key of its own."""
    sockets = []
    for n in range(connections_):
        s = socket.create_connection(("127.0.0.1", port), timeout=patience(20), source_address=(f"127.0.0.{first}", 0))
        out = [b"\x04"]
        for i in range(streams):
            call = pack({"Seq": 1, "ServiceMethod": "KVS.Get"}) + pack(read(Key=f"{n}/{i}", MinQueryIndex=1 << 40, MaxQueryTime=600 * 10**9))
            out.append(frame(DATA, SYN, 2 * i + 1, len(call), call))
        try:
            s.sendall(b"".join(out))
        except OSError:
            pass  # shown the door
        sockets.append(s)
    return sockets


def blocked_bound(options):
    """Blocking queries and open streams count as what they take, however short they are."""
    with Agent(options.binary, extra=["-hcl", "limits { rpc_max_held_bytes = 33554432 }"]) as agent:
        agent.start()
        before = own_memory(agent)
        with Client(("127.0.0.1", agent.ports["server"]), source=("127.0.0.1", 0)) as good:
            crowd = blocked_calls(agent.ports["server"], 2, 12, 16000)
            eventually("the largest go", 30, lambda: "from=127.0.0.2" in agent.log() and "closing a connection of the address that makes us hold the most" in agent.log())
            time.sleep(1)
            grown = own_memory(agent) - before
            assert grown < 96 << 20, f"192,000 blocking queries made it grow by {grown >> 20} MiB, allowed are 32"
            good.call("Status.Ping", {})  # who came from another address has not had to go
            for s in crowd:
                s.close()
            streams = b"\x04" + b"".join(frame(WINDOW, SYN, 2 * i + 1, 0) for i in range(16000))
            crowd = connections(agent.ports["server"], 90, streams, source="127.0.0.3")
            eventually("the largest go", 30, lambda: "from=127.0.0.3" in agent.log())
            assert own_memory(agent) - before < 96 << 20, f"streams made it grow by {own_memory(agent) - before >> 20} MiB"
            good.call("Status.Ping", {})
            for s in crowd:
                s.close()
    print(f"  192,000 blocking queries by RPC: {grown >> 20} MiB more, the largest connections of the address that has most are closed", flush=True)


def little_address_space(options):
    with Agent(options.binary) as agent:
        agent.start_by("ulimit -v 1048576; {}")
        agent.start()
        for n in range(400):  # more than a map begins with
            status, _, text = agent.request("PUT", f"/v1/kv/k{n}", random.randbytes(400000))
            assert status == 200, (n, status, text)
        agent.kill()
        agent.start()
        assert len(agent.request("GET", "/v1/kv/k399?raw")[2]) == 400000
        print("  1 GB of addresses: starts, takes 160 MB, starts again", flush=True)


def test(options):
    for one in (floods, told_bound, blocked_bound, little_address_space):
        if options.only in one.__name__:
            one(options)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--only", default="")
    p.add_argument("--binary", default=default_binary())
    main(test, p.parse_args())
