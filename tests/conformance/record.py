#!/usr/bin/env python3
"""Records what the real Consul answers to the cases, into golden/."""

import argparse
import json
import os

import groups
from normal import normalise
from play import Player
from server import Server


def record(binary, name, module, cases):
    server = Server(binary, getattr(module, "hcl", ""))
    try:
        recorded = {}
        for each in cases:
            answers = Player(server, [server.binary]).play(each["steps"])
            recorded[each["name"]] = normalise(answers, server.ports)
        return recorded
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--consul", required=True, help="the real Consul's binary")
    parser.add_argument("--only", action="append", default=[], help="only groups or cases whose name holds this")
    parser.add_argument("--jobs", type=int, default=4, help="servers that run at the same time")
    options = parser.parse_args()
    found = groups.load(options.only)
    for name, recorded in groups.in_parallel(found, lambda *g: record(options.consul, *g), options.jobs):
        path = os.path.join(groups.FOLDER, "golden", name + ".json")
        kept = {}
        if options.only and os.path.exists(path):
            with open(path) as file:
                kept = json.load(file)
        kept.update(recorded)
        with open(path, "w") as file:
            json.dump(kept, file, indent=1, ensure_ascii=False)
            file.write("\n")
        failed = [n for n, answers in recorded.items() for a in answers if "failed" in a]
        print(f"{name}: {len(recorded)} cases, {sum(map(len, recorded.values()))} answers"
              + (f", without an answer: {failed}" if failed else ""), flush=True)


if __name__ == "__main__":
    main()
