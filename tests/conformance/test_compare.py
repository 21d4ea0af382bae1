#!/usr/bin/env python3
"""Holds the comparison itself to the truth: an answer that was doctored must not pass for the real one's."""

import copy
import os
import random
import re
import socket
import struct
import sys
import threading

import dns_packet
import groups
import kinds
from judge import Known, judge, load
from layout import layout, parse
from normal import answer_deviations, normalise
from play import Player, compared_headers, split_answers
from steps import STATS

DATE = ("Date", "Mon, 30 Nov 2026 05:45:57 GMT")
PORTS = {"http": 28500, "dns": 28600}
passed = failed = 0


def expect(what, good):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAIL  {what}")


def alike(what, left, right):
    expect(what, not answer_deviations(left, right))


def apart(what, left, right):
    expect(what, bool(answer_deviations(left, right)))


# ---- bodies and headers

def shown(body, **options):
    answer = {}
    Player.shape({"path": "/v1/x", **options}, body.encode(), answer)
    return answer


def layouts():
    pretty = '{\n    "a": [\n        1,\n        {}\n    ],\n    "b": "x\\u003cy"\n}\n'
    expect("indented as Go does it", layout(pretty).startswith("indented, newline"))
    expect("an empty list is indented", layout("[]\n") == "compact, newline")
    alike("the same text", shown(pretty), shown(pretty))
    for name, doctored in {
            "no newline at the end": pretty.rstrip("\n"), "two of them": pretty + "\n", "two spaces of indentation": pretty.replace("    ", "  "),
            "a space after the colon missing": pretty.replace('": ', '":'), "a space before the comma": pretty.replace("1,", "1 ,"), "compact": '{"a":[1,{}],"b":"x\\u003cy"}\n',
            "an unescaped character": pretty.replace("\\u003c", "<"), "another order": '{\n    "b": "x\\u003cy",\n    "a": [\n        1,\n        {}\n    ]\n}\n',
            "a number as text": pretty.replace("1,", '"1",'), "a fraction": pretty.replace("1,", "1.0,"), "an empty object with space": pretty.replace("{}", "{ }"),
            "null for an object": pretty.replace("{}", "null")}.items():
        apart(name, shown(pretty), shown(doctored))
    apart("a fraction spelled otherwise", shown("[0.00001]"), shown("[1e-05]"))
    apart("a key twice", shown('{"a":1}'), shown('{"a":1,"a":1}'))
    apart("a text with a newline", shown("gone\n"), shown("gone"))
    apart("true and 1", shown("[true]"), shown("[1]"))


def headers():
    good = [("Content-Type", "application/json"), ("X-Consul-Index", "7"), ("Vary", "Accept-Encoding"), DATE]
    alike("the same headers", compared_headers(good), compared_headers(good + [("Content-Length", "3")]))
    for name, doctored in {
            "one twice": good + [("Vary", "Accept-Encoding")], "an index twice": good + [("X-Consul-Index", "7")], "another spelling": [("Content-type", "application/json")] + good[1:],
            "one more": good + [("X-Powered-By", "y")], "one less": good[1:], "no date": good[:-1], "an odd date": good[:-1] + [("Date", "today")],
            "two dates": good + [DATE], "the connection ends": good + [("Connection", "close")]}.items():
        apart("headers: " + name, compared_headers(good), compared_headers(doctored))
    raw = b"HTTP/1.1 200 OK\r\nDate: " + DATE[1].encode() + b"\r\nContent-Length: 2\r\n\r\nok"
    for name, doctored in {"another version": raw.replace(b"1.1", b"1.0"), "another phrase": raw.replace(b"OK", b"Fine"),
                           "a header twice": raw.replace(b"Date", b"A: b\r\nA: b\r\nDate"), "more than its length": raw + b"x"}.items():
        apart("bytes: " + name, {"answers": split_answers(raw)[0], "rest": split_answers(raw)[1].decode()},
              {"answers": split_answers(doctored)[0], "rest": split_answers(doctored)[1].decode()})


# ---- DNS

def dns_answer(asked, ident=None, flags=0x8580, opt=(4096, 0), rclass=1, name=b"\1x\0"):
    header = asked[:2] if ident is None else struct.pack("!H", ident)
    packet = header + struct.pack("!HHHHH", flags, 1, 1, 0, 1) + name + struct.pack("!HH", 1, 1)
    packet += name + struct.pack("!HHIH", 1, rclass, 0, 4) + bytes([10, 0, 0, 1])
    return packet + b"\0" + struct.pack("!HHIH", 41, opt[0], opt[1], 0)


