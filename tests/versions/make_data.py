#!/usr/bin/env python3
"""Writes the data directory of a version of tests/versions/list, with what its server answers of it: make_data.py VERSION"""
import json
import os
import signal
import subprocess
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "cluster"))
from agent import Agent  # noqa: E402
from version_data import FOLDER, answers, fill  # noqa: E402


def main(version):
    binary = subprocess.run([os.path.join(HERE, "get"), version], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    os.makedirs(FOLDER, exist_ok=True)
    with Agent(binary) as agent:
        agent.start()
        fill(agent)
        seen = answers(agent)
        agent.kill(signal.SIGTERM)
        agent.start()  # as after an orderly stop
        seen = answers(agent)
        agent.kill(signal.SIGTERM)
        with tarfile.open(os.path.join(FOLDER, f"{version}.tar.xz"), "w:xz") as tar:
            tar.add(agent.data_dir, "data", filter=lambda e: None if os.path.basename(e.name) == "lock.mdb" else e)
    with open(os.path.join(FOLDER, f"{version}.json"), "w") as f:
        json.dump(seen, f, indent=1, sort_keys=True)
        f.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
