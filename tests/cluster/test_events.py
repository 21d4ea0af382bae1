#!/usr/bin/env python3
"""What agents do when something happens: watches of the configuration and of the command line, with programs and requests as handlers, replaced at
a reload; user events fired by each and heard by all that the filters choose; commands on all nodes; locks.   test_events.py"""
import base64
import json
import os
import signal
import tempfile
import time

from agent import eventually, main
from event_nodes import Listener, Node, block, lines_of

began = time.monotonic()


def step(words):
    print(f"  {time.monotonic() - began:5.1f} s  {words}", flush=True)


def watch_into(path, **watch):
    """Lines of index and view, each written at once."""
    return {"args": ["sh", "-c", f'echo "$CONSUL_INDEX $(cat)" >> {path}'], **watch}


def watches_of_the_configuration(node, folder, listener):
    seen = os.path.join(folder, "key.seen")
    node.configure({"watches": [watch_into(seen, type="key", key="watched"),
                                {"type": "services", "handler_type": "http",
                                 "http_handler_config": {"path": listener.url + "/hook?a=b", "method": "PUT", "header": {"X-Mine": ["1"]}}}]})
    node.process.send_signal(signal.SIGHUP)
    eventually("the key watch showed that there is no key", 10, lambda: [line.endswith(" null") for line in lines_of(seen)] == [True])
    node.request("PUT", "/v1/kv/watched", body="one")
    eventually("the key watch ran again", 10, lambda: len(lines_of(seen)) == 2)
    index, text = lines_of(seen)[1].split(" ", 1)
    pair = json.loads(text)
    assert base64.b64decode(pair["Value"]) == b"one" and pair["ModifyIndex"] == int(index), (index, pair)
    eventually("the services were sent", 10, lambda: listener.got)
    method, path, headers, body = listener.got[0]
    assert (method, path, headers["X-Mine"], headers["Content-Type"]) == ("PUT", "/hook?a=b", "1", "application/json"), listener.got
    assert int(headers["X-Consul-Index"]) > 0 and "consul" in json.loads(body), listener.got
    node.configure({})
    node.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    node.request("PUT", "/v1/kv/watched", body="two")
    time.sleep(0.5)
    assert len(lines_of(seen)) == 2, lines_of(seen)
    step("watches of the configuration ran a program and sent a request, and ended with the reload that took them out")


def watches_of_the_command_line(node, folder):
    node.request("PUT", "/v1/kv/cli", body="1")
    code, out, err = node.cli("watch", "-type=key", "-key=cli")
    assert code == 0 and json.loads(out)["Key"] == "cli", (code, out, err)
    seen = os.path.join(folder, "cli.seen")
    p = node.spawn("watch", "-type=keyprefix", "-prefix=cli", f"cat >> {seen}")
    eventually("the first view", 10, lambda: len(lines_of(seen)) == 1)
    node.request("PUT", "/v1/kv/cli2", body="2")
    eventually("the second view", 10, lambda: len(lines_of(seen)) == 2)
    assert [e["Key"] for e in json.loads(lines_of(seen)[1])] == ["cli", "cli2"], lines_of(seen)
    p.send_signal(signal.SIGTERM)
    p.wait(10)
    step("watches of the command line show a view, and follow one")


def alone():
    with tempfile.TemporaryDirectory(prefix="actord-events-") as folder:
        ip = block()
        node = Node(folder, "s1", ip + ".1", server=True)
        try:
            node.start()
            watches_of_the_configuration(node, folder, Listener(ip + ".9"))
            watches_of_the_command_line(node, folder)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{node.log()[-3000:]}")
        finally:
            node.stop()


if __name__ == "__main__":
    main(alone)
