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
        for kind in (signal.SIGUSR1, signal.SIGUSR2):
            agent.process.send_signal(kind)
        eventually("SIGUSR1 tells the metrics", 5, lambda: "[G] '" in agent.log() and ".runtime.alloc_bytes'" in agent.log())
        folder = folder_of(agent.process)
        assert os.path.isdir(folder), folder
        agent.process.send_signal(signal.SIGINT)
        agent.process.wait(20)
        assert not os.path.exists(folder), folder


def reloads():
    """What a reload changes beside services and checks: metadata of the node, the log's level."""
    with Agent() as agent:
        path = os.path.join(agent.folder, "more.json")  # JSON in a file that is said to be HCL, too
        def write(text):
            with open(path, "w") as f:
                f.write(text)
        write('{"node_meta": {"rack": "1"}, "log_level": "info"}')
        agent.extra += [f"-config-file={path}", "-config-format=hcl"]
        agent.start()
        assert agent.json("GET", "/v1/agent/self")["Meta"]["rack"] == "1"
        write('{"node_meta": {"rack": "2"}, "log_level": "err"}')
        assert agent.request("PUT", "/v1/agent/reload")[0] == 200
        assert agent.json("GET", "/v1/agent/self")["Meta"]["rack"] == "2"
        racks = lambda: [(n["Meta"] or {}).get("rack") for n in agent.json("GET", "/v1/catalog/nodes")]
        eventually("the catalog has the new metadata", 10, lambda: racks() == ["2"])
        before = len(agent.log())
        agent.json("PUT", "/v1/agent/service/register", {"Name": "quiet"})
        assert "[INFO]" not in agent.log()[before:], agent.log()[before:]


def run():
    dev()
    reloads()


main(run)
