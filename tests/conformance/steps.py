"""The words that case files are written with. A step is a dict; play.py plays it.

Options of every HTTP step: headers, capture {name: "header:X" | "body:a.b.0"}, until (a text that the body must hold
before the answer counts; asked again for some seconds, or for `seconds`), drop (JSON names left out), kinds {path: kind}
(kinds.py), sort (a name by which the rows of a list are sorted whose order is chance), metrics (names of the rows compared),
prefix (compare only so many characters of a text), took (least and most milliseconds), no_headers, rank_slack (by how
much the rank of an index may be off). "<<name>>" in path, body or headers is replaced by what was captured.
"""

import json

# A service and its check registered one right after the other reach the catalog in one Raft entry or in
# two here, as the load has it, so that ranks are off by one.
NEAR = {"rank_slack": 1}

# What of an agent's statistics belongs to the machine or the moment; the rest must be equal.
STATS = {"raft.applied_index": "positive", "raft.commit_index": "positive", "raft.last_log_index": "positive", "raft.last_log_term": "positive",
         "raft.term": "positive", "raft.last_snapshot_index": "number", "raft.last_snapshot_term": "number", "raft.fsm_pending": "number",
         "runtime.arch": "text", "runtime.cpu_count": "positive", "runtime.goroutines": "positive", "runtime.max_procs": "positive", "runtime.version": "text",
         **{f"serf_*.{name}": "number" for name in ("event_queue", "event_time", "health_score", "intent_queue", "member_time", "query_queue", "query_time")}}


def case(name, *steps):
    return {"name": name, "steps": list(steps)}


def request(method, path, body=None, **options):
    if body is not None and not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    return {"kind": "http", "method": method, "path": path, "body": body, **options}


def get(path, **options):
    return request("GET", path, **options)


def put(path, body=None, **options):
    return request("PUT", path, body, **options)


def delete(path, **options):
    return request("DELETE", path, **options)


def background(name, path, **options):
    """Begins a GET that may block; join(name) takes its answer."""
    return {"kind": "background", "name": name, "request": get(path, **options)}


def join(name):
    return {"kind": "join", "name": name}


def pause(seconds):
    return {"kind": "pause", "seconds": seconds}


def raw(*chunks, answers=1, wait=2.0, prefix=None, head=True):
    """Bytes written to a fresh connection, chunk by chunk; what comes back until so many answers or the end.
    "<<host>>" in a chunk becomes the address."""
    return {"kind": "raw", "chunks": [c if isinstance(c, bytes) else c.encode() for c in chunks],
            "answers": answers, "wait": wait, "prefix": prefix, "head": head}


def dns(name, qtype="A", **options):
    """Options: tcp, edns (size), edns_flags, ident, subnet, recursion, until (an rcode or "answers"), count_only (compare the
    number of answers)."""
    return {"kind": "dns", "qname": name, "qtype": qtype, **options}


def cli(*arguments, **options):
    """Options: stdin, loose (names of streams of which only emptiness is compared), kinds (of `info`), env, files {name: text}: written
    to a fresh folder in which the command runs."""
    return {"kind": "cli", "arguments": list(arguments), **options}
