"""Starts one agent of either kind (ours or the real Consul) as a durable single server with ports of its own."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import children  # noqa: E402
from patience import limit_time, patience  # noqa: E402,F401 (for those who include this)
from ports import free_ports  # noqa: E402

NODE_ID = "11111111-2222-3333-4444-555555555555"
PORT_NAMES = ("http", "dns", "server", "serf_lan", "serf_wan")


class Server:
    def __init__(self, binary, hcl="", node="conf"):
        self.binary = os.path.abspath(binary)
        self.node = node
        self.hcl = hcl
        self.folder = tempfile.mkdtemp(prefix="conformance-")
        self.ports = dict(zip(PORT_NAMES, free_ports(len(PORT_NAMES))))
        self.process = None
        try:
            self.start()
        except RuntimeError:
            self.stop()
            raise

    def known_ports(self):
        return self.ports

    def role(self):
        return ["-server", "-bootstrap-expect=1", f"-node-id={NODE_ID}"]

    def start(self):
        ports = " ".join(f"{name} = {port}" for name, port in self.ports.items())
        arguments = [
            self.binary, "agent", *self.role(), f"-data-dir={self.folder}/data",
            f"-node={self.node}", "-bind=127.0.0.1", "-client=127.0.0.1", "-log-level=err",
            "-hcl", "ports { " + ports + " }", "-hcl", "performance { raft_multiplier = 1 }",
        ]
        if self.hcl:
            arguments += ["-hcl", self.hcl]
        with open(f"{self.folder}/log", "ab") as log:
            # A group of its own, so that stop() also reaches what script checks started.
            self.process = children.start(arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        self.wait_ready()

    def wait_ready(self):
        deadline = time.monotonic() + patience(30, times=10)
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.binary} ended with {self.process.returncode}:\n{self.log()[-2000:]}")
            try:
                leader = json.loads(self.fetch("/v1/status/leader"))
                ready = json.loads(self.fetch("/v1/health/service/consul?passing"))
                if leader and ready and ready[0]["Node"]["TaggedAddresses"]:
                    time.sleep(0.5)  # the agent's first synchronisation may still write its own node
                    return
            except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        raise RuntimeError(f"{self.binary} was not ready within 30 s:\n{self.log()[-2000:]}")

    def fetch(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["http"], timeout=patience(5))
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def entered_as_usual(self):
        """The leader enters each node in the catalog, and then the agent changes its own entry. Under load an agent may be first; then nothing
        changes, and all ranks differ from those that were recorded."""
        try:
            return all(row["ModifyIndex"] > row["CreateIndex"] for row in json.loads(self.fetch("/v1/catalog/nodes")))
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
            return True  # what plays to it will tell

    def log(self):
        with open(f"{self.folder}/log", "rb") as log:
            return log.read().decode(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def started(make):
    """What make() starts, again where agent and leader entered it in the odd order."""
    for _ in range(5):
        server = make()
        if server.entered_as_usual():
            return server
        server.stop()
    return make()


class Client(Server):
    """A client agent of a server that nobody asks directly. Both are of the one binary, or the server of another."""

    def __init__(self, binary, hcl="", server_binary=None):
        self.behind = None
        self.behind = Server(server_binary or binary, hcl, node="conf-server")
        super().__init__(binary, hcl)

    def known_ports(self):
        return {**self.ports, **{"server's " + name: port for name, port in self.behind.ports.items()}}

    def role(self):
        return ["-node-id=22222222-3333-4444-5555-666666666666", f"-retry-join=127.0.0.1:{self.behind.ports['serf_lan']}", "-retry-interval=1s"]

    def wait_ready(self):
        deadline = time.monotonic() + patience(30, times=10)
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.binary} ended with {self.process.returncode}:\n{self.log()[-2000:]}")
            try:
                nodes = json.loads(self.fetch("/v1/health/node/" + self.node))
                row = json.loads(self.fetch("/v1/catalog/node/" + self.node))
                if nodes and row and row["Node"]["TaggedAddresses"]:
                    time.sleep(0.5)
                    return
            except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        raise RuntimeError(f"{self.binary} was not ready within 30 s:\n{self.log()[-2000:]}")

    def alive(self):
        return super().alive() and self.behind.alive()

    def stop(self):
        super().stop()
        if self.behind is not None:
            self.behind.stop()
