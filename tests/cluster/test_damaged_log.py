#!/usr/bin/env python3
"""The Raft log of one of three servers is damaged while it is down, in several ways: it starts, says so, votes for nobody until it has
everything again, and no acknowledged write is missing. The same on a server that is alone, where nobody else has what was lost, and while they
run; and files of before in the place of its own.
test_damaged_log.py [--seed N]"""
import argparse
import glob
import os
import random
import re
import shutil
import signal
import time

from agent import Agent, eventually, main
from cluster import Cluster

PAGE = 4096


def step(text):
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)


def zero_pages(path, rng):
    """All but the two heads."""
    with open(path, "r+b") as f:
        size = f.seek(0, os.SEEK_END)
        f.seek(2 * PAGE)
        f.write(b"\0" * (size - 2 * PAGE))


def cut_short(path, rng):
    """In the middle there may be nothing but free pages; a page behind the heads never is all that is in use."""
    os.truncate(path, 3 * PAGE)


def flip_bits(path, rng):
    """Some in each page, so that what is in use is hit, wherever it lies in its page."""
    with open(path, "r+b") as f:
        data = bytearray(f.read())
        for at in range(2 * PAGE, len(data), 64):
            data[at + rng.randrange(64)] ^= 1 << rng.randrange(8)
        f.seek(0)
        f.write(data)


def lose_head(path, rng):
    with open(path, "r+b") as f:
        f.write(b"\0" * 2 * PAGE)


def remove(path, rng):
    os.remove(path)


def zero_all(path, rng):
    with open(path, "r+b") as f:
        f.write(b"\0" * os.path.getsize(path))


def flip_sectors(path, rng):
    """A bit in each of them."""
    with open(path, "r+b") as f:
        data = bytearray(f.read())
        for at in range(0, len(data), 512):
            data[at + rng.randrange(512)] ^= 1 << rng.randrange(8)
        f.seek(0)
        f.write(data)


def empty(path, rng):
    os.truncate(path, 0)


WAYS = [("data.mdb", way) for way in (zero_pages, cut_short, flip_bits, lose_head, remove)] + [("journal", way) for way in (flip_sectors, zero_all, remove, empty)]


def put(cluster, written, count):
    cluster.wait_writable(30)
    connection = cluster.wait_leader().connection()
    for _ in range(count):
        key, value = f"k/{len(written)}", f"value {len(written)} " + "x" * 300
        connection.request("PUT", f"/v1/kv/{key}", body=value)
        answer = connection.getresponse()
        assert answer.read().strip() == b"true", key
        written[key] = value


def holds(server, written):
    for key, value in written.items():
        status, _, body = server.request("GET", f"/v1/kv/{key}?stale&raw")
        assert status == 200 and body.decode() == value, f"{server.name}: {key}: {status} {body[:40]!r}"


def this_start(server):
    return server.log(1 << 22).rsplit("--- start", 1)[1]


def whole_again(cluster, server):
    eventually(f"{server.name} says that its log is whole again", 30, lambda: "the log is whole again" in this_start(server))
    assert not os.path.exists(os.path.join(server.data_dir, "raft", "recovering"))
    cluster.wait_caught_up(server, 30)


