#!/usr/bin/env python3
"""Connections of which one half is closed, or slow: whoever says that it will ask no more still reads its answers, all of them and however
slowly, and then the server lets go of the connection.   test_halves.py"""
import os
import signal
import socket
import struct
import time

from agent import Agent, eventually, main, patience
from rpc import Client, pack, read

BLOCKED = 2  # seconds


def call(seq, method, arguments):
    return pack({"Seq": seq, "ServiceMethod": method}) + pack(arguments)


def until_end(s, seconds):
    """All that comes before the server closes."""
    s.settimeout(patience(seconds))
    out = b""
    while data := s.recv(1 << 16):
        out += data
    return out


def asked_and_finished(port, data):
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    return s


def rpc_halves(agent):
    port = agent.ports["server"]
    with Client(("127.0.0.1", port)) as c:
        c.call("KVS.Apply", {"Datacenter": "dc1", "DirEnt": {"Key": "k", "Value": b"1"}, "Op": "set"})
        index = c.call("KVS.Get", read(Key="k"))["Index"]
    blocked = read(Key="k", MinQueryIndex=index, MaxQueryTime=BLOCKED * 10**9)
    began = time.monotonic()
    got = until_end(asked_and_finished(port, b"\0" + call(1, "KVS.Get", blocked)), 30)
    assert got.count(b"ServiceMethod") == 1 and time.monotonic() - began > BLOCKED * 0.9, got
    three = b"".join(call(n, "KVS.Get", blocked if n == 2 else read(Key="k")) for n in (1, 2, 3))
    got = until_end(asked_and_finished(port, b"\0" + three), 30)
    assert got.count(b"ServiceMethod") == 3, got
    assert until_end(asked_and_finished(port, b"\0" + call(1, "Status.Ping", {})[:-5]), 30) == b""  # half a request
    assert until_end(asked_and_finished(port, b"\4"), 30) == b""


def slow_reader(agent):
    """Twelve megabytes for who takes three seconds and more to read them, and asks no more meanwhile."""
    for n in range(24):
        assert agent.request("PUT", f"/v1/kv/large/{n}", body=os.urandom(500_000))[0] == 200
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
    s.connect(("127.0.0.1", agent.ports["server"]))
    s.sendall(b"\0" + call(1, "KVS.List", read(Key="large/")))
    s.shutdown(socket.SHUT_WR)
    s.settimeout(patience(30))
    size, began = 0, time.monotonic()
    while data := s.recv(64 << 10):
        size += len(data)
        if time.monotonic() - began < 3.5:
            time.sleep(0.02)
    assert size > 24 * 500_000, f"{size} bytes came"


def http_halves(agent):
    port = agent.ports["http"]
    request = b"GET /v1/kv/k?raw HTTP/1.1\r\nHost: a\r\n\r\n"
    put = b"PUT /v1/kv/h HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1"
    got = until_end(asked_and_finished(port, (request + put) * 20), 30)
    assert got.count(b"HTTP/1.1 200 OK") == 40, got
    listeners = [asked_and_finished(port, b"GET /v1/agent/monitor HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(64)]
    for s in listeners:
        until_end(s, 30)
    eventually("others may listen to the log", 20, agent.may_listen)


def dns_halves(agent):
    name = b"".join(bytes([len(p)]) + p for p in b"consul.service.consul".split(b".")) + b"\0"
    question = b"\1\2\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1"
    got = until_end(asked_and_finished(agent.ports["dns"], (struct.pack(">H", len(question)) + question) * 50), 30)
    answers = 0
    while got:
        length = struct.unpack(">H", got[:2])[0]
        assert len(got) >= 2 + length and got[2:4] == b"\1\2", got[:20]
        got, answers = got[2 + length:], answers + 1
    assert answers == 50, answers


def unread_log():
    """Who reads standard output and error stands still: clients and signals are answered, and the end comes."""
    with Agent() as agent:
        pipe, script = os.path.join(agent.folder, "pipe"), os.path.join(agent.folder, "piped")
        os.mkfifo(pipe)
        reader, seen = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), b""
        with open(script, "w") as f:
            f.write(f'#!/bin/sh\nexec {agent.binary} "$@" >{pipe} 2>&1\n')
        os.chmod(script, 0o755)
        agent.binary = script
        agent.start()

        def logs_much(lines):
            c = agent.connection()
            for _ in range(lines):
                c.request("PUT", "/v1/kv/a?flags=" + "x" * 7000)
                r = c.getresponse()
                assert r.status == 500 and r.read(), r.status
            c.close()

        def told():
            nonlocal seen
            try:
                while data := os.read(reader, 1 << 16):
                    seen = seen[-200:] + data
                    if b"lines of the log were dropped" in seen:
                        return True
            except BlockingIOError:
                return False

        logs_much(800)  # nearly 6 MB
        agent.process.send_signal(signal.SIGUSR1)
        assert agent.request("PUT", "/v1/kv/a", body="1")[2].strip() == b"true"
        assert agent.request("GET", "/v1/kv/a?raw")[2] == b"1"
        eventually("who reads on is told of the lines that are missing", 20, told)
        logs_much(100)
        agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(patience(30)) == 1
        os.close(reader)


def run():
    with Agent() as agent:
        agent.start()
        rpc_halves(agent)
        slow_reader(agent)
        http_halves(agent)
        dns_halves(agent)
        assert until_end(asked_and_finished(agent.ports["serf_lan"], b"\6\x81"), 30) == b""  # half of a message
        assert agent.process.poll() is None
    unread_log()


if __name__ == "__main__":
    main(run)
