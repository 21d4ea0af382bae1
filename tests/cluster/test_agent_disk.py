#!/usr/bin/env python3
"""A client agent whose disk is full, whose files cannot be read, are damaged, or that is killed: what it acknowledged is kept or it says what is
not, and what it cannot read it does not tell the catalog to be gone.   test_agent_disk.py [--only WORD]"""
import argparse
import glob
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from agent import Agent, Http, children, default_binary, eventually, free_ports, main, patience, skip
from small_disk import small_disk

PLAIN_USER = 65534  # nobody


class Client(Http):
    """A client agent of one server; as a plain user, whom modes of files concern."""
    name = "c1"

    def __init__(self, binary, server, folder):
        self.binary, self.server, self.folder = binary, server, folder
        self.data_dir, self.log_path = os.path.join(folder, "data"), os.path.join(folder, "log")
        self.ports = dict(zip(("http", "serf_lan"), free_ports(2)))
        self.process = None

    def start(self, wait=True):
        ports = " ".join(f"{k} = {v}" for k, v in self.ports.items())
        command = [self.binary, "agent", "-node=c1", "-bind=127.0.0.1", f"-data-dir={self.data_dir}", f"-retry-join=127.0.0.1:{self.server.ports['serf_lan']}",
                   "-retry-interval=1s", "-hcl", f"ports {{ {ports} dns = -1 server = {self.server.ports['server']} }}"]
        if os.geteuid() == 0:
            os.chown(self.folder, PLAIN_USER, PLAIN_USER)
            # Another user's process does not keep the signal that children.py asks for.
            command = ["setpriv", f"--reuid={PLAIN_USER}", f"--regid={PLAIN_USER}", "--clear-groups", "--pdeathsig=KILL", *command]
        with open(self.log_path, "wb") as log:
            self.process = children.start(command, stdout=log, stderr=subprocess.STDOUT)
        if wait:
            eventually("the client answers", 20, lambda: self.request("GET", "/v1/agent/services")[0] == 200)
        return self

    def stop(self, sig=signal.SIGINT):
        self.process.send_signal(sig)
        return self.process.wait(30)

    def connection(self, timeout=10):
        return http.client.HTTPConnection("127.0.0.1", self.ports["http"], timeout=patience(timeout))

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def put(self, path, body=None):
        return self.request("PUT", path, None if body is None else json.dumps(body))[0]

    def register(self, name):
        return self.put("/v1/agent/service/register", {"Name": name, "Check": {"TTL": "1h"}})

    def services(self):
        return sorted(self.json("GET", "/v1/agent/services"))

    def in_catalog(self):
        node = self.server.json("GET", "/v1/catalog/node/c1")
        return sorted(node["Services"]) if node else None


FIVE = [f"s{n}" for n in range(5)]


def filled(client):
    client.start()
    for name in FIVE:
        assert client.register(name) == 200
        assert client.put(f"/v1/agent/check/pass/service:{name}?note=fine") == 200
    eventually("the catalog has all", 20, lambda: client.in_catalog() == FIVE)


def unchanged(client, services=FIVE):
    """The agent knows them, and so does the catalog, also after a comparison of both."""
    assert client.services() == services, client.services()
    eventually("the catalog has all", 20, lambda: client.in_catalog() == services)
    time.sleep(0.5)
    assert client.in_catalog() == services, client.in_catalog()


def settled(client):
    """Its files are written when registrations pause; what stands in the journal counts more than they do."""
    def journal_is_empty():
        return all(not any(open(path, "rb").read()[4096:]) for path in glob.glob(f"{client.data_dir}/agent-journal.*"))
    eventually("the files are written", 20, lambda: len(glob.glob(f"{client.data_dir}/services/*")) == 5 and journal_is_empty())


