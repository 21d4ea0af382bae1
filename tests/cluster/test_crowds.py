#!/usr/bin/env python3
"""Strangers who connect as fast as they can, to each port that takes connections, and say a byte or nothing: the agent keeps few of them, whatever
comes, and goes on serving others.   test_crowds.py"""
import multiprocessing
import os
import socket
import time

from agent import Agent, children, eventually, main

SECONDS, MOST = 4, 8000  # descriptors; the crowd keeps 800 open, and a busy agent sees late that others are closed


def connecting(port, stop, net, first, made):
    """From many addresses; some of the connections stay open."""
    kept = []
    while not stop.is_set():
        try:
            s = socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(f"127.0.{net}.{1 + made.value % 250}", 0))
            s.sendall(first)
            made.value += 1
        except OSError:
            continue
        if made.value % 5 == 0:
            kept = kept[-400:] + [s]
        else:
            s.close()


def descriptors(agent):
    return len(os.listdir(f"/proc/{agent.process.pid}/fd"))


def crowd(agent, what, port, first):
    stop, made = multiprocessing.Event(), [multiprocessing.Value("l", 0) for _ in range(2)]
    crowds = [children.fork(connecting, (port, stop, 2 + n, first, made[n])) for n in range(2)]
    for c in crowds:
        c.start()
    most, asked, until = 0, 0, time.monotonic() + SECONDS
    while time.monotonic() < until:
        most = max(most, descriptors(agent))
        asked += 1
        value = f"{what} {asked}".encode()
        status, _, answer = agent.request("PUT", "/v1/kv/beside", body=value, timeout=30)
        assert status == 200 and answer.strip() == b"true", (status, answer)
        status, _, found = agent.request("GET", "/v1/kv/beside?raw", timeout=30)
        assert status == 200 and found == value, (status, found)
        time.sleep(0.02)
    stop.set()
    for c in crowds:
        c.join(20)
    print(f"  {what}: {sum(m.value for m in made)} connections, {most} descriptors at most", flush=True)
    assert most < MOST, f"{what}: {most} descriptors"
    eventually(f"{what}: the connections are gone", 60, lambda: descriptors(agent) < 200)


def run():
    with Agent() as agent:
        agent.start()
        crowd(agent, "server port, as a server", agent.ports["server"], b"\xac")
        crowd(agent, "server port, silent", agent.ports["server"], b"")
        crowd(agent, "gossip", agent.ports["serf_lan"], b"")
        crowd(agent, "gossip of servers", agent.ports["serf_wan"], b"\xff")
        crowd(agent, "HTTP", agent.ports["http"], b"GET")
        crowd(agent, "DNS", agent.ports["dns"], b"\0")
        _, _, written = agent.request("GET", "/v1/kv/beside?raw")
        agent.kill()
        agent.start()
        assert agent.request("GET", "/v1/kv/beside?raw")[2] == written, "what was written beside the crowds is gone"


if __name__ == "__main__":
    main(run)
