#!/usr/bin/env python3
"""The disk fails once below a database while a server runs, where LMDB then refuses everything: the server starts anew in its place, by itself, and
what it acknowledged is there. Where it fails below the log's journal the server goes on without it.   test_lost_database.py"""
import os
import signal

from agent import Agent, default_binary, eventually, main


def lose(path, library):
    with Agent() as a:
        trigger = os.path.join(a.folder, "trigger")
        # AddressSanitizer, where the server has it, wants to be the first library.
        sanitizer = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        a.environment = {**sanitizer, "LD_PRELOAD": library, "ACTORD_FAIL_TRIGGER": trigger, "ACTORD_FAIL_PATH": path}
        a.start()
        acknowledged = 0
        for n in range(20):
            acknowledged += a.request("PUT", f"/v1/kv/k/{n}", body=b"v")[0] == 200
        assert acknowledged == 20, f"{acknowledged} of 20 keys were written before"
        pid = a.process.pid
        open(trigger, "w").close()

        def written():
            return a.request("PUT", "/v1/kv/after", body=b"v", timeout=5)[2].strip() == b"true" and not os.path.exists(trigger)

        took = eventually(f"keys are written again after {path} failed", 60, written)
        keys = a.json("GET", "/v1/kv/?keys")
        assert {f"k/{n}" for n in range(20)} <= set(keys), keys
        assert a.process.poll() is None and a.process.pid == pid, "another process serves"

        def said():
            with open(a.log_path, errors="replace") as log:
                return "starting anew in place" in log.read()
        eventually("the log tells of it", 20, said)
        print(f"  {path}: written again after {took:.1f} s")


def lose_journal(library):
    with Agent() as a:
        trigger = os.path.join(a.folder, "trigger")
        sanitizer = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        a.environment = {**sanitizer, "LD_PRELOAD": library, "ACTORD_FAIL_TRIGGER": trigger, "ACTORD_FAIL_PATH": "raft/journal"}
        a.start()

        def put(n):
            assert a.request("PUT", f"/v1/kv/k/{n}", body=b"v")[2].strip() == b"true", f"k/{n}: {a.log()}"

        for n in range(20):
            put(n)
        open(trigger, "w").close()
        for n in range(20, 40):
            put(n)  # one of them meets the failure, and is kept all the same
        assert not os.path.exists(trigger), "nothing is written to the journal"
        eventually("the log tells of the journal", 20, lambda: "the journal of the log cannot be written" in a.log())
        for how in (signal.SIGKILL, signal.SIGINT):
            a.kill(how)
            a.start()
            keys = a.json("GET", "/v1/kv/?keys")
            assert {f"k/{n}" for n in range(40)} <= set(keys), keys
        assert "starting anew in place" not in a.log(), a.log()
        print("  raft/journal: nobody noticed")


def test():
    library = os.path.join(os.path.dirname(default_binary()), "tests", "libfailing_writes.so")
    assert os.path.exists(library), f"{library} is not built"
    for path in ("state/data.mdb", "raft/data.mdb"):
        lose(path, library)
    lose_journal(library)


if __name__ == "__main__":
    main(test)
