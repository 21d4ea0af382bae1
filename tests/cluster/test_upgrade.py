#!/usr/bin/env python3
"""Today's server on the data of each version that tests/versions keeps: it answers what the version did, goes on writing, and does so again after a
restart. With --versions also on what the version itself writes now, which is built for that, and the version on what today's server wrote: after
an orderly stop it goes on, after a kill its log says damage, and nothing is lost; and three servers of it become today's.   test_upgrade.py [--versions]"""
import os
import shutil
import signal
import subprocess
import sys

from agent import Agent, eventually, main
from cluster import Cluster

HERE = os.path.dirname(os.path.abspath(__file__))
VERSIONS = os.path.join(os.path.dirname(HERE), "versions")
sys.path.insert(0, VERSIONS)
from version_data import answers, fill, unpack, versions  # noqa: E402


def same(agent, wanted, when):
    def right():
        seen = answers(agent)
        wrong = {url: (seen[url], wanted[url]) for url in wanted if seen[url] != wanted[url]}
        assert not wrong, wrong
        return True

    eventually(f"{when} it answers what the version did", 20, right)


def takes_over(agent, wanted, version):
    agent.start()
    same(agent, wanted, f"on the data of {version}")
    assert agent.request("PUT", "/v1/kv/new", b"1")[2].strip() == b"true"
    agent.kill(signal.SIGKILL)
    agent.start()
    assert agent.request("GET", "/v1/kv/new?raw")[2] == b"1"
    assert agent.request("DELETE", "/v1/kv/new")[0] == 200
    same(agent, wanted, f"after a crash, on the data of {version}")


def kept(version, boot):
    """On the machine as it was booted then, whose state is taken as it is, or after another boot, when the state is rebuilt from the log."""
    with Agent() as agent:
        wanted = unpack(version, agent.folder)
        with open(os.path.join(agent.data_dir, "state", "run"), "r+") as mark:
            assert len(mark.readline()) == 37, "the mark does not begin with the boot's id"
            mark.seek(0)
            mark.write(boot)
        takes_over(agent, wanted, version)


def program(version):
    return subprocess.run([os.path.join(VERSIONS, "get"), version], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def written_now(version):
    binary = program(version)
    with Agent(binary) as old, Agent() as new:
        old.start()
        fill(old)
        old.kill(signal.SIGKILL)
        old.start()
        wanted = answers(old)
        old.kill(signal.SIGKILL)
        shutil.copytree(old.data_dir, new.data_dir)
        takes_over(new, wanted, version)


def taken_back(version, binary):
    """The version is put back in place of today's server, which has a journal in front of its log."""
    with Agent() as new, Agent(binary) as old:
        new.start()
        fill(new)
        wanted = answers(new)
        new.kill(signal.SIGTERM)
        shutil.copytree(new.data_dir, old.data_dir)
        old.start()
        same(old, wanted, f"{version}, on today's data after an orderly stop,")
        assert old.request("PUT", "/v1/kv/back", b"1")[2].strip() == b"true"
        old.kill(signal.SIGTERM)
        shutil.rmtree(new.data_dir)
        shutil.copytree(old.data_dir, new.data_dir)
        new.start()
        assert new.request("GET", "/v1/kv/back?raw")[2] == b"1"
        for n in range(50):
            assert new.request("PUT", f"/v1/kv/killed/{n}", b"x")[2].strip() == b"true"
        new.kill(signal.SIGKILL)
        shutil.rmtree(old.data_dir)
        shutil.copytree(new.data_dir, old.data_dir)
        old.start(wait=False)
        assert old.process.wait(20) == 1, old.log()
        assert "damaged" in old.log() and "no other server has them" in old.log(), old.log()
        shutil.rmtree(new.data_dir)
        shutil.copytree(old.data_dir, new.data_dir)  # which the version left as it was
        new.start()
        assert len(new.json("GET", "/v1/kv/killed?keys")) == 50


def taken_back_among_three(version, binary):
    """One of three, after a kill: it asks the others for everything, and so does today's server when it comes back to what the version wrote, or it goes on."""
    with Cluster(3) as cluster:
        cluster.start()
        today, server = cluster.binary, cluster.followers()[0]
        written = 0
        for program in (binary, today, binary):
            server.kill(signal.SIGKILL)
            server.binary = program
            server.start()
            cluster.wait_writable(30)
            for _ in range(30):
                assert cluster.wait_leader().request("PUT", f"/v1/kv/k{written}", b"x", timeout=30)[2].strip() == b"true"
                written += 1
            cluster.wait_caught_up(server, 60)
            eventually("it has all", 30, lambda n=written: len(server.json("GET", "/v1/kv/k?keys&stale")) == n)


def level_by_level(binary):
    """A version that reads less of the log's commands becomes today's, a server at a time: what it cannot read is written when it is gone."""
    query = b'{"Name": "db", "Service": {"Service": "db"}}'
    with Cluster(3) as cluster:
        today = cluster.binary
        for server in cluster.servers:
            server.binary = binary
        cluster.start()
        for number, server in enumerate(cluster.servers):
            server.kill(signal.SIGTERM)
            server.binary = today
            server.start()
            cluster.wait_writable(30)
            cluster.wait_caught_up(server, 60)
            old = [f'server "{other.name}" reads level 1' for other in cluster.servers[number + 1:]]

            def refused(asked):
                status, _, body = asked.request("POST", "/v1/query", query)
                text = body.decode()
                assert status == 500 and "is not written before all servers can read it" in text and all(part in text for part in old), (status, text)
                return "\tcommand_level = 1\n" in asked.cli("info")

            for asked in cluster.servers[:number + 1] if old else []:
                eventually(f"{asked.name}, upgraded, names the {len(old)} servers that are too old", 30, lambda a=asked: refused(a))
        for asked in cluster.servers:
            eventually(f"{asked.name} knows that all read it", 30, lambda a=asked: "\tcommand_level = 2\n" in a.cli("info"))
            assert not asked.json("GET", "/v1/query"), "what was refused is there"
        assert cluster.servers[0].request("POST", "/v1/query", query)[0] == 200
        for server in cluster.servers:
            eventually("every server has the query", 30, lambda s=server: [q["Name"] for q in s.json("GET", "/v1/query?stale")] == ["db"])


def run():
    assert versions(), "tests/versions/golden holds no version"
    with open("/proc/sys/kernel/random/boot_id") as f:
        this_boot = f.read().strip()
    for version in versions():
        for boot in (this_boot, "00000000-0000-4000-8000-000000000000"):
            kept(version, boot)
        if "--versions" in sys.argv:
            written_now(version)
            binary = program(version)
            taken_back(version, binary)
            taken_back_among_three(version, binary)
            level_by_level(binary)
    print(f"  {len(versions())} versions")


if __name__ == "__main__":
    main(run)
