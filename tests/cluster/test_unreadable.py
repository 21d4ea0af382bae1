#!/usr/bin/env python3
"""Bytes of the state are damaged while the server runs: what cannot be read any more is an error by HTTP, RPC and DNS, never an empty
answer, and nobody acts on what is missing.   test_unreadable.py"""
import http.client
import os
import re
import subprocess
import time

from agent import Agent, eventually, main
from rpc import Client, RpcError, of_service, read

SERVICE = "damaged-service"


def overwrite(agent, pattern, at, byte):
    """Puts another byte at this offset behind every place where the pattern stands in the database; how many."""
    path = os.path.join(agent.data_dir, "state", "data.mdb")
    with open(path, "r+b") as f:
        places = [m.start() for m in re.finditer(pattern, f.read(), re.DOTALL)]
        for place in places:
            f.seek(place + at)
            f.write(byte)
    return len(places)


def code(agent, name):
    out = subprocess.run(["dig", "+time=2", "+tries=1", "@127.0.0.1", "-p", str(agent.ports["dns"]), name, "A"], capture_output=True, text=True, timeout=10).stdout
    found = re.search(r"status: (\w+)", out)
    return found.group(1) if found else "nobody"


def run():
    with Agent() as agent:
        agent.start()
        agent.request("PUT", "/v1/kv/unreadable/key", body="here")
        agent.request("PUT", "/v1/kv/readable", body="here")
        agent.json("PUT", "/v1/agent/service/register", {"Name": SERVICE, "Port": 80})
        eventually("the service is in the catalog", 10, lambda: agent.json("GET", f"/v1/catalog/service/{SERVICE}"))
        held = agent.json("PUT", "/v1/session/create", {"Checks": [], "NodeChecks": []})["ID"]
        agent.request("PUT", f"/v1/kv/unreadable/lock?acquire={held}", body="x")

        assert overwrite(agent, b"unreadable/key\x01", 14, b"\x07"), "no key found in the database"
        assert overwrite(agent, b"n1\x00\x01" + SERVICE.encode() + b"\x00\x01[\x80-\x8f\xde]", 6 + len(SERVICE), b"\xc1"), "no service found in the database"
        assert overwrite(agent, held.encode() + b"[\x80-\x8f\xde]", 36, b"\xc1"), "no session found in the database"

        def ask(method, path, body=None):
            """The server that finds the damage starts anew in its place: for a moment nobody listens."""
            for _ in range(400):
                try:
                    return agent.request(method, path, body=body)
                except (OSError, http.client.HTTPException):
                    time.sleep(0.02)
            raise AssertionError("the server did not come back")

        def right_or_error(path, right):
            status, _, body = ask("GET", path)
            assert status == 500 and b"read the state" in body or status == 200 and right in body, f"{path}: {status} {body[:200]!r}"
            return status

        errors = 0
        for _ in range(3):
            for path, right in (("/v1/kv/unreadable/key?raw", b"here"), ("/v1/kv/?recurse", b"unreadable/key"), ("/v1/kv/unreadable/?keys", b"unreadable/key"),
                                (f"/v1/catalog/service/{SERVICE}", SERVICE.encode()), (f"/v1/health/service/{SERVICE}?passing", SERVICE.encode()),
                                ("/v1/catalog/node/n1", SERVICE.encode()), (f"/v1/session/info/{held}", held.encode()), ("/v1/session/list", held.encode())):
                errors += right_or_error(path, right) == 500
            status, _, body = ask("PUT", f"/v1/session/renew/{held}")
            assert status == 500 and b"read the state" in body or status == 200 and held.encode() in body, f"renew: {status} {body[:200]!r}"
            assert code(agent, f"{SERVICE}.service.consul") in ("SERVFAIL", "NOERROR", "nobody")
            ask("GET", "/v1/status/leader")
            with Client(("127.0.0.1", agent.ports["server"])) as client:
                for method, arguments, field in (("KVS.Get", read(Key="unreadable/key"), "Entries"), ("Catalog.ServiceNodes", of_service(SERVICE), "ServiceNodes"),
                                                 ("Session.Get", read(Session=held, SessionID=held), "Sessions")):
                    try:
                        answer = client.call(method, arguments)
                        assert answer[field], f"{method}: an empty answer"
                    except RpcError as e:
                        assert "read the state" in str(e), f"{method}: {e}"
                        errors += 1
                    except OSError:
                        break
        assert errors, "the damage was never met"
        print(f"  {errors} answers said that the state could not be read, none was empty", flush=True)
        # The lock is still held, and what is whole is served.
        other = agent.json("PUT", "/v1/session/create", {"Checks": [], "NodeChecks": []})["ID"]
        eventually("the server leads", 20, lambda: agent.request("GET", "/v1/status/leader")[2].strip() not in (b"", b'""'))
        status, _, body = agent.request("PUT", f"/v1/kv/unreadable/lock?acquire={other}", body="x")
        assert status != 200 or body.strip() == b"false", f"the lock was given away: {body!r}"
        eventually("what is whole is served", 20, lambda: agent.request("GET", "/v1/kv/readable?raw")[2] == b"here")
        assert "failed to read the state" in open(agent.log_path, errors="replace").read(), "the log says nothing"


if __name__ == "__main__":
    main(run)
