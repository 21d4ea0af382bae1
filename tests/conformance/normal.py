"""Makes answers of two different servers comparable, and compares them.

Indexes become their rank within one case, uuids their order of appearance, ports the name of the listener, times and
hashes their form. Everything else, the order of JSON keys included, must be equal.
"""

import json
import re

from server import NODE_ID

INDEX_KEYS = {"CreateIndex", "ModifyIndex", "X-Consul-Index", "Index"}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)
TIME = re.compile(r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?((?: \+0000)?(?:Z| UTC)?)")
PORT = re.compile(r"(?<=[:=])\d{4,5}\b")
LOCAL_PORT = re.compile(r"127\.0\.0\.1:\d{4,5}->")  # the client's own port in texts of the operating system
MODIFY_INDEX = re.compile(r"(current modify index|ModifyIndex\s+|CreateIndex\s+) ?\d+")
# The same two shown as JSON by the command line (0 means none, and stays), and what a failed index check had asked for.
PRINTED_INDEX = re.compile(r'("(?:Create|Modify)Index": |current modify index <index> != )[1-9]\d*')
RANK = re.compile(r"#\d+")
ABSENT = "<absent>"


class Masker:
    """State of one case: what was numbered so far."""

    def __init__(self, ports):
        self.port_names = {port: name for name, port in ports.items()}
        self.uuids = {}
        self.indexes = set()

    def text(self, value):
        value = UUID.sub(self._uuid, value)
        value = TIME.sub(lambda m: f"<time{m.group(1)}{'.' if m.group(2) else ''}{m.group(3)}>", value)
        value = LOCAL_PORT.sub("127.0.0.1:<client>->", value)
        value = MODIFY_INDEX.sub(lambda m: m.group(1) + " <index>", value)
        value = PRINTED_INDEX.sub(r"\1<index>", value)
        return PORT.sub(self._port, value)

    def _uuid(self, match):
        found = match.group(0).lower()
        if found == NODE_ID or found.startswith("00000000-") or len(set(found)) < 4:
            return match.group(0)
        shown = f"uuid{self.uuids.setdefault(found, len(self.uuids) + 1)}"
        return f"<{shown}>" if match.group(0) == found else f"<{shown} in capitals>"

    def _port(self, match):
        name = self.port_names.get(int(match.group(0)))
        return f"<{name}>" if name else match.group(0)

    def value(self, value, key=""):
        if isinstance(value, dict):
            return {self.text(k): self.value(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self.value(v) for v in value]
        if isinstance(value, str):
            if value.isdigit() and int(value) in self.port_names:
                return f"<{self.port_names[int(value)]}>"
            return self.text(value)
        if isinstance(value, int) and not isinstance(value, bool):
            if key in INDEX_KEYS and value > 1:
                self.indexes.add(value)
                return {"#index": value}
            if value > 1024 and value in self.port_names:
                return f"<{self.port_names[value]}>"
        return value

    def ranks(self):
        return {value: rank for rank, value in enumerate(sorted(self.indexes), 1)}


def put_ranks(value, ranks):
    if isinstance(value, dict):
        if set(value) == {"#index"}:
            return f"#{ranks[value['#index']]}"
        return {k: put_ranks(v, ranks) for k, v in value.items()}
    if isinstance(value, list):
        return [put_ranks(v, ranks) for v in value]
    return value


def drop(value, names):
    if isinstance(value, dict):
        return {k: drop(v, names) for k, v in value.items() if k not in names}
    if isinstance(value, list):
        return [drop(v, names) for v in value]
    return value


def normalise(answers, ports):
    masker = Masker(ports)
    masked = [masker.value(answer) for answer in answers]
    return put_ranks(masked, masker.ranks())


def deviations(want, got, where="", rank_slack=0):
    """[(path, want, got)] of where two normalised answers differ; ABSENT stands for what is not there. Ranks may be off by the slack."""
    if isinstance(want, dict) and isinstance(got, dict):
        found = []
        for key in want:
            found += deviations(want[key], got.get(key, ABSENT), f"{where}/{key}", rank_slack)
        found += [(f"{where}/{key}", ABSENT, got[key]) for key in got if key not in want]
        if not found and list(want) != list(got):
            found.append((f"{where} order of keys", list(want), list(got)))
        return found
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        return [each for number, (left, right) in enumerate(zip(want, got)) for each in deviations(left, right, f"{where}/{number}", rank_slack)]
    if rank_slack and isinstance(want, str) and isinstance(got, str) and RANK.fullmatch(want) and RANK.fullmatch(got):
        if abs(int(want[1:]) - int(got[1:])) <= rank_slack:
            return []
    return [] if same(want, got) else [(where, want, got)]


def same(want, got):
    """Equal in every type: in Python 1 is True, and 1.0."""
    return json.dumps(want) == json.dumps(got)


def answer_deviations(want, got, rank_slack=0):
    """As deviations(), of whole answers. That there is no answer is never equal to anything."""
    if isinstance(got, dict) and "failed" in got:
        return [("no answer", want, got["failed"])]
    return deviations(want, got, "", rank_slack)


def in_words(found):
    return [f"{where}: want {short(want)}, got {short(got)}" for where, want, got in found]


def short(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else text[:300] + "…"
