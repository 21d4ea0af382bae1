#!/usr/bin/env python3
"""Two clusters whose members find each other stay two: each keeps its data, its leader and its configuration, whichever has the higher term and the
longer log, and says what to do. A server that gives up its own log is taken in."""
import base64
import os
import shutil

from agent import eventually, main
from cluster import Cluster

OTHER = "has the log of another cluster"
BOTH_ALONE = "Two nodes are in bootstrap mode. Only one node should be in bootstrap mode, not adding Raft peer."


def write(server, word, count, size=10):
    for n in range(count):
        status, _, body = server.request("PUT", f"/v1/kv/{word}/{n}", body=f"{word}{n}".ljust(size))
        assert (status, body.strip()) == (200, b"true"), (server.name, word, n, status, body)


def read(server):
    status, _, body = server.request("GET", "/v1/kv/?keys")
    assert status in (200, 404), (server.name, status, body)
    return sorted(server.json("GET", "/v1/kv/?keys")) if status == 200 else []


def keys(word, count):
    return [f"{word}/{n}" for n in range(count)]


def ids(server):
    return sorted(s["ID"] for s in server.json("GET", "/v1/operator/raft/configuration?stale")["Servers"])


def met(*servers):
    """They have refused each other. A follower does not look, a leader does."""
    for server in servers:
        eventually(f"{server.name} refuses the other cluster's", 40, lambda: OTHER in server.log(200_000))


def two_alone(more_terms, snapshot):
    """Two servers with -bootstrap-expect=1; the second has the higher term and the longer log, or only a snapshot of it."""
    flags = ["-hcl", "raft_snapshot_threshold = 50 raft_snapshot_interval = \"200ms\" raft_trailing_logs = 5"] if snapshot else []
    with Cluster(1, extra=flags, prefix="old") as ours, Cluster(1, extra=flags, prefix="new") as theirs:
        ours.start()
        theirs.start()
        old, new = ours.servers[0], theirs.servers[0]
        write(old, "old", 30)
        write(new, "new", 140, 200_000 if snapshot else 10)
        for _ in range(more_terms):
            new.kill()
            new.start()
            theirs.wait_writable(30)
        before = ids(old), ids(new)
        new.cli("join", old.join_address())
        met(old, new)
        assert BOTH_ALONE in old.log(200_000), old.log()
        write(old, "after", 10)
        write(new, "then", 10)
        for server in (old, new):
            server.kill()
            server.start()
        ours.wait_writable(30)
        theirs.wait_writable(30)
        met(old, new)
        assert (ids(old), ids(new)) == before, (ids(old), ids(new), before)
        assert [k for k in read(old) if not k.startswith("writable")] == sorted(keys("after", 10) + keys("old", 30)), read(old)
        assert [k for k in read(new) if not k.startswith("writable")] == sorted(keys("new", 140) + keys("then", 10)), read(new)
        moves(ours, theirs)


def moves(ours, theirs):
    """What the log's line says that one does: the second gives up its log and is taken in by the first."""
    old, new = ours.servers[0], theirs.servers[0]
    new.kill()
    for folder in ("raft", "state"):
        shutil.rmtree(os.path.join(new.data_dir, folder))
    new.extra = [word for word in new.extra if not word.startswith("-bootstrap-expect")] + [f"-retry-join={old.join_address()}"]
    new.start()
    eventually("the second is a server of the first's cluster", 40, lambda: len(ids(old)) == 2)
    eventually("it has the first's keys", 40, lambda: new.request("GET", "/v1/kv/old/0?stale&raw")[2].strip() == b"old0")
    write(new, "moved", 3)
    assert base64.b64decode(old.json("GET", "/v1/kv/moved/2")[0]["Value"]).strip() == b"moved2"


def three_and_one():
    """A lone server whose term is higher finds a cluster of three."""
    with Cluster(3, prefix="s") as ours, Cluster(1, prefix="lone") as theirs:
        ours.start()
        theirs.start()
        lone = theirs.servers[0]
        write(ours.wait_leader(), "ours", 20)
        write(lone, "lone", 20)
        for _ in range(5):
            lone.kill()
            lone.start()
            theirs.wait_writable(30)
        before = ids(ours.servers[0])
        lone.cli("join", *[server.join_address() for server in ours.servers])
        met(lone, ours.wait_leader())
        ours.wait_leader().kill()
        ours.wait_writable(30)
        met(ours.wait_leader())
        write(ours.wait_leader(), "more", 10)
        assert [k for k in read(lone) if k.startswith(("ours", "more"))] == [], read(lone)
        assert len(ids(lone)) == 1 and ids(ours.wait_leader()) == before, (ids(lone), before)
        assert [k for k in read(ours.wait_leader()) if k.startswith(("lone", "ours", "more"))] == sorted(keys("more", 10) + keys("ours", 20))


def test():
    two_alone(0, False)
    two_alone(4, False)
    two_alone(4, True)
    three_and_one()


if __name__ == "__main__":
    main(test)
