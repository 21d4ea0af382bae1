#!/usr/bin/env python3
"""A file system that hangs (tests/cluster/hanging_folder): a start that waits for a file on it says for which, and an agent that runs goes on while the
certificates of its checks hang; a client agent whose disk hangs stays a member.   test_hanging_files.py [--only WORD]"""
import argparse
import base64
import json
import os
import signal
import ssl
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from agent import Agent, default_binary, eventually, main
from hanging_folder import HangingFolder
from hanging_member import Member, status_at


def test_start(binary, folder):
    """Whatever it needs, it says what it waits for."""
    hang = os.path.join(folder, "hang")
    os.mkdir(hang)
    with HangingFolder(hang):
        wanted = {"ca_file": ["-hcl", f'ca_file = "{hang}/ca.pem"'], "ca_path": ["-hcl", f'ca_path = "{hang}/authorities"'],
                  "cert_file": ["-hcl", f'cert_file = "{hang}/cert.pem" key_file = "{hang}/key.pem"'],
                  "config file": [f"-config-file={hang}/a.hcl"], "config folder": [f"-config-dir={hang}/conf.d"],
                  "data folder": [f"-data-dir={hang}/data"], "log file": [f"-log-file={hang}/logs/agent.log"], "pid file": [f"-pid-file={hang}/agent.pid"]}
        for what, flags in wanted.items():
            with Agent(binary, extra=flags) as agent:
                agent.start(wait=False)
                eventually(f"{what}: the start says which file it waits for", 20, lambda: f"Waiting for the file system for 3 seconds: {hang}/" in agent.log())
                assert agent.process.poll() is None, agent.log()
                print(f"  {what}: " + [line for line in agent.log().splitlines() if "Waiting for" in line][0], flush=True)
                agent.kill()


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def certificate(folder):
    """Signs itself, for 127.0.0.1."""
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


def test_checks(binary, folder):
    cert, key = certificate(folder)
    hang, link = os.path.join(folder, "hang"), os.path.join(folder, "ca.pem")
    os.mkdir(hang)
    os.symlink(cert, link)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server = HTTPServer(("127.0.0.1", 0), Page)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with HangingFolder(hang), Agent(binary, extra=["-hcl", f'ca_file = "{link}" enable_agent_tls_for_checks = true enable_script_checks = true']) as agent:
        agent.start()

        def check(name):
            return agent.json("GET", "/v1/agent/checks")[name]
        count = os.path.join(folder, "count")
        for name, body in (("tls", {"HTTP": f"https://127.0.0.1:{server.server_port}/"}), ("beside", {"Args": ["/bin/sh", "-c", f"echo >> {count}"]})):
            assert agent.request("PUT", "/v1/agent/check/register", json.dumps({"Name": name, "Interval": "1s", "Timeout": "5s", **body}))[0] == 200
        eventually("both pass", 30, lambda: check("tls")["Status"] == check("beside")["Status"] == "passing")
        os.unlink(link)
        os.symlink(os.path.join(hang, "ca.pem"), link)

        def runs():
            return os.path.getsize(count)
        time.sleep(6)  # the files are looked at every five seconds, by the next check
        before = runs()
        eventually("checks go on", 30, lambda: runs() >= before + 5)
        assert check("tls")["Status"] == "passing", check("tls")
        # A name that the certificate does not have is still refused: what was read last is in force.
        assert agent.request("PUT", "/v1/agent/check/register", json.dumps({"Name": "wrong", "HTTP": f"https://localhost:{server.server_port}/", "Interval": "1s"}))[0] == 200
        eventually("another name is refused", 20, lambda: "x509" in check("wrong")["Output"])
        os.unlink(link)
        os.symlink(cert, link)
        eventually("the check still passes", 20, lambda: check("tls")["Status"] == "passing")
        agent.kill()
    server.shutdown()


def test_reload(binary, folder):
    """What a reload reads hangs: everything else goes on, and so does the reload once it is there."""
    hang, link, real = (os.path.join(folder, name) for name in ("hang", "watched.hcl", "real.hcl"))
    os.mkdir(hang)
    with open(real, "w") as f:
        f.write("")
    os.symlink(real, link)
    with HangingFolder(hang) as hanging, Agent(binary, extra=[f"-config-file={link}"]) as agent:
        agent.start()
        os.unlink(link)
        os.symlink(os.path.join(hang, "watched.hcl"), link)
        agent.process.send_signal(signal.SIGHUP)
        eventually("the reload begins", 20, lambda: "Reloading configuration" in agent.log())
        for n in range(20):
            assert agent.request("PUT", "/v1/agent/service/register", json.dumps({"Name": f"s{n}"}), timeout=5)[0] == 200
        assert "s19" in agent.json("GET", "/v1/agent/services")
        os.unlink(link)
        with open(real, "w") as f:
            f.write('service { name = "reloaded" }')
        os.symlink(real, link)
        hanging.end()  # who waits gets an error
        eventually("the failed reload is told of", 20, lambda: "Failed to reload configs" in agent.log())
        agent.process.send_signal(signal.SIGHUP)
        eventually("the next one is carried out", 20, lambda: "reloaded" in agent.json("GET", "/v1/agent/services"))


def test_data(binary, folder):
    """The disk below the data directory takes nothing for a while: gossip goes on, and what had to be written is written then."""
    first, second = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
    with Agent(binary, extra=[f"-encrypt={first}"]) as server, Member(binary, server, first) as member:
        server.start()
        member.start()
        eventually("the member is there", 20, lambda: status_at(server) == 1)
        snapshot, ring = (os.path.join(member.data_dir, "serf", name) for name in ("local.snapshot", "local.keyring"))
        eventually("the server is in its snapshot", 20, lambda: "alive: n1 " in open(snapshot).read())
        member.hang()
        status_of_change, _, text = server.request("POST", "/v1/operator/keyring", body=json.dumps({"Key": second}), timeout=60)
        assert status_of_change == 500, f"a key counts as installed that is not on the disk: {status_of_change} {text}"
        assert second not in open(ring).read()
        deadline = time.monotonic() + 12  # a member that answers nothing is dead after 6 s at most
        events = 0
        while time.monotonic() < deadline:
            events += 1
            assert server.request("PUT", f"/v1/event/fire/e{events}")[0] == 200
            assert status_at(server) == 1, server.log()
            time.sleep(0.1)
        eventually("the last event is there", 20, lambda: any(e["Name"] == f"e{events}" for e in member.json("GET", "/v1/event/list")))
        os.unlink(member.trigger)
        eventually("the key is kept", 30, lambda: second in open(ring).read())
        eventually("so is what it heard", 30, lambda: "event-clock: " in open(snapshot).read())
        print(f"  data folder: a member all the time, through {events} events", flush=True)


def test(options):
    for one in (test_start, test_checks, test_reload, test_data):
        if options.only in one.__name__:
            with tempfile.TemporaryDirectory(prefix="actord-hang-") as folder:
                one(options.binary, folder)


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--binary", default=default_binary())
    p.add_argument("--only", default="")
    main(test, p.parse_args())
