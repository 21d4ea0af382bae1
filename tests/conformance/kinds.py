"""Values that belong to the machine or the moment are compared by kind: one that is of its kind becomes "<kind>", any other stays and so
differs. What no pattern names must be equal."""

import fnmatch
import re

NUMBER = re.compile(r"\d+")
FRACTION = re.compile(r"-?\d+|<float -?[\d.]+(?:[eE][-+]?\d+)?>")
DURATION = re.compile(r"-?(\d+(\.\d+)?(ns|µs|ms|s|m|h))+|0s")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d0 \+0000 UTC")  # metrics: the start of an interval of ten seconds

TESTS = {
    "number": lambda v: type(v) is int and v >= 0 or isinstance(v, str) and NUMBER.fullmatch(v),
    "positive": lambda v: type(v) is int and v > 0 or isinstance(v, str) and NUMBER.fullmatch(v) and int(v) > 0,
    "fraction": lambda v: type(v) in (int, str) and FRACTION.fullmatch(str(v)),
    "text": lambda v: isinstance(v, str) and v.strip() != "",
    "duration": lambda v: isinstance(v, str) and DURATION.fullmatch(v),
    "interval": lambda v: isinstance(v, str) and TIMESTAMP.fullmatch(v),
}


def by_kind(value, kinds, where=""):
    """The value with "<kind>" wherever a pattern of `kinds` names the path and the value is of that kind. Paths are keys and numbers
    joined by dots; numbers that stand as text and numbers are told apart."""
    if isinstance(value, dict):
        return {k: by_kind(v, kinds, f"{where}.{k}" if where else k) for k, v in value.items()}
    if isinstance(value, list):
        return [by_kind(v, kinds, f"{where}.{n}" if where else str(n)) for n, v in enumerate(value)]
    for pattern, kind in kinds.items():
        if fnmatch.fnmatchcase(where, pattern):
            spelled = " as text" if isinstance(value, str) and kind in ("number", "positive") else ""
            return f"<{kind}{spelled}>" if TESTS[kind](value) else value
    return value


def sections(text):
    """`consul info` as {section: {name: value}}; the text itself when it is not laid out so."""
    found, current = {}, None
    for line in text.split("\n"):
        if re.fullmatch(r"\w+:", line) and line[:-1] not in found:
            current = found.setdefault(line[:-1], {})
        elif current is not None and (match := re.fullmatch(r"\t(\w+) = (.*)", line)) and match.group(1) not in current:
            current[match.group(1)] = match.group(2)
        elif line:
            return text
    lines = [part for name, rows in found.items() for part in [name + ":"] + [f"\t{key} = {value}" for key, value in rows.items()]]
    return found if "\n".join(lines) + "\n" == text else text


# Of a row of /v1/agent/metrics, what can be known of its numbers without knowing them.
def row_of_metrics(row):
    if not isinstance(row, dict):
        return row
    shown = by_kind(row, {"Value": "fraction", "Count": "positive", "Rate": "fraction", "Sum": "fraction", "Min": "fraction", "Max": "fraction",
                          "Mean": "fraction", "Stddev": "fraction"})
    if all(shown.get(name) == "<fraction>" for name in ("Rate", "Sum", "Min", "Max", "Mean")) and shown.get("Count") == "<positive>":
        rate, total, least, most, mean = (fraction(row[name]) for name in ("Rate", "Sum", "Min", "Max", "Mean"))
        near = 1e-6 * max(1.0, abs(total), abs(most))
        fits = abs(mean * row["Count"] - total) <= near and abs(rate * 10 - total) <= near and least - near <= mean <= most + near
        shown["fits"] = "yes" if fits else {name: row[name] for name in ("Count", "Rate", "Sum", "Min", "Max", "Mean")}
    return shown


def fraction(value):
    return float(str(value).removeprefix("<float ").removesuffix(">"))


def metrics(value, names):
    """/v1/agent/metrics, of which only the named rows are compared: which others there are depends on the moment."""
    shown = {}
    for section, rows in value.items():
        if not isinstance(rows, list):
            shown[section] = rows
            continue
        there = [row.get("Name") for row in rows if isinstance(row, dict)]
        shown[section] = {"sorted": there == sorted(there, key=str)}
        for row in rows:
            name = row.get("Name") if isinstance(row, dict) else None
            if name in names:
                shown[section].setdefault(name, []).append(row_of_metrics(row))
    return by_kind(shown, {"Timestamp": "interval"})
