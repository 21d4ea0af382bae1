"""What counts as right: the real one's answer, or for a listed difference that answer with what is ours as it was written down. All else
fails."""

import json
import os

from normal import answer_deviations, in_words, same


def load(path):
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        return json.load(file)


def known_file(folder, client):
    return os.path.join(folder, "differences_client.json" if client else "differences.json")


def golden_file(folder, client, group):
    return os.path.join(folder, "golden", *(["client"] if client else []), group + ".json")


class Known:
    """The lists of what is meant to differ: {"group/case": {"step": {"reason", "ours": {path: our value}}}}, where a "reason" beside the steps
    holds for those without one, and of cases of which a client agent's answers are chance: {"group/case": reason}."""

    def __init__(self, folder, client, mixed=False):
        self.mixed = mixed  # another's server is behind our client agent: what is listed may be the one's or the other's
        self.path = known_file(folder, client)
        self.steps = load(self.path)
        self.unrecorded = load(os.path.join(folder, "unrecorded_client.json")) if client else {}

    def faults(self, every):
        """Sentences about what is wrong with the lists themselves; `every` is {"group/case": number of steps}."""
        found = []
        for case, steps in self.steps.items():
            if case not in every:
                found.append(f"{case}: listed as different, but there is no such case")
                continue
            for number, entry in steps.items():
                if number == "reason":
                    continue
                if not 1 <= int(number) <= every[case]:
                    found.append(f"{case} {number}: listed as different, but there is no such step")
                elif not isinstance(entry, dict) or not self.reason(case, number).strip() or not entry.get("ours"):
                    found.append(f"{case} {number}: listed as different without a reason or without our answer")
        for case, reason in self.unrecorded.items():
            if case not in every:
                found.append(f"{case}: listed as not recorded, but there is no such case")
            elif not str(reason).strip():
                found.append(f"{case}: listed as not recorded without a reason")
        return found

    def reason(self, case, number):
        steps = self.steps.get(case, {})
        return str(steps.get(str(number), {}).get("reason") or steps.get("reason", ""))

    def entry(self, case, number):
        return self.steps.get(case, {}).get(str(number))


def judge(known, case, steps, want, got):
    """[(step number, step, [what is wrong], reason of a known difference or None)] of one case; number 0 is the case as a whole."""
    unrecorded = known.unrecorded.get(case)
    if want is None and unrecorded is not None:
        return []
    if want is None or len(want) != len(steps):
        return [(0, steps[0], ["the real one's answers are missing: run record.py, or list the case with a reason"], None)]
    if unrecorded is not None:
        return [(0, steps[0], ["listed as not recorded, but it is"], None)]
    if len(got) != len(steps):
        return [(0, steps[0], [f"{len(got)} answers to {len(steps)} steps"], None)]
    results = []
    for number, (step, left, right) in enumerate(zip(steps, want, got), 1):
        found, entry = answer_deviations(left, right, step.get("rank_slack", 0)), known.entry(case, number)
        if entry is None:
            results.append((number, step, in_words(found), None))
        else:
            wrong = [] if known.mixed and not found else neither(found, entry["ours"] or {})
            results.append((number, step, wrong, known.reason(case, number)))
    return results


def neither(found, ours):
    """Sentences on where an answer that may differ is neither the real one's nor ours as it was written down."""
    if not found:
        return ["listed as different, but differs no longer"]
    wrong = [f"{where}: want {json.dumps(want)} or what is written down as ours, got {json.dumps(got)}" for where, want, got in found
             if where not in ours or not same(ours[where], got)]
    there = {where for where, _, _ in found}
    return wrong + [f"{where}: written down as ours, but is as the real one's" for where in ours if where not in there]


def write_ours(known, found):
    """Writes down what is ours in the listed steps; `found` is {("group/case", step number): deviations}."""
    for (case, number), each in found.items():
        entry = known.entry(case, number)
        if entry is not None and all(where != "no answer" for where, _, _ in each):
            entry["ours"] = {where: got for where, _, got in each}
    with open(known.path, "w") as file:
        json.dump(known.steps, file, indent=1, ensure_ascii=False)
        file.write("\n")
