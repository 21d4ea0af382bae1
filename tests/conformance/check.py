#!/usr/bin/env python3
"""Plays the recorded cases against a binary and compares its answers with those of the real Consul."""

import argparse
import json
import os
import sys
import time

import groups
from normal import differences, normalise
from play import Player
from server import Server


def check(options, name, module, cases):
    """[(case, step number, step, [differences])] of one group, each played step one element."""
    with open(os.path.join(groups.FOLDER, "golden", name + ".json")) as file:
        golden = json.load(file)
    results, server = [], None
    try:
        for each in cases:
            steps = [s for s in each["steps"] if s["kind"] not in ("background", "pause")]
            want = golden.get(each["name"])
            if want is None or len(want) != len(steps):
                results.append((each["name"], 0, steps[0], ["golden answers are missing: run record.py"]))
                continue
            if server is None or not server.alive():
                if server is not None:
                    server.stop()
                try:
                    server = Server(options.binary, getattr(module, "hcl", ""))
                except RuntimeError as error:
                    return results + [(each["name"], 0, steps[0], [str(error)])]
            command = [options.cli or server.binary]
            got = normalise(Player(server, command).play(each["steps"]), server.ports)
            for number, (step, left, right) in enumerate(zip(steps, want, got), 1):
                found = differences(left, right)
                if not server.alive():
                    found = found + ["the server died during this case:\n" + server.log()[-500:]]
                results.append((each["name"], number, step, found))
    finally:
        if server is not None:
            server.stop()
    return results


def describe(step):
    if step["kind"] == "http":
        return f"{step['method']} {step['path']}"
    if step["kind"] == "cli":
        return "consul " + " ".join(step["arguments"])
    if step["kind"] == "dns":
        return f"{step['qname']} {step['qtype']}"
    return step["kind"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--cli", help="another binary for the command line cases (such as the real Consul)")
    parser.add_argument("--only", action="append", default=[], help="only groups or cases whose name holds this")
    parser.add_argument("--jobs", type=int, default=3, help="servers that run at the same time")
    parser.add_argument("-v", action="store_true", help="also print what passed, and every difference in full")
    options = parser.parse_args()
    started, passed, failed = time.monotonic(), 0, 0
    found = groups.load(options.only)
    for name, results in groups.in_parallel(found, lambda *g: check(options, *g), options.jobs):
        group_failed = 0
        for case, number, step, wrong in results:
            if not wrong:
                passed += 1
                if options.v:
                    print(f"ok    {name}/{case} {number}: {describe(step)}")
                continue
            failed += 1
            group_failed += 1
            shown = wrong if options.v else [wrong[0] + (f" (and {len(wrong) - 1} more)" if wrong[1:] else "")]
            print(f"FAIL  {name}/{case} {number}: {describe(step)}: " + "\n        ".join(shown))
        print(f"{name}: {len(results) - group_failed} passed, {group_failed} failed", flush=True)
    print(f"conformance took {time.monotonic() - started:.0f} s")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