def damaged_among_three(cluster, rng):
    written = {}
    cluster.start()
    put(cluster, written, 200)
    for n, (file, way) in enumerate(WAYS):
        leads = n % 2 == 0
        server = cluster.wait_leader() if leads else cluster.followers()[0]
        server.kill(signal.SIGKILL if n % 3 or file == "journal" else signal.SIGTERM)  # closed in order, the journal holds nothing
        put(cluster, written, 30)
        way(os.path.join(server.data_dir, "raft", file), rng)
        if n == 2:  # nobody leads while the only others are one that knows and one that forgot
            knows, follower = cluster.wait_leader(), cluster.followers()[0]
            knows.kill()
            server.start()
            eventually("it says that its log is damaged", 20, lambda: "is damaged" in this_start(server))
            eventually("nobody leads", 20, lambda: all(s.json("GET", "/v1/status/leader") == "" for s in (server, follower)))
            time.sleep(4)  # some election time-outs: the one that forgot gives no vote
            assert all(s.json("GET", "/v1/status/leader") == "" for s in (server, follower)), "a server that forgot its log has voted"
            knows.start()
        else:
            server.start()
        whole_again(cluster, server)
        log = this_start(server)
        assert re.search(r"\[ERROR\].*the Raft log in .* is damaged", log), log[:3000]
        if way is not remove:
            assert glob.glob(os.path.join(server.data_dir, "raft", f"{file}.damaged-*")), os.listdir(os.path.join(server.data_dir, "raft"))
        put(cluster, written, 20)
        for s in cluster.servers:
            cluster.wait_caught_up(s, 30)
            holds(s, written)
        # It counts again: with it and one other there is a majority.
        third = next(s for s in cluster.servers if s is not server and s is not cluster.wait_leader())
        third.kill()
        put(cluster, written, 5)
        third.start()
        cluster.wait_caught_up(third, 30)
        step(f"{file}, {way.__name__}: {server.name} ({'led' if leads else 'followed'}) was caught up, {len(written)} keys everywhere")


