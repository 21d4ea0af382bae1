#!/usr/bin/env python3
"""Records what the real Consul answers to the cases, into golden/."""

import argparse
import json
import os

import groups
from judge import Known, golden_file
from normal import normalise
from play import Player
from server import Client, Server, started


def record(binary, known, client, name, module, cases):
    server = started(lambda: (Client if client else Server)(binary, getattr(module, "hcl", "")))
    try:
        recorded = {}
        for each in cases:
            if f"{name}/{each['name']}" in known.unrecorded:
                continue
            answers = Player(server, [server.binary]).play(each["steps"])
            recorded[each["name"]] = normalise(answers, server.known_ports())
        return recorded
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--consul", required=True, help="the real Consul's binary")
    parser.add_argument("--client", action="store_true", help="of a client agent of a server, into golden/client/")
    parser.add_argument("--only", action="append", default=[], help="only groups that hold this in their name or a case's; a group is recorded whole, since cases build on one another")
    parser.add_argument("--jobs", type=int, default=4, help="servers that run at the same time")
    options = parser.parse_args()
    found = [(name, module, module.cases) for name, module, _ in groups.load(options.only)]
    known = Known(groups.FOLDER, options.client)
    for name, recorded in groups.in_parallel(found, lambda *g: record(options.consul, known, options.client, *g), options.jobs):
        path = golden_file(groups.FOLDER, options.client, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            json.dump(recorded, file, indent=1, ensure_ascii=False)
            file.write("\n")
        failed = [n for n, answers in recorded.items() for a in answers if "failed" in a]
        print(f"{name}: {len(recorded)} cases, {sum(map(len, recorded.values()))} answers"
              + (f", without an answer: {failed}" if failed else ""), flush=True)


if __name__ == "__main__":
    main()
