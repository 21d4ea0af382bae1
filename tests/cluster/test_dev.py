#!/usr/bin/env python3
"""`agent -dev`, what README's first command starts: it leads at once, answers in every mode, and leaves nothing behind."""
import os
import signal
import tempfile

from agent import Agent, eventually, main


def folder_of(process):
    root = "/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir()
    return f"{root}/consul-actord-dev-{process.pid}"


def dev():
    with Agent(dev=True) as agent:
        agent.start()
        assert agent.request("PUT", "/v1/kv/a", body="1")[2].strip() == b"true"
        for mode in ("", "&stale", "&consistent"):
            status, _, body = agent.request("GET", f"/v1/kv/a?raw{mode}")
            assert (status, body) == (200, b"1"), (mode, status, body)
        assert agent.json("PUT", "/v1/agent/service/register", {"Name": "web", "Port": 80}) is None
        eventually("the service is in the catalog", 10, lambda: [n["ServicePort"] for n in agent.json("GET", "/v1/catalog/service/web?stale")] == [80])
        lines = agent.cli("operator", "raft", "list-peers").splitlines()
        assert len(lines) == 2 and lines[1].split()[3:5] == ["leader", "true"], lines
        assert agent.json("GET", "/v1/agent/self")["DebugConfig"]["DevMode"] is True
        folder = folder_of(agent.process)
        assert os.path.isdir(folder), folder
        agent.process.send_signal(signal.SIGINT)
        agent.process.wait(20)
        assert not os.path.exists(folder), folder


main(dev)
