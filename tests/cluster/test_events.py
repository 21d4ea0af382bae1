#!/usr/bin/env python3
"""What agents do when something happens: watches of the configuration and of the command line, with programs and requests as handlers, replaced at
a reload; user events fired by each and heard by all that the filters choose; commands on all nodes; locks.   test_events.py"""
import base64
import json
import os
import signal
import tempfile
import time

from agent import eventually, free_network, main
from event_nodes import Listener, Node, first_line, lines_of

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
    # The first view may be of a moment in which the catalog knows no service yet.
    with_services = lambda: [g for g in listener.got if "consul" in json.loads(g[3])]
    eventually("the services were sent", 20, with_services)
    method, path, headers, body = with_services()[0]
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


def events_reach_all(nodes):
    for i, node in enumerate(nodes):
        code, out, err = node.cli("event", f"-name=cli{i}", f"from {node.name}")
        assert code == 0 and out.startswith("Event ID: "), (code, out, err)
        fired = node.json("PUT", f"/v1/event/fire/http{i}?dc=dc1")
        for kind in (f"cli{i}", f"http{i}"):
            eventually(f"all heard {kind}", 10, lambda: all(len(n.events(kind)) == 1 for n in nodes))
        assert all(n.events(f"http{i}")[0]["ID"] == fired["ID"] for n in nodes), fired
        assert all(base64.b64decode(n.events(f"cli{i}")[0]["Payload"]) == f"from {node.name}".encode() for n in nodes)
    step(f"events fired by each of {len(nodes)} agents were heard by all, once")


def events_are_waited_for(nodes):
    server, client = nodes[0], nodes[-1]
    index = client.request("GET", "/v1/event/list?name=later")[1]["x-consul-index"]
    assert index == "1", index
    began_waiting = time.monotonic()
    status, headers, body = client.request("GET", "/v1/event/list?name=later&index=1&wait=1s", timeout=5)
    assert json.loads(body) == [] and 0.9 < time.monotonic() - began_waiting < 3, (status, body)
    p = client.spawn("watch", "-type=event", "-name=later", "cat; echo")
    time.sleep(0.7)
    server.cli("event", "-name=later", "now")
    time.sleep(1)
    p.send_signal(signal.SIGTERM)
    out = p.communicate(timeout=10)[0]
    views = [json.loads(line) for line in out.splitlines() if line.strip()]
    assert [len(v) for v in views] == [0, 1] and base64.b64decode(views[1][0]["Payload"]) == b"now", out
    step("an event wakes who waits for its name, and a watch of the command line")


def filters(nodes):
    tagged = nodes[-1]
    tagged.json("PUT", "/v1/agent/service/register", {"Name": "tagged", "ID": "tagged-1", "Tags": ["blue"]})
    for query, who in ((f"node=^{nodes[1].name}$", [nodes[1]]), ("service=tagged", [tagged]), ("service=tag&tag=bl.e", [tagged]), ("service=tagged&tag=green", []), ("service=none", [])):
        name = f"f{abs(hash(query))}"
        nodes[0].json("PUT", f"/v1/event/fire/{name}?{query}")
        nodes[0].json("PUT", f"/v1/event/fire/{name}-after")
        eventually("the event after it", 10, lambda: all(n.events(name + "-after") for n in nodes))
        heard = [n.name for n in nodes if n.events(name)]
        assert heard == [n.name for n in who], (query, heard)
    status, _, body = nodes[0].request("PUT", "/v1/event/fire/big", body="x" * 600)
    assert status == 500 and body == b'1 error occurred:\n\t* error broadcasting event to segment "": user event exceeds configured limit of 512 bytes before encoding\n\n', body
    step("filters choose nodes, services and tags; an event that is too big is refused in Consul's words")


