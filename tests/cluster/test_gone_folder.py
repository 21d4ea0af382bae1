#!/usr/bin/env python3
"""The data directory goes while the agent runs: removed, renamed, replaced. A client agent makes it again, with all that is registered, or refuses; a server
refuses what its Raft log cannot keep, says why, and the others go on.   test_gone_folder.py [--only WORD]"""
import argparse
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

from agent import Agent, default_binary, eventually, main
from cluster import Cluster
from test_agent_disk import FIVE, Client, filled, unchanged


def node_id(client):
    with open(os.path.join(client.data_dir, "node-id")) as f:
        return f.read().strip()


def all_there(client, names, before):
    client.stop(signal.SIGKILL)
    client.start()
    unchanged(client, names)
    checks = client.json("GET", "/v1/agent/checks")
    for name in FIVE:
        assert (checks[f"service:{name}"]["Status"], checks[f"service:{name}"]["Output"]) == ("passing", "fine"), checks[f"service:{name}"]
    assert node_id(client) == before


def test_removed(client):
    filled(client)
    before = node_id(client)
    for ask in (lambda: client.register("after"), lambda: client.put("/v1/agent/check/warn/service:after?note=hm"),
                lambda: client.put("/v1/agent/service/maintenance/after?enable=true&reason=why")):
        shutil.rmtree(client.data_dir)
        assert ask() == 200, client.log()
        eventually("the log tells of the folder", 20, lambda: "was removed or replaced while the agent runs" in client.log())
        all_there(client, sorted(FIVE + ["after"]), before)
    checks = client.json("GET", "/v1/agent/checks")
    assert (checks["service:after"]["Status"], checks["service:after"]["Output"]) == ("warning", "hm"), checks
    assert checks["_service_maintenance:after"]["Notes"] == "why", checks
    shutil.rmtree(client.data_dir)
    assert client.put("/v1/agent/service/deregister/after") == 200
    all_there(client, FIVE, before)
    eventually("the members are known again at the next start", 20, lambda: os.path.getsize(os.path.join(client.data_dir, "serf", "local.snapshot")) > 0)


def test_renamed(client):
    """What is written goes where nobody looks any more; another directory may stand in its place."""
    filled(client)
    before = node_id(client)
    os.rename(client.data_dir, client.data_dir + ".old")
    assert client.register("after") == 200, client.log()
    all_there(client, sorted(FIVE + ["after"]), before)
    os.rename(client.data_dir, client.data_dir + ".older")
    os.mkdir(client.data_dir)
    shutil.chown(client.data_dir, *((65534, 65534) if os.geteuid() == 0 else (os.geteuid(), os.getegid())))
    assert client.register("behind") == 200, client.log()
    all_there(client, sorted(FIVE + ["after", "behind"]), before)


def test_journal(client):
    """The file alone: cut, replaced by another, removed. What it held is in the next one; the one that was cut is kept aside."""
    filled(client)
    before, names = node_id(client), list(FIVE)
    for what, harm in (("cut", lambda path: os.truncate(path, 100)), ("replaced", lambda path: (os.unlink(path), open(path, "wb").close())), ("removed", os.unlink)):
        path, = [p for p in glob.glob(f"{client.data_dir}/agent-journal.v2.*")]
        harm(path)
        if what == "replaced" and os.geteuid() == 0:
            shutil.chown(path, 65534, 65534)
        assert client.register(what) == 200, client.log()
        names = sorted(names + [what])
        all_there(client, names, before)
        eventually("one file is left", 20, lambda: len(glob.glob(f"{client.data_dir}/agent-journal.v2.*")) == 1)
    assert glob.glob(f"{client.data_dir}/agent-journal.damaged-*")


def test_refused(client):
    filled(client)
    before = node_id(client)
    shutil.rmtree(client.data_dir)
    with open(client.data_dir, "w") as f:
        f.write("in its place")
    for path, body in (("/v1/agent/service/register", {"Name": "after"}), ("/v1/agent/check/register", {"Name": "after", "TTL": "1h"}),
                       ("/v1/agent/service/deregister/s1", None), ("/v1/agent/check/fail/service:s1", None), ("/v1/agent/service/maintenance/s1?enable=true", None)):
        assert client.put(path, body) == 500, path
    unchanged(client)
    os.unlink(client.data_dir)
    eventually("it is taken again", 20, lambda: client.register("after") == 200)
    all_there(client, sorted(FIVE + ["after"]), before)


def test_lone_server(binary):
    with Agent(binary) as server:
        server.start()
        for n in range(20):
            assert server.request("PUT", f"/v1/kv/k{n}", body="x")[2].strip() == b"true"
        shutil.rmtree(server.data_dir)
        status, _, text = server.request("PUT", "/v1/kv/after", body="x", timeout=60)
        assert status == 500 and b"was removed or replaced while it was in use" in text, (status, text)
        assert server.request("GET", "/v1/kv/k7?raw&stale")[2] == b"x"
        assert server.request("GET", "/v1/kv/after?stale")[0] == 404
        eventually("the log tells of the folder", 20, lambda: "was removed or replaced while it was in use" in server.log())
        server.kill()
        server.start()
        assert server.request("GET", "/v1/kv/k7")[0] == 404
        assert server.request("PUT", "/v1/kv/k7", body="y")[2].strip() == b"true"

        # Its parts: the journal of the log, and the state with its snapshots, are made again.
        server.request("PUT", "/v1/kv/settled", body="x")
        os.unlink(os.path.join(server.data_dir, "raft", "journal"))
        for n in range(20):
            assert server.request("PUT", f"/v1/kv/j{n}", body="x")[2].strip() == b"true"
        server.kill()
        server.start()
        assert len(server.json("GET", "/v1/kv/j?keys")) == 20
        shutil.rmtree(os.path.join(server.data_dir, "state"))
        assert server.request("PUT", "/v1/kv/later", body="x")[2].strip() == b"true"
        server.kill()
        server.start()
        assert server.request("GET", "/v1/kv/later?raw")[2] == b"x"