def dns():
    asked = dns_packet.question("x", "A", edns=4096, edns_flags=0x8000)
    good = dns_packet.take_apart(dns_answer(asked, opt=(4096, 0x8000)), asked)
    alike("the same packet", good, dns_packet.take_apart(dns_answer(asked, opt=(4096, 0x8000)), asked))
    for name, options in {"another id": {"ident": 1}, "the DO flag lost": {"opt": (4096, 0)}, "another size": {"opt": (1232, 0x8000)}, "another version": {"opt": (4096, 0x18000)},
                          "an extended rcode": {"opt": (4096, 0x1008000)}, "authentic data": {"flags": 0x85A0}, "the reserved bit": {"flags": 0x85C0},
                          "another opcode": {"flags": 0x8D80}, "not authoritative": {"flags": 0x8180}, "another class": {"rclass": 3}, "capitals": {"name": b"\1X\0"}}.items():
        apart("DNS: " + name, good, dns_packet.take_apart(dns_answer(asked, **{"opt": (4096, 0x8000), **options}), asked))


# ---- values by kind

def statistics():
    text = "agent:\n\tchecks = 0\nraft:\n\tstate = Leader\n\tterm = 2\nruntime:\n\tversion = go1\n"
    good = {"stdout": kinds.by_kind(kinds.sections(text), STATS)}
    alike("info at another term", good, {"stdout": kinds.by_kind(kinds.sections(text.replace("term = 2", "term = 31")), STATS)})
    for name, old, new in (("a check more", "checks = 0", "checks = 1"), ("a term of zero", "term = 2", "term = 0"), ("a term that is none", "term = 2", "term = x"),
                           ("no version", "version = go1", "version = "), ("another state", "Leader", "Follower"), ("spaces for the tab", "\t", "  "),
                           ("a line more", "raft:", "raft:\n\tx = 1"), ("a blank line", "raft:", "\nraft:"), ("another order", "agent:\n\tchecks = 0\n", "")):
        apart("info: " + name, good, {"stdout": kinds.by_kind(kinds.sections(text.replace(old, new)), STATS)})
    stats = {"raft": {"term": "2", "state": "Leader"}}
    apart("a number that is no text", kinds.by_kind(stats, STATS), kinds.by_kind({"raft": {"term": 2, "state": "Leader"}}, STATS))
    apart("a negative number", kinds.by_kind(stats, STATS), kinds.by_kind({"raft": {"term": "-2", "state": "Leader"}}, STATS))
    expect("what is not of its kind stays", kinds.by_kind({"a": "x"}, {"a": "number"}) == {"a": "x"})


def metrics():
    row = {"Name": "a", "Count": 2, "Rate": "<float 0.4>", "Sum": 4, "Min": 1, "Max": 3, "Mean": 2, "Stddev": "<float 1.4>", "Labels": {}}
    value = {"Timestamp": "2026-11-30 05:49:00 +0000 UTC", "Gauges": [{"Name": "g", "Value": 7, "Labels": {}}], "Counters": [row, {**row, "Name": "b"}]}
    good = kinds.metrics(value, ["a", "g"])
    alike("metrics with other numbers", good, kinds.metrics({**value, "Counters": [{**row, "Count": 4, "Mean": 1}], "Gauges": [{"Name": "g", "Value": 9, "Labels": {}}]}, ["a", "g"]))
    for name, doctored in {
            "a mean that does not fit": {**row, "Mean": "<float 2.5>"}, "a rate that does not fit": {**row, "Rate": 4}, "a mean above the largest": {**row, "Max": 1},
            "a count of zero": {**row, "Count": 0}, "a sum as text": {**row, "Sum": "much"}, "a label": {**row, "Labels": {"x": "y"}}, "another name": {**row, "Name": "c"}}.items():
        apart("metrics: " + name, good, kinds.metrics({**value, "Counters": [doctored]}, ["a", "g"]))
    apart("metrics: not sorted", good, kinds.metrics({**value, "Counters": [{**row, "Name": "b"}, row]}, ["a", "g"]))
    apart("metrics: twice", good, kinds.metrics({**value, "Counters": [row, row]}, ["a", "g"]))
    apart("metrics: a moment that no interval begins at", good, kinds.metrics({**value, "Timestamp": "2026-11-30 05:49:01 +0000 UTC"}, ["a", "g"]))
    apart("metrics: a gauge is gone", good, kinds.metrics({**value, "Gauges": []}, ["a", "g"]))