def commands_on_all(nodes, asker):
    code, out, err = asker.cli("exec", "-wait=4s", "echo out $((40+2)); echo err >&2; exit 3")
    for n in nodes:
        assert all(line in out.splitlines() for line in (f"    {n.name}: out 42", f"    {n.name}: err", f"==> {n.name}: finished with exit code 3")), (out, err)
    assert code == 2 and out.endswith(f"{len(nodes)} / {len(nodes)} node(s) completed / acknowledged\n"), (code, out, err)
    code, out, err = asker.cli("exec", f"-node=^{nodes[-1].name}$", "head -c 10000 /dev/zero | tr '\\0' x")
    assert code == 0 and out.count("x") == 10000 + out.count("exit"), (code, out[-300:], err)
    left = asker.request("GET", "/v1/kv/_rexec?recurse")
    assert left[0] == 404, left
    step("a command ran on all nodes, its output came back whole, nothing is left in KV")


HOLD = "echo held; exec sleep 60"


def kill_whole(process):
    """Without a word, with what it runs, which outlives it."""
    children = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and parent_of(pid) == process.pid]
    process.kill()
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return int(f.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def locks(node):
    first = node.spawn("lock", "deploy", HOLD)
    said = first_line(first)
    assert said == "held\n", f"the first holder said {said!r}, {first.communicate()}"
    code, out, err = node.cli("lock", "-timeout=1s", "deploy", "echo no")
    assert (code, out) == (1, "") and err == "Shutdown triggered or timeout during lock acquisition\n", (code, out, err)
    code, out, err = node.cli("lock", "-n=2", "deploy", "echo no")
    assert (code, err) == (1, "Lock acquisition failed: Existing key does not match semaphore use\n"), (code, out, err)
    second = node.spawn("lock", "deploy", "echo mine")
    time.sleep(0.5)
    first.send_signal(signal.SIGTERM)
    out, err = second.communicate(timeout=20)
    assert (out, second.returncode) == ("mine\n", 0), ("the second", out, err, second.returncode)
    assert first.wait(10) == 0, ("the first ended with", first.returncode)
    holders = [node.spawn("lock", "-n=2", "many", HOLD) for _ in range(2)]
    said = [first_line(h) for h in holders]
    assert said == ["held\n"] * 2, f"the holders said {said}"
    third = node.spawn("lock", "-n=2", "many", "echo mine")
    time.sleep(0.7)
    assert third.poll() is None, ("the third did not wait", third.communicate())
    kill_whole(holders[0])  # its session must go before its place is free: here by hand, else by its TTL
    session = [s for s in node.json("GET", "/v1/session/list") if "'many'" in s["Name"]]
    assert len(session) == 3, session
    dead = json.loads(base64.b64decode(node.json("GET", "/v1/kv/many/.lock")[0]["Value"]))["Holders"]
    for s in session:
        if s["ID"] in dead:
            node.json("PUT", f"/v1/session/destroy/{s['ID']}")
            break
    assert third.communicate(timeout=40)[0] == "mine\n", "the third never held it"
    for h in holders:
        h.terminate()
        h.wait(20)
    step("a lock is held by one, a semaphore by two; who is killed makes room")


def of_nodes(folder, ip, count, test):
    nodes = []
    try:
        nodes.append(Node(folder, "s1", ip + ".1", server=True))
        nodes += [Node(folder, f"c{i}", f"{ip}.{i}", join=ip + ".1") for i in range(2, count + 1)]
        for n in nodes:
            n.start()
        eventually("all see all", 30, lambda: all(len(n.json("GET", "/v1/agent/members")) == count for n in nodes))
        test(nodes)
    except AssertionError as e:
        raise AssertionError(f"{e}\n" + "\n".join(f"{n.name}:\n{n.log()[-2000:]}" for n in nodes))
    finally:
        for n in nodes:
            n.stop()


def events():
    with tempfile.TemporaryDirectory(prefix="actord-events-") as folder:
        ip = free_network()

        def test(nodes):
            watches_of_the_configuration(nodes[-1], folder, Listener(ip + ".9"))
            watches_of_the_command_line(nodes[0], folder)
            events_reach_all(nodes)
            events_are_waited_for(nodes)
            filters(nodes)
            commands_on_all(nodes, nodes[0])
            commands_on_all(nodes, nodes[-1])
            locks(nodes[1])

        of_nodes(folder, ip, 3, test)


if __name__ == "__main__":
    main(events)
