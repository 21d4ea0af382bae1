"""Is a recorded history linearizable? Wing & Gong's search with Lowe's memo of configurations already tried ("Testing for
linearizability", 2017), per key, since keys are independent. Two shortcuts lose nothing: what only looks and agrees with the state is taken
at once, and a write of unknown outcome is taken only where somebody sees it."""
import dataclasses
import math
import sys

ABSENT = None  # the value of a key that is not there


@dataclasses.dataclass(slots=True)
class Operation:
    kind: str              # get, put, cas, delete
    key: str
    start: float           # seconds of one monotonic clock
    end: float = math.inf  # infinite while the outcome is unknown: it may take effect at any time after start, or never
    value: object = ABSENT     # what put and cas write; every write of a key has a value of its own
    expected: object = ABSENT  # what cas expects to replace
    result: object = None      # get: the value seen; cas: whether it was done
    client: int = 0
    place: str = ""        # which server, which mode, what it answered: for whoever reads the evidence

    def __str__(self):
        end = f"{self.end:.4f}" if self.end != math.inf else "unknown"
        said = {"get": f"-> {self.result}", "put": f"{self.value}", "delete": "", "cas": f"{self.expected} => {self.value} -> {self.result}"}
        return f"[{self.start:.4f} .. {end}] client {self.client} {self.kind} {self.key} {said[self.kind]} ({self.place})"


@dataclasses.dataclass
class Verdict:
    good: bool
    undecided: bool = False
    steps: int = 0
    evidence: str = ""


def _after(op, state):
    """(possible, state after it) of an operation whose outcome is known."""
    if op.kind == "get":
        return state == op.result, state
    if op.kind == "put":
        return True, op.value
    if op.kind == "delete":
        return True, ABSENT
    if op.result:
        return state == op.expected, op.value
    return state != op.expected, state


def _only_looks(op):
    return op.kind == "get" or (op.kind == "cas" and not op.result)


class _Search:
    """A configuration is (state, base, mask, unknown): known[:base] are done, bit i of mask says that known[base + i] is too,
    unknown is the set of those of unknown outcome that took effect."""

    def __init__(self, operations, max_steps):
        self.known = sorted((o for o in operations if o.end != math.inf), key=lambda o: o.start)
        self.unknown = sorted((o for o in operations if o.end == math.inf and o.kind != "get"), key=lambda o: o.start)
        self.replacing = {}  # value -> the unknown cas that expect it
        for n, u in enumerate(self.unknown):
            if u.kind == "cas":
                self.replacing.setdefault(u.expected, []).append(n)
        self.mentioned = {ABSENT} | set(self.replacing) | {o.result for o in self.known if o.kind == "get"} | {o.expected for o in self.known if o.kind == "cas"}
        self.max_steps, self.steps = max_steps, 0
        self.best = (-1, None)

    def candidates(self, base, mask):
        """Indices of what may come next, and when the first of them had ended."""
        found, first_end, i = [], math.inf, base
        while i < len(self.known) and self.known[i].start <= first_end:
            if not mask >> (i - base) & 1:
                found.append(i)
                first_end = min(first_end, self.known[i].end)
            i += 1
        return found, first_end

    @staticmethod
    def with_done(base, mask, i):
        mask |= 1 << (i - base)
        while mask & 1:
            mask >>= 1
            base += 1
        return base, mask

    def settle(self, state, base, mask):
        """Takes all that only looks and agrees."""
        while True:
            found, first_end = self.candidates(base, mask)
            agreeing = [i for i in found if _only_looks(self.known[i]) and _after(self.known[i], state)[0]]
            if not agreeing:
                return base, mask, found, first_end
            done = mask
            for i in agreeing:
                done |= 1 << (i - base)
            while done & 1:
                done >>= 1
                base += 1
            mask = done

    def branches(self, state, base, mask, taken, found, first_end):
        """What may come next; the likeliest last, where the stack takes it first."""
        out, alike = [], set()
        for n, u in enumerate(self.unknown):
            if u.start > first_end:
                break
            if taken >> n & 1 or (u.kind == "cas" and state != u.expected):
                continue
            after = ABSENT if u.kind == "delete" else u.value
            if after == state or not self.wanted(state, after, found, taken):
                continue
            # Those that leave the same behind, or what nobody ever speaks of, can stand in for one another: one of them is enough.
            sort = (u.kind, after if after in self.mentioned else None)
            if sort not in alike:
                alike.add(sort)
                out.append((after, base, mask, taken | 1 << n))
        for i in sorted(found, key=lambda i: -self.known[i].end):
            op = self.known[i]
            possible, after = _after(op, state)
            if possible and not _only_looks(op):
                out.append((after, *self.with_done(base, mask, i), taken))
        return out

    def wanted(self, state, after, found, taken):
        """Does somebody who could not be next see `after`, or an unknown cas that matters to somebody replace it?"""
        if any(not taken >> m & 1 and self.unknown[m].value in self.mentioned for m in self.replacing.get(after, ())):
            return True
        return any(self.known[i].kind in ("get", "cas") and not _after(self.known[i], state)[0] and _after(self.known[i], after)[0] for i in found)

    def run(self):
        tried = set()
        stack = [(ABSENT, 0, 0, 0)]
        while stack:
            state, base, mask, taken = stack.pop()
            base, mask, found, first_end = self.settle(state, base, mask)
            if not found:
                return Verdict(True, steps=self.steps)
            here = (state, base, mask, taken)
            if here in tried:
                continue
            tried.add(here)
            self.steps += 1
            if self.steps > self.max_steps:
                return Verdict(False, True, self.steps, f"undecided after {self.steps} steps at operation {base} of {len(self.known)}")
            reached = base + bin(mask).count("1")
            if reached > self.best[0]:
                self.best = (reached, (state, found, taken))
            stack.extend(self.branches(state, base, mask, taken, found, first_end))
        return Verdict(False, False, self.steps, self.explain())

    def explain(self):
        reached, (state, found, taken) = self.best
        lines = [f"not linearizable: {reached} of {len(self.known)} known operations fit an order, then the value is {state} and none of these can be next:"]
        lines += [f"  {self.known[i]}" for i in found]
        from_time, to_time = min(self.known[i].start for i in found), max(self.known[i].end for i in found)
        lines.append("operations around (written here, or of the values seen here):")
        values = {state} | {self.known[i].result for i in found if self.known[i].kind == "get"} | {self.known[i].expected for i in found}
        values -= {ABSENT, True, False}
        for op in sorted(self.known + self.unknown, key=lambda o: o.start):
            near = op.end != math.inf and op.end >= from_time - 0.05 and op.start <= to_time
            if near or op.value in values or (op.kind == "get" and op.result in values) or (op.end == math.inf and op.start <= to_time):
                lines.append(f"  {op}")
        return "\n".join(lines[:120])


def check_key(operations, max_steps=1_000_000):
    return _Search(operations, max_steps).run()


def check(operations, max_steps=1_000_000):
    """(verdict of the whole, number of operations checked): the first bad key decides; each key begins absent."""
    keys = {}
    for op in operations:
        keys.setdefault(op.key, []).append(op)
    steps, undecided = 0, None
    for key in sorted(keys):
        verdict = check_key(keys[key], max_steps)
        steps += verdict.steps
        if verdict.undecided:
            undecided = verdict
        elif not verdict.good:
            return verdict
    if undecided:
        return undecided
    return Verdict(True, steps=steps)


if __name__ == "__main__":
    sys.exit("linear.py is used by test_linear.py, test_three.py and storm.py")
