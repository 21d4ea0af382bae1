#!/usr/bin/env python3
"""Plays the recorded cases against a binary and compares its answers with those of the real Consul."""

import argparse
import sys
import time

import groups
from judge import Known, golden_file, judge, load, write_ours
from normal import answer_deviations, normalise
from play import Player
from server import Client, Server, started, limit_time


def answered(case):
    return [step for step in case["steps"] if step["kind"] not in ("background", "pause")]


def start(options, module):
    hcl = getattr(module, "hcl", "")
    return started(lambda: Client(options.binary, hcl, options.server) if options.client else Server(options.binary, hcl))


def check(options, known, ours, name, module, cases):
    """[(case, step number, step, [what is wrong], reason of a known difference)] of one group, each played step one element."""
    golden = load(golden_file(groups.FOLDER, options.client, name))
    there = {each["name"] for each in module.cases}
    results, server = [], None
    results += [(each, 0, {"kind": "case"}, ["answers are recorded of a case that is not there"], None) for each in golden if each not in there]
    try:
        for each in cases:
            steps, want, case = answered(each), golden.get(each["name"]), f"{name}/{each['name']}"
            if want is None:
                results += [(each["name"], *result) for result in judge(known, case, steps, None, [])]
                continue
            if server is None or not server.alive():
                if server is not None:
                    server.stop()
                try:
                    server = start(options, module)
                except RuntimeError as error:
                    return results + [(each["name"], 0, steps[0], [str(error)], None)]
            got = normalise(Player(server, [options.cli or server.binary]).play(each["steps"]), server.known_ports())
            ours.update({(case, number): answer_deviations(left, right) for number, (left, right) in enumerate(zip(want, got), 1)})
            found = judge(known, case, steps, want, got)
            if not server.alive() and not each.get("ends"):
                found.append((0, steps[-1], ["the server died during this case:\n" + server.log()[-500:]], None))
            results += [(each["name"], *result) for result in found]
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


class Tally:
    def __init__(self, options):
        self.options, self.passed, self.failed, self.differing = options, 0, 0, 0

    def fail(self, what, wrong):
        self.failed += 1
        shown = wrong if self.options.v else [wrong[0] + (f" (and {len(wrong) - 1} more)" if wrong[1:] else "")]
        print(f"FAIL  {what}: " + "\n        ".join(shown))

    def add(self, group, case, number, step, wrong, reason):
        what = f"{group}/{case} {number}: {describe(step)}"
        if wrong:
            self.fail(what, wrong)
        elif reason is not None:
            self.differing += 1
            print(f"known {what}: {reason}")
        else:
            self.passed += 1
            if self.options.v:
                print(f"ok    {what}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--client", action="store_true", help="send the requests to a client agent of a server, and compare with what the real one's client answered")
    parser.add_argument("--server", help="another binary for the server behind --client (such as the real Consul)")
    parser.add_argument("--cli", help="another binary for the command line cases (such as the real Consul)")
    parser.add_argument("--only", action="append", default=[], help="only groups or cases whose name holds this")
    parser.add_argument("--jobs", type=int, default=3, help="servers that run at the same time")
    parser.add_argument("--real", action="store_true", help="the binary is the real Consul: its answers must be those recorded, listed differences or not")
    parser.add_argument("--write-ours", action="store_true", help="write what is ours of the steps listed in differences.json into it; read what changed")
    parser.add_argument("-v", action="store_true", help="also print what passed, and every difference in full")
    options = parser.parse_args()
    limit_time()
    started, tally, ours = time.monotonic(), Tally(options), {}
    known, found = Known(groups.FOLDER, options.client, mixed=options.server is not None), groups.load(options.only)
    if options.real:
        known.steps = {}
    every = {f"{name}/{each['name']}": len(answered(each)) for name, _, cases in groups.load([]) for each in cases}
    for fault in known.faults(every) if not options.write_ours else []:
        tally.fail("lists", [fault])
    if tally.failed:
        sys.exit(f"0 passed, {tally.failed} failed")
    for name, results in groups.in_parallel(found, lambda *g: check(options, known, ours, *g), options.jobs):
        before = tally.passed, tally.failed
        for result in results:
            tally.add(name, *result)
        print(f"{name}: {tally.passed - before[0]} passed, {tally.failed - before[1]} failed", flush=True)
    if options.write_ours:
        write_ours(known, ours)
    for case, reason in known.unrecorded.items():
        print(f"not recorded: {case}: {reason}")
    print(f"conformance took {time.monotonic() - started:.0f} s")
    print(f"{tally.differing} known differences, {len(known.unrecorded)} cases not recorded")
    print(f"{tally.passed} passed, {tally.failed} failed")
    sys.exit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