def test_state_of_a_server(binary):
    """The log alone cannot bring it back: a snapshot is written where it was."""
    with Agent(binary, extra=["-hcl", 'raft_snapshot_threshold = 100 raft_snapshot_interval = "1s" raft_trailing_logs = 10']) as server:
        server.start()
        value = "x" * 400000
        for n in range(60):
            assert server.request("PUT", f"/v1/kv/large{n % 5}", body=value)[2].strip() == b"true"
        for n in range(100):
            assert server.request("PUT", f"/v1/kv/k{n}", body="x")[2].strip() == b"true"
        state = os.path.join(server.data_dir, "state")
        eventually("there is a snapshot", 30, lambda: glob.glob(f"{state}/snapshot-*.mdb"))
        shutil.rmtree(state)
        eventually("there is one again", 30, lambda: glob.glob(f"{state}/snapshot-*.mdb"))
        assert server.request("PUT", "/v1/kv/after", body="x")[2].strip() == b"true"
        server.kill()
        server.start()
        assert len(server.json("GET", "/v1/kv/k?keys")) == 100 and server.request("GET", "/v1/kv/after?raw")[2] == b"x"


def test_three_servers(binary):
    with Cluster(3, binary) as cluster:
        cluster.start()
        leader = cluster.wait_leader()

        def put(server, key, patient=30):
            return server.request("PUT", f"/v1/kv/{key}", body="x", timeout=patient)
        for n in range(20):
            assert put(leader, f"k{n}")[0] == 200
        gone, second = cluster.followers()
        shutil.rmtree(gone.data_dir)
        for n in range(20):
            assert put(leader, f"m{n}")[0] == 200
        eventually("it says so", 20, lambda: "was removed or replaced while it was in use" in gone.log(1 << 20))
        shutil.rmtree(second.data_dir)

        def refused():
            status, _, text = put(leader, "refused", 60)
            return status == 500 and (b"removed" in text or b"cannot write" in text)
        eventually("no majority can keep anything", 60, refused)
        assert leader.request("GET", "/v1/kv/m7?raw&stale")[2] == b"x"
        # Started again it is another server, which the only one that has everything cannot let in alone: a majority of the logs is gone.
        gone.kill()
        gone.start()
        eventually("it answers", 30, lambda: gone.request("GET", "/v1/agent/self")[0] == 200)
        assert gone.request("GET", "/v1/kv/k1?stale")[0] in (404, 500)
        assert leader.request("GET", "/v1/kv/m7?raw&stale")[2] == b"x"


def test_one_server(binary):
    """A start after that: a new server under the same name, which gets all from the others."""
    with Cluster(3, binary) as cluster:
        cluster.start()
        for leads in (False, True):
            server = cluster.wait_leader() if leads else cluster.followers()[0]
            shutil.rmtree(server.data_dir)
            other = next(s for s in cluster.servers if s is not server)
            for n in range(20):
                key = f"k{leads}{n}"
                eventually("it is written", 30, lambda key=key, s=other: s.request("PUT", f"/v1/kv/{key}", body="x", timeout=30)[0] == 200)
            server.kill()
            server.start()
            eventually("it has all", 60, lambda s=server, leads=leads: len(s.json("GET", f"/v1/kv/k{leads}?keys&stale")) == 20)
            eventually("it counts", 60, lambda s=server: len([p for p in s.json("GET", "/v1/status/peers")]) == 3)


def test(options):
    for one in (test_removed, test_renamed, test_journal, test_refused):
        if options.only not in one.__name__:
            continue
        began = time.monotonic()
        base = tempfile.mkdtemp(prefix="actord-gone-")
        os.chmod(base, 0o755)
        folder = os.path.join(base, "c1")
        os.mkdir(folder)
        with Agent(options.binary) as server:
            client = Client(options.binary, server, folder)
            try:
                server.start()
                one(client)
            except (AssertionError, OSError, subprocess.SubprocessError) as e:
                raise AssertionError(f"{one.__name__}: {type(e).__name__}: {e}\n{client.log()[-3000:]}") from e
            finally:
                if client.process and client.process.poll() is None:
                    client.stop(signal.SIGKILL)
                shutil.rmtree(base, ignore_errors=True)
        print(f"  {time.monotonic() - began:5.1f} s  {one.__name__[5:]}", flush=True)
    for one in (test_lone_server, test_state_of_a_server, test_three_servers, test_one_server):
        if options.only in one.__name__:
            began = time.monotonic()
            one(options.binary)
            print(f"  {time.monotonic() - began:5.1f} s  {one.__name__[5:]}", flush=True)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--binary", default=default_binary())
    p.add_argument("--only", default="")
    main(test, p.parse_args())
