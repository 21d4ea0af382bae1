#!/usr/bin/env python3
"""Who is told to leave while something of it hangs, its disk above all, leaves at once, and ends in bounded time with a line that says what it
waited for.   test_leaving.py [--only WORD]"""
import argparse
import base64
import http.client
import json
import os
import signal
import socket
import threading

from agent import Agent, default_binary, eventually, main, patience
from hanging_member import ALIVE, LEFT, Member, hanging_disk, status_at

KEY = base64.b64encode(bytes(32)).decode()


def put(agent, path, body, timeout):
    """The status of the answer; None where none comes in time."""
    try:
        return agent.request("PUT", path, json.dumps(body), timeout=timeout)[0]
    except (OSError, http.client.HTTPException):
        return None


def in_background(*args):
    threading.Thread(target=put, args=args, daemon=True).start()


def ended(agent, codes, words):
    """It has, with one of these exit codes, and such words in its log."""
    assert agent.process.wait(patience(60)) in codes, agent.log()
    for word in words:
        assert word in agent.log(), f"{word!r} is missing: {agent.log()}"


def ready(server, member):
    member.start()
    eventually("the member is there", 20, lambda: status_at(server) == ALIVE)
    eventually("it keeps a registration", 20, lambda: put(member, "/v1/agent/service/register", {"Name": "before"}, 10) == 200)


def hang(member):
    member.hang()
    assert put(member, "/v1/agent/service/register", {"Name": "web"}, 1) is None, "the disk does not hang"


def disk(server):
    ways = {"SIGTERM": lambda m: m.process.send_signal(signal.SIGTERM), "SIGINT": lambda m: m.process.send_signal(signal.SIGINT),
            "/v1/agent/leave": lambda m: in_background(m, "/v1/agent/leave", None, 60)}
    for way, tell in ways.items():
        with Member(default_binary(), server, KEY) as member:
            ready(server, member)
            hang(member)
            tell(member)
            eventually(f"{way}: the others see that it left", 30, lambda: status_at(server) == LEFT)
            ended(member, {0}, ["ending without waiting any longer: ", "the agent", f"waits for the disk: {member.data_dir}/"])
            assert status_at(server) == LEFT
            print(f"  {way}: " + [line for line in member.log().splitlines() if "for the disk" in line][0].strip(), flush=True)


def disk_comes_back(server):
    """In time, and what was being kept is kept."""
    with Member(default_binary(), server, KEY) as member:
        ready(server, member)
        hang(member)
        member.process.send_signal(signal.SIGTERM)
        eventually("the others see that it left", 30, lambda: status_at(server) == LEFT)
        os.unlink(member.trigger)
        ended(member, {0}, ["shutdown complete"])
        assert "ending without waiting" not in member.log(), member.log()
        member.start()
        eventually("both are there again", 30, lambda: {"before", "web"} <= set(member.json("GET", "/v1/agent/services")))


def second_signal(server):
    with Member(default_binary(), server, KEY) as member:
        ready(server, member)
        hang(member)
        member.process.send_signal(signal.SIGTERM)
        eventually("the others see that it left", 30, lambda: status_at(server) == LEFT)
        member.process.send_signal(signal.SIGTERM)  # while it gives the news time to spread, or waits for the disk
        ended(member, {0, 1}, ["ending without waiting any longer: "])


def log_of_a_server(server):
    """Its Raft log's disk hangs; a client of it sees it leave."""
    with Agent(extra=[f"-encrypt={KEY}"]) as lone:
        trigger, lone.environment = hanging_disk(lone.folder, lone.data_dir)
        lone.start()
        with Member(default_binary(), lone, KEY) as member:
            member.start()
            eventually("the member sees the server", 20, lambda: status_at(member, "n1") == ALIVE)
            open(trigger, "w").close()
            assert put(lone, "/v1/kv/k", "v", 1) is None, "the disk does not hang"
            in_background(lone, "/v1/agent/leave", None, 60)
            eventually("the others see that it left", 30, lambda: status_at(member, "n1") == LEFT)
            ended(lone, {0}, ["ending without waiting any longer: ", f"waits for the disk: {lone.data_dir}/"])


def all_else(server):
    """A script that ignores signals, checks that nobody answers, clients that neither read nor finish: none of them holds up the end."""
    deaf = socket.socket()
    deaf.bind(("127.0.0.1", 0))
    deaf.listen(16)
    address = f"127.0.0.1:{deaf.getsockname()[1]}"
    checks = {"script": {"Args": ["/bin/sh", "-c", "trap '' TERM INT HUP; while :; do sleep 1; done"]}, "http": {"HTTP": f"http://{address}/"},
              "named": {"HTTP": "http://nowhere.invalid:1/"}, "grpc": {"GRPC": address}}
    with Member(default_binary(), server, KEY, ["-hcl", f'enable_script_checks = true recursors = ["{address}"]']) as member:
        ready(server, member)
        for name, how in checks.items():
            check = {"Name": name, "Interval": "1s", "Timeout": "60s", **how}
            eventually(f"the check {name} is there", 20, lambda: put(member, "/v1/agent/check/register", check, 10) == 200)
        held = []
        for port, data in (("http", b"GET /v1/agent/monitor?loglevel=trace HTTP/1.1\r\nHost: x\r\n\r\n"), ("http", b"PUT /v1/kv/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"),
                           ("http", b"GET /v1/catalog/services?index=1000000&wait=10m HTTP/1.1\r\nHost: x\r\n\r\n"), ("dns", b"\0\x20half"),
                           ("dns", b"\0\x1d\0\1\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1"), ("serf_lan", b"\2half")):
            s = socket.create_connection(("127.0.0.1", member.ports[port]), timeout=patience(10))
            s.sendall(data)
            held.append(s)
        member.process.send_signal(signal.SIGTERM)
        eventually("the others see that it left", 30, lambda: status_at(server) == LEFT)
        ended(member, {0}, ["shutdown complete"])
        assert "ending without waiting" not in member.log(), member.log()


def test(options):
    with Agent(options.binary, extra=[f"-encrypt={KEY}"]) as server:
        server.start()
        for one in (disk, disk_comes_back, second_signal, log_of_a_server, all_else):
            if options.only in one.__name__:
                one(server)
                print(f"  {one.__name__}: done", flush=True)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--binary", default=default_binary())
    p.add_argument("--only", default="")
    main(test, p.parse_args())
