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
from server import Client, Server


def check(options, name, module, cases):
    """[(case, step number, step, [differences])] of one group, each played step one element."""
    path = os.path.join(groups.FOLDER, "golden", *(["client"] if options.client else []), name + ".json")
    if options.client and not os.path.exists(path):
        return []  # what a client agent answers otherwise only by chance is not recorded
    with open(path) as file:
        golden = json.load(file)
    results, server = [], None
    try:
        for each in cases:
            steps = [s for s in each["steps"] if s["kind"] not in ("background", "pause")]
            want = golden.get(each["name"])
            if want is None and options.client:
                continue
            if want is None or len(want) != len(steps):
                results.append((each["name"], 0, steps[0], ["golden answers are missing: run record.py"]))
                continue
            if server is None or not server.alive():
                if server is not None:
                    server.stop()
                try:
                    hcl = getattr(module, "hcl", "")
                    server = Client(options.binary, hcl, options.server) if options.client else Server(options.binary, hcl)
                except RuntimeError as error:
                    return results + [(each["name"], 0, steps[0], [str(error)])]
            command = [options.cli or server.binary]
            got = normalise(Player(server, command).play(each["steps"]), server.known_ports())
            for number, (step, left, right) in enumerate(zip(steps, want, got), 1):
                found = differences(left, right, rank_slack=step.get("rank_slack", 0))
                if not server.alive():
                    found = found + ["the server died during this case:\n" + server.log()[-500:]]
                results.append((each["name"], number, step, found))
    finally:
        if server is not None:
            server.stop()
    return results


def known_differences(found, client):
    """{(group, case, step number): reason} of what is meant to differ, as far as it is played in this run."""
    with open(os.path.join(groups.FOLDER, "differences_client.json" if client else "differences.json")) as file:
        listed = json.load(file)
    played = {(name, each["name"]) for name, _, cases in found for each in cases}
    known, every = {}, {f"{name}/{each['name']}" for name, _, cases in groups.load([]) for each in cases}
    for case, steps in listed.items():
        if case not in every:
            raise SystemExit(f"differences.json names a case that does not exist: {case}")
        name, _, rest = case.partition("/")
        if (name, rest) in played:
            known.update({(name, rest, int(number)): reason for number, reason in steps.items()})
    return known


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
    parser.add_argument("--client", action="store_true", help="send the requests to a client agent of a server, and compare with what the real one's answers were")
    parser.add_argument("--server", help="another binary for the server behind --client (such as the real Consul)")
    parser.add_argument("--cli", help="another binary for the command line cases (such as the real Consul)")
    parser.add_argument("--only", action="append", default=[], help="only groups or cases whose name holds this")
    parser.add_argument("--jobs", type=int, default=3, help="servers that run at the same time")
    parser.add_argument("-v", action="store_true", help="also print what passed, and every difference in full")
    options = parser.parse_args()
    started, passed, failed, differing = time.monotonic(), 0, 0, 0
    found = groups.load(options.only)
    known = known_differences(found, options.client)
    for name, results in groups.in_parallel(found, lambda *g: check(options, *g), options.jobs):
        group_passed = group_failed = 0
        for case, number, step, wrong in results:
            reason = known.pop((name, case, number), None)
            if reason is not None and wrong:
                differing += 1
                print(f"known {name}/{case} {number}: {describe(step)}: {reason}")
                if options.v:
                    print("        " + "\n        ".join(wrong))
                continue
            if reason is not None:
                wrong = ["listed in differences.json, but differs no longer"]
            if not wrong:
                passed += 1
                group_passed += 1
                if options.v:
                    print(f"ok    {name}/{case} {number}: {describe(step)}")
                continue
            failed += 1
            group_failed += 1
            shown = wrong if options.v else [wrong[0] + (f" (and {len(wrong) - 1} more)" if wrong[1:] else "")]
            print(f"FAIL  {name}/{case} {number}: {describe(step)}: " + "\n        ".join(shown))
        print(f"{name}: {group_passed} passed, {group_failed} failed", flush=True)
    for name, case, number in known:
        failed += 1
        print(f"FAIL  {name}/{case} {number}: listed in differences.json, but there is no such step")
    print(f"conformance took {time.monotonic() - started:.0f} s")
    print(f"{passed} passed, {differing} known differences, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
