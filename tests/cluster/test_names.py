#!/usr/bin/env python3
"""Checks on names whose server never answers hold up no other check, and a name that nobody has keeps a join from nothing else. In a
network and with a resolv.conf of its own, for which namespaces are needed."""
import http.client
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agent import Agent, Skipped, eventually, main


class Names(threading.Thread):
    """The name server: knows good.test, is silent about never*.test, and has nothing else."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.asked = set()

    def run(self):
        while True:
            packet, client = self.socket.recvfrom(4096)
            at, labels = 12, []
            while packet[at]:
                labels.append(packet[at + 1:at + 1 + packet[at]].decode())
                at += packet[at] + 1
            name, kind = ".".join(labels).lower(), struct.unpack_from("!H", packet, at + 1)[0]
            self.asked.add(name)
            if name.startswith("never"):
                continue
            answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton("127.0.0.1") if name == "good.test" and kind == 1 else b""
            code = 0 if name == "good.test" else 3
            self.socket.sendto(packet[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, bool(answer), 0, 0) + packet[12:at + 5] + answer, client)


class Good(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class GoodOverIPv6(ThreadingHTTPServer):
    address_family = socket.AF_INET6


def zones():
    """An address with a zone is no name."""
    web = GoodOverIPv6(("::1", 0), Good)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    port = web.server_port
    with Agent() as a:
        a.start()
        for name, check in (("http", {"HTTP": f"http://[::1%25lo]:{port}/"}), ("tcp", {"TCP": f"[::1%lo]:{port}"})):
            a.json("PUT", "/v1/agent/check/register", {"ID": name, "Name": name, "Interval": "1s", "Timeout": "10s", **check})
        for name in ("http", "tcp"):
            eventually(f"the {name} check passes", 20, lambda: a.json("GET", "/v1/agent/checks")[name]["Status"] == "passing")
        status, _, text = a.request("PUT", "/v1/agent/join/[::1%25lo]:1", timeout=30)
        assert status == 500 and b"refused" in text and b"lookup" not in text, (status, text)


def reloads(names):
    """A recursor whose name hangs holds up nothing but the reload that asks for it."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as conf:
        conf.write("{}")
        conf.flush()
        with Agent(config_files=[conf.name]) as a:
            a.start()
            conf.seek(0)
            conf.write('{"recursors": ["never9.test:53"]}')
            conf.flush()
            answer = []
            reload = threading.Thread(target=lambda: answer.append(a.request("PUT", "/v1/agent/reload", timeout=60)))
            reload.start()
            eventually("the recursor's name is asked for", 20, lambda: "never9.test" in names.asked)
            a.json("PUT", "/v1/agent/service/register", {"Name": "meanwhile"})
            assert not answer, f"a registration waited for the reload: {answer}"
            reload.join(60)
            assert answer and answer[0][0] == 500 and b"lookup never9.test: i/o timeout" in answer[0][2], answer
            conf.seek(0)
            conf.truncate()
            conf.write('{"recursors": ["good.test:53"]}')
            conf.flush()
            assert a.request("PUT", "/v1/agent/reload", timeout=60)[0] == 200


def checks():
    web = ThreadingHTTPServer(("127.0.0.1", 0), Good)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    port = web.server_port
    with Agent(extra=["-retry-join=never0.test", "-retry-join=none.test"]) as a:
        a.start()

        def register(name, host):
            a.json("PUT", "/v1/agent/service/register", {"Name": name, "Port": 1, "Check": {"HTTP": f"http://{host}:{port}/", "Interval": "1s", "Timeout": "60s"}})

        for n in range(1, 7):
            register(f"n{n}", f"never{n}.test")
        time.sleep(1.5)  # each of them has begun: the first run comes within an interval
        register("good", "good.test")
        took = eventually("the good check passes beside those that hang", 10, lambda: a.json("GET", "/v1/agent/checks")["service:good"]["Status"] == "passing")
        with open(f"/proc/{a.process.pid}/status") as f:
            threads = next(int(line.split()[1]) for line in f if line.startswith("Threads:"))
        assert all(a.json("GET", "/v1/agent/checks")[f"service:n{n}"]["Status"] == "critical" for n in range(1, 7))
        before = len(os.listdir(f"/proc/{a.process.pid}/task"))
        ended = []

        def join(name):
            try:
                ended.append(a.request("PUT", f"/v1/agent/join/{name}", timeout=60))
            except (OSError, http.client.HTTPException) as e:  # in the end the agent is killed
                ended.append(e)

        for n in range(40):  # joins by names that hang take no thread each
            threading.Thread(target=join, args=(f"never{n + 10}.test",), daemon=True).start()
        time.sleep(1)
        now = len(os.listdir(f"/proc/{a.process.pid}/task"))
        assert not ended, f"joins by names that hang ended: {ended[:3]}"
        assert now <= before + 2, f"{now - before} more threads for 40 joins"
        begun = time.monotonic()
        status, _, text = a.request("PUT", "/v1/agent/join/none.test", timeout=30)
        assert status == 500 and b"no such host" in text, (status, text)
        assert time.monotonic() - begun < 5, "one that nobody has waited behind those that hang"
    print(f"passing after {took:.1f} s, {threads} threads")


def inside():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
        conf.write("nameserver 127.0.0.1\n")
        conf.flush()
        subprocess.run(["mount", "--bind", conf.name, "/etc/resolv.conf"], check=True)
    names = Names()
    names.start()
    zones()
    reloads(names)
    checks()


def in_namespaces():
    again = ["unshare", "--mount", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    possible = subprocess.run([*again, "true"], capture_output=True, text=True)
    if possible.returncode != 0:
        raise Skipped(f"names: no namespaces can be made here: {possible.stderr.strip()}")
    sys.stdout.flush()
    os.execvp("unshare", [*again, sys.executable, os.path.abspath(__file__), "--inside"])


if __name__ == "__main__":
    main(inside if "--inside" in sys.argv else in_namespaces)