def fill_disk(folder, leave, name="ballast"):
    path = os.path.join(folder, name)
    with open(path, "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 65536)
        except OSError:
            pass
        f.truncate(max(0, os.path.getsize(path) - leave))
    return path


def test_full_disk(client, binary):
    if os.geteuid() != 0:
        return skip("full disk: mounting a small file system takes root")
    with small_disk(client.folder, "12m") as mounted:
        assert mounted
        filled(client)
        client.stop()
        # Less than a journal usually takes.
        ballast = fill_disk(client.folder, 1 << 20)
        client.start()
        unchanged(client)
        assert client.register("small") == 200
        client.stop(signal.SIGKILL)
        client.start()
        unchanged(client, FIVE + ["small"])
        assert client.put("/v1/agent/service/deregister/small") == 200
        client.stop()
        os.unlink(ballast)
        # Nothing at all.
        ballast = fill_disk(client.folder, 0)
        client.start()
        unchanged(client)
        assert "no space left on device" in client.log(), client.log()
        for path, body in (("/v1/agent/service/register", {"Name": "new"}), ("/v1/agent/check/register", {"Name": "new", "TTL": "1h"}),
                           ("/v1/agent/service/deregister/s1", None), ("/v1/agent/check/deregister/service:s1", None),
                           ("/v1/agent/check/fail/service:s1", None), ("/v1/agent/service/maintenance/s1?enable=true", None)):
            assert client.put(path, body) == 500, path
        unchanged(client)
        os.unlink(ballast)
        eventually("registrations are taken again", 20, lambda: client.register("new") == 200)
        assert client.put("/v1/agent/service/deregister/s1") == 200
        client.stop(signal.SIGKILL)
        client.start()
        unchanged(client, ["new"] + [s for s in FIVE if s != "s1"])
        client.stop(signal.SIGKILL)


def test_unreadable(client, binary):
    filled(client)
    client.stop(signal.SIGKILL)
    data = client.data_dir

    def refused(path, mode, words):
        was = os.stat(path).st_mode & 0o777
        os.chmod(path, mode)
        client.start(wait=False)
        code = client.process.wait(30)
        os.chmod(path, was)
        log = client.log()
        assert code == 1 and words in log and path in log, (code, log[-2000:])
    client.start()
    settled(client)
    assert client.register("last") == 200
    client.stop(signal.SIGKILL)
    refused(f"{data}/services", 0, f'Failed reading services dir "{data}/services": open {data}/services: permission denied')
    file = sorted(glob.glob(f"{data}/services/*"))[0]
    refused(file, 0, f'failed reading service file "{file}": open {file}: permission denied')
    refused(f"{data}/checks", 0, f'Failed reading checks dir "{data}/checks": open {data}/checks: permission denied')
    file = [f for f in sorted(glob.glob(f"{data}/checks/*")) if os.path.isfile(f)][0]
    refused(file, 0, f'failed reading check file "{file}": open {file}: permission denied')
    journal = glob.glob(f"{data}/agent-journal.*")
    assert len(journal) == 1, journal
    refused(journal[0], 0, f"open {journal[0]}: permission denied")
    refused(f"{data}/serf/local.snapshot", 0, "Failed to setup snapshot")
    refused(f"{data}/node-id", 0, "failed to setup node ID")
    client.start()
    unchanged(client, ["last"] + FIVE)
    client.stop()


def test_unusable(client, binary):
    """A file that does not parse: the service is not there, as with Consul, but the catalog keeps what it has of it."""
    filled(client)
    settled(client)
    client.stop(signal.SIGKILL)  # so that it does not leave
    for path in glob.glob(f"{client.data_dir}/services/*"):
        with open(path) as f:
            if json.load(f)["Service"]["ID"] == "s2":
                damaged = path
    with open(damaged, "w") as f:
        f.write('{"Token":')
    client.start()
    assert client.services() == [s for s in FIVE if s != "s2"]
    eventually("the client has compared with the catalog", 20, lambda: client.put("/v1/agent/service/register", {"Name": "seen"}) == 200 and "seen" in client.in_catalog())
    time.sleep(4)  # a comparison comes within 3 s of the servers' coming
    assert client.in_catalog() == sorted(FIVE + ["seen"]), client.in_catalog()
    assert f"Failed decoding service file" in client.log() and damaged in client.log()
    assert client.register("s2") == 200
    assert client.put("/v1/agent/service/deregister/s2") == 200
    eventually("it is gone once somebody said so", 20, lambda: "s2" not in client.in_catalog())
    client.stop()


def test_killed(client, binary):
    """SIGKILL right behind the answer to a TTL update."""
    client.start()
    assert client.register("web") == 200
    for round in range(12):
        assert client.put(f"/v1/agent/check/{'warn' if round % 2 else 'pass'}/service:web?note=round{round}") == 200
        client.stop(signal.SIGKILL)
        client.start()
        check = client.json("GET", "/v1/agent/checks")["service:web"]
        assert (check["Status"], check["Output"]) == ("warning" if round % 2 else "passing", f"round{round}"), (round, check)
    client.stop()


def test_damaged_journal(client, binary):
    client.start()
    c = client.connection()
    for n in range(20):
        c.request("PUT", "/v1/agent/service/register", json.dumps({"Name": f"d{n:02}"}))
        r = c.getresponse()
        r.read()
        assert r.status == 200
    eventually("the catalog has them", 20, lambda: "d19" in client.in_catalog())
    client.stop(signal.SIGKILL)
    (path,) = glob.glob(f"{client.data_dir}/agent-journal.*")
    with open(path, "r+b") as f:
        text = f.read()
        at = text.find(b'"d10"')
        assert at > 0, "the files were written before the kill"
        f.seek(at + 1)
        f.write(b"D")
        text = text[:at + 1] + b"D" + text[at + 2:]
    shutil.rmtree(f"{client.data_dir}/services", ignore_errors=True)  # whether it was written already is chance
    client.start()
    assert client.services() == [f"d{n:02}" for n in range(20) if n != 10], client.services()
    assert "The registration journal is damaged" in client.log() and "records_recovered_behind=9" in client.log(), client.log()
    aside = eventually("the damaged file is kept aside", 20, lambda: glob.glob(f"{client.data_dir}/agent-journal.damaged-*"))
    assert client.put("/v1/agent/service/deregister/d11") == 200
    eventually("what is taken back here leaves the catalog", 20, lambda: "d11" not in client.in_catalog())
    time.sleep(4)  # a comparison comes within 3 s of the servers' coming
    assert "d10" in client.in_catalog(), "the catalog's copy of what the journal lost was removed"
    (aside,) = glob.glob(f"{client.data_dir}/agent-journal.damaged-*")
    with open(aside, "rb") as f:
        assert f.read() == text
    client.stop()


def test_node_id(client, binary):
    client.start()
    assert os.stat(f"{client.data_dir}/serf").st_mode & 0o777 == 0o700
    client.stop()
    open(f"{client.data_dir}/node-id", "w").close()
    client.start()
    with open(f"{client.data_dir}/node-id") as f:
        assert len(f.read()) == 36
    assert "The node ID file is empty" in client.log()
    client.stop()


def test_server_folders(client, binary):
    for name in ("raft", "state", "serf"):
        assert os.stat(f"{client.server.data_dir}/{name}").st_mode & 0o777 == 0o700, name


def test_server_id(client, binary):
    """A server without its id has another one's log, as far as the others know; alone it would never lead again."""
    server = client.server
    path = f"{server.data_dir}/node-id"
    with open(path) as f:
        identity = f.read()
    assert server.request("PUT", "/v1/kv/a", "here")[0] == 200
    server.kill(signal.SIGTERM)
    for loss in (lambda: os.unlink(path), lambda: open(path, "w").close()):
        loss()
        server.start()
        with open(path) as f:
            assert f.read() == identity
        assert "the ID by which the Raft log knows this server was put back" in server.log(), server.log()
        assert server.request("GET", "/v1/kv/a?raw")[2] == b"here"
        server.kill(signal.SIGTERM)
    # Neither the id nor who the members are.
    open(path, "w").close()
    os.rename(f"{server.data_dir}/raft/vote", f"{server.data_dir}/raft/vote.gone")
    server.start(wait=False)
    assert server.process.wait(30) == 1 and "node-id is invalid" in server.log(), server.log()
    os.rename(f"{server.data_dir}/raft/vote.gone", f"{server.data_dir}/raft/vote")
    server.start()


def test_full_disk_server(client, binary):
    """It starts, leads, shows what it has, refuses what it cannot keep, and takes it once there is room. What it can keep all the same, in room
    that its files have, it may take: that is there after the next kill."""
    if os.geteuid() != 0:
        return skip("full disk: mounting a small file system takes root")
    with small_disk(client.folder, "24m") as mounted, Agent(binary) as server:
        assert mounted

        def put(path, body, expected, timeout=20):
            status, _, text = server.request("PUT", path, body, timeout=timeout)
            assert status in expected, f"PUT {path}: {status} {text!r}\n{server.log()}"
            return status

        def shows(path="/v1/kv/k7?raw", value=b"here"):
            status, _, text = server.request("GET", path)
            assert (status, text) == (200, value), f"GET {path}: {status} {text!r}\n{server.log()}"

        def has(path, names):
            there = server.json("GET", path)
            assert not set(names) - set(there), f"{path} has {sorted(there)}, not all of {names}\n{server.log()}"

        server.data_dir = os.path.join(client.folder, "data")
        server.start()
        for n in range(20):
            put(f"/v1/kv/k{n}", "here", [200])
        put("/v1/agent/service/register", json.dumps({"Name": "web", "Check": {"TTL": "1h"}}), [200])
        eventually("the catalog has it", 20, lambda: "web" in server.json("GET", "/v1/catalog/services"))  # it is answered after 0.2 s without that
        kept = ["web"]
        for n, how in enumerate((signal.SIGINT, signal.SIGKILL, signal.SIGKILL)):
            server.kill(how)
            ballast = [fill_disk(client.folder, 0)]
            server.start()
            ballast.append(fill_disk(client.folder, 0, "more"))  # a start gives room back: that of a journal whose files are written
            shows()
            has("/v1/agent/services", kept)
            has("/v1/catalog/services", ["web"])  # which may not have heard of the others when the disk was full again
            began = time.monotonic()
            put("/v1/kv/large", "x" * 400000, [500], timeout=60)
            assert time.monotonic() - began < 12, f"refused after {time.monotonic() - began:.1f} s"
            if put("/v1/agent/service/register", json.dumps({"Name": f"more{n}"}), [200, 500]) == 200:
                kept.append(f"more{n}")
            else:
                assert f"more{n}" not in server.json("GET", "/v1/agent/services"), "what was refused is there"
            shows("/v1/kv/k7?raw&stale")
            for path in ballast:
                os.unlink(path)
            eventually("writes are taken again", 30, lambda: server.request("PUT", "/v1/kv/small", "x")[0] == 200)
            shows()


def test(options):
    for one in (test_full_disk, test_unreadable, test_unusable, test_killed, test_damaged_journal, test_node_id, test_server_folders, test_server_id, test_full_disk_server):
        if options.only not in one.__name__:
            continue
        began = time.monotonic()
        base = tempfile.mkdtemp(prefix="actord-disk-")
        os.chmod(base, 0o755)
        folder = os.path.join(base, "c1")
        os.mkdir(folder)
        with Agent(options.binary) as server:
            client = Client(options.binary, server, folder)
            try:
                server.start()
                one(client, options.binary)
            except (AssertionError, OSError, subprocess.SubprocessError) as e:
                raise AssertionError(f"{one.__name__}: {type(e).__name__}: {e}") from e
            finally:
                if client.process and client.process.poll() is None:
                    client.stop(signal.SIGKILL)
                shutil.rmtree(base, ignore_errors=True)
        print(f"  {time.monotonic() - began:5.1f} s  {one.__name__[5:]}", flush=True)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--binary", default=default_binary())
    p.add_argument("--only", default="")
    main(test, p.parse_args())