def masks():
    uuid, index = "aaaa1111-0000-4000-8000-00000000000b", [{"Index": 5}, {"Index": 9}]
    alike("other indexes of the same rank", normalise(index, PORTS)[0], normalise([{"Index": 6}, {"Index": 7}], PORTS)[0])
    apart("indexes the other way round", normalise(index, PORTS)[0], normalise([{"Index": 9}, {"Index": 5}], PORTS)[0])
    apart("an id in capitals", normalise([{"ID": uuid}], PORTS)[0], normalise([{"ID": uuid.upper()}], PORTS)[0])
    apart("a time of another form", normalise([{"t": "2026-11-30T05:49:01Z"}], PORTS)[0], normalise([{"t": "2026-11-30 05:49:01Z"}], PORTS)[0])
    apart("a hash that is none", normalise([{"ContentHash": "0123456789abcdef"}], PORTS)[0], normalise([{"ContentHash": "xyz"}], PORTS)[0])
    apart("a hash that is empty", normalise([{"ContentHash": "0123456789abcdef"}], PORTS)[0], normalise([{"ContentHash": ""}], PORTS)[0])
    apart("another port", normalise([{"Port": 28500}], PORTS)[0], normalise([{"Port": 28600}], PORTS)[0])


# ---- the lists

def lists():
    real, ours, third = {"status": 200, "text": "a"}, {"status": 200, "text": "b"}, {"status": 200, "text": "c"}
    step = {"kind": "http", "method": "GET", "path": "/"}
    known = Known(os.path.join(groups.FOLDER, "nowhere"), client=True)
    known.steps = {"g/listed": {"1": {"reason": "r", "ours": {"/text": "b"}}}}
    known.unrecorded = {"g/chance": "its order is chance"}

    def wrong(case, want, got):
        return [w for _, _, found, _ in judge(known, case, [step] * max(1, len(got or [])), want, got) for w in found]

    expect("the real one's answer passes", not wrong("g/plain", [real], [real]))
    expect("another fails", wrong("g/plain", [real], [ours]))
    expect("ours as written down passes", not wrong("g/listed", [real], [ours]))
    expect("a third answer fails", wrong("g/listed", [real], [third]))
    expect("a listed answer with another status fails", wrong("g/listed", [real], [{**ours, "status": 500}]))
    expect("a listed answer with more in it fails", wrong("g/listed", [real], [{**ours, "more": 1}]))
    expect("a listed step that is answered by nothing fails", wrong("g/listed", [real], [{"failed": "ConnectionRefusedError"}]))
    expect("a listed step that differs no longer fails", wrong("g/listed", [real], [real]))
    expect("no answer is not equal to no answer", wrong("g/plain", [{"failed": "x"}], [{"failed": "x"}]))
    expect("a case that was not recorded fails", wrong("g/plain", None, [real]))
    expect("unless it is listed", not wrong("g/chance", None, [real]))
    expect("but not when it is recorded, too", wrong("g/chance", [real], [real]))
    expect("answers that are missing fail", judge(known, "g/plain", [step, step], [real, real], [real])[0][2])
    expect("too few recorded answers fail", wrong("g/plain", [real], [real, real]))
    every = {"g/listed": 1, "g/chance": 1}
    expect("sound lists have no faults", not known.faults(every))
    known.steps["g/listed"] = {"reason": "of the whole case", "1": {"ours": {"/text": "b"}}}
    expect("nor has one with a reason for all steps", not known.faults(every))
    expect("which is the one that is told", judge(known, "g/listed", [step], [real], [ours])[0][2:] == ([], "of the whole case"))
    for name, steps, unrecorded in (
            ("no reason", {"g/listed": {"1": {"reason": " ", "ours": {"/text": "b"}}}}, {}), ("no answer of ours", {"g/listed": {"1": {"reason": "r", "ours": {}}}}, {}),
            ("a reason alone", {"g/listed": {"1": "r"}}, {}), ("no such step", {"g/listed": {"2": {"reason": "r", "ours": {"/text": "b"}}}}, {}),
            ("no such case", {"g/other": {}}, {}), ("not recorded without a reason", {}, {"g/chance": ""}), ("not recorded, and no such case", {}, {"g/other": "r"})):
        known.steps, known.unrecorded = steps, unrecorded
        expect("a list with a fault: " + name, known.faults(every))


# ---- every recorded answer

def leaves(value, path=()):
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from leaves(value[key], path + (key,))
    yield path


def doctor(value, path, draw):
    """A copy in which one thing is otherwise: a value, a name, a place."""
    changed = copy.deepcopy(value)
    at = changed
    for key in path[:-1]:
        at = at[key]
    old = at[path[-1]]
    if isinstance(at, dict) and draw.random() < 0.3:
        del at[path[-1]]
    elif isinstance(old, bool):
        at[path[-1]] = int(old) if draw.random() < 0.5 else not old
    elif isinstance(old, int):
        at[path[-1]] = draw.choice([old + 1, str(old), float(old)])
    elif isinstance(old, str):
        at[path[-1]] = draw.choice([old + " ", old + "\n", old + "x", None, [old]])
    else:
        at[path[-1]] = draw.choice([None, "", {"x": 1}, [[]]]) if old is not None else draw.choice(["", [], {}, 0, False])
    return changed


