#!/usr/bin/env python3
"""The checker itself: histories that are linearizable pass it, those that are not do not, and small random ones are judged as
by trying every order."""
import itertools
import math
import random
import sys

from linear import ABSENT, Operation, _after, check, check_key


def op(kind, start, end=math.inf, **more):
    return Operation(kind, "k", start, end, **more)


GOOD = {
    "reads in order": [op("put", 0, 1, value="a"), op("get", 2, 3, result="a")],
    "nothing at first": [op("get", 0, 1, result=ABSENT), op("put", 2, 3, value="a")],
    "a read beside a write may see either": [op("put", 0, 1, value="a"), op("put", 2, 6, value="b"), op("get", 3, 4, result="a"),
                                             op("get", 4.5, 5, result="b")],
    "an unknown write is seen late": [op("put", 0, 1, value="a"), op("put", 2, value="b"), op("get", 3, 4, result="a"), op("get", 8, 9, result="b")],
    "an unknown write is never seen": [op("put", 0, 1, value="a"), op("put", 2, value="b"), op("get", 8, 9, result="a")],
    "an unknown delete explains an absence": [op("put", 0, 1, value="a"), op("delete", 2), op("get", 3, 4, result=ABSENT)],
    "cas after what it expects": [op("put", 0, 1, value="a"), op("cas", 2, 3, expected="a", value="b", result=True), op("get", 4, 5, result="b")],
    "a refused cas, because an unknown write came between": [op("put", 0, 1, value="a"), op("put", 1.5, value="x"),
                                                            op("cas", 2, 3, expected="a", value="b", result=False), op("get", 4, 5, result="x")],
    "an unknown cas upon an unknown write": [op("put", 0, value="a"), op("cas", 1, expected="a", value="b"), op("get", 2, 3, result="b")],
    "two cas of which one is done": [op("put", 0, 1, value="a"), op("cas", 2, 5, expected="a", value="b", result=True),
                                     op("cas", 2, 5, expected="a", value="c", result=False), op("get", 6, 7, result="b")],
    "creation by cas": [op("cas", 0, 1, expected=ABSENT, value="a", result=True), op("delete", 2, 3), op("cas", 4, 5, expected=ABSENT, value="b", result=True)],
}
BAD = {
    "a lost write": [op("put", 0, 1, value="a"), op("get", 2, 3, result=ABSENT)],
    "a stale read": [op("put", 0, 1, value="a"), op("put", 2, 3, value="b"), op("get", 4, 5, result="a")],
    "reads that go back": [op("put", 0, 1, value="a"), op("put", 2, 9, value="b"), op("get", 3, 4, result="b"), op("get", 5, 6, result="a")],
    "a value out of nowhere": [op("get", 0, 1, result="z")],
    "a value before it was written": [op("get", 0, 1, result="a"), op("put", 2, 3, value="a")],
    "an unknown write that comes and goes": [op("put", 0, 1, value="a"), op("put", 2, value="b"), op("get", 3, 4, result="b"), op("get", 5, 6, result="a")],
    "both cas were done": [op("put", 0, 1, value="a"), op("cas", 2, 5, expected="a", value="b", result=True),
                           op("cas", 2, 5, expected="a", value="c", result=True)],
    "cas refused for no reason": [op("put", 0, 1, value="a"), op("cas", 2, 3, expected="a", value="b", result=False)],
    "a deleted key comes back": [op("put", 0, 1, value="a"), op("delete", 2, 3), op("get", 4, 5, result="a")],
    "a write applied twice": [op("put", 0, 1, value="a"), op("get", 2, 3, result="a"), op("put", 4, 5, value="b"), op("get", 6, 7, result="a")],
}


def by_trying(ops):
    """Every order of every choice of the unknown ones."""
    known = [o for o in ops if o.end != math.inf]
    unknown = [o for o in ops if o.end == math.inf and o.kind != "get"]
    for count in range(len(unknown) + 1):
        for chosen in itertools.combinations(unknown, count):
            for order in itertools.permutations(known + list(chosen)):
                if all(not (order[j].end < order[i].start) for i in range(len(order)) for j in range(i + 1, len(order))) and fits(order):
                    return True
    return False


def fits(order):
    state = ABSENT
    for o in order:
        if o.end == math.inf and o.kind == "cas":
            possible, after = True, o.value if state == o.expected else state
        else:
            possible, after = _after(o, state)
        if not possible:
            return False
        state = after
    return True


def random_history(rng):
    ops, values = [], [ABSENT]
    for n in range(rng.randint(2, 6)):
        kind = rng.choice(["get", "get", "put", "cas", "delete"])
        start = rng.randint(0, 12)
        end = math.inf if kind != "get" and rng.random() < 0.3 else start + rng.randint(0, 5) + 0.5
        o = op(kind, start, end, client=n)
        if kind in ("put", "cas"):
            o.value = f"v{n}"
            values.append(o.value)
        o.expected = rng.choice(values)
        o.result = rng.choice(values) if kind == "get" else rng.random() < 0.5
        ops.append(o)
    return ops


def main():
    failures, cases = [], 0
    for histories, wanted in ((GOOD, True), (BAD, False)):
        for name, history in histories.items():
            cases += 1
            verdict = check(history)
            if verdict.good != wanted or verdict.undecided or (not wanted and "not linearizable" not in verdict.evidence):
                failures.append(f"{name}: {verdict}")
    rng, good = random.Random(7), 0
    for n in range(4000):
        history = random_history(rng)
        truth = by_trying(history)
        good += truth
        if check_key(history).good != truth:
            failures.append(f"random history {n} is {'good' if truth else 'bad'}:\n  " + "\n  ".join(map(str, history)))
    cases += 1
    if not 400 < good < 3600:
        failures.append(f"the random histories say little: {good} of 4000 are good")
    for failure in failures[:5]:
        print(f"FAILED: {failure}")
    print(f"{cases - min(cases, len(failures))} passed, {min(cases, len(failures))} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
