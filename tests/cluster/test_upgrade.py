#!/usr/bin/env python3
"""Today's server on the data of each version that tests/versions keeps: it answers what the version did, goes on writing, and does so again after a
restart. With --versions also on what the version itself writes now, which is built for that.   test_upgrade.py [--versions]"""
import os
import shutil
import signal
import subprocess
import sys

from agent import Agent, eventually, main

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


def written_now(version):
    binary = subprocess.run([os.path.join(VERSIONS, "get"), version], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    with Agent(binary) as old, Agent() as new:
        old.start()
        fill(old)
        old.kill(signal.SIGKILL)
        old.start()
        wanted = answers(old)
        old.kill(signal.SIGKILL)
        shutil.copytree(old.data_dir, new.data_dir)
        takes_over(new, wanted, version)


def run():
    assert versions(), "tests/versions/golden holds no version"
    with open("/proc/sys/kernel/random/boot_id") as f:
        this_boot = f.read().strip()
    for version in versions():
        for boot in (this_boot, "00000000-0000-4000-8000-000000000000"):
            kept(version, boot)
        if "--versions" in sys.argv:
            written_now(version)
    print(f"  {len(versions())} versions")


if __name__ == "__main__":
    main(run)
