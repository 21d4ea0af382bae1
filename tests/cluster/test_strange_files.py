#!/usr/bin/env python3
"""A folder, a named pipe, a socket or a device in the place of each file of a data directory, of a server's and of a client agent's: the
start ends with an error that names it, or all is there; it never hangs and never goes on with less.   test_strange_files.py [--only WORD]"""
import argparse
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

from agent import Agent, children, default_binary, eventually, free_ports, main, patience


class One(Agent):
    """A server, or a client agent of nobody."""

    def __init__(self, binary, server):
        super().__init__(binary, extra=[] if server else ["-retry-join=127.0.0.1:1"])
        self.server = server
        if not server:
            self.ports = dict(zip(("http", "serf_lan"), free_ports(2)))

    def start(self, wait=True):
        if self.server:
            return super().start(wait)
        ports = " ".join(f"{k} = {v}" for k, v in self.ports.items())
        command = [self.binary, "agent", "-node=n1", "-bind=127.0.0.1", f"-data-dir={self.data_dir}", "-hcl", f"ports {{ {ports} dns = -1 }}"]
        with open(self.log_path, "ab") as log:
            self.process = children.start(command + self.extra, stdout=log, stderr=subprocess.STDOUT)
        if wait:
            eventually("the client answers", 20, lambda: self.request("GET", "/v1/agent/services")[0] == 200)
        return self

    def whole(self, without=""):
        """What was registered and written is there. A TTL check whose state cannot be read waits for the next update, and the log says so."""
        if sorted(self.json("GET", "/v1/agent/services")) != ["s1", "s2"]:
            return False
        checks = self.json("GET", "/v1/agent/checks")
        if (checks["service:s1"]["Status"], checks["service:s1"]["Output"]) != ("passing", "fine"):
            return without.startswith("checks/state/") and "failed restoring state for check" in self.log() and without in self.log()
        return not self.server or self.request("GET", "/v1/kv/a?raw")[2] == b"here"


def make_folder(path):
    os.mkdir(path)


def make_device(path):
    os.symlink("/dev/zero", path)


def make_socket(path):
    here = os.getcwd()
    os.chdir(os.path.dirname(path))  # the names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(os.path.basename(path))
    finally:
        os.chdir(here)


KINDS = {"folder": make_folder, "pipe": os.mkfifo, "socket": make_socket, "device": make_device}


def fill(agent):
    agent.start()
    for name in ("s1", "s2"):
        assert agent.request("PUT", "/v1/agent/service/register", json.dumps({"Name": name, "Check": {"TTL": "1h"}}))[0] == 200
    assert agent.request("PUT", "/v1/agent/check/pass/service:s1?note=fine")[0] == 200
    if agent.server:
        assert agent.request("PUT", "/v1/kv/a", "here")[0] == 200
    eventually("the files are written", 20, lambda: len(os.listdir(agent.data_dir + "/checks/state")) >= 1 and len(os.listdir(agent.data_dir + "/services")) == 2)
    agent.kill()


def files_of(folder):
    for where, _, names in os.walk(folder):
        for name in sorted(names):
            yield os.path.relpath(os.path.join(where, name), folder)


def attempt(agent, what):
    """One start. "whole" or "refused"; anything else is a failure."""
    if os.path.exists(agent.log_path):
        os.unlink(agent.log_path)
    agent.start(wait=False)
    deadline = time.monotonic() + patience(30)
    while time.monotonic() < deadline:
        if agent.process.poll() is not None:
            log = agent.log()
            assert agent.process.returncode == 1 and what in log, f"{what}: exit {agent.process.returncode}\n{log}"
            return "refused"
        try:
            if agent.whole(what):
                agent.kill()
                return "whole"
        except (OSError, AssertionError):
            pass
        time.sleep(0.02)
    raise AssertionError(f"{what}: neither ends nor has all\n{agent.log()}")


def strange(binary, server):
    with One(binary, server) as agent:
        fill(agent)
        kept = agent.data_dir + ".kept"
        os.rename(agent.data_dir, kept)
        counts = {"whole": 0, "refused": 0}
        for path in files_of(kept):
            for kind, make in KINDS.items():
                shutil.rmtree(agent.data_dir, ignore_errors=True)
                shutil.copytree(kept, agent.data_dir)
                os.unlink(os.path.join(agent.data_dir, path))
                make(os.path.join(agent.data_dir, path))
                try:
                    counts[attempt(agent, path)] += 1
                except AssertionError as e:
                    raise AssertionError(f"a {kind} as {path}: {e}") from e
        # What a crash may leave of a file that was to take another's place, all at once.
        shutil.rmtree(agent.data_dir)
        shutil.copytree(kept, agent.data_dir)
        for path in list(files_of(kept)):
            if not path.endswith((".mdb", ".lock")):
                os.mkfifo(os.path.join(agent.data_dir, path + ".tmp"))
        for name in ("agent-file.tmp", "agent-journal.tmp", *(("state/snapshot.tmp", "state/data.mdb.tmp") if server else ())):
            os.mkfifo(os.path.join(agent.data_dir, name))
        assert attempt(agent, "no file at all") == "whole"
        print(f"  {'server' if server else 'client'}: {sum(counts.values())} starts, {counts}", flush=True)


def pipes_as_configuration(binary):
    """A pipe is read once: a reload goes on with what it gave."""
    with tempfile.TemporaryDirectory() as folder:
        pipe, other = os.path.join(folder, "first.hcl"), os.path.join(folder, "second.hcl")
        os.mkfifo(pipe)
        with open(other, "w") as f:
            f.write('service { name = "before" }')
        with Agent(binary, extra=[f"-config-file={pipe}", f"-config-file={other}"]) as agent:
            agent.start(wait=False)
            with open(pipe, "w") as f:
                f.write('service { name = "piped" }')
            agent.wait_ready()
            with open(other, "w") as f:
                f.write('service { name = "after" }')
            assert agent.request("PUT", "/v1/agent/reload")[0] == 200
            assert sorted(agent.json("GET", "/v1/agent/services")) == ["after", "piped"]


def test(options):
    for name, one in (("server", lambda: strange(options.binary, True)), ("client", lambda: strange(options.binary, False)),
                      ("pipes", lambda: pipes_as_configuration(options.binary))):
        if options.only in name:
            one()


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--binary", default=default_binary())
    p.add_argument("--only", default="")
    main(test, p.parse_args())