def recorded():
    draw, count = random.Random(4711), 0
    for folder in ("golden", "golden/client"):
        for file in sorted(os.listdir(os.path.join(groups.FOLDER, folder))):
            if not file.endswith(".json"):
                continue
            for case, answers in load(os.path.join(groups.FOLDER, folder, file)).items():
                unseen = []
                for answer in answers:
                    paths = [path for path in leaves(answer) if path]
                    for path in draw.sample(paths, min(3, len(paths))):
                        count += 1
                        if not answer_deviations(answer, doctor(answer, path, draw)):
                            unseen.append(path)
                expect(f"{folder}/{file} {case}: a doctored answer passes: {unseen}", not unseen)
    expect(f"{count} answers were doctored", count > 10000)


# ---- every route

def routes():
    """[(verb, path)] of the tables of the HTTP API; a path that ends in a slash stands for all below it."""
    found, folder = [], os.path.join(groups.FOLDER, "..", "..", "api", "http")
    for file in ("routes.cpp", os.path.join("handlers", "agent_routes.cpp")):
        with open(os.path.join(folder, file)) as text:
            for path, verbs in re.findall(r'\{"(/[^"]+)", ([A-Z| ]+),', text.read()):
                found += [(verb.strip(), path) for verb in verbs.split("|")]
    return found


def every_route_has_a_case():
    played = set()
    for _, _, cases in groups.load([]):
        for step in (step.get("request", step) for case in cases for step in case["steps"]):
            if step["kind"] == "http":
                played.add((step["method"], step["path"].partition("?")[0]))
    rows = routes()
    expect(f"{len(rows)} routes were found", len(rows) > 80)
    for verb, path in rows:
        expect(f"no case asks {verb} {path}", any(v == verb and (p == path or path.endswith("/") and p.startswith(path)) for v, p in played))


# ---- from the wire to the verdict

class Fake:
    """Answers every connection with the bytes, and every datagram with the function of it."""

    def __init__(self, http, dns_of):
        self.tcp, self.udp = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.ports = {"http": self.tcp.getsockname()[1], "dns": self.udp.getsockname()[1]}
        self.http, self.dns_of = http, dns_of
        for work in (self.serve_tcp, self.serve_udp):
            threading.Thread(target=work, daemon=True).start()

    def serve_tcp(self):
        while True:
            connection, _ = self.tcp.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(self.http)

    def serve_udp(self):
        while True:
            packet, who = self.udp.recvfrom(65536)
            self.udp.sendto(self.dns_of(packet), who)


def wire():
    steps = [{"kind": "http", "method": "GET", "path": "/v1/x", "body": None}, {"kind": "dns", "qname": "x", "qtype": "A", "edns": 4096}]
    good = b"HTTP/1.1 200 OK\r\nDate: " + DATE[1].encode() + b"\r\nVary: a\r\nConnection: close\r\n\r\n[1]"

    def verdict(http, dns_of):
        server = Fake(http, dns_of)
        return normalise(Player(server, []).play(steps), server.ports)

    want = verdict(good, dns_answer)
    known = Known(os.path.join(groups.FOLDER, "nowhere"), client=False)
    for name, http, dns_of, expected in (
            ("as it was", good, dns_answer, [False, False]), ("white space", good + b"\n", dns_answer, [True, False]), ("a header twice", good.replace(b"Vary: a", b"Vary: a\r\nVary: a"), dns_answer, [True, False]),
            ("nothing", b"", dns_answer, [True, False]), ("500", good.replace(b"200", b"500"), dns_answer, [True, False]), ("another id", good, lambda p: dns_answer(p, ident=1), [False, True]),
            ("EDNS flags", good, lambda p: dns_answer(p, opt=(4096, 0x8000)), [False, True]), ("half a packet", good, lambda p: dns_answer(p)[:20], [False, True])):
        found = [bool(wrong) for _, _, wrong, _ in judge(known, "g/c", steps, want, verdict(http, dns_of))]
        expect(f"over the wire: {name}: {found}", found == expected)


def main():
    expect("fractions keep their spelling", parse("[0.5]") == ["<float 0.5>"])
    for each in (layouts, headers, dns, statistics, metrics, masks, lists, recorded, every_route_has_a_case, wire):
        each()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