def every_page_of_one_key(path, rng):
    """All branches have one key, which they never may: LMDB does not refuse that, it asserts that it is not so."""
    with open(path, "r+b") as f:
        for page in range(2, f.seek(0, os.SEEK_END) // PAGE):
            f.seek(page * PAGE)
            header = f.read(16)
            if int.from_bytes(header[10:12], "little") == 1:  # the flags of a branch
                f.seek(page * PAGE + 12)
                f.write((18).to_bytes(2, "little"))  # where the list of its keys ends


def damaged_below_servers(cluster, rng):
    """The next write to the database meets it. Who cannot go on starts anew in place, and is given what it lacks."""
    written = {}
    cluster.start()
    put(cluster, written, 300)
    for n, way in enumerate((every_page_of_one_key, zero_pages)):
        server = cluster.followers()[0] if n else cluster.wait_leader()
        path = os.path.join(server.data_dir, "raft", "data.mdb")

        def taken_over():
            with open(path, "rb") as f:
                return f"value {len(written) - 1} ".encode() in f.read()
        eventually("the journal's entries are in the database", 30, taken_over)
        way(path, rng)

        def meets_it():
            assert server.running(), f"{way.__name__}: {server.process.returncode}"
            try:
                server.request("PUT", "/v1/kv/beside", body="x", timeout=3)
            except OSError:
                pass
            return "is damaged" in this_start(server)
        eventually(f"{way.__name__}: it is met", 60, meets_it)
        if way is every_page_of_one_key:
            assert "The Raft log is damaged (an assertion of the database): starting anew" in this_start(server), this_start(server)[-3000:]
        whole_again(cluster, server)
        assert server.running() and not os.path.exists(os.path.join(server.data_dir, "raft", "fault"))
        put(cluster, written, 20)
        for s in cluster.servers:
            cluster.wait_caught_up(s, 30)
            holds(s, written)
        step(f"{way.__name__} below {server.name} while it runs: it was caught up, {len(written)} keys everywhere")


def older_files(cluster):
    """A file of before in the place of one of them: each is whole, and the log is not what the state was made of."""
    written = {}
    cluster.start()
    put(cluster, written, 50)
    for name in ("data.mdb", "journal"):
        for _ in range(10):
            server = older_file(cluster, written, name)
            if re.search(r"the Raft log in .* is damaged", this_start(server)):
                break
        else:  # the database takes over what a journal holds every two seconds: then it is not needed
            raise AssertionError(f"ten kills, and each time an older {name} did not matter")
        step(f"an older {name}: {server.name} was caught up")


def older_file(cluster, written, name):
    server = cluster.followers()[0]
    path = os.path.join(server.data_dir, "raft", name)
    cluster.wait_caught_up(server, 30)
    server.kill()
    with open(path, "rb") as f:
        before = f.read()
    server.start()
    cluster.wait_caught_up(server, 30)
    put(cluster, written, 30)
    cluster.wait_caught_up(server, 30)
    server.kill()
    with open(path, "wb") as f:
        f.write(before)
    server.start()
    eventually("its log is whole", 30, lambda: not os.path.exists(os.path.join(server.data_dir, "raft", "recovering")))
    put(cluster, written, 10)
    cluster.wait_caught_up(server, 30)
    holds(server, written)
    return server


def faulted_inside(cluster):
    """A server's last process met a fault inside of a log whose entries can all be read: they are in a new file, and it counts as before."""
    written = {}
    cluster.start()
    put(cluster, written, 50)
    server = cluster.followers()[0]
    server.kill()
    put(cluster, written, 10)
    mark = os.path.join(server.data_dir, "raft", "fault")
    with open(mark, "w") as f:
        f.write("an assertion of the database\n")
    server.start()
    cluster.wait_caught_up(server, 30)
    assert "all that the damaged log held was written into a new one" in this_start(server), this_start(server)[:3000]
    assert not os.path.exists(mark) and "votes for nobody" not in this_start(server), this_start(server)[:3000]
    next(s for s in cluster.followers() if s is not server).kill()
    put(cluster, written, 5)
    holds(server, written)
    step("a fault inside of a log that is whole: its entries are in a new file")


def damaged_alone(binary, rng):
    with Agent(binary) as agent:
        agent.start()
        for n in range(50):
            assert agent.request("PUT", f"/v1/kv/a/{n}", body="x")[2].strip() == b"true"
        agent.kill(signal.SIGTERM)
        raft = os.path.join(agent.data_dir, "raft")
        file = os.path.join(raft, "data.mdb")
        zero_pages(file, rng)
        agent.start()
        assert len(agent.json("GET", "/v1/kv/a?keys")) == 50
        assert glob.glob(file + ".damaged-*")
        step("alone, closed in order: the state holds all that there was")

        assert agent.request("PUT", "/v1/kv/b", body="x")[2].strip() == b"true"
        agent.kill()
        zero_pages(file, rng)
        damaged = open(file, "rb").read()
        shutil.rmtree(os.path.join(agent.data_dir, "state"))
        agent.start(wait=False)
        assert agent.process.wait(20) == 1, agent.log()
        assert "no other server has them" in agent.log() and "entries from 1 on" in agent.log(), agent.log()
        assert open(file, "rb").read() == damaged, "something was done to the damaged log"
        step("alone, with neither state nor log: it does not start, and says what to do")

        open(os.path.join(raft, "discard-damaged-log"), "w").close()
        agent.start()
        assert agent.request("GET", "/v1/kv/b")[0] == 404
        assert not os.path.exists(os.path.join(raft, "discard-damaged-log"))
        assert any(open(kept, "rb").read() == damaged for kept in glob.glob(file + ".damaged-*")), "the damaged log is not kept"
        step("told to go on without, it does, and keeps the damaged file")

        for n in range(20):  # in the journal, when it is killed
            assert agent.request("PUT", f"/v1/kv/e/{n}", body="x")[2].strip() == b"true"
        agent.kill()
        with open(os.path.join(raft, "fault"), "w") as f:
            f.write("a fault inside of the database\n")
        shutil.rmtree(os.path.join(agent.data_dir, "state"))
        agent.start()
        assert "all that the damaged log held was written into a new one" in agent.log(), agent.log()
        assert len(agent.json("GET", "/v1/kv/e?keys")) == 20
        step("alone, after a fault inside of a log that is whole: all is there, its journal's entries too")

        agent.kill()
        with open(file, "rb") as f:
            before = f.read()
        agent.start()
        assert agent.request("PUT", "/v1/kv/older", body="x")[2].strip() == b"true"
        agent.kill()
        with open(file, "wb") as f:
            f.write(before)
        agent.start(wait=False)
        assert agent.process.wait(20) == 1, agent.log()
        assert re.search("is damaged.*no other server has them", agent.log(), re.DOTALL), agent.log()
        open(os.path.join(raft, "discard-damaged-log"), "w").close()
        agent.start()
        assert agent.request("GET", "/v1/kv/older?raw")[2] == b"x", "the state holds it"
        assert not os.path.exists(os.path.join(raft, "discard-damaged-log"))
        step("alone, with an older file: it does not start, and told to goes on with what its state holds")

        assert agent.request("PUT", "/v1/kv/c", body="x")[2].strip() == b"true"
        assert agent.request("PUT", "/v1/kv/d", body="x")[2].strip() == b"true"
        agent.kill()
        zero_all(os.path.join(raft, "journal"), rng)
        agent.start(wait=False)
        assert agent.process.wait(20) == 1, agent.log()
        assert re.search("journal.*no other server has them", agent.log(), re.DOTALL), agent.log()
        open(os.path.join(raft, "discard-damaged-log"), "w").close()
        agent.start()
        assert agent.request("GET", "/v1/kv/d?raw")[2] == b"x", "the state holds it"
        assert glob.glob(os.path.join(raft, "journal.damaged-*"))
        step("alone, with a damaged journal: it does not start, and told to goes on with what its state holds")


def files_below(folder):
    return {name: open(os.path.join(folder, name), "rb").read() for name in os.listdir(folder) if os.path.isfile(os.path.join(folder, name)) and name != "lock.mdb"}


def refused_alone(binary):
    """Older files in the place of a lone server's: it refuses, and leaves all as it is, so that with the right file put back it has everything."""
    with Agent(binary) as agent:
        agent.start()
        raft = os.path.join(agent.data_dir, "raft")
        written = 0

        def put(count):
            nonlocal written
            for _ in range(count):
                assert agent.request("PUT", f"/v1/kv/a/{written}", body="x" * 3000)[2].strip() == b"true"
                written += 1
        put(5)
        refused = set()
        for _ in range(20):  # whether an older file matters depends on what the database had taken over by then
            agent.kill()
            older = files_below(raft)
            agent.start()
            put(30)
            agent.kill()
            newest = files_below(raft)
            for name in ("journal", "data.mdb"):
                with open(os.path.join(raft, name), "wb") as f:
                    f.write(older[name])
                before = files_below(raft)
                agent.start(wait=False)
                if eventually_ends(agent):
                    assert "no other server has them" in agent.log(), agent.log()
                    assert files_below(raft) == before, f"the start that was refused because of an older {name} has changed files"
                    refused.add(name)
                    with open(os.path.join(raft, name), "wb") as f:
                        f.write(newest[name])
                    agent.start()
                assert len(agent.json("GET", "/v1/kv/a?keys")) == written, f"with the right {name} put back"
                agent.kill()
                newest = files_below(raft)
            if refused == {"journal", "data.mdb"}:
                break
            agent.start()
        assert refused == {"journal", "data.mdb"}, refused
        step("alone, with an older journal and an older database: refused, untouched, and whole with the right one put back")


def eventually_ends(agent):
    """Whether the start was refused; else it is ready."""
    eventually("it starts or ends", 30, lambda: agent.process.poll() is not None or agent.request("GET", "/v1/status/leader", timeout=1)[2].strip() not in (b"", b'""'))
    return agent.process.poll() is not None


def test(args):
    rng = random.Random(args.seed)
    print(f"seed {args.seed}", flush=True)
    with Cluster(3, args.binary) as cluster:
        try:
            damaged_among_three(cluster, rng)
        except (AssertionError, OSError) as e:
            raise AssertionError(f"{type(e).__name__}: {e}\n{cluster.logs(3000)}") from e
    for part in (lambda c: damaged_below_servers(c, rng), faulted_inside, older_files):
        with Cluster(3, args.binary) as cluster:
            part(cluster)
    damaged_alone(args.binary, rng)
    refused_alone(args.binary)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--binary")
    p.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    main(test, p.parse_args())
