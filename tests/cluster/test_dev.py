#!/usr/bin/env python3
"""`agent -dev`, what README's first command starts: it leads at once, answers in every mode, and leaves nothing behind. And a pool that `cluster init`
sets up, whose service manager is told what it is to know."""
import os
import signal
import socket
import subprocess
import tempfile

from agent import Agent, default_binary, eventually, free_network, main, patience
from event_nodes import Node


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
        with Agent(dev=True) as second:  # README: it wants an address of its own
            second.ports = agent.ports
            second.start(wait=False)
            assert second.process.wait(20) == 1, second.log()
            assert "ddress already in use" in second.log() and "-bind and -client give this one addresses of its own" in second.log(), second.log()
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
        agent.json("PUT", "/v1/agent/service/register", {"Name": "loud"})
        eventually("the log tells of a service", 20, lambda: "loud" in agent.log())
        write('{"node_meta": {"rack": "2"}, "log_level": "err"}')
        assert agent.request("PUT", "/v1/agent/reload")[0] == 200
        assert agent.json("GET", "/v1/agent/self")["Meta"]["rack"] == "2"
        racks = lambda: [(n["Meta"] or {}).get("rack") for n in agent.json("GET", "/v1/catalog/nodes")]
        eventually("the catalog has the new metadata", 10, lambda: racks() == ["2"])
        agent.json("PUT", "/v1/agent/service/register", {"Name": "quiet"})
        eventually("the catalog has it", 20, lambda: "quiet" in agent.json("GET", "/v1/catalog/services"))
        assert "quiet" not in agent.log(), agent.log()


def secrets():
    """What stands in the configuration as a secret stands nowhere else."""
    with Agent() as agent:
        agent.extra += ["-retry-join=provider=aws region=here secret_access_key=S3CRET1", "-retry-join=token='S3CRET2 x'",
                        "-hcl=watches = [{ type = \"nodes\", handler_type = \"http\", http_handler_config { path = \"http://u:S3CRET3@127.0.0.1:1/\" } }]"]
        agent.start()
        eventually("the joins fail", 20, lambda: agent.log().count("couldn't join") >= 1)
        eventually("the watch's handler fails", 20, lambda: "Failed to invoke http watch handler" in agent.log())
        assert "region=here secret_access_key=hidden" in agent.log(), agent.log()
        for shown in (agent.log(), str(agent.json("GET", "/v1/agent/self")), str(agent.request("PUT", "/v1/agent/join/token=S3CRET4"))):
            assert "S3CRET" not in shown, [line for line in shown.splitlines() if "S3CRET" in line]


def closed_streams():
    """Who starts it has closed stdin, stdout and stderr: the numbers are not those of its files and sockets."""
    with Agent() as agent:
        agent.start_by("{} <&- >&- 2>&-")
        agent.start()
        streams = [os.readlink(f"/proc/{agent.process.pid}/fd/{n}") for n in range(3)]
        assert streams == ["/dev/null"] * 3, streams


def set_up():
    """A server and a client agent by nothing but what `cluster init` writes and prints."""
    network = free_network()

    def cluster(*words):
        r = subprocess.run([default_binary(), "cluster", *words], capture_output=True, text=True, timeout=patience(30))
        assert r.returncode == 0, (words, r.stdout, r.stderr)
        return [line.strip().split(" ") for line in r.stdout.splitlines() if line.startswith("    consul-actord ")]

    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(os.path.join(folder, "manager"))
        manager.settimeout(patience(60))
        nodes = [Node(folder, name, f"{network}.{n}") for n, name in ((1, "first"), (2, "second"))]
        own = [[f"-node={each.name}", f"-bind={each.ip}", f"-client={each.ip}", os.path.join(each.folder, "d")] for each in nodes]
        start, join = cluster("init", *own[0])
        starts = [start, *cluster(*join[2:], *own[1])]
        for node, words in zip(nodes, starts):
            node.command = ["env", f"NOTIFY_SOCKET={folder}/manager", default_binary(), *words[1:]]
        try:
            for node in nodes:
                node.start()
                assert manager.recv(200) == b"READY=1", node.name
                node.process.send_signal(signal.SIGHUP)  # at once: whoever is ready can be told to reload
                assert [manager.recv(200).split(b"\n")[0] for _ in range(2)] == [b"RELOADING=1", b"READY=1"], node.name
            for node in nodes:
                eventually(f"{node.name} sees both", 30, lambda node=node: sorted(m["Name"] for m in node.json("GET", "/v1/agent/members")) == ["first", "second"])
            assert nodes[1].json("GET", "/v1/agent/self")["Config"]["Server"] is False
            keys = [list(pool["Keys"].values()) for pool in nodes[0].json("GET", "/v1/operator/keyring") if not pool["WAN"]]
            assert keys == [[2]], f"both have the key: {keys}"
            nodes[0].process.send_signal(signal.SIGHUP)
            assert [manager.recv(200).split(b"\n")[0] for _ in range(2)] == [b"RELOADING=1", b"READY=1"]
            nodes[1].process.terminate()
            assert manager.recv(200) == b"STOPPING=1"
            nodes[1].process.wait(patience(30))
        finally:
            for node in nodes:
                node.stop()


def run():
    dev()
    reloads()
    secrets()
    closed_streams()
    set_up()


if __name__ == "__main__":
    main(run)
