#!/usr/bin/env python3
"""Records what the real Consul answers to the cases, into golden/."""

import argparse
import json
import os

import groups
from normal import normalise
from play import Player
from server import Client, Server


def record(binary, client, name, module, cases):
    server = (Client if client else Server)(binary, getattr(module, "hcl", ""))
    try:
        recorded = {}
        for each in cases:
            answers = Player(server, [server.binary]).play(each["steps"])
            recorded[each["name"]] = normalise(answers, server.known_ports())
        return recorded
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--consul", required=True, help="the real Consul's binary")
    parser.add_argument("--client", action="store_true", help="of a client agent of a server, into golden/client/")
    parser.add_argument("--only", action="append", default=[], help="only groups or cases whose name holds this")
    parser.add_argument("--jobs", type=int, default=4, help="servers that run at the same time")
    options = parser.parse_args()
    found = groups.load(options.only)
    for name, recorded in groups.in_parallel(found, lambda *g: record(options.consul, options.client, *g), options.jobs):
        folder = os.path.join(groups.FOLDER, "golden", *(["client"] if options.client else []))
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, name + ".json")
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
